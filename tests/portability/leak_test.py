#!/usr/bin/env python3
# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
"""leak_test.py --joist=PROGRAM [--bundles=N]: a stream of Beam's Python SDK whose elements come one by
one, each a bundle of a function with state and a timer. What the server's process holds must not grow
from the second quarter of the bundles to the last, nor must its threads and open files."""

import argparse
import os
import statistics
import sys

import apache_beam as beam
from apache_beam.coders import StrUtf8Coder, TupleCoder, VarIntCoder
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.testing.test_stream import TestStream
from apache_beam.transforms import userstate

import job_server

KEYS = 50
# Below what a hundred bytes a bundle would come to, above what an allocator's pages do by themselves.
MOST_GROWTH = 1 << 20


class Held:
    """What a process holds."""

    def __init__(self, pid):
        with open(f"/proc/{pid}/status", encoding="utf-8") as file:
            fields = dict(line.split(":", 1) for line in file)
        self.memory = int(fields["RssAnon"].split()[0]) * 1024
        self.threads = int(fields["Threads"])
        self.files = len(os.listdir(f"/proc/{pid}/fd"))


class Touch(beam.DoFn):
    """Writes, reads and clears state, and sets a timer that does."""

    VALUES = userstate.BagStateSpec("values", VarIntCoder())
    END = userstate.TimerSpec("end", userstate.TimeDomain.WATERMARK)
    pid = 0
    held = None
    samples = []

    def start_bundle(self):
        if len(Touch.samples) % 100 == 0:
            Touch.held = Held(Touch.pid)
        Touch.samples.append(Touch.held)

    def process(self, element, values=beam.DoFn.StateParam(VALUES), end=beam.DoFn.TimerParam(END),
                time=beam.DoFn.TimestampParam):
        if len(list(values.read())) >= 5:
            values.clear()
        values.add(element[1])
        end.set(time + 5)
        yield element[1]

    @userstate.on_timer(END)
    def clear(self, values=beam.DoFn.StateParam(VALUES)):
        values.clear()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    job_server.add_server_arguments(parser)
    parser.add_argument("--bundles", type=int, default=10_000)
    options = parser.parse_args()
    stream = TestStream(coder=TupleCoder([StrUtf8Coder(), VarIntCoder()]))
    for i in range(options.bundles):
        stream = stream.advance_watermark_to(i).add_elements([(f"key {i % KEYS}", i)])
    stream = stream.advance_watermark_to_infinity()
    with job_server.JobServer(options) as server:
        Touch.pid = server.pid()
        if Touch.pid is None:
            sys.exit("the server must be one that this script starts")
        pipeline = beam.Pipeline(options=PipelineOptions(
            ["--runner=PortableRunner", f"--job_endpoint={server.endpoint}",
             "--environment_type=LOOPBACK", "--streaming"]))
        seen = []
        _ = pipeline | stream | beam.ParDo(Touch()) | beam.Map(seen.append)
        state = pipeline.run().wait_until_finish()
    if state != "DONE" or sorted(seen) != list(range(options.bundles)):
        sys.exit(f"the job is {state}, and has {len(seen)} of {options.bundles} elements")
    samples = Touch.samples
    if len(samples) < options.bundles:
        sys.exit(f"there were {len(samples)} bundles, not {options.bundles}")
    quarter = len(samples) // 4

    def middle(what, part):
        return statistics.median(getattr(held, what) for held in part)

    early, late = samples[quarter:2 * quarter], samples[-quarter:]
    faults = []
    for what, most in (("memory", MOST_GROWTH), ("threads", 0), ("files", 0)):
        before, after = middle(what, early), middle(what, late)
        print(f"{what}: {before:.0f}, later {after:.0f}")
        if after - before > most:
            faults.append(f"{what} grows from {before:.0f} to {after:.0f}")
    if faults:
        sys.exit(f"over {len(samples)} bundles {', '.join(faults)}")
    print(f"{len(samples)} bundles, nothing is left of them")


main()
