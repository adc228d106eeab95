#!/usr/bin/env python3
# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
"""splitting_test.py (--joist=PROGRAM | --prism=PROGRAM | --endpoint=HOST:PORT) [TEST…]: one large
restriction of Beam's Python SDK, of which idle workers get a part: it takes about half of the time, and
each number comes once, also where an attempt fails or nothing can be split. Started by an interpreter
that has the SDK.
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
ALONE = NUMBERS * SECONDS


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
                time.sleep(SECONDS)
                if number == fails_at and not os.path.exists(marker):
                    with open(marker, "w", encoding="utf-8"):
                        raise ValueError(f"{number} is not a number I like")
                yield number
                number += 1

    return SlowNumbers()


class Append(beam.DoFn):
    def __init__(self, path):
        self._path = path

    def process(self, line):
        with open(self._path, "a", encoding="utf-8") as file:
            file.write(f"{line}\n")


class SplittingTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix=f"joist_splitting_{os.getpid()}_")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def run_numbers(self, function, elements=1):
        """Seconds that a job took; each number must be there once for each element."""
        path = os.path.join(self.folder, "numbers")
        options = PipelineOptions(["--runner=PortableRunner", f"--job_endpoint={SERVER.endpoint}",
                                   "--environment_type=LOOPBACK", "--sdk_workers=2"])
        begin = time.monotonic()
        with beam.Pipeline(options=options) as pipeline:
            _ = (pipeline
                 | beam.Create([(NUMBERS, i) for i in range(elements)], reshuffle=False)
                 | beam.ParDo(function)
                 | beam.Reshuffle()
                 | beam.ParDo(Append(path)))
        seconds = time.monotonic() - begin
        with open(path, encoding="utf-8") as lines:
            numbers = sorted(map(int, lines))
        self.assertEqual(numbers, sorted(list(range(NUMBERS)) * elements))
        print(f"{elements} × {NUMBERS} numbers of {SECONDS} s: {seconds:.1f} s", flush=True)
        return seconds

    def test_two_workers_take_half_of_the_time(self):
        self.assertLess(self.run_numbers(slow_numbers("splits")), 0.8 * ALONE)

    def test_several_restrictions(self):
        self.assertLess(self.run_numbers(slow_numbers("splits"), elements=3), 0.8 * 3 * ALONE)

    def test_an_attempt_that_fails_when_a_part_was_given_away(self):
        """The first half stays with the first worker, which fails near its end."""
        marker = os.path.join(self.folder, "marker")
        self.run_numbers(slow_numbers("splits", fails_at=NUMBERS // 3, marker=marker))
        self.assertTrue(os.path.exists(marker))

    def test_an_attempt_of_who_was_given_a_part_fails(self):
        marker = os.path.join(self.folder, "marker")
        self.run_numbers(slow_numbers("splits", fails_at=NUMBERS - 1, marker=marker))
        self.assertTrue(os.path.exists(marker))

    def test_a_tracker_that_never_splits(self):
        self.assertGreater(self.run_numbers(slow_numbers("never splits")), ALONE)

    def test_a_tracker_that_cannot_split(self):
        self.assertGreater(self.run_numbers(slow_numbers("cannot split")), ALONE)


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
