#!/usr/bin/env python3
# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
"""beam_tests.py RUN ENDPOINT [TEST …]: tests of Beam's Python SDK, in one process, on the job server
at ENDPOINT. Writes JSON lines: first the names of all tests, then for each one that it starts, and
what came of it. Without TESTs none is run. python_suite.py is what calls it.

RUN is one of RUNS: which tests, where the SDK's code runs, and the mode of the pipelines.
"""

import contextlib
import importlib
import json
import os
import re
import sys
import time
import unittest

import grpc
from apache_beam.runners.portability.portable_runner import PortableRunner

PORTABLE = "portable_runner_test"
VALIDATES = "it_validatesrunner"
TRANSFORMS = "transforms"
BATCH, STREAMING = "batch", "streaming"
# The client combines before it submits a pipeline in batch mode, unless it is told not to.
AS_WRITTEN = "batch, as written"
OPTIONS = {BATCH: [], STREAMING: ["--streaming"], AS_WRITTEN: ["--experiments=pre_optimize=none"]}
# Name of the run: (suite, environment of the SDK's code, mode).
RUNS = {
    "portable": (PORTABLE, "LOOPBACK", BATCH),
    "portable-streaming": (PORTABLE, "LOOPBACK", STREAMING),
    "portable-as-written": (PORTABLE, "LOOPBACK", AS_WRITTEN),
    "portable-external": (PORTABLE, "EXTERNAL", BATCH),
    "portable-external-streaming": (PORTABLE, "EXTERNAL", STREAMING),
    "validates": (VALIDATES, "LOOPBACK", BATCH),
    "validates-streaming": (VALIDATES, "LOOPBACK", STREAMING),
    "transforms": (TRANSFORMS, "LOOPBACK", BATCH),
    "transforms-streaming": (TRANSFORMS, "LOOPBACK", STREAMING),
}
# Where tests have the mark it_validatesrunner that need neither a cloud nor models.
MARKED = ("pipeline_test", "metrics.metric_test", "transforms.combinefn_lifecycle_test",
          "transforms.combiners_test", "transforms.deduplicate_test",
          "transforms.dofn_lifecycle_test", "transforms.ptransform_test",
          "transforms.sideinputs_test", "transforms.util_test",
          "runners.portability.fn_api_runner.translations_test")
# Unit tests of Beam whose pipelines run on whatever runner the command line names: triggers by
# transcripts, state and timers, windows, sources by the clock, and more. Those that submit no job
# are left out.
UNIT = ("trigger", "userstate", "window", "create", "stats", "util", "combiners", "sideinputs",
        "ptransform", "periodicsequence")


def run_skipped(case):
    """Makes tests run that a decorator skips for the sake of Beam's own runners."""
    for name in dir(case):
        method = getattr(case, name)
        if name.startswith("test") and getattr(method, "__unittest_skip__", False):
            setattr(case, name, method.__wrapped__)


def portable_tests(endpoint, environment, mode):
    """Beam's PortableRunnerTest, pointed at the endpoint. What it skips for portable runners when it
    runs, as nothing could drain a job, stays skipped."""
    from apache_beam.options.pipeline_options import PortableOptions, StandardOptions
    from apache_beam.options.pipeline_options import DebugOptions
    from apache_beam.runners.portability import portable_runner_test

    external = environment == "EXTERNAL"
    base = (portable_runner_test.PortableRunnerTestWithExternalEnv if external else
            portable_runner_test.PortableRunnerTest)

    class EndpointTest(base):
        @classmethod
        def _create_job_endpoint(cls):
            return endpoint

        def create_options(self):
            options = super().create_options()
            if not external:
                options.view_as(PortableOptions).environment_type = environment
            options.view_as(StandardOptions).streaming = mode == STREAMING
            if mode == AS_WRITTEN:
                options.view_as(DebugOptions).add_experiment("pre_optimize=none")
            return options

    run_skipped(EndpointTest)
    for test in unittest.defaultTestLoader.loadTestsFromTestCase(EndpointTest):
        yield test.id().rpartition(".")[2], test


def tests_of_modules(names, endpoint, environment, mode):
    """Tests that take the runner from the command line, with names that tell them apart."""
    from apache_beam.testing.test_pipeline import TestPipeline

    TestPipeline.pytest_test_pipeline_options = " ".join(
        ["--runner=PortableRunner", f"--job_endpoint={endpoint}",
         f"--environment_type={environment}", *OPTIONS[mode]])

    def single(suite):
        for one in suite:
            if isinstance(one, unittest.TestSuite):
                yield from single(one)
            else:
                yield one

    for name in names:
        module = importlib.import_module(f"apache_beam.{name}")
        for test in single(unittest.defaultTestLoader.loadTestsFromModule(module)):
            yield ".".join(test.id().split(".")[-3:]), test


def validates_runner_tests(*where):
    def marks_of(thing):
        marks = getattr(thing, "pytestmark", [])
        return {mark.name for mark in (marks if isinstance(marks, list) else [marks])}

    for name, test in tests_of_modules(MARKED, *where):
        method = getattr(test, name.rpartition(".")[2], None)
        if VALIDATES in marks_of(method) | marks_of(type(test)):
            run_skipped(type(test))
            yield name, test


def transforms_tests(*where):
    """All tests of the modules that the other suite does not have."""
    others = {name for name, _ in validates_runner_tests(*where)}
    for name, test in tests_of_modules([f"transforms.{name}_test" for name in UNIT], *where):
        if name not in others:
            yield name, test


LOAD = {PORTABLE: portable_tests, VALIDATES: validates_runner_tests, TRANSFORMS: transforms_tests}


def jobs_submitted():
    return PortableRunner.jobs


def count_jobs():
    """Has jobs_submitted() count from now on."""
    run = PortableRunner.run_portable_pipeline
    PortableRunner.jobs = 0

    def run_counted(self, *arguments):
        PortableRunner.jobs += 1
        return run(self, *arguments)

    PortableRunner.run_portable_pipeline = run_counted


class Reporter(unittest.TestResult):
    """Writes what becomes of each test as it does."""

    def __init__(self, names, out):
        super().__init__()
        self._names = names
        self._out = out

    def say(self, **what):
        self._out.write(json.dumps(what) + "\n")
        self._out.flush()

    def startTest(self, test):
        super().startTest(test)
        self._outcome, self._why, self._begin = "pass", "", time.monotonic()
        self._jobs_before = jobs_submitted()
        print(f"\n==== {test.id()}", file=sys.stderr, flush=True)
        self.say(start=self._names[id(test)])

    def stopTest(self, test):
        super().stopTest(test)
        self.say(end=self._names[id(test)], outcome=self._outcome, why=self._why,
                 jobs=jobs_submitted() - self._jobs_before,
                 seconds=round(time.monotonic() - self._begin, 2))

    def _failed(self, error):
        # pytest.importorskip has an exception of its own.
        self._outcome = "skip" if error[0].__name__ == "Skipped" else "fail"
        text = error[1].details() if isinstance(error[1], grpc.RpcError) else str(error[1])
        lines = [line.strip() for line in text.splitlines() if line.strip()] or [""]
        # A job's identifier changes each time; of a traceback the last line says what it is about.
        self._why = re.sub(r"Pipeline \S+ failed in state FAILED: ", "", lines[0])
        if "Traceback" in self._why:
            self._why = f"{self._why.partition('Traceback')[0]}… {lines[-1]}"
        elif self._why.endswith(":"):
            self._why = " ".join([self._why, *lines[1:2]])
        self._why = f"{error[0].__name__.strip('_')}: {self._why}"

    def addError(self, test, err):
        super().addError(test, err)
        print(self.errors[-1][1], file=sys.stderr, flush=True)
        self._failed(err)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        print(self.failures[-1][1], file=sys.stderr, flush=True)
        self._failed(err)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self._failed(err)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self._outcome, self._why = "skip", reason

    def addExpectedFailure(self, test, err):
        super().addExpectedFailure(test, err)
        self._outcome, self._why = "skip", "Beam expects it to fail"

    def addUnexpectedSuccess(self, test):
        super().addUnexpectedSuccess(test)
        self._outcome, self._why = "fail", "Beam expects it to fail"


def main():
    run, endpoint, *wanted = sys.argv[1:]
    # Tests write to standard output too.
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    del sys.argv[1:]  # TestPipeline and others look at it.

    suite, environment, mode = RUNS[run]
    with contextlib.redirect_stdout(sys.stderr):
        tests = dict(LOAD[suite](endpoint, environment, mode))
    count_jobs()
    result = Reporter({id(test): name for name, test in tests.items()}, out)
    result.say(tests=list(tests))
    unittest.TestSuite(tests[name] for name in wanted).run(result)
    result.say(done=True)
    os._exit(0)  # Workers of jobs that do not end have threads.


if __name__ == "__main__":
    main()
