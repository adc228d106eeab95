# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
"""Count of events per user by DuckDB: json_scan_duckdb.py INPUT OUTPUT THREADS."""

import os
import sys

import duckdb

source, target, threads = sys.argv[1:]
events = os.path.getsize(source) // 408
first, tenth = 1_700_000_000_000, events // 10
connection = duckdb.connect()
connection.execute(f"SET threads = {int(threads)}")
connection.execute("SET preserve_insertion_order = false")
connection.execute(
    f"""
    COPY (
      SELECT "user" || ': ' || count(*)
      FROM read_json('{source}', format = 'newline_delimited',
                     columns = {{time: 'BIGINT', user: 'VARCHAR', kind: 'VARCHAR'}})
      WHERE time >= {first + tenth} AND time < {first + 9 * tenth} AND kind <> 'ping'
      GROUP BY "user"
    ) TO '{target}' (FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER '\\x01')
    """
)
