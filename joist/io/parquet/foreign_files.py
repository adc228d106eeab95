#!/usr/bin/env python3
# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
#
# foreign_files.py write FOLDER: files that Joist didn't write, for foreign_test.cc, whose formulas
# these are. foreign_files.py check FILE: whether the file that Joist wrote there holds what
# foreign_test.cc says, as pyarrow reads it.

import datetime
import decimal
import sys

import pyarrow as pa
import pyarrow.parquet as pq

ROWS = 1000


def null_every(step, values):
    return [None if i % step == 0 else value for i, value in enumerate(values)]


def table():
    every = range(ROWS)
    epoch = datetime.datetime(2026, 11, 21, tzinfo=datetime.timezone.utc)
    micros = [epoch + datetime.timedelta(microseconds=1500 * i) for i in every]
    return pa.table({
        "id": pa.array(every, pa.int32()),
        "small": pa.array([i % 200 for i in every], pa.uint8()),
        "real": pa.array([i / 8 for i in every], pa.float32()),
        "text": pa.array([f"text {i % 10}" for i in every], pa.large_string()),
        "maybe": pa.array(null_every(3, [f"may be {i}" for i in every]), pa.string()),
        "category": pa.array([f"c{i % 5}" for i in every]).dictionary_encode(),
        "micros": pa.array(micros, pa.timestamp("us", "UTC")),
        "nanos": pa.array(micros, pa.timestamp("ns")),
        "day": pa.array([datetime.date(1969, 12, 31) + datetime.timedelta(i) for i in every]),
        "clock": pa.array([datetime.time(0, 0, i % 60, 2500) for i in every], pa.time64("us")),
        "money": pa.array([decimal.Decimal(i - 500) / 100 for i in every], pa.decimal128(12, 2)),
        "fixed": pa.array([b"%04d" % i for i in every], pa.binary(4)),
        "list": pa.array(null_every(7, [list(range(i % 4)) for i in every]), pa.list_(pa.int16())),
        "pair": pa.array([[i, i + 1] for i in every], pa.list_(pa.int32(), 2)),
        "rows": pa.array([[{"x": i, "y": None}] * (i % 3) for i in every],
                         pa.list_(pa.struct([("y", pa.string()), ("x", pa.int64())]))),
        "map": pa.array([[("k", i), ("l", None)] for i in every],
                        pa.map_(pa.string(), pa.int64())),
        "nothing": pa.nulls(ROWS),
    })


def write(folder):
    all_rows = table()
    many = dict(row_group_size=300)
    pq.write_table(all_rows, f"{folder}/plain", use_dictionary=False, compression="none", **many)
    pq.write_table(all_rows, f"{folder}/v1", version="1.0", data_page_version="1.0",
                   use_deprecated_int96_timestamps=True, **many)
    pq.write_table(all_rows, f"{folder}/v2", data_page_version="2.0", compression="zstd",
                   write_page_index=True, store_schema=False, data_page_size=500, **many)
    for codec in ("gzip", "brotli", "lz4"):
        pq.write_table(all_rows, f"{folder}/{codec}", compression=codec, write_statistics=False,
                       **many)
    # Lists as Arrow once named them, and encodings that are rarely seen.
    delta = {"id": "DELTA_BINARY_PACKED", "text": "DELTA_LENGTH_BYTE_ARRAY",
             "maybe": "DELTA_BYTE_ARRAY", "real": "BYTE_STREAM_SPLIT"}
    pq.write_table(all_rows, f"{folder}/delta", use_dictionary=False, column_encoding=delta,
                   use_compliant_nested_type=False, **many)


def check(path):
    rows = pq.read_table(path).to_pylist()
    assert len(rows) == 100, len(rows)
    rows.sort(key=lambda row: row["id"])
    for i, row in enumerate(rows):
        millis = datetime.timedelta(milliseconds=i)
        expected = {
            "id": i, "text": f"text {i}", "maybe": None if i % 3 == 0 else i / 2,
            "time": datetime.datetime.fromtimestamp(0, datetime.timezone.utc) + millis,
            "span": millis, "unsigned_word": 2**64 - 1 - i,
            "points": [{"x": i, "y": -i}] * (i % 3), "counts": [("a", i)],
        }
        assert row == expected, f"row {i} is {row}, and should be {expected}"


if __name__ == "__main__":
    {"write": write, "check": check}[sys.argv[1]](sys.argv[2])
