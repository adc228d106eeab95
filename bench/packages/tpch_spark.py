# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
"""The TPC-H-like queries by Spark, in one local process: tpch_spark.py FOLDER OUTPUT THREADS QUERY."""

import sys

import tpch_sql
from pyspark.sql import SparkSession

folder, target, threads, query = sys.argv[1:]
spark = (
    SparkSession.builder.master(f"local[{int(threads)}]")
    .config("spark.driver.bindAddress", "127.0.0.1")
    .config("spark.driver.host", "127.0.0.1")
    .config("spark.driver.memory", "4g")
    .config("spark.ui.enabled", "false")
    .config("spark.ui.showConsoleProgress", "false")
    .config("spark.log.level", "ERROR")
    .config("spark.sql.shuffle.partitions", 2 * int(threads))
    .getOrCreate()
)
for table in ("customer", "orders", "lineitem"):
    spark.read.parquet(f"{folder}/{table}.parquet").createOrReplaceTempView(table)
tpch_sql.write(spark.sql(tpch_sql.QUERIES[query]).collect(), target)
# The virtual machine is another process, which is waited for so that its time counts.
gateway = spark.sparkContext._gateway
spark.stop()
gateway.shutdown()
gateway.proc.stdin.close()
gateway.proc.wait()
