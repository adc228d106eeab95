# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
"""How often each word comes up in a text of SIZE megabytes (zipf_text.py)."""

import collections
import re

import apache_beam as beam

import zipf_text

STREAMING = False
WORD = re.compile(r"[A-Za-z']+")


def prepare(size, folder):
    return zipf_text.path_of(size, folder)


def build(pipeline, size, source, target):
    del size
    (pipeline
     | "Read" >> beam.io.ReadFromText(source)
     | "Split" >> beam.FlatMap(WORD.findall).with_output_types(str)
     | "Count" >> beam.combiners.Count.PerElement()
     | "Format" >> beam.MapTuple(lambda word, count: f"{word}: {count}")
     | "Write" >> beam.io.WriteToText(target))


def check(size, source, lines):
    """What is wrong with the lines that the pipeline has written; empty if they are as they must be."""
    del size
    counts = collections.Counter()
    with open(source, encoding="ascii") as file:
        for line in file:
            counts.update(WORD.findall(line))
    expected = sorted(f"{word}: {count}" for word, count in counts.items())
    return "" if sorted(lines) == expected else (
        f"{len(lines)} words, {len(expected)} expected, or other counts")
