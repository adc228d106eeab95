#!/usr/bin/env python3
# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
"""splitting_test.py (--joist=PROGRAM | --prism=PROGRAM | --endpoint=HOST:PORT) [TEST…]: slow functions
of Beam's Python SDK, of whose bundles idle workers get a part: one large restriction, or elements behind
a Reshuffle, take about half of the time, and each number comes once, also where an attempt fails or
nothing can be split. Started by an interpreter that has the SDK.
"""

import argparse
import os
import sys
import tempfile
import time
import unittest

import apache_beam as beam
from apache_beam.io.restriction_trackers import OffsetRange, OffsetRestrictionTracker
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.transforms.core import RestrictionProvider

import job_server

SERVER = None
NUMBERS, SECONDS = 500, 0.01  # For each number.
QUICK = 3000  # Elements.


def sleep():
    """How long it took, which may be longer than it should."""
    begin = time.monotonic()
    time.sleep(SECONDS)
    return time.monotonic() - begin


class NeverSplits(OffsetRestrictionTracker):
    def try_split(self, fraction_of_remainder):
        return None


class CannotSplit(OffsetRestrictionTracker):
    def try_split(self, fraction_of_remainder):
        raise NotImplementedError("this one is not splittable")


TRACKERS = {"splits": OffsetRestrictionTracker, "never splits": NeverSplits,
            "cannot split": CannotSplit}


class Whole(RestrictionProvider):
    """The restriction of an element (how many numbers, something else), in one piece."""

    def __init__(self, kind):
        self._kind = kind

    def initial_restriction(self, element):
        return OffsetRange(0, element[0])

    def create_tracker(self, restriction):
        return TRACKERS[self._kind](restriction)

    def restriction_size(self, element, restriction):
        return restriction.size()


def slow_numbers(kind, fails_at=-1, marker=""):
    """A splittable function; it fails at one number, the first time that anybody comes to it."""

    class SlowNumbers(beam.DoFn):
        def process(self, element, tracker=beam.DoFn.RestrictionParam(Whole(kind))):
            number = tracker.current_restriction().start
            while tracker.try_claim(number):
                slept = sleep()
                if number == fails_at and not os.path.exists(marker):
                    with open(marker, "w", encoding="utf-8"):
                        raise ValueError(f"{number} is not a number I like")
                yield number, slept
                number += 1

    return SlowNumbers()


class SlowOnes(beam.DoFn):
    """Elements that are numbers: the first take no time."""

    def __init__(self, fails_at=-1, marker=""):
        self._fails_at, self._marker = fails_at, marker

    def process(self, number):
        slept = sleep() if number >= QUICK else 0
        if number == self._fails_at and not os.path.exists(self._marker):
            with open(self._marker, "w", encoding="utf-8"):
                raise ValueError(f"{number} is not a number I like")
        yield number, slept


class Append(beam.DoFn):
    """To a file: a number, how long it took, and when it came."""

    def __init__(self, path):
        self._path = path

    def process(self, line):
        with open(self._path, "a", encoding="utf-8") as file:
            file.write(" ".join(map(str, line)) + "\n")


class SplittingTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix=f"joist_splitting_{os.getpid()}_")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.marker = os.path.join(folder.name, "marker")

    def run_job(self, name, expected, build):
        """How many were at work at a time, on average. `build` makes a collection of numbers, of which
        those expected must be there."""
        path = os.path.join(self.folder, "numbers")
        options = PipelineOptions(["--runner=PortableRunner", f"--job_endpoint={SERVER.endpoint}",
                                   "--environment_type=LOOPBACK", "--sdk_worker_parallelism=2",
                                   "--experiments=disable_logging_submission_environment"])
        with beam.Pipeline(options=options) as pipeline:
            _ = (build(pipeline)
                 | beam.MapTuple(lambda number, slept: (number, slept, time.monotonic()))
                 | "Apart" >> beam.Reshuffle()
                 | beam.ParDo(Append(path)))
        with open(path, encoding="utf-8") as lines:
            numbers = [tuple(map(float, line.split())) for line in lines]
        self.assertEqual(sorted(int(number) for number, _, _ in numbers), sorted(expected))
        slow = [(slept, end) for _, slept, end in numbers if slept]
        seconds = max(end for _, end in slow) - min(end - slept for slept, end in slow)
        at_a_time = sum(slept for slept, _ in slow) / seconds
        print(f"{name}: {len(numbers)} numbers in {seconds:.1f} s, {at_a_time:.2f} at a time",
              flush=True)
        return at_a_time

    def run_numbers(self, function, restrictions=1):
        return self.run_job(
            f"{restrictions} restrictions", list(range(NUMBERS)) * restrictions,
            lambda pipeline: (pipeline
                              | beam.Create([(NUMBERS, i) for i in range(restrictions)],
                                            reshuffle=False)
                              | beam.ParDo(function)))

    def run_elements(self, function):
        return self.run_job(
            "elements", range(QUICK + NUMBERS),
            lambda pipeline: (pipeline
                              | beam.Create(range(QUICK + NUMBERS), reshuffle=False)
                              | beam.Reshuffle()
                              | beam.ParDo(function)))

    def test_two_workers_take_half_of_the_time(self):
        self.assertGreater(self.run_numbers(slow_numbers("splits")), 1.4)

    def test_several_restrictions(self):
        self.assertGreater(self.run_numbers(slow_numbers("splits"), 3), 1.4)

    def test_an_attempt_that_fails_when_a_part_was_given_away(self):
        """The first half stays with the first worker, which fails near its end."""
        self.run_numbers(slow_numbers("splits", fails_at=NUMBERS // 3, marker=self.marker))
        self.assertTrue(os.path.exists(self.marker))

    def test_an_attempt_of_who_was_given_a_part_fails(self):
        self.run_numbers(slow_numbers("splits", fails_at=NUMBERS - 1, marker=self.marker))
        self.assertTrue(os.path.exists(self.marker))

    def test_a_tracker_that_never_splits(self):
        self.assertLess(self.run_numbers(slow_numbers("never splits")), 1.1)

    def test_a_tracker_that_cannot_split(self):
        self.run_numbers(slow_numbers("cannot split"))

    def test_elements_behind_a_reshuffle(self):
        """Bundles are large by the time that the slow ones come."""
        self.assertGreater(self.run_elements(SlowOnes()), 1.4)

    def test_an_attempt_at_elements_that_fails(self):
        self.run_elements(SlowOnes(QUICK + NUMBERS // 2, self.marker))
        self.assertTrue(os.path.exists(self.marker))


def main():
    global SERVER
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    job_server.add_server_arguments(parser)
    options, more = parser.parse_known_args()
    with job_server.JobServer(options) as server:
        SERVER = server
        unittest.main(argv=[sys.argv[0], *more], verbosity=2)


if __name__ == "__main__":
    main()
