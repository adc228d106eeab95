#!/usr/bin/env python3
# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
"""counting_job.py ENDPOINT CHECKPOINTS NUMBERS RESULT: a streaming pipeline of Beam's Python SDK whose
result tells whether anything was lost or done twice: a splittable function without end of its own
gives the numbers below NUMBERS; a function with state counts and adds up those of each of ten keys.
What it has after each number is appended to the file RESULT: "KEY COUNT SUM"."""

import sys
import time

import apache_beam as beam
from apache_beam.io.restriction_trackers import OffsetRange, OffsetRestrictionTracker
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.transforms import userstate
from apache_beam.transforms.core import RestrictionProvider

KEYS = 10
AT_A_TIME = 100


class Numbers(RestrictionProvider):
    def initial_restriction(self, element):
        return OffsetRange(0, element)

    def create_tracker(self, restriction):
        return OffsetRestrictionTracker(restriction)

    def restriction_size(self, element, restriction):
        return restriction.size()


class Count(beam.DoFn):
    @beam.DoFn.unbounded_per_element()
    def process(self, element, tracker=beam.DoFn.RestrictionParam(Numbers())):
        at = tracker.current_restriction().start
        for number in range(at, at + AT_A_TIME):
            if not tracker.try_claim(number):
                return
            yield number % KEYS, number
        time.sleep(0.02)
        tracker.defer_remainder()


class Add(beam.DoFn):
    STATE = userstate.ReadModifyWriteStateSpec("state", beam.coders.FastPrimitivesCoder())

    def process(self, element, state=beam.DoFn.StateParam(STATE)):
        key, number = element
        count, total = state.read() or (0, 0)
        count, total = count + 1, total + number
        state.write((count, total))
        yield f"{key} {count} {total}\n"


class Append(beam.DoFn):
    def __init__(self, path):
        self._path = path

    def process(self, line):
        with open(self._path, "a", encoding="utf-8") as file:
            file.write(line)


def main():
    endpoint, checkpoints, numbers, result = sys.argv[1:]
    options = PipelineOptions(["--runner=PortableRunner", f"--job_endpoint={endpoint}",
                               "--environment_type=LOOPBACK", "--streaming",
                               f"--checkpoint_dir={checkpoints}", "--checkpoint_interval=500"])
    with beam.Pipeline(options=options) as pipeline:
        _ = (pipeline
             | beam.Create([int(numbers)], reshuffle=False)
             | beam.ParDo(Count())
             | beam.ParDo(Add())
             | beam.ParDo(Append(result)))


if __name__ == "__main__":
    main()
