#!/usr/bin/env python3
# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
#
# serve_test.py JOIST: `joist serve` as its users run it: how it starts, what it says, what it
# refuses, and what is left when it is killed.

import glob
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.error
import urllib.request

JOIST = "joist"


class ServeTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix=f"joist_serve_{os.getpid()}_")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, name):
        return os.path.join(self.folder, name)

    def start(self, *options, environment=None):
        """Waits for the line that says where it listens."""
        server = subprocess.Popen(
            [JOIST, "serve", f"--data={self.path('data')}", "--http_port=0", "--grpc_port=0",
             "--topic=clicks", *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, **(environment or {})})
        self.addCleanup(self.end, server)
        line = server.stdout.readline()
        where = re.search(r"http://[^;,]*", line)
        self.assertIsNotNone(where, line + (server.stderr.read() if not line else ""))
        server.line = line
        server.url = where.group()
        return server

    @staticmethod
    def end(server):
        if server.poll() is None:
            server.kill()
        server.communicate()

    @staticmethod
    def get(server, path):
        with urllib.request.urlopen(server.url + path, timeout=20) as answer:
            return answer.read().decode()

    @staticmethod
    def post(server, body, topic="clicks", headers=None):
        """The status and what the body says."""
        request = urllib.request.Request(f"{server.url}/v1/topics/{topic}", data=body.encode(),
                                         headers=headers or {})
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)["error"]["message"]

    def refused(self, *options, code=1, environment=None):
        done = subprocess.run([JOIST, "serve", *options], capture_output=True, text=True, timeout=60,
                              env={**os.environ, **(environment or {})}, check=False)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertEqual(done.stdout, "")
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        return done.stderr

    def test_starts_serves_and_ends(self):
        server = self.start()
        self.assertRegex(server.line, r"^joist serves .*data; HTTP on http://127\.0\.0\.1:\d+, for "
                         r"BigQuery's clients BIGQUERY_EMULATOR_HOST=http://127\.0\.0\.1:\d+; gRPC "
                         r"on 127\.0\.0\.1:\d+, for Pub/Sub's clients "
                         r"PUBSUB_EMULATOR_HOST=127\.0\.0\.1:\d+\n$")
        self.assertEqual(self.get(server, "/healthz"), "ok\n")
        self.assertEqual(self.get(server, "/readyz"), "ready\n")
        self.assertEqual(self.post(server, '{"user":"Ada"}\n{"user":"Bob"}'), (200, {"published": 2}))
        metrics = self.get(server, "/metrics")
        self.assertIn("\njoist_ingest_events_total 2\n", metrics)
        self.assertIn('\njoist_http_requests_total{status="200"} 3\n', metrics)
        for line in metrics.splitlines():
            self.assertRegex(line, r'^(# (HELP|TYPE) \w+ .+|\w+(\{\w+="[^"]*"\})? -?[0-9.e+]+)$')
        server.send_signal(signal.SIGTERM)
        output, log = server.communicate(timeout=20)
        self.assertEqual(server.returncode, 0)
        self.assertEqual(output, "")
        lines = [json.loads(line) for line in log.splitlines()]
        self.assertEqual([line["message"] for line in lines], ["serving", "stopping", "stopped"])
        self.assertEqual(lines[0]["severity"], "INFO")

    def test_warns_where_others_can_reach_it(self):
        server = self.start("--listen=0.0.0.0", "--log_format=text")
        self.assertIn("HTTP on http://127.0.0.1:", server.line)
        server.send_signal(signal.SIGINT)
        _, log = server.communicate(timeout=20)
        self.assertEqual(server.returncode, 130)
        self.assertIn(" WARNING others can reach this server, unencrypted", log)

    def test_refuses_what_is_in_use(self):
        server = self.start()
        data = f"--data={self.path('data')}"
        self.assertEqual(self.refused(data),
                         f"joist serve: {self.path('data')} is in use by process {server.pid}; stop "
                         "it or choose another folder of data\n")
        other = f"--data={self.path('other')}"
        port = server.url.rsplit(":", 1)[1]
        self.assertIn(f"127.0.0.1 port {port} is in use by another program; stop that one or choose "
                      "another port", self.refused(other, f"--http_port={port}", "--grpc_port=0"))
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            self.assertIn(f"cannot serve gRPC on 127.0.0.1:{port}",
                          self.refused(other, f"--grpc_port={port}", "--http_port=0"))

    def test_refuses_wrong_options(self):
        data = f"--data={self.path('data')}"
        self.assertIn("--data must be given", self.refused(code=2))
        self.assertIn("did you mean --http_port?", self.refused(data, "--http_prt=1", code=2))
        self.assertIn("got \"xml\"", self.refused(data, "--log_format=xml", code=2))
        self.assertIn("expected TOPIC=FILE", self.refused(data, "--schema=x", code=2))
        with open(self.path("schema"), "w", encoding="utf-8") as file:
            file.write('{"properties":{"at":{"format":"date"}}}')
        self.assertIn('schema /properties/at: the keyword "format" is not supported',
                      self.refused(data, f"--schema=clicks={self.path('schema')}", code=2))
        self.assertIn("\"here\" is no address",
                      self.refused(data, "--listen=here", "--grpc_port=-1"))
        with open(self.path("file"), "w", encoding="utf-8") as file:
            file.write("no folder")
        self.assertIn("cannot make the folder", self.refused(f"--data={self.path('file')}/data"))

    def test_checks_tokens_and_schemas(self):
        with open(self.path("schema"), "w", encoding="utf-8") as file:
            json.dump({"required": ["user"], "properties": {"user": {"type": "string"}}}, file)
        server = self.start(f"--schema=clicks={self.path('schema')}", "--token_variable=SECRET",
                            environment={"SECRET": "hidden-word"})
        self.assertEqual(self.post(server, '{"user":"Ada"}')[0], 401)
        mine = {"Authorization": "Bearer hidden-word"}
        self.assertEqual(self.post(server, '{"user":"Ada"}', headers=mine), (200, {"published": 1}))
        self.assertEqual(self.post(server, '[{"user":"Ada"},{"user":1}]', headers=mine),
                         (422, "event 1: /user must be a string, but is a number"))
        self.assertEqual(self.post(server, "{}", "others", mine)[0], 404)
        server.terminate()
        output, log = server.communicate(timeout=20)
        self.assertNotIn("hidden-word", output + log)
        self.assertIn("no variable SECRET", self.refused(
            f"--data={self.path('data')}", "--token_variable=SECRET", code=2))

    def test_runs_jobs_of_beams_clients(self):
        about = subprocess.run([JOIST, "job-server", "--help"], capture_output=True, text=True,
                               timeout=20, check=True)
        if "not in this program" in about.stdout:
            self.skipTest("built without Beam's protocols")
        server = self.start("--jobs_port=0")
        where = re.search(r"--job_endpoint=127\.0\.0\.1:(\d+)", server.line)
        self.assertIsNotNone(where, server.line)
        socket.create_connection(("127.0.0.1", int(where.group(1))), timeout=5).close()
        self.assertEqual(len(os.listdir(self.path("data/artifacts"))), 1)
        other = f"--data={self.path('other')}"
        self.assertIn("cannot listen on 127.0.0.1:", self.refused(
            other, f"--jobs_port={where.group(1)}", "--http_port=0", "--grpc_port=0",
            "--log_format=none"))
        self.assertIn("--max_jobs is from 1 on", self.refused(other, "--max_jobs=0", code=2))
        server.terminate()
        server.communicate(timeout=20)
        self.assertEqual(server.returncode, 0)
        self.assertEqual(os.listdir(self.path("data/artifacts")), [])

    def command(self, server, *words, code=0, text=None):
        """What a command says that is a client of the server."""
        grpc = re.search(r"PUBSUB_EMULATOR_HOST=(\S+)", server.line).group(1)
        done = subprocess.run([JOIST, *words], capture_output=True, text=True, timeout=60,
                              check=False, input=text,
                              env={**os.environ, "PUBSUB_EMULATOR_HOST": grpc,
                                   "BIGQUERY_EMULATOR_HOST": server.url})
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stdout if code == 0 else done.stderr

    def test_has_commands_for_topics_and_subscriptions(self):
        server = self.start()
        self.command(server, "topic", "create", "orders", "dead")
        self.assertEqual(json.loads(self.command(server, "topic", "list", "--format=json")),
                         [{"name": f"projects/local/topics/{name}", "retention": ""}
                          for name in ("clicks", "dead", "orders")])
        self.command(server, "subscription", "create", "billing", "--topic=orders", "--ordered",
                     "--ack_deadline=20s", "--filter=attributes.kind = \"paid\"",
                     "--dead_letter_topic=dead")
        self.assertEqual(
            self.command(server, "subscription", "list", "--format=csv"),
            "name,topic,ack_deadline,filter,dead_letter_topic,settings\n"
            "projects/local/subscriptions/billing,projects/local/topics/orders,20s,"
            "\"attributes.kind = \"\"paid\"\"\",projects/local/topics/dead,ordered\n")
        self.command(server, "topic", "publish", "orders", "one", "two", "--attribute=kind=paid,n=1",
                     "--ordering_key=k")
        self.command(server, "topic", "publish", "orders", "hidden", "--attribute=kind=open")
        self.assertEqual(self.command(server, "topic", "publish", "orders", text="x\n" * 2500),
                         "published 2500 messages\n")
        pull = ("subscription", "pull", "billing", "--format=json")
        rows = json.loads(self.command(server, *pull, "--max=1"))
        self.assertEqual([(row["data"], row["ordering_key"], row["attributes"]) for row in rows],
                         [("one", "k", "kind=paid, n=1")])
        rows = json.loads(self.command(server, *pull))
        self.assertEqual([row["data"] for row in rows], ["two"])
        self.assertEqual(self.command(server, *pull), "[]\n")
        self.assertIn("projects/local/topics/orders",
                      self.command(server, "topic", "describe", "orders"))
        self.assertIn("Resource not found", self.command(server, "topic", "describe", "none", code=1))
        self.assertIn("which one?", self.command(server, "topic", "create", code=2))
        self.assertIn("takes create, list", self.command(server, "topic", "crate", code=2))
        self.command(server, "subscription", "delete", "billing")
        self.command(server, "topic", "delete", "orders", "dead")
        self.assertEqual(len(json.loads(self.command(server, "topic", "list", "--format=json"))), 1)
        server.kill()
        server.communicate()
        self.assertIn("does `joist serve` run?", self.command(server, "topic", "list", code=1))

    def test_has_commands_for_datasets_and_tables(self):
        server = self.start()
        if "joist_tables_queries_total" not in self.get(server, "/metrics"):
            self.skipTest("built without DuckDB")
        self.command(server, "dataset", "create", "shop")
        self.assertEqual(self.command(server, "dataset", "list", "--format=csv"),
                         "dataset\nshop\n")
        self.assertIn("lready", self.command(server, "dataset", "create", "shop", code=1))
        self.command(server, "table", "create", "shop.counts",
                     "--schema=user:STRING:REQUIRED,count:INTEGER")
        with open(self.path("rows.jsonl"), "w", encoding="utf-8") as file:
            for i in range(25_000):
                file.write(json.dumps({"user": f"u{i}", "count": i}) + "\n")
        self.assertEqual(self.command(server, "table", "load", "shop.counts",
                                      self.path("rows.jsonl")), "loaded 25000 rows\n")
        with open(self.path("rows.csv"), "w", encoding="utf-8") as file:
            file.write('user,count\n"a ""b"", c",7\n')
        self.assertEqual(self.command(server, "table", "load", "shop.counts",
                                      self.path("rows.csv")), "loaded 1 rows\n")
        query = ("table", "query", "SELECT user, count FROM counts ORDER BY count, user",
                 "--dataset=shop")
        rows = json.loads(self.command(server, *query, "--format=json"))
        self.assertEqual(len(rows), 25_001)
        self.assertEqual(rows[7:9], [{"user": 'a "b", c', "count": "7"},
                                     {"user": "u7", "count": "7"}])
        self.assertIn('"a ""b"", c",7\n', self.command(server, *query, "--format=csv"))
        self.assertEqual(
            self.command(server, "table", "describe", "shop.counts", "--format=csv").splitlines()[1],
            "shop.counts,user,STRING,REQUIRED,25001")
        self.assertEqual(self.command(server, "table", "list", "shop", "--format=csv"),
                         "table,type\nshop.counts,TABLE\n")
        self.exports(server)
        self.assertIn("none", self.command(server, "table", "query", "SELECT * FROM shop.none",
                                           code=1))
        self.assertIn("DATASET.TABLE", self.command(server, "table", "delete", "counts", code=1))
        self.command(server, "table", "delete", "shop.counts")
        self.command(server, "dataset", "delete", "shop")

    def exports(self, server):
        """`table export` of shop.counts, and of a table of every type, which is loaded again."""
        self.assertEqual(self.command(server, "table", "export", "shop.counts", self.path("out.csv")),
                         "exported 25001 rows\n")
        with open(self.path("out.csv"), encoding="utf-8", newline="") as file:
            text = file.read()
        self.assertTrue(text.startswith("user,count\r\n"))
        self.assertIn('"a ""b"", c",7\r\n', text)
        rows = [json.loads(line) for line in
                self.command(server, "table", "export", "shop.counts").splitlines()]
        self.assertEqual(sum(row["count"] for row in rows), 25_000 * 24_999 // 2 + 7)
        schema = ("--schema=t:STRING,n:INTEGER,x:FLOAT,p:NUMERIC,raw:BYTES,yes:BOOLEAN,at:TIMESTAMP,"
                  "local:DATETIME,day:DATE,clock:TIME,data:JSON,tags:STRING:REPEATED")
        row = {"t": "ä\n", "n": 9007199254740993, "x": 1.5, "p": "12.25", "raw": "AQI=", "yes": True,
               "at": "1969-12-31T23:59:59.123456Z", "local": "2024-05-06T07:08:09",
               "day": "2024-05-06", "clock": "07:08:09", "data": {"a": [1]}, "tags": ["x", "y"]}
        rows = [row, {**dict.fromkeys(row), "t": "", "tags": []}]
        with open(self.path("types.jsonl"), "w", encoding="utf-8") as file:
            file.writelines(json.dumps(one) + "\n" for one in rows)
        for table, source in (("shop.types", "types.jsonl"), ("shop.again", "exported.jsonl")):
            self.command(server, "table", "create", table, schema)
            self.command(server, "table", "load", table, self.path(source))
            self.command(server, "table", "export", table, self.path("exported.jsonl"))
            with open(self.path("exported.jsonl"), encoding="utf-8") as file:
                self.assertEqual([json.loads(line) for line in file], rows)
        self.assertIn("the column tags is repeated", self.command(
            server, "table", "export", "shop.types", self.path("types.csv"), code=1))
        self.assertEqual(glob.glob(self.path("types.csv*")), [])
        self.assertIn("ot found", self.command(server, "table", "export", "shop.none", code=1))
        self.assertIn("cannot write", self.command(server, "table", "export", "shop.types",
                                                   self.path("none/out"), code=1))
        self.command(server, "table", "delete", "shop.types", "shop.again")

    def test_ends_under_load_with_whole_answers(self):
        server = self.start()
        broken = []
        acknowledged = []

        def publish(name):
            connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=20)
            for number in range(100_000):
                event = f"{name}-{number}-"
                try:
                    connection.request("POST", "/v1/topics/clicks", json.dumps({"event": event}))
                    answer = connection.getresponse()
                except (OSError, http.client.HTTPException):
                    return  # Between two requests.
                body = answer.read()
                if answer.status == 200 and body == b'{"published":1}\n':
                    acknowledged.append(event)
                else:
                    broken.append((answer.status, body))
                if answer.will_close:
                    return

        threads = [threading.Thread(target=publish, args=(f"load-{i}",)) for i in range(8)]
        for thread in threads:
            thread.start()
        while len(acknowledged) < 500:
            time.sleep(0.001)
        server.terminate()
        for thread in threads:
            thread.join()
        server.communicate(timeout=20)
        self.assertEqual(server.returncode, 0)
        self.assertEqual(broken, [])
        found = self.kept(rb"load-\d-\d+-")
        self.assertEqual(set(acknowledged) - found, set())

    def kept(self, pattern):
        """What of the data's files fits the pattern."""
        found = set()
        for path in glob.glob(self.path("data/log/topics/*/*.log")):
            with open(path, "rb") as file:
                found |= {match.decode() for match in re.findall(pattern, file.read())}
        return found

    def test_keeps_what_it_acknowledged_when_killed(self):
        acknowledged = []
        for turn in range(4):
            server = self.start()

            def publish(name, server=server):
                for number in range(100_000):
                    event = f"{name}-{number}-"
                    try:
                        status, _ = self.post(server, json.dumps({"event": event}))
                    except (OSError, ValueError):
                        return
                    if status == 200:
                        acknowledged.append(event)

            before = len(acknowledged)
            threads = [threading.Thread(target=publish, args=(f"turn-{turn}-{i}",))
                       for i in range(4)]
            for thread in threads:
                thread.start()
            while len(acknowledged) < before + 100 + 37 * turn:
                time.sleep(0.001)
            server.kill()
            for thread in threads:
                thread.join()
            server.communicate()
        server = self.start()
        status, answer = self.post(server, '{"event":"last"}', "clicks?ids=true")
        self.assertEqual(status, 200)
        self.assertGreaterEqual(int(answer["messageIds"][0]), len(acknowledged))
        found = self.kept(rb"turn-\d-\d-\d+-")
        self.assertEqual(set(acknowledged) - found, set())
        self.assertGreater(len(acknowledged), 600)


if __name__ == "__main__":
    JOIST = os.path.abspath(sys.argv.pop(1))
    unittest.main()
