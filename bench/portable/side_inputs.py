# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
"""A table of 100,000 entries as a side input: SIZE elements look an entry up in it as a dictionary,
SIZE / 10 in it as a multimap, which asks the runner for each key, and 10 read it from end to end."""

import apache_beam as beam

from lines import AppendLine

STREAMING = False
ENTRIES, PARTS, READERS, FEWER = 100_000, 100, 10, 10


def numbers(part, size):
    return range(part * size // PARTS, (part + 1) * size // PARTS)


def entry(number):
    return number, 3 * number + 1


def key_of(number):
    return number * 2654435761 % ENTRIES


def prepare(size, folder):
    del size, folder
    return ""


def build(pipeline, size, source, target):
    del source
    table = (pipeline
             | "Table's parts" >> beam.Create(range(PARTS))
             | "Table's keys" >> beam.FlatMap(numbers, ENTRIES).with_output_types(int)
             | "Table" >> beam.Map(entry).with_output_types(tuple[int, int]))
    parts = pipeline | "Parts" >> beam.Create(range(PARTS))
    found = {
        "dictionary": parts
                      | "Numbers" >> beam.FlatMap(numbers, size).with_output_types(int)
                      | "Look up" >> beam.Map(lambda number, entries: entries[key_of(number)],
                                              beam.pvalue.AsDict(table)),
        "multimap": parts
                    | "Fewer" >> beam.FlatMap(numbers, size // FEWER).with_output_types(int)
                    | "Ask" >> beam.FlatMap(lambda number, entries: entries[key_of(number)],
                                            beam.pvalue.AsMultiMap(table)),
        "iterable": pipeline
                    | "Readers" >> beam.Create(range(READERS))
                    | "Read" >> beam.Map(lambda _, entries: sum(value for _, value in entries),
                                         beam.pvalue.AsIter(table)),
    }
    for name, values in found.items():
        (values
         | f"Sum of {name}" >> beam.CombineGlobally(sum)
         | f"Line of {name}" >> beam.Map(lambda total, name=name: f"{name}: {total}")
         | f"Write {name}" >> beam.ParDo(AppendLine(target)))


def check(size, source, lines):
    del source
    value = lambda number: entry(key_of(number))[1]
    expected = sorted([f"dictionary: {sum(map(value, range(size)))}",
                       f"multimap: {sum(map(value, range(size // FEWER)))}",
                       f"iterable: {READERS * sum(entry(i)[1] for i in range(ENTRIES))}"])
    return "" if sorted(lines) == expected else f"{sorted(lines)[:3]}, {expected} expected"
