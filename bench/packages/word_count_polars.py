# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
"""Word count by Polars: word_count_polars.py INPUT OUTPUT THREADS."""

import os
import sys

source, target, threads = sys.argv[1:]
os.environ["POLARS_MAX_THREADS"] = threads
import polars as pl  # noqa: E402: it reads the variable when it is imported.

lines = pl.scan_csv(
    source, has_header=False, separator="\x01", quote_char=None, schema={"line": pl.String}
)
counts = (
    lines.select(pl.col("line").str.extract_all(r"[A-Za-z']+").alias("word"))
    .explode("word")
    .drop_nulls()
    .group_by("word")
    .len()
    .collect(engine="streaming")
)
counts.select(pl.format("{}: {}", "word", "len")).write_csv(
    target, include_header=False, quote_style="never"
)
