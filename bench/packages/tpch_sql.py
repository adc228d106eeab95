# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
"""The TPC-H-like queries in SQL, for tables or views customer, orders and lineitem."""

from datetime import date


def day(year, month, day_of_month):
    return (date(year, month, day_of_month) - date(1970, 1, 1)).days


QUERIES = {
    "1": f"""
        SELECT returnflag, linestatus, sum(quantity), sum(extendedprice),
               sum(extendedprice * (100 - discount)),
               sum(extendedprice * (100 - discount) * (100 + tax)), sum(discount), count(*)
        FROM lineitem WHERE shipdate <= {day(1998, 9, 2)}
        GROUP BY returnflag, linestatus""",
    "3": f"""
        SELECT l.orderkey, sum(extendedprice * (100 - discount)) AS revenue, orderdate, shippriority
        FROM customer c, orders o, lineitem l
        WHERE mktsegment = 'BUILDING' AND c.custkey = o.custkey AND l.orderkey = o.orderkey
              AND orderdate < {day(1995, 3, 15)} AND shipdate > {day(1995, 3, 15)}
        GROUP BY l.orderkey, orderdate, shippriority
        ORDER BY revenue DESC, orderdate, l.orderkey LIMIT 10""",
    "6": f"""
        SELECT sum(extendedprice * discount) FROM lineitem
        WHERE shipdate >= {day(1994, 1, 1)} AND shipdate < {day(1995, 1, 1)}
              AND discount BETWEEN 5 AND 7 AND quantity < 24""",
}


def write(rows, target):
    with open(target, "w") as file:
        for row in rows:
            print(*row, sep=",", file=file)
