#!/usr/bin/env python3
# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
"""run_pipeline.py PIPELINE SIZE FOLDER [Beam option …]: runs one of the pipelines beside it, checks its
result, and writes one line of JSON: seconds and processor seconds of this process and of what it has
called (the SDK has pip list the packages of a job) from submission to the end, its peak memory in
bytes, and what is wrong, if anything is.

With a portable runner and --environment_type=LOOPBACK this process is the SDK's worker as well.
"""

import glob
import importlib
import json
import os
import resource
import sys
import tempfile
import time

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions


def processor_time():
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def main():
    name, size, folder, *arguments = sys.argv[1:]
    size = int(size)
    module = importlib.import_module(name)
    source = module.prepare(size, folder)
    if module.STREAMING:
        arguments.append("--streaming")
    with tempfile.TemporaryDirectory(prefix=f"joist_portable_{os.getpid()}_") as results:
        target = os.path.join(results, "result")
        pipeline = beam.Pipeline(options=PipelineOptions(arguments))
        module.build(pipeline, size, source, target)
        begin, cpu = time.monotonic(), processor_time()
        why = ""
        try:
            state = pipeline.run().wait_until_finish()
            if state != "DONE":
                why = f"the job is {state}"
        except Exception as error:  # pylint: disable=broad-exception-caught
            why = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        seconds, cpu = time.monotonic() - begin, processor_time() - cpu
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        if not why:
            lines = []
            for path in glob.glob(f"{target}*"):
                with open(path, encoding="utf-8") as file:
                    lines += file.read().splitlines()
            why = module.check(size, source, lines)
    print(json.dumps({"seconds": seconds, "cpu": cpu, "peak": peak, "wrong": why}), flush=True)
    os._exit(0)  # Workers of a job that has failed may have threads.


if __name__ == "__main__":
    main()
