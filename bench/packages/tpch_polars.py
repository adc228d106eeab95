# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
"""The TPC-H-like queries by Polars: tpch_polars.py FOLDER OUTPUT THREADS QUERY."""

import os
import sys
from datetime import date

folder, target, threads, query = sys.argv[1:]
os.environ["POLARS_MAX_THREADS"] = threads
import polars as pl  # noqa: E402: it reads the variable when it is imported.
from polars import col  # noqa: E402


def day(year, month, day_of_month):
    return (date(year, month, day_of_month) - date(1970, 1, 1)).days


lines = pl.scan_parquet(f"{folder}/lineitem.parquet")
disc_price = col("extendedprice") * (100 - col("discount"))
if query == "1":
    result = (
        lines.filter(col("shipdate") <= day(1998, 9, 2))
        .group_by("returnflag", "linestatus")
        .agg(
            col("quantity").sum(),
            col("extendedprice").sum().alias("base_price"),
            disc_price.sum().alias("disc_price"),
            (disc_price * (100 + col("tax"))).sum().alias("charge"),
            col("discount").sum(),
            pl.len().alias("count"),
        )
    )
elif query == "3":
    customers = pl.scan_parquet(f"{folder}/customer.parquet").filter(
        col("mktsegment") == "BUILDING"
    )
    orders = pl.scan_parquet(f"{folder}/orders.parquet").filter(
        col("orderdate") < day(1995, 3, 15)
    )
    result = (
        customers.join(orders, on="custkey")
        .join(lines.filter(col("shipdate") > day(1995, 3, 15)), on="orderkey")
        .group_by("orderkey", "orderdate", "shippriority")
        .agg(disc_price.sum().alias("revenue"))
        .sort("revenue", "orderdate", "orderkey", descending=[True, False, False])
        .head(10)
        .select("orderkey", "revenue", "orderdate", "shippriority")
    )
else:
    result = lines.filter(
        (col("shipdate") >= day(1994, 1, 1))
        & (col("shipdate") < day(1995, 1, 1))
        & col("discount").is_between(5, 7)
        & (col("quantity") < 24)
    ).select((col("extendedprice") * col("discount")).sum())
result.collect(engine="streaming").write_csv(target, include_header=False)
