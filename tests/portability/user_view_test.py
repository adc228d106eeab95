#!/usr/bin/env python3
# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
"""user_view_test.py --joist=PROGRAM: what the author of a pipeline sees of it (user_view_job.py): why it
has failed, what its code logs and counts, that it goes on; and what the server says of it. Started by an
interpreter that has Beam's Python SDK."""

import argparse
import json
import os
import re
import sys
import tempfile
import unittest

import job_server

HERE = os.path.dirname(os.path.abspath(__file__))
LIMIT = 120
OPTIONS = None
# By its kind: the step that the job must name, the exception, and what only the user's code has.
FAILURES = {
    "fail_in_function": ("Divide by it", "ZeroDivisionError: integer division or modulo by zero",
                         "yield 1 // element"),
    "fail_in_combine": ("Mean of all", "ArithmeticError: no mean of 3",
                        "raise ArithmeticError("),
    "fail_in_timer": ("Wait for the end", "LookupError: the timer finds nothing",
                      "raise LookupError("),
    "fail_in_setup": ("Needs a module",
                      "ModuleNotFoundError: No module named 'no_such_module'",
                      "import no_such_module"),
    "fail_in_coder": ("Says int", "TypeError: an integer is required", None),
}


class UserViewTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix=f"joist_user_view_{os.getpid()}_")
        cls.addClassCleanup(folder.cleanup)
        cls.log = os.path.join(folder.name, "log")
        OPTIONS.server_log = cls.log
        cls.boot = os.path.join(folder.name, "boot")
        with open(cls.boot, "w", encoding="utf-8") as file:
            file.write(f"#!/bin/sh\nexec '{sys.executable}' '{HERE}/python_worker.py' \"$@\"\n")
        os.chmod(cls.boot, 0o700)
        cls.server = job_server.JobServer(OPTIONS, "--allow_process", "--log_format=json",
                                           "--threads=2")
        cls.addClassCleanup(cls.server.__exit__)

    def run_job(self, kind, *environment):
        """What the program says, with an environment that logs to the server unless another is given."""
        environment = environment or ("--environment_type=PROCESS", "--environment_config="
                                      + json.dumps({"command": self.boot}))
        return job_server.run([sys.executable, os.path.join(HERE, "user_view_job.py"), kind,
                               f"--job_endpoint={self.server.endpoint}", *environment], LIMIT)

    def said(self):
        """What the server has said so far."""
        with open(self.log, encoding="utf-8") as file:
            return [json.loads(line)["message"] for line in file if line.startswith("{")]

    def test_failures_name_the_step_and_show_the_traceback_once(self):
        for kind, (step, error, code) in FAILURES.items():
            with self.subTest(kind):
                before = len(self.said())
                outcome = self.run_job(kind)
                self.assertEqual(outcome.status, 1, outcome.text)
                # Once in the log, and once in the exception that the client makes of it.
                logged, raised = outcome.text.split("RuntimeError: Pipeline ")
                for text in (logged, raised):
                    self.assertIn(f'step "{step}": {error}\nTraceback (most recent call last):',
                                  text)
                self.assertEqual(logged.count("ERROR:"), 1, logged)
                if code:
                    self.assertIn(code, logged)
                ends = [line for line in self.said()[before:] if " has failed: " in line]
                self.assertEqual(len(ends), 1, ends)
                self.assertTrue(ends[0].endswith(f'has failed: step "{step}": {error}'), ends[0])

    def test_logs_come_with_their_severity_and_step(self):
        outcome = self.run_job("log")
        self.assertEqual(outcome.status, 0, outcome.text)
        for line in ("INFO:root:[Tell of it] a fact of 7\n", "WARNING:root:[Tell of it] a worry of 7\n",
                     "ERROR:root:[Tell of it] a fault of 7\nTraceback (most recent call last):"):
            self.assertEqual(outcome.text.count(line), 1, outcome.text)
        self.assertNotIn("a detail of", outcome.text)
        self.assertEqual(outcome.text.count("ZeroDivisionError"), 1, outcome.text)
        self.assertNotIn("Control channel established", outcome.text)

    def test_counts_can_be_queried_by_the_step(self):
        outcome = self.run_job("count", "--environment_type=LOOPBACK")
        self.assertEqual(outcome.status, 0, outcome.text)
        seen = json.loads(outcome.text.splitlines()[-1])
        for which in ("attempted", "committed"):
            self.assertEqual(seen[f"counter counters {which}"], "10")
            self.assertEqual(seen[f"distribution distributions {which}"],
                             "DistributionResult(sum=10, count=4, min=1, max=4, mean=2.5)")
            # The last that was set: two bundles may be at work.
            self.assertRegex(seen[f"gauge gauges {which}"], "value=[1-4],")
            self.assertEqual(sorted(re.findall(r"s\d", seen[f"strings string_sets {which}"])),
                             ["s0", "s1", "s2"])
            self.assertEqual(sorted(re.findall(r"b\d", seen[f"trie bounded_tries {which}"])),
                             ["b0", "b1"])

    def test_client_and_server_hear_how_far_a_long_job_is(self):
        before = len(self.said())
        outcome = self.run_job("slow", "--environment_type=LOOPBACK")
        self.assertEqual(outcome.status, 0, outcome.text)
        progress = r"job-\w+  \S+s  \[2/3\] (\d+) %, \d+ bundles?, .* elements, \S+ elements/s into steps"
        heard = re.findall(f"INFO:root:{progress}", outcome.text)
        self.assertGreaterEqual(len(heard), 1, outcome.text)
        # A worker says how far it is before its bundle is done.
        self.assertTrue(20 <= int(heard[0]) <= 99, outcome.text)
        done = r"done: \S+s, 6\.0k elements into 6 steps, \S+B of memory at most"
        self.assertRegex(outcome.text, f"INFO:root:{done}")
        said = self.said()[before:]
        self.assertRegex(said[0], r"^job job-\w+ starts$")
        self.assertEqual(len(said), 2 + len(heard), said)
        for line in said[1:-1]:
            self.assertRegex(line, f"^job {progress}")
        self.assertRegex(said[-1], f" is {done}$")


def main():
    global OPTIONS
    parser = argparse.ArgumentParser(description=__doc__)
    job_server.add_server_arguments(parser)
    parser.add_argument("tests", nargs="*")
    OPTIONS = parser.parse_args()
    unittest.main(argv=[sys.argv[0], *OPTIONS.tests], verbosity=2)


if __name__ == "__main__":
    main()
