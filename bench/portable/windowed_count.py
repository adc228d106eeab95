# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
"""A stream of SIZE events, 10,000 a second of event time and of 1,000 keys, counted by key and by
second. The source is an unbounded splittable DoFn that stops for a checkpoint each 50,000 events."""

import apache_beam as beam
from apache_beam.io.restriction_trackers import OffsetRange, OffsetRestrictionTracker
from apache_beam.io.watermark_estimators import ManualWatermarkEstimator
from apache_beam.transforms.window import FixedWindows, TimestampedValue
from apache_beam.utils.timestamp import Timestamp

from lines import AppendLine

STREAMING = True
RATE, KEYS, CHECKPOINT, PROGRESS = 10_000, 1_000, 50_000, 1_000


class Whole(beam.transforms.core.RestrictionProvider):
    """The restriction of an element that is a number of events."""

    def initial_restriction(self, element):
        return OffsetRange(0, element)

    def create_tracker(self, restriction):
        return OffsetRestrictionTracker(restriction)

    def restriction_size(self, element, restriction):
        return restriction.size()

    def truncate(self, element, restriction):
        return None


class Events(beam.DoFn):
    @beam.DoFn.unbounded_per_element()
    def process(self, element,
                tracker=beam.DoFn.RestrictionParam(Whole()),
                watermark=beam.DoFn.WatermarkEstimatorParam(
                    ManualWatermarkEstimator.default_provider())):
        del element
        position = tracker.current_restriction().start
        last = position + CHECKPOINT
        while tracker.try_claim(position):
            time = Timestamp(micros=position * 1_000_000 // RATE)
            yield TimestampedValue((position * 7919 % KEYS, position), time)
            position += 1
            if position % PROGRESS == 0:
                watermark.set_watermark(time)
            if position == last:
                tracker.defer_remainder()
                return


class Window(beam.DoFn):
    def process(self, element, window=beam.DoFn.WindowParam):
        yield f"{int(window.start)}: {element}"


def prepare(size, folder):
    del folder
    if size % RATE:
        raise ValueError(f"the number of events must be a multiple of {RATE}")
    return ""


def build(pipeline, size, source, target):
    del source
    (pipeline
     | "Size" >> beam.Create([size], reshuffle=False)
     | "Events" >> beam.ParDo(Events()).with_output_types(tuple[int, int])
     | "Seconds" >> beam.WindowInto(FixedWindows(1))
     | "Count" >> beam.combiners.Count.PerKey()
     | "Counts" >> beam.Values()
     | "Total" >> beam.CombineGlobally(sum).without_defaults()
     | "Window" >> beam.ParDo(Window())
     | "Write" >> beam.ParDo(AppendLine(target)))


def check(size, source, lines):
    del source
    expected = sorted(f"{second}: {RATE}" for second in range(size // RATE))
    missing, others = sorted(set(expected) - set(lines)), sorted(set(lines) - set(expected))
    return "" if sorted(lines) == expected else (
        f"{len(lines)} results, {len(expected)} expected; missing are {missing[:5]}, "
        f"wrong are {others[:5]}")
