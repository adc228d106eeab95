# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
"""Filter and sum by DuckDB: csv_scan_duckdb.py INPUT OUTPUT THREADS."""

import sys

import duckdb

source, target, threads = sys.argv[1:]
connection = duckdb.connect()
connection.execute(f"SET threads = {int(threads)}")
connection.execute("SET preserve_insertion_order = false")
connection.execute(
    f"""
    COPY (SELECT key, sum(value) FROM read_csv('{source}') WHERE kind < 50 GROUP BY key)
    TO '{target}' (FORMAT csv, HEADER false)
    """
)
