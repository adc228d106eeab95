#!/usr/bin/env python3
# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
"""counting_job.py ENDPOINT CHECKPOINTS NUMBERS RESULT [windows]: a streaming pipeline of Beam's Python
SDK whose result tells whether anything was lost or done twice: a splittable function without end of its
own gives the numbers below NUMBERS; a function with state counts and adds up those of each of ten keys.
What it has after each number is appended to the file RESULT: "KEY COUNT SUM".

With `windows` numbers are grouped instead, in windows of a type that only this program knows: the even
and the odd ones of each hundred. The key is the number of the window; from GROUPS on it is that of the
same window, whose numbers a function has kept in state until a timer fires."""

import sys
import time

import apache_beam as beam
from apache_beam.io.restriction_trackers import OffsetRange, OffsetRestrictionTracker
from apache_beam.io.watermark_estimators import ManualWatermarkEstimator
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.transforms import userstate, window
from apache_beam.transforms.core import RestrictionProvider
from apache_beam.utils.timestamp import Timestamp

KEYS = 10
AT_A_TIME = 100
GROUPS = 1_000_000


class Numbers(RestrictionProvider):
    def initial_restriction(self, element):
        return OffsetRange(0, element)

    def create_tracker(self, restriction):
        return OffsetRestrictionTracker(restriction)

    def restriction_size(self, element, restriction):
        return restriction.size()


class Count(beam.DoFn):
    @beam.DoFn.unbounded_per_element()
    def process(self, element, tracker=beam.DoFn.RestrictionParam(Numbers()),
                estimator=beam.DoFn.WatermarkEstimatorParam(
                    ManualWatermarkEstimator.default_provider())):
        at = tracker.current_restriction().start
        for number in range(at, at + AT_A_TIME):
            if not tracker.try_claim(number):
                return
            yield window.TimestampedValue((number % KEYS, number), Timestamp(number))
            estimator.set_watermark(Timestamp(number + 1))
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


class ParityWindow(window.BoundedWindow):
    def __init__(self, number):
        super().__init__(Timestamp((number // 2 + 1) * 100))
        self.number = number

    def __hash__(self):
        return hash(self.number)

    def __eq__(self, other):
        return isinstance(other, ParityWindow) and self.number == other.number


class ParityWindowCoder(beam.coders.Coder):
    def encode(self, value):
        return b"%d" % value.number

    def decode(self, encoded):
        return ParityWindow(int(encoded))

    def is_deterministic(self):
        return True


class ParityWindows(window.NonMergingWindowFn):
    def assign(self, context):
        second = context.timestamp.micros // 1_000_000
        return [ParityWindow(second // 100 * 2 + second % 2)]

    def get_window_coder(self):
        return ParityWindowCoder()


def line_of(key, numbers):
    return f"{key} {len(numbers)} {sum(numbers)}\n"


class GroupLine(beam.DoFn):
    def process(self, group, of=beam.DoFn.WindowParam):
        yield line_of(of.number, list(group[1]))


class StateLine(beam.DoFn):
    NUMBERS = userstate.BagStateSpec("numbers", beam.coders.VarIntCoder())
    END = userstate.TimerSpec("end", userstate.TimeDomain.WATERMARK)

    def process(self, element, numbers=beam.DoFn.StateParam(NUMBERS),
                end=beam.DoFn.TimerParam(END), of=beam.DoFn.WindowParam):
        numbers.add(element[1])
        end.set(of.max_timestamp())

    @userstate.on_timer(END)
    def at_end(self, numbers=beam.DoFn.StateParam(NUMBERS), of=beam.DoFn.WindowParam):
        yield line_of(GROUPS + of.number, list(numbers.read()))


class Append(beam.DoFn):
    def __init__(self, path):
        self._path = path

    def process(self, line):
        with open(self._path, "a", encoding="utf-8") as file:
            file.write(line)


def main():
    endpoint, checkpoints, numbers, result, *windows = sys.argv[1:]
    options = PipelineOptions(["--runner=PortableRunner", f"--job_endpoint={endpoint}",
                               "--environment_type=LOOPBACK", "--streaming",
                               f"--checkpoint_dir={checkpoints}", "--checkpoint_interval=500"])
    with beam.Pipeline(options=options) as pipeline:
        counted = (pipeline
                   | beam.Create([int(numbers)], reshuffle=False)
                   | beam.ParDo(Count()))
        if windows:
            windowed = (counted
                        | beam.Map(lambda pair: (None, pair[1]))
                        | beam.WindowInto(ParityWindows()))
            lines = ((windowed | beam.GroupByKey() | beam.ParDo(GroupLine()),
                      windowed | beam.ParDo(StateLine())) | beam.Flatten())
        else:
            lines = counted | beam.ParDo(Add())
        _ = lines | beam.ParDo(Append(result))


if __name__ == "__main__":
    main()
