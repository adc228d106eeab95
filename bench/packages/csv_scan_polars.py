# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
"""Filter and sum by Polars: csv_scan_polars.py INPUT OUTPUT THREADS."""

import os
import sys

source, target, threads = sys.argv[1:]
os.environ["POLARS_MAX_THREADS"] = threads
import polars as pl  # noqa: E402: it reads the variable when it is imported.

sums = (
    pl.scan_csv(source)
    .filter(pl.col("kind") < 50)
    .group_by("key")
    .agg(pl.col("value").sum())
    .collect(engine="streaming")
)
sums.write_csv(target, include_header=False)
