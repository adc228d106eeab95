#!/usr/bin/env python3
# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
"""python_suite.py (--joist=PROGRAM | --prism=PROGRAM | --endpoint=HOST:PORT) [option …]: the suites of
Beam's Python SDK against a job server. Started by an interpreter that has the SDK (JOIST_BEAM_PYTHON
of cmake/BeamSdks.cmake):

  build/release/beam-python tests/portability/python_suite.py --joist=build/release/bin/joist
  … --prism=prism --expected= --page=docs/internals/beam-suites.md
  … --endpoint=localhost:8099 --runs=portable --only=side_input

Each test has a time limit; one that does not end, or that takes the server with it, is a failure, and
the others run with a new server.

The file of --expected has a line "RUN TEST" for each test that must pass. The exit code is 0 if those
do, whatever becomes of the others. --accept adds what has passed to the file. --page keeps a table
of what passes with which server (suite_page.py).
"""

import argparse
import contextlib
import json
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time

import beam_tests
import job_server
import suite_page

HERE = os.path.dirname(os.path.abspath(__file__))
ENDED = "the job server has ended"
LOADING = 120  # Seconds until a process with tests has imported them.


class Server:
    """The job server: one that is there, or one that is started, and again when it has ended."""

    def __init__(self, options):
        self._options = options
        self._server = job_server.JobServer(options)

    @property
    def endpoint(self):
        return self._server.endpoint

    def is_alive(self):
        return self._server.is_alive()

    def restart(self):
        self.stop()
        self._server = job_server.JobServer(self._options)

    def stop(self):
        self._server.__exit__()


def end(process):
    """Ends the process and all that it has started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def events_of(run, tests, endpoint, limit, log):
    """What a process that runs the tests says, and why it is broken if it is: it has ended before all
    are done, or said nothing for `limit` seconds."""
    process = subprocess.Popen(
        [sys.executable, os.path.join(HERE, "beam_tests.py"), run, endpoint, *tests], text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, start_new_session=True)
    lines = queue.Queue()

    def read():
        for line in process.stdout:
            lines.put(json.loads(line))
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    try:
        wait = LOADING
        while True:
            try:
                event = lines.get(timeout=wait)
            except queue.Empty:
                yield {"broken": f"no end after {wait} s"}
                return
            if event is None:
                yield {"broken": f"the process with the tests ended with {process.wait()}"}
                return
            if "done" in event:
                return  # Processes of tests may still have its pipe.
            wait = limit
            yield event
    finally:
        end(process)


def results_of(run, server, options, log):
    """{test: (outcome, seconds, why)} of the run, told as it comes."""
    results = {}

    def tell(test, outcome, seconds, why):
        results[test] = (outcome, seconds, why)
        print(f"{run:28} {test:60} {outcome:5} {seconds:6.1f} s  {why[:160]}".rstrip(), flush=True)

    pending = next((event["tests"] for event in events_of(run, [], "", options.limit, log)
                    if "tests" in event), None)
    if pending is None:
        sys.exit("Beam's tests cannot be loaded; --logs=FOLDER keeps what Python says")
    pending = [test for test in pending if re.search(options.only, test)]
    while pending:
        left, current, begin = len(pending), None, time.monotonic()
        for event in events_of(run, pending, server.endpoint, options.limit, log):
            if "start" in event:
                current, begin = event["start"], time.monotonic()
            elif "end" in event:
                pending.remove(event["end"])
                alive = server.is_alive()
                # A test of transforms without a job has nothing to do with the runner.
                if not alive or event["jobs"] or beam_tests.RUNS[run][0] != beam_tests.TRANSFORMS:
                    tell(current, event["outcome"] if alive else "fail", event["seconds"],
                         event["why"] if alive else ENDED)
                current = None
                if not alive:
                    break
            elif "broken" in event and current:
                pending.remove(current)
                tell(current, "fail", time.monotonic() - begin,
                     event["broken"] if server.is_alive() else ENDED)
        if len(pending) == left:
            sys.exit(f"{run}: a process with tests runs none; --logs=FOLDER keeps what it says")
        if pending:
            server.restart()
    return results


def accept(path, passed):
    """Adds the lines to the file."""
    with open(path, encoding="utf-8") as file:
        comments = [line for line in file if line.startswith("#")]
    order = list(beam_tests.RUNS)
    lines = sorted({*job_server.names_in(path), *passed},
                   key=lambda line: (order.index(line.split()[0]), line))
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(comments)
        file.writelines(f"{line}\n" for line in lines)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    job_server.add_server_arguments(parser)
    parser.add_argument("--runs", default="portable,portable-streaming,validates",
                        help=f"of {', '.join(beam_tests.RUNS)}; or all (%(default)s)")
    parser.add_argument("--only", default="", help="a regular expression of test names")
    parser.add_argument("--limit", type=float, default=60, help="seconds for each test (%(default)s)")
    parser.add_argument("--expected", default=os.path.join(HERE, "python_expected.txt"),
                        help="the list of what must pass; empty: nothing (%(default)s)")
    parser.add_argument("--accept", action="store_true", help="add what passes to it")
    parser.add_argument("--logs", help="a folder for what the tests say")
    parser.add_argument("--page", help="a page in Markdown, whose table is to have the results")
    options = parser.parse_args()
    if options.accept and not options.expected:
        parser.error("--accept needs --expected")
    if options.page and options.endpoint:
        parser.error("--page has no name for the server at an endpoint")
    runs = list(beam_tests.RUNS) if options.runs == "all" else options.runs.split(",")
    for run in runs:
        if run not in beam_tests.RUNS:
            parser.error(f"there is no run {run}; there are {', '.join(beam_tests.RUNS)}")

    all_results = {}
    server = Server(options)
    try:
        for run in runs:
            with contextlib.ExitStack() as stack:
                log = subprocess.DEVNULL
                if options.logs:
                    os.makedirs(options.logs, exist_ok=True)
                    log = stack.enter_context(open(os.path.join(options.logs, f"{run}.log"), "wb"))
                all_results[run] = results_of(run, server, options, log)
    finally:
        server.stop()
    if options.page:
        suite_page.refresh(options.page, "Joist" if options.joist else "Prism", all_results)
    outcomes = [(f"{run} {test}", result[0]) for run, results in all_results.items()
                for test, result in results.items()]
    expected = [line for line in (job_server.names_in(options.expected) if options.expected else [])
                if line.split()[0] in runs and re.search(options.only, line.split()[-1])]
    if options.accept:
        accept(options.expected, [name for name, outcome in outcomes if outcome == "pass"])
    return job_server.closing(outcomes, expected)


if __name__ == "__main__":
    sys.exit(main())
