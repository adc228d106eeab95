# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
"""Count of events per user by Polars: json_scan_polars.py INPUT OUTPUT THREADS."""

import os
import sys

source, target, threads = sys.argv[1:]
os.environ["POLARS_MAX_THREADS"] = threads
import polars as pl  # noqa: E402: it reads the variable when it is imported.

events = os.path.getsize(source) // 408
first, tenth = 1_700_000_000_000, events // 10
counts = (
    pl.scan_ndjson(source, schema={"time": pl.Int64, "user": pl.String, "kind": pl.String})
    .filter(
        (pl.col("time") >= first + tenth)
        & (pl.col("time") < first + 9 * tenth)
        & (pl.col("kind") != "ping")
    )
    .group_by("user")
    .len()
    .collect(engine="streaming")
)
counts.select(pl.format("{}: {}", "user", "len")).write_csv(
    target, include_header=False, quote_style="never"
)
