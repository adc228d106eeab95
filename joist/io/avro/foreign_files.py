#!/usr/bin/env python3
# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
#
# foreign_files.py write FOLDER: files that Joist didn't write, for foreign_test.cc, whose formulas
# these are. foreign_files.py check FILE: whether the file that Joist wrote there holds what
# foreign_test.cc says, as fastavro reads it.

import datetime
import decimal
import sys
import uuid

import fastavro

ROWS = 1000
UTC = datetime.timezone.utc
START = datetime.datetime(2026, 11, 21, tzinfo=UTC)


def record(name, **fields):
    return {"type": "record", "name": name,
            "fields": [{"name": field, "type": type} for field, type in fields.items()]}


def logical(type, logical_type, **more):
    return {"type": type, "logicalType": logical_type, **more}


SCHEMA = record(
    "org.example.Foreign",
    before={"type": "map", "values": ["null", {"type": "array", "items": "bytes"}]},
    id="int",
    real="float",
    text="string",
    maybe=["null", "string"],
    category={"type": "enum", "name": "Category", "symbols": [f"c{i}" for i in range(5)]},
    millis=logical("long", "timestamp-millis"),
    micros=logical("long", "timestamp-micros"),
    day=logical("int", "date"),
    clock=logical("long", "time-micros"),
    money=logical("bytes", "decimal", precision=12, scale=2),
    fixed_money=logical("fixed", "decimal", precision=12, scale=2, name="Money", size=8),
    unique=logical("string", "uuid"),
    fixed={"type": "fixed", "name": "Four", "size": 4},
    list=["null", {"type": "array", "items": "int"}],
    rows={"type": "array", "items": record("Xy", y=["string", "null"], x="long")},
    map={"type": "map", "values": ["long", "null"]},
    any=["null", "int", "double", "string"],
    one="Xy",
    nothing="null",
    after="Xy",
)


def rows():
    for i in range(ROWS):
        money = decimal.Decimal(i - 500) / 100
        xy = {"x": i, "y": f"y{i}" if i % 2 else None}
        yield {
            "before": {"k": None, "l": [b"abc"] * (i % 3)}, "id": i, "real": i / 8,
            "text": f"text {i % 10}", "maybe": f"may be {i}" if i % 3 else None,
            "category": f"c{i % 5}", "millis": START + datetime.timedelta(milliseconds=i),
            "micros": START + datetime.timedelta(microseconds=1500 * i),
            "day": datetime.date(1969, 12, 31) + datetime.timedelta(i),
            "clock": datetime.time(0, 0, i % 60, 2500), "money": money, "fixed_money": money,
            "unique": str(uuid.UUID(int=i)), "fixed": b"%04d" % i,
            "list": list(range(i % 4)) if i % 7 else None, "rows": [xy] * (i % 3),
            "map": {"k": i, "l": None}, "any": [None, i, i / 4][i % 3], "one": xy,
            "nothing": None, "after": xy,
        }


def write(folder):
    schema = fastavro.parse_schema(SCHEMA)
    for codec in ("null", "deflate", "snappy", "zstandard", "bzip2"):
        with open(f"{folder}/{codec}", "wb") as file:
            fastavro.writer(file, schema, rows(), codec=codec, sync_interval=3000)


def check(path):
    with open(path, "rb") as file:
        found = sorted(fastavro.reader(file), key=lambda row: row["id"])
    assert len(found) == 100, len(found)
    for i, row in enumerate(found):
        expected = {
            "id": i, "text": f"text {i}", "maybe": None if i % 3 == 0 else i / 2,
            "time": datetime.datetime.fromtimestamp(0, UTC) + datetime.timedelta(milliseconds=i),
            "span": i, "unsigned_word": decimal.Decimal(2**64 - 1 - i),
            "points": [{"x": i, "y": -i}] * (i % 3), "counts": {"a": i},
            "by_number": [{"key": i, "value": True}], "raw": bytes([i]), "small": -i % 128,
        }
        assert row == expected, f"row {i} is {row}, and should be {expected}"


if __name__ == "__main__":
    {"write": write, "check": check}[sys.argv[1]](sys.argv[2])
