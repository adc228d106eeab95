# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
"""SIZE pairs of integers, made by the pipeline, grouped by SIZE / 10 keys; the values of each key are
counted as they are read."""

import apache_beam as beam

from lines import AppendLine

STREAMING = False
PARTS, VALUES = 100, 10


def pairs(part, size):
    keys = size // VALUES
    for i in range(part * size // PARTS, (part + 1) * size // PARTS):
        yield i * 2654435761 % keys, i


def prepare(size, folder):
    del folder
    if size % VALUES:
        raise ValueError(f"the number of pairs must be a multiple of {VALUES}")
    return ""


def build(pipeline, size, source, target):
    del source
    (pipeline
     | "Parts" >> beam.Create(range(PARTS))
     | "Pairs" >> beam.FlatMap(pairs, size).with_output_types(tuple[int, int])
     | "Group" >> beam.GroupByKey()
     | "Read" >> beam.MapTuple(lambda key, values: sum(1 for _ in values)).with_output_types(int)
     | "Count" >> beam.combiners.Count.PerElement()
     | "Write" >> beam.ParDo(AppendLine(target)))


def check(size, source, lines):
    del source
    expected = [f"{(VALUES, size // VALUES)}"]
    return "" if lines == expected else f"{lines[:3]}, {expected} expected"
