# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
"""Word count by DuckDB: word_count_duckdb.py INPUT OUTPUT THREADS."""

import sys

import duckdb

source, target, threads = sys.argv[1:]
connection = duckdb.connect()
connection.execute(f"SET threads = {int(threads)}")
connection.execute("SET preserve_insertion_order = false")
connection.execute(
    f"""
    COPY (
      SELECT word || ': ' || count(*)
      FROM (
        SELECT unnest(regexp_extract_all(line, '[A-Za-z'']+')) AS word
        FROM read_csv('{source}', auto_detect = false, header = false, delim = '\x01', quote = '',
                      escape = '', columns = {{'line': 'VARCHAR'}})
      )
      GROUP BY word
    ) TO '{target}' (FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER '\x01')
    """
)
