#!/usr/bin/env python3
# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
"""go_suite.py (--joist=PROGRAM | --prism=PROGRAM | --endpoint=HOST:PORT) [NAME…]: the tests of the
primitives that Beam's Go SDK has for runners, each in a process of its own with a time limit.

The runner's name is `universal`, for which Beam's own list of exceptions is empty: nothing that
Prism, Flink or Spark is excused from is skipped. What go_expected.txt lists must pass.

Prism of the same version: cd tests/portability/go && go build -o PROGRAM
github.com/apache/beam/sdks/v2/go/cmd/prism
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import threading
import time

import beam_go
import job_server

HERE = os.path.dirname(os.path.abspath(__file__))
SUITE = "github.com/apache/beam/sdks/v2/go/test/integration/primitives"
# What no local run can pass, and why.
NOT_HERE = {
    "TestOomParDo": "allocates until the container's boot program writes a heap dump to a bucket",
}
# What has no end, and is drained: `joist checkpoint drain` asks for that.
DRAINED = "TestDrain"


def tests_of(program):
    listed = subprocess.run([program, "-test.list", ".*"], capture_output=True, text=True, check=True)
    return [line for line in listed.stdout.split("\n") if line.startswith("Test")]


def reason(text, name):
    """The line that says most about why a test failed or was skipped."""
    panic = re.search(r"^panic: (.*)", text, re.MULTILINE)
    if panic:
        return panic.group(1)[:160]
    said = re.split(rf"^--- (?:FAIL|SKIP): {name} ", text, maxsplit=1, flags=re.MULTILINE)[0]
    return said.rstrip().rpartition("\n")[2].strip()[:160]


def run_test(program, name, endpoint, limit):
    """(outcome, seconds, why, all that it said)."""
    if name in NOT_HERE:
        return "skip", 0.0, NOT_HERE[name], ""
    ran = job_server.run(
        [program, "--runner=universal", f"--endpoint={endpoint}", "--environment_type=LOOPBACK",
         f"-test.run=^{name}$", "-test.v", f"-test.timeout={limit + 5}s"], limit)
    if ran.status is None:
        return "fail", ran.seconds, f"not done after {limit} s", ran.text
    if re.search(rf"^--- SKIP: {name} ", ran.text, re.MULTILINE):
        return "skip", ran.seconds, reason(ran.text, name), ran.text
    if ran.status == 0 and re.search(rf"^--- PASS: {name} ", ran.text, re.MULTILINE):
        return "pass", ran.seconds, "", ran.text
    return "fail", ran.seconds, reason(ran.text, name), ran.text


def drain(joist, folder, limit):
    """Drains the first job that runs with a folder of its own in this one, after a few seconds."""
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        time.sleep(3)
        for job in os.listdir(folder):
            command = [joist, "checkpoint", "drain", os.path.join(folder, job)]
            if subprocess.run(command, check=False, capture_output=True).returncode == 0:
                return


def run_drained(program, name, options):
    """As run_test, with a server of its own: the others keep no checkpoints. What the test leaves to
    be done takes twenty seconds."""
    with tempfile.TemporaryDirectory(prefix=f"joist_drained_{os.getpid()}_") as folder:
        with job_server.JobServer(options, f"--state_dir={folder}") as server:
            drains = threading.Thread(target=drain, args=(options.joist, folder, options.limit))
            drains.start()
            outcome = run_test(program, name, server.endpoint, 2 * options.limit)
            drains.join()
    return outcome


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    job_server.add_server_arguments(parser)
    parser.add_argument("--limit", type=int, default=30, help="seconds for each test (%(default)s)")
    parser.add_argument("--expected", default=os.path.join(HERE, "go_expected.txt"),
                        help="the list of what must pass")
    parser.add_argument("--verbose", action="store_true", help="all that failing tests said")
    parser.add_argument("tests", nargs="*", help="only these")
    options = parser.parse_args()

    program = beam_go.built(beam_go.TESTS, "primitives.test", "test", "-c", SUITE)
    every = tests_of(program)
    unknown = set(options.tests) - set(every)
    if unknown:
        parser.error(f"no such test: {', '.join(sorted(unknown))}")
    names = options.tests or every
    results = []
    with job_server.JobServer(options) as server:
        for name in names:
            outcome, seconds, why, said = (
                run_drained(program, name, options) if name == DRAINED and options.joist
                else run_test(program, name, server.endpoint, options.limit))
            print(f"{outcome:5} {seconds:6.1f} s  {name:46} {why}", flush=True)
            if outcome == "fail" and options.verbose:
                print(said)
            results.append((name, outcome))
            if not server.is_alive():
                print(f"{server.name} does not answer after {name}")
                return 1
    expected = job_server.names_in(options.expected)
    if options.tests:
        expected = [name for name in expected if name in names]
    return job_server.closing(results, expected)


if __name__ == "__main__":
    sys.exit(main())
