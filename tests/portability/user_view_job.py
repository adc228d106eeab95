#!/usr/bin/env python3
# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
"""user_view_job.py KIND [OPTION…]: pipelines of Beam's Python SDK as a user has them while he writes them:
functions that fail, log, and count. What they count is printed as JSON."""

import json
import logging
import sys
import time

import apache_beam as beam
from apache_beam.metrics.metric import Metrics, MetricsFilter
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.transforms import userstate


class Divide(beam.DoFn):
    def process(self, element):
        yield 1 // element


class MeanOfNothing(beam.CombineFn):
    def create_accumulator(self):
        return 0

    def add_input(self, accumulator, element):
        return accumulator + element

    def merge_accumulators(self, accumulators):
        return sum(accumulators)

    def extract_output(self, accumulator):
        raise ArithmeticError(f"no mean of {accumulator}")


class FailsInTimer(beam.DoFn):
    TIMER = userstate.TimerSpec("end", userstate.TimeDomain.WATERMARK)

    def process(self, element, timer=beam.DoFn.TimerParam(TIMER)):
        timer.set(100)

    @userstate.on_timer(TIMER)
    def fire(self):
        raise LookupError("the timer finds nothing")


class FailsInSetup(beam.DoFn):
    def setup(self):
        import no_such_module  # pylint: disable=import-error,import-outside-toplevel,unused-import

    def process(self, element):
        yield element


class Slow(beam.DoFn):
    def process(self, element):
        time.sleep(0.01)
        yield element


class Logs(beam.DoFn):
    def process(self, element):
        logging.debug("a detail of %d", element)
        logging.info("a fact of %d", element)
        logging.warning("a worry of %d", element)
        try:
            yield 1 // (element - element)
        except ZeroDivisionError:
            logging.exception("a fault of %d", element)
        yield element


class Counts(beam.DoFn):
    def process(self, element):
        Metrics.counter("of", "counter").inc(element)
        Metrics.distribution("of", "distribution").update(element)
        Metrics.gauge("of", "gauge").set(element)
        Metrics.string_set("of", "strings").add(f"s{element % 3}")
        Metrics.bounded_trie("of", "trie").add(("a", f"b{element % 2}"))
        yield element


def fail_in_function(p):
    _ = p | "Numbers" >> beam.Create([2, 1, 0]) | "Divide by it" >> beam.ParDo(Divide())


def fail_in_combine(p):
    _ = (p | "Numbers" >> beam.Create([2, 1, 0])
         | "Mean of all" >> beam.CombineGlobally(MeanOfNothing()))


def fail_in_timer(p):
    _ = (p | "Pairs" >> beam.Create([("a", 1)]) | "Wait for the end" >> beam.ParDo(FailsInTimer()))


def fail_in_setup(p):
    _ = p | "Numbers" >> beam.Create([1]) | "Needs a module" >> beam.ParDo(FailsInSetup())


def fail_in_coder(p):
    _ = (p | "Texts" >> beam.Create(["a"])
         | "Says int" >> beam.Map(lambda text: (text, 1)).with_output_types(tuple[int, int])
         | "Group them" >> beam.GroupByKey())


def slow(p):
    """Of about 15 seconds on two threads."""
    _ = (p | "Numbers" >> beam.Create(range(3000)) | "Sleep" >> beam.ParDo(Slow())
         | "Pair" >> beam.Map(lambda n: (n % 10, n)) | "Group" >> beam.GroupByKey()
         | "Sums" >> beam.MapTuple(lambda key, numbers: (key, sum(numbers))))


def log(p):
    _ = p | "Numbers" >> beam.Create([7]) | "Tell of it" >> beam.ParDo(Logs())


def count(p):
    _ = p | "Numbers" >> beam.Create([1, 2, 3, 4]) | "Count them" >> beam.ParDo(Counts())


def counted(result):
    """What "Count them" has counted."""
    query = result.metrics().query(MetricsFilter().with_namespace("of").with_step("Count them"))
    return {f"{metric.key.metric.name} {kind} {which}": str(getattr(metric, which))
            for kind, results in query.items() for metric in results
            for which in ("attempted", "committed")}


def main():
    kind, *options = sys.argv[1:]
    logging.getLogger().setLevel(logging.INFO)
    pipeline = beam.Pipeline(options=PipelineOptions(["--runner=PortableRunner", *options]))
    globals()[kind](pipeline)
    result = pipeline.run()
    result.wait_until_finish()
    print(json.dumps(counted(result)))


if __name__ == "__main__":
    main()
