// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Query 3, of three tables.

#include "bench/joist_tpch.h"

#include <vector>

#include "joist/io/parquet/parquet.h"
#include "joist/transforms/join.h"
#include "joist/transforms/top.h"

namespace joist::bench::tpch {

// What is looked at of the tables' rows.
struct CustomerKey {
  int64_t custkey = 0;
};
JOIST_ROW(CustomerKey, custkey)
struct PlacedOrder {
  int64_t orderkey = 0;
  int64_t custkey = 0;
  int32_t orderdate = 0;
  int32_t shippriority = 0;
};
JOIST_ROW(PlacedOrder, orderkey, custkey, orderdate, shippriority)
struct LineRevenue {
  int64_t orderkey = 0;
  int64_t extendedprice = 0;
  int64_t discount = 0;
};
JOIST_ROW(LineRevenue, orderkey, extendedprice, discount)

PCollection<std::string> Shipping(Pipeline& p, const Tables& tables) {
  const auto customers = p |
                         "Customers" >> parquet::Read<CustomerKey>(tables.CustomerFile())
                                            .Where(parquet::Column("mktsegment") == kSegment) |
                         "Of the segment" >> Map([](const CustomerKey& row) {
                           return KV<int64_t, int64_t>{row.custkey, 1};
                         });
  const auto orders = p |
                      "Orders" >> parquet::Read<PlacedOrder>(tables.OrdersFile())
                                      .Where(parquet::Column("orderdate") < kPlacedBefore) |
                      "By customer" >> Map([](const PlacedOrder& order) {
                        return KV<int64_t, PlacedOrder>{order.custkey, order};
                      });
  const auto chosen = Join::InnerBroadcast("Of customers", orders, customers) |
                      "By order" >> Map([](const KV<int64_t, KV<PlacedOrder, int64_t>>& joined) {
                        const PlacedOrder& order = joined.value.key;
                        return KV<int64_t, PlacedOrder>{order.orderkey, order};
                      });
  const auto lines =
      p |
      "Lines" >> parquet::Read<LineRevenue>(tables.LineItemFile())
                     .Where(parquet::Column("shipdate") > kPlacedBefore) |
      "Revenue" >> Map([](const LineRevenue& line) {
        return KV<int64_t, int64_t>{line.orderkey, line.extendedprice * (100 - line.discount)};
      });
  return CoGroupByKey("Group", lines, chosen) |
         "Revenue of order" >> ParDo([](const KV<int64_t, CoGbkResult<int64_t, PlacedOrder>>& group,
                                        Emit<Revenue> emit) {
           const auto& [amounts, of_key] = group.value;
           for (const PlacedOrder& order : of_key) {
             int64_t revenue = 0;
             for (const int64_t amount : amounts) revenue += amount;
             if (revenue > 0) {
               emit(Revenue{revenue, order.orderdate, order.shippriority, order.orderkey});
             }
           }
         }) |
         "Top" >> Top::Largest(kTopOrders) |
         "Line" >> FlatMap([](const std::vector<Revenue>& top, Emit<std::string> emit) {
           for (const Revenue& order : top) emit(order.Line());
         });
}

}  // namespace joist::bench::tpch
