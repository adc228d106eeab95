#!/usr/bin/env python3
# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
#
# job_server_test.py PROGRAM: the command job-server as its users run it: how it starts, what it says
# and refuses, how it ends, and what it leaves.

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import unittest

PROGRAM = "joist"


class JobServerTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix=f"joist_job_server_{os.getpid()}_")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def start(self, *options):
        """Waits for the line that says where it listens."""
        server = subprocess.Popen(
            [PROGRAM, "job-server", "--port=0", f"--artifacts_dir={self.folder}", *options],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(self.end, server)
        server.line = server.stdout.readline()
        where = re.search(r"--job_endpoint=(\S+):(\d+) ", server.line)
        self.assertIsNotNone(where, server.line + (server.stderr.read() if not server.line else ""))
        server.host, server.port = where.group(1), int(where.group(2))
        return server

    @staticmethod
    def end(server):
        if server.poll() is None:
            server.kill()
        server.communicate()

    def refused(self, *options, code=1):
        done = subprocess.run([PROGRAM, "job-server", *options], capture_output=True, text=True,
                              timeout=20, check=False)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertEqual(done.stdout, "")
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        return done.stderr

    def test_starts_and_ends(self):
        for number, code in ((signal.SIGTERM, 0), (signal.SIGINT, 130)):
            server = self.start("--log_format=json")
            self.assertEqual(server.host, "localhost")
            socket.create_connection(("localhost", server.port), timeout=5).close()
            self.assertEqual(len(os.listdir(self.folder)), 1)
            server.send_signal(number)
            _, log = server.communicate(timeout=20)
            self.assertEqual(server.returncode, code, log)
            lines = [json.loads(line) for line in log.splitlines()]
            self.assertEqual([line["message"] for line in lines],
                             ["serving", "stopping", "stopped"])
            self.assertEqual(lines[0]["endpoint"], f"localhost:{server.port}")
            self.assertEqual(os.listdir(self.folder), [])

    def test_cleans_up_after_one_that_was_killed(self):
        killed = self.start()
        killed.kill()
        killed.communicate(timeout=20)
        self.assertEqual(len(os.listdir(self.folder)), 1)
        server = self.start()
        self.assertEqual(len(os.listdir(self.folder)), 1)
        server.terminate()
        server.communicate(timeout=20)
        self.assertEqual(os.listdir(self.folder), [])

    def test_warns_where_others_can_reach_it(self):
        server = self.start("--host=0.0.0.0")
        self.assertEqual(server.host, "localhost")
        server.terminate()
        _, log = server.communicate(timeout=20)
        self.assertIn(" WARNING others can reach the job server", log)

    def test_refuses_a_port_in_use(self):
        with socket.socket(socket.AF_INET) as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            self.assertIn(f"cannot listen on 127.0.0.1:{port}: the port is in use",
                          self.refused("--host=127.0.0.1", f"--port={port}"))
        self.assertIn("cannot make the folder of artifacts",
                      self.refused("--artifacts_dir=/dev/null/x", "--port=0"))

    def test_refuses_wrong_options(self):
        self.assertIn("--port must be 0 to 65535", self.refused("--port=70000", code=2))
        self.assertIn("--max_jobs is from 1 on", self.refused("--max_jobs=0", code=2))
        self.assertIn("--max_workers is from 1 on", self.refused("--max_workers=0", code=2))
        self.assertIn("--threads is from 0 on", self.refused("--threads=-1", code=2))
        self.assertIn("did you mean --max_jobs?", self.refused("--max_job=2", code=2))
        self.assertIn("--progress", self.refused("--progress=sometimes", code=2))

    def test_explains_itself(self):
        done = subprocess.run([PROGRAM, "job-server", "--help"], capture_output=True, text=True,
                              timeout=20, check=True)
        for word in ("--allow_process", "--max_artifact_bytes", "--state_dir", "--progress",
                     "Examples:", "--runner=PortableRunner"):
            self.assertIn(word, done.stdout)


if __name__ == "__main__":
    PROGRAM = os.path.abspath(sys.argv.pop(1))
    unittest.main()
