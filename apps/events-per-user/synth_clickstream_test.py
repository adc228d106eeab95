#!/usr/bin/env python3
# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
#
# synth_clickstream_test.py PROGRAM: what synth-clickstream publishes, to a server that accepts,
# refuses, hangs up and forgets answers.

import collections
import http.server
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

PROGRAM = "synth-clickstream"


class Endpoint:
    """Answers the n-th request (from 0 on) as `behave(n)` says: a status, "drop" (the connection,
    before it is read), or "forget" (takes the events, but drops the answer)."""

    def __init__(self, behave, headers=()):
        self.requests = 0
        self.accepted = []
        self.seen = []
        self.tokens = set()
        self.batches = []
        lock = threading.Lock()
        endpoint = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                with lock:
                    number = endpoint.requests
                    endpoint.requests += 1
                action = behave(number)
                if action == "drop":
                    self.close_connection = True
                    return
                body = self.rfile.read(int(self.headers["Content-Length"]))
                events = [json.loads(line) for line in body.splitlines()]
                with lock:
                    endpoint.tokens.add(self.headers.get("Authorization"))
                    endpoint.seen += events
                    endpoint.batches.append(len(events))
                    if action in (200, "forget"):
                        endpoint.accepted += events
                if action == "forget":
                    self.close_connection = True
                    return
                self.send_response(action)
                for name, value in headers:
                    self.send_header(name, value)
                self.send_header("Content-Length", "5")
                self.end_headers()
                self.wfile.write(b"said\n")

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1/topics/clicks"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def truth_of(events):
    """By minute and user, each id once."""
    once = {event["event_id"]: event for event in events}
    return collections.Counter(
        (event["event_timestamp"] // 60_000_000, event["user_pseudo_id"])
        for event in once.values())


class SynthClickstreamTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix=f"joist_clicks_{os.getpid()}_")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, name):
        return os.path.join(self.folder, name)

    def endpoint(self, behave=lambda number: 200, headers=()):
        endpoint = Endpoint(behave, headers)
        self.addCleanup(endpoint.close)
        return endpoint

    def run_program(self, *arguments, environment=None):
        return subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, timeout=60,
                              env={**os.environ, **(environment or {})}, check=False)

    def read_truth(self):
        with open(self.path("truth"), encoding="utf-8") as file:
            rows = [json.loads(line) for line in file]
        counts = collections.Counter()
        for row in rows:
            seconds = time.strptime(row["window_start"], "%Y-%m-%dT%H:%M:%S.000Z")
            minute = int(time.mktime(seconds) - time.timezone) // 60
            counts[(minute, row["user_pseudo_id"])] = row["count"]
        return counts

    def test_publishes_all_and_knows_the_truth(self):
        endpoint = self.endpoint()
        done = self.run_program(f"--endpoint={endpoint.url}", "--rate=0", "--events=5000",
                                "--users=100", "--late=0.2", "--late_by=5m", "--duplicates=0.1",
                                "--start=2026-01-01T00:00:00Z", f"--truth={self.path('truth')}")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("accepted 5000 events", done.stdout)
        self.assertEqual(len(endpoint.accepted), 5000)
        self.assertEqual(max(endpoint.batches), 100)
        self.assertLess(len({event["event_id"] for event in endpoint.accepted}), 4700)
        self.assertEqual(self.read_truth(), truth_of(endpoint.accepted))

    def test_sends_again_what_was_not_accepted(self):
        def behave(number):
            return {1: 429, 3: 503, 4: "drop", 6: "forget", 8: 500, 9: 408}.get(number, 200)

        endpoint = self.endpoint(behave)
        done = self.run_program(f"--endpoint={endpoint.url}", "--rate=0", "--events=2000",
                                "--connections=2", f"--truth={self.path('truth')}")
        self.assertEqual(done.returncode, 0, done.stderr)
        ids = collections.Counter(event["event_id"] for event in endpoint.accepted)
        self.assertEqual(len(ids), 2000, "all of them came")
        self.assertEqual(sum(ids.values()), 2100, "those whose answer was lost came twice")
        self.assertEqual(self.read_truth(), truth_of(endpoint.accepted))

    def test_waits_as_long_as_it_is_asked(self):
        endpoint = self.endpoint(lambda number: 429 if number == 0 else 200,
                                 headers=[("Retry-After", "1")])
        start = time.monotonic()
        done = self.run_program(f"--endpoint={endpoint.url}", "--rate=0", "--events=10")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertGreaterEqual(time.monotonic() - start, 1)
        self.assertIn("1 requests sent again", done.stdout)

    def test_ends_where_trying_again_is_useless(self):
        for status in (400, 401, 404, 413, 422):
            endpoint = self.endpoint(lambda number, status=status: status)
            done = self.run_program(f"--endpoint={endpoint.url}", "--rate=0", "--events=1000",
                                    f"--truth={self.path('truth')}")
            self.assertEqual(done.returncode, 1)
            self.assertIn(f"HTTP {status}", done.stderr)
            self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
            self.assertEqual(self.read_truth(), {})

    def test_gives_up_in_time(self):
        done = self.run_program("--endpoint=http://127.0.0.1:9/v1/topics/x", "--rate=0",
                                "--events=10", "--give_up_after=300ms")
        self.assertEqual(done.returncode, 1)
        self.assertIn("gave up after", done.stderr)
        self.assertIn("of 10 events nobody knows", done.stdout)

    def test_keeps_its_rate(self):
        endpoint = self.endpoint()
        start = time.monotonic()
        done = self.run_program(f"--endpoint={endpoint.url}", "--rate=500", "--duration=2s")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertGreater(time.monotonic() - start, 1.8)
        self.assertEqual(len(endpoint.accepted), 1000)
        self.assertEqual(max(endpoint.batches), 50)

    def test_sends_a_token_and_does_not_tell_it(self):
        endpoint = self.endpoint()
        with open(self.path("token"), "w", encoding="utf-8") as file:
            file.write("from-file\n")
        os.chmod(self.path("token"), 0o600)
        run = [f"--endpoint={endpoint.url}", "--rate=0", "--events=1"]
        self.run_program(*run)
        self.run_program(*run, environment={"JOIST_TOKEN": "from-variable"})
        done = self.run_program(*run, f"--token_file={self.path('token')}")
        self.assertNotIn("from-file", done.stdout + done.stderr)
        self.assertEqual(endpoint.tokens, {None, "Bearer from-variable", "Bearer from-file"})
        os.chmod(self.path("token"), 0o644)
        done = self.run_program(*run, f"--token_file={self.path('token')}")
        self.assertEqual(done.returncode, 1)
        self.assertIn("chmod 600", done.stderr)

    def test_replays_a_file(self):
        printed = self.run_program("--endpoint=-", "--rate=0", "--events=300", "--duplicates=0.1",
                                   "--start=2026-01-01T00:00:00Z")
        self.assertEqual(printed.stdout, self.run_program(
            "--endpoint=-", "--rate=0", "--events=300", "--duplicates=0.1",
            "--start=2026-01-01T00:00:00Z").stdout)
        with open(self.path("clicks"), "w", encoding="utf-8") as file:
            file.write(printed.stdout)
        endpoint = self.endpoint()
        done = self.run_program(f"--endpoint={endpoint.url}", f"--file={self.path('clicks')}",
                                "--rate=0", f"--truth={self.path('truth')}")
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = [json.loads(line) for line in printed.stdout.splitlines()]
        key = json.dumps
        self.assertEqual(sorted(map(key, lines)), sorted(map(key, endpoint.accepted)))
        self.assertEqual(self.read_truth(), truth_of(lines))
        with open(self.path("clicks"), "a", encoding="utf-8") as file:
            file.write('{"event_id":"x"}\n')
        done = self.run_program(f"--endpoint={endpoint.url}", f"--file={self.path('clicks')}",
                                "--rate=0", f"--truth={self.path('truth')}")
        self.assertEqual(done.returncode, 1)
        self.assertIn("line 301: for --truth an event needs event_id", done.stderr)

    def test_ends_when_asked(self):
        endpoint = self.endpoint()
        with subprocess.Popen([PROGRAM, f"--endpoint={endpoint.url}", "--rate=100",
                               f"--truth={self.path('truth')}"], stdout=subprocess.PIPE,
                              text=True) as program:
            while len(endpoint.accepted) < 20:
                time.sleep(0.01)
            program.send_signal(signal.SIGINT)
            output, _ = program.communicate(timeout=20)
            self.assertEqual(program.returncode, 130)
        self.assertIn("accepted", output)
        self.assertEqual(self.read_truth(), truth_of(endpoint.accepted))

    def test_refuses_wrong_options(self):
        for option, why in (("--rat=1", "did you mean --rate?"), ("--late=2", "shares"),
                            ("--users=0", "--users"), ("--batch=x", "expected"),
                            ("--file=/nowhere", "cannot open /nowhere"),
                            ("--start=today", "today")):
            done = self.run_program(option)
            self.assertEqual(done.returncode, 2, option)
            self.assertIn(why, done.stderr)
            self.assertEqual(done.stderr.count("\n"), 1)
        done = self.run_program("--help")
        self.assertEqual(done.returncode, 0)
        self.assertIn("Examples:", done.stdout)


if __name__ == "__main__":
    PROGRAM = os.path.abspath(sys.argv.pop(1))
    unittest.main()
