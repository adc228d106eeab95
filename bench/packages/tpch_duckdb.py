# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
"""The TPC-H-like queries by DuckDB: tpch_duckdb.py FOLDER OUTPUT THREADS QUERY."""

import sys

import duckdb
import tpch_sql

folder, target, threads, query = sys.argv[1:]
connection = duckdb.connect()
connection.execute(f"SET threads = {int(threads)}")
for table in ("customer", "orders", "lineitem"):
    connection.execute(f"CREATE VIEW {table} AS FROM read_parquet('{folder}/{table}.parquet')")
tpch_sql.write(connection.execute(tpch_sql.QUERIES[query]).fetchall(), target)
