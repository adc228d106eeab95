#!/usr/bin/env python3
# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
"""drain_test.py (--joist=PROGRAM | --endpoint=HOST:PORT) [TEST…]: streams of Beam's Python SDK that are
drained (JobService.Drain). What has no end is cut, by the function's own `truncate` if it has one; what
has come is finished, windows close, timers fire, and the job's state is DRAINED. Started by an
interpreter that has Beam's Python SDK."""

import argparse
import os
import sys
import tempfile
import time
import unittest

import apache_beam as beam
from apache_beam.io.restriction_trackers import OffsetRange, OffsetRestrictionTracker
from apache_beam.io.watermark_estimators import ManualWatermarkEstimator
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.portability.api import beam_job_api_pb2 as jobs
from apache_beam.transforms import userstate, window
from apache_beam.transforms.core import RestrictionProvider
from apache_beam.transforms.periodicsequence import PeriodicImpulse
from apache_beam.utils.timestamp import Timestamp

import job_server

SERVER = None
LIMIT = 60  # Seconds until something must have happened.
NO_END = 10**12


class UnboundedTracker(OffsetRestrictionTracker):
    def is_bounded(self):
        return False


class Numbers(RestrictionProvider):
    def initial_restriction(self, element):
        return OffsetRange(0, element)

    def create_tracker(self, restriction):
        return UnboundedTracker(restriction)

    def restriction_size(self, element, restriction):
        return restriction.size()


class BoundedNumbers(Numbers):
    def create_tracker(self, restriction):
        return OffsetRestrictionTracker(restriction)


class NumbersByFifty(Numbers):
    def truncate(self, element, restriction):
        start = restriction.start
        return OffsetRange(start, start - start % 50 + 50)


def counting(provider):
    """A function that gives the numbers of its restriction one by one, a second of event time apart."""

    class Count(beam.DoFn):
        @beam.DoFn.unbounded_per_element()
        def process(self, element, tracker=beam.DoFn.RestrictionParam(provider()),
                    estimator=beam.DoFn.WatermarkEstimatorParam(
                        ManualWatermarkEstimator.default_provider())):
            number = tracker.current_restriction().start
            if not tracker.try_claim(number):
                return
            yield window.TimestampedValue(number, Timestamp(number))
            estimator.set_watermark(Timestamp(number + 1))
            time.sleep(0.002)
            tracker.defer_remainder()

    return Count()


class Append(beam.DoFn):
    def __init__(self, path):
        self._path = path

    def process(self, element):
        with open(self._path, "a", encoding="utf-8") as file:
            file.write(f"{element}\n")


class SumAtTheEnd(beam.DoFn):
    """Of each window, by a timer."""
    NUMBERS = userstate.BagStateSpec("numbers", beam.coders.VarIntCoder())
    END = userstate.TimerSpec("end", userstate.TimeDomain.WATERMARK)

    def process(self, element, numbers=beam.DoFn.StateParam(NUMBERS), end=beam.DoFn.TimerParam(END),
                of=beam.DoFn.WindowParam):
        numbers.add(element[1])
        end.set(of.max_timestamp())

    @userstate.on_timer(END)
    def at_end(self, numbers=beam.DoFn.StateParam(NUMBERS)):
        yield sum(numbers.read())


class DrainTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix=f"joist_drain_{os.getpid()}_")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, name):
        return os.path.join(self.folder, name)

    def numbers(self, name):
        if not os.path.exists(self.path(name)):
            return []
        with open(self.path(name), encoding="utf-8") as file:
            return [int(line) for line in file if line.endswith("\n")]

    def drain(self, pipeline, name, some):
        """Runs it until there are `some` numbers in a file, and drains it."""
        result = pipeline.run()
        deadline = time.monotonic() + LIMIT
        while len(self.numbers(name)) < some:
            self.assertIn(result.state, ("STARTING", "RUNNING"))
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.05)
        result._job_service.Drain(jobs.DrainJobRequest(job_id=result._job_id))
        # The client takes every state but DONE for a failure.
        with self.assertRaisesRegex(RuntimeError, "in state DRAINED"):
            result.wait_until_finish(LIMIT * 1000)

    def pipeline(self):
        return beam.Pipeline(options=PipelineOptions(
            ["--runner=PortableRunner", f"--job_endpoint={SERVER.endpoint}",
             "--environment_type=LOOPBACK", "--streaming"]))

    def count(self, pipeline, provider, end, name):
        numbers = (pipeline | beam.Create([end], reshuffle=False)
                   | beam.ParDo(counting(provider)))
        _ = numbers | beam.ParDo(Append(self.path(name)))
        return numbers

    def expect_all(self, name):
        numbers = self.numbers(name)
        self.assertEqual(sorted(numbers), list(range(len(numbers))))
        return numbers

    def test_what_has_no_end_is_cut_and_its_windows_close(self):
        pipeline = self.pipeline()
        hours = (self.count(pipeline, Numbers, NO_END, "numbers")
                 | beam.Map(lambda number: (None, number))
                 | beam.WindowInto(window.FixedWindows(3600)))
        _ = (hours | beam.GroupByKey() | beam.Map(lambda group: sum(group[1]))
             | "Sums" >> beam.ParDo(Append(self.path("sums"))))
        _ = hours | beam.ParDo(SumAtTheEnd()) | "Timers" >> beam.ParDo(Append(self.path("timers")))
        self.drain(pipeline, "numbers", 50)
        self.assertEqual(self.numbers("sums"), [sum(self.expect_all("numbers"))])
        self.assertEqual(self.numbers("timers"), self.numbers("sums"))

    def test_a_function_says_how_its_restrictions_are_cut(self):
        pipeline = self.pipeline()
        self.count(pipeline, NumbersByFifty, NO_END, "numbers")
        self.drain(pipeline, "numbers", 20)
        self.assertEqual(len(self.expect_all("numbers")) % 50, 0)

    def test_what_has_an_end_goes_on_to_it(self):
        pipeline = self.pipeline()
        self.count(pipeline, BoundedNumbers, 200, "numbers")
        self.drain(pipeline, "numbers", 20)
        self.assertEqual(len(self.expect_all("numbers")), 200)

    def test_what_waits_for_its_time_does_so_no_more(self):
        pipeline = self.pipeline()
        _ = (pipeline | PeriodicImpulse(start_timestamp=Timestamp.now(), fire_interval=0.1,
                                        stop_timestamp=Timestamp.now() + 3600)
             | beam.Map(lambda t: int(Timestamp.of(t).micros) // 1000)
             | beam.ParDo(Append(self.path("times"))))
        self.drain(pipeline, "times", 5)
        times = self.numbers("times")
        self.assertEqual([round((t - times[0]) / 100) for t in times], list(range(len(times))))


def main():
    global SERVER
    parser = argparse.ArgumentParser(description=__doc__)
    job_server.add_server_arguments(parser)
    options, rest = parser.parse_known_args()
    with job_server.JobServer(options) as server:
        SERVER = server
        program = unittest.main(argv=[sys.argv[0], *rest], exit=False, verbosity=2)
    sys.stdout.flush()
    os._exit(0 if program.result.wasSuccessful() else 1)  # Workers have threads.


if __name__ == "__main__":
    main()
