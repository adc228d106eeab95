#!/usr/bin/env python3
# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
"""leak_test.py --joist=PROGRAM [--bundles=N]: a stream of Beam's Python SDK whose elements come one by
one, each a bundle of a function with state and a timer. What the server's process holds must not grow
from the second quarter of the bundles to the last, nor must its threads and open files."""

import argparse
import statistics
import sys

import apache_beam as beam
from apache_beam.coders import StrUtf8Coder, TupleCoder, VarIntCoder
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.testing.test_stream import TestStream

import job_server
import leak_job

KEYS = 50
# Below what a hundred bytes a bundle would come to, above what an allocator's pages do by themselves.
MOST_GROWTH = 1 << 20


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    job_server.add_server_arguments(parser)
    parser.add_argument("--bundles", type=int, default=10_000)
    options = parser.parse_args()
    stream = TestStream(coder=TupleCoder([StrUtf8Coder(), VarIntCoder()]))
    for i in range(options.bundles):
        if i % KEYS == 0:
            stream = stream.advance_watermark_to(i)
        stream = stream.add_elements([(f"key {i % KEYS}", i)])
    stream = stream.advance_watermark_to_infinity()
    with job_server.JobServer(options) as server:
        leak_job.Touch.pid = server.pid()
        if leak_job.Touch.pid is None:
            sys.exit("the server must be one that this script starts")
        pipeline = beam.Pipeline(options=PipelineOptions(
            ["--runner=PortableRunner", f"--job_endpoint={server.endpoint}",
             "--environment_type=LOOPBACK", "--streaming"]))
        _ = pipeline | stream | beam.ParDo(leak_job.Touch()) | beam.Map(leak_job.keep)
        state = pipeline.run().wait_until_finish()
    if state != "DONE" or sorted(leak_job.seen) != list(range(options.bundles)):
        sys.exit(f"the job is {state}, and has {len(leak_job.seen)} of {options.bundles} elements")
    samples = leak_job.Touch.samples
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
