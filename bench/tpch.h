// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// The tables of the TPC-H-like queries: customer, orders and lineitem with the columns that queries
// 1, 3 and 6 look at and some that they don't, made by the rules of TPC-H's specification (TPC
// Benchmark H, clause 4.2.3) from a sequence of random numbers of our own. It is no TPC-H: figures
// are comparable within a run only.
//
// Money is in cents, discounts and taxes in hundredths, days are counted from 1970-01-01, so that
// everybody computes with integers and results are the same to the last digit. Rows are a function
// of the order's or customer's number.

#ifndef JOIST_BENCH_TPCH_H_
#define JOIST_BENCH_TPCH_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <tuple>

#include "joist/joist.h"

namespace joist::bench::tpch {

/// Days since 1970-01-01.
constexpr int32_t Day(int year, unsigned month, unsigned day) {
  return static_cast<int32_t>(
      (std::chrono::sys_days(std::chrono::year(year) / std::chrono::month(month) /
                             std::chrono::day(day)))
          .time_since_epoch()
          .count());
}

struct Customer {
  int64_t custkey = 0;
  std::string name;
  std::string mktsegment;
};
JOIST_ROW(Customer, custkey, name, mktsegment)

struct Order {
  int64_t orderkey = 0;
  int64_t custkey = 0;
  int32_t orderdate = 0;
  int32_t shippriority = 0;
  std::string orderpriority;
  std::string clerk;
};
JOIST_ROW(Order, orderkey, custkey, orderdate, shippriority, orderpriority, clerk)

struct LineItem {
  int64_t orderkey = 0;
  int64_t partkey = 0;
  int32_t linenumber = 0;
  int64_t quantity = 0;
  int64_t extendedprice = 0;
  int64_t discount = 0;
  int64_t tax = 0;
  std::string returnflag;
  std::string linestatus;
  int32_t shipdate = 0;
  int32_t receiptdate = 0;
  std::string shipmode;
  std::string comment;
};
JOIST_ROW(LineItem, orderkey, partkey, linenumber, quantity, extendedprice, discount, tax,
          returnflag, linestatus, shipdate, receiptdate, shipmode, comment)

/// Of scale 1: 150,000 customers, 1,500,000 orders, about 6,000,000 line items.
struct Tables {
  int64_t customers;
  int64_t orders;
  std::string folder;

  std::string CustomerFile() const { return folder + "/customer.parquet"; }
  std::string OrdersFile() const { return folder + "/orders.parquet"; }
  std::string LineItemFile() const { return folder + "/lineitem.parquet"; }

  int64_t CountLines() const;
  /// Calls take(row) for each row of a table, in the files' order.
  void ForEachCustomer(const std::function<void(const Customer&)>& take) const;
  void ForEachOrder(const std::function<void(const Order&)>& take) const;
  void ForEachLine(const std::function<void(const Order&, const LineItem&)>& take) const;

  /// Writes the files that are missing; false after a message.
  bool Write() const;
};

// --- What the queries ask
// -------------------------------------------------------------------------

/// Query 1, pricing summary report: line items shipped until then, by return flag and line status.
/// Averages are left as what they are computed from, the sums and the count.
inline constexpr int32_t kPricedUntil = Day(1998, 9, 2);
struct Pricing {
  int64_t quantity = 0;
  int64_t base_price = 0;  ///< Cents.
  int64_t disc_price = 0;  ///< Hundredths of cents.
  int64_t charge = 0;      ///< Ten-thousandths of cents.
  int64_t discount = 0;
  int64_t count = 0;

  void Add(int64_t line_quantity, int64_t price, int64_t line_discount, int64_t tax) {
    quantity += line_quantity;
    base_price += price;
    disc_price += price * (100 - line_discount);
    charge += price * (100 - line_discount) * (100 + tax);
    discount += line_discount;
    ++count;
  }
  void Merge(const Pricing& other) {
    quantity += other.quantity;
    base_price += other.base_price;
    disc_price += other.disc_price;
    charge += other.charge;
    discount += other.discount;
    count += other.count;
  }
  /// A line of the result: "A,F,…", then the numbers in the order of the fields.
  std::string Line(std::string_view returnflag, std::string_view linestatus) const;
};
JOIST_ROW(Pricing, quantity, base_price, disc_price, charge, discount, count)

/// Query 3, shipping priority: the ten orders of greatest revenue that were placed before the day
/// by customers of the segment, and of which not all was shipped.
inline constexpr std::string_view kSegment = "BUILDING";
inline constexpr int32_t kPlacedBefore = Day(1995, 3, 15);
inline constexpr int64_t kTopOrders = 10;
struct Revenue {
  int64_t revenue = 0;  ///< Hundredths of cents.
  int32_t orderdate = 0;
  int32_t shippriority = 0;
  int64_t orderkey = 0;

  std::string Line() const;
  /// Whether it comes behind `other`: less revenue; then a later day, then a higher key.
  friend bool operator<(const Revenue& a, const Revenue& b) {
    return std::tie(a.revenue, b.orderdate, b.orderkey) <
           std::tie(b.revenue, a.orderdate, a.orderkey);
  }
};
JOIST_ROW(Revenue, revenue, orderdate, shippriority, orderkey)

/// Query 6, forecasting revenue change: what line items of a year would have brought without a
/// discount of five to seven hundredths, if there were less than 24 of them.
inline constexpr int32_t kForecastFrom = Day(1994, 1, 1);
inline constexpr int32_t kForecastUntil = Day(1995, 1, 1);
inline constexpr int64_t kLeastDiscount = 5;
inline constexpr int64_t kMostDiscount = 7;
inline constexpr int64_t kQuantityBelow = 24;

}  // namespace joist::bench::tpch

#endif  // JOIST_BENCH_TPCH_H_
