# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
"""Word count by Beam Python, in this process: word_count_beam.py INPUT OUTPUT THREADS."""

import re
import sys

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

source, target, threads = sys.argv[1:]
# More than one worker would be processes, which take longer to start than this takes to run.
options = PipelineOptions(["--direct_num_workers=1"])
with beam.Pipeline(runner=FnApiRunner(), options=options) as pipeline:
    (
        pipeline
        | "Read" >> beam.io.ReadFromText(source)
        | "Split" >> beam.FlatMap(lambda line: re.findall(r"[A-Za-z']+", line))
        | "Count" >> beam.combiners.Count.PerElement()
        | "Format" >> beam.MapTuple(lambda word, count: f"{word}: {count}")
        | "Write" >> beam.io.WriteToText(target)
    )
