// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Queries 1 and 6, of line items alone.

#include <string_view>

#include "bench/joist_tpch.h"
#include "joist/io/parquet/parquet.h"
#include "joist/transforms/group_by_fields.h"
#include "joist/transforms/select.h"

namespace joist::bench::tpch {

/// What is looked at of a line item.
struct PricedLine {
  std::string returnflag;
  std::string linestatus;
  int64_t quantity = 0;
  int64_t extendedprice = 0;
  int64_t discount = 0;
  int64_t tax = 0;
};
JOIST_ROW(PricedLine, returnflag, linestatus, quantity, extendedprice, discount, tax)

/// With what is computed of it.
struct ChargedLine {
  std::string returnflag;
  std::string linestatus;
  int64_t quantity = 0;
  int64_t base_price = 0;
  int64_t disc_price = 0;
  int64_t charge = 0;
  int64_t discount = 0;
};
JOIST_ROW(ChargedLine, returnflag, linestatus, quantity, base_price, disc_price, charge, discount)

/// A group.
struct PricingRow {
  std::string returnflag;
  std::string linestatus;
  int64_t quantity = 0;
  int64_t base_price = 0;
  int64_t disc_price = 0;
  int64_t charge = 0;
  int64_t discount = 0;
  int64_t count = 0;
};
JOIST_ROW(PricingRow, returnflag, linestatus, quantity, base_price, disc_price, charge, discount,
          count)

/// What a line item adds.
struct LineNumbers {
  int64_t quantity = 0;
  int64_t price = 0;
  int64_t discount = 0;
  int64_t tax = 0;
};
JOIST_ROW(LineNumbers, quantity, price, discount, tax)

/// What query 6 looks at.
struct DiscountedPrice {
  int64_t extendedprice = 0;
  int64_t discount = 0;
};
JOIST_ROW(DiscountedPrice, extendedprice, discount)

namespace {

struct PricingFn {
  Pricing CreateAccumulator() const { return {}; }
  void AddInput(Pricing& to, const LineNumbers& line) const {
    to.Add(line.quantity, line.price, line.discount, line.tax);
  }
  void MergeAccumulators(Pricing& to, const Pricing& from) const { to.Merge(from); }
  Pricing ExtractOutput(const Pricing& from) const { return from; }
};

PCollection<PricedLine> Lines(Pipeline& p, const Tables& tables) {
  return p | "Read" >> parquet::Read<PricedLine>(tables.LineItemFile())
                           .Where(parquet::Column("shipdate") <= kPricedUntil);
}

}  // namespace

PCollection<std::string> PricingByFields(Pipeline& p, const Tables& tables) {
  return Lines(p, tables) |
         "Charge" >> Map([](const PricedLine& line) {
           const int64_t disc_price = line.extendedprice * (100 - line.discount);
           return ChargedLine{line.returnflag,    line.linestatus, line.quantity,
                              line.extendedprice, disc_price,      disc_price * (100 + line.tax),
                              line.discount};
         }) |
         "Pricing" >> GroupByFields<"returnflag", "linestatus">()
                          .Sum<"quantity", "quantity">()
                          .Sum<"base_price", "base_price">()
                          .Sum<"disc_price", "disc_price">()
                          .Sum<"charge", "charge">()
                          .Sum<"discount", "discount">()
                          .Count<"count">() |
         "Row" >> Convert<PricingRow>() |
         "Line" >> Map([](const PricingRow& row) {
           return Pricing{row.quantity, row.base_price, row.disc_price,
                          row.charge,   row.discount,   row.count}
               .Line(row.returnflag, row.linestatus);
         });
}

PCollection<std::string> PricingByFunctions(Pipeline& p, const Tables& tables) {
  return Lines(p, tables) | "Key" >> Map([](const PricedLine& line) {
                              return KV<int32_t, LineNumbers>{
                                  line.returnflag[0] << 8 | line.linestatus[0],
                                  {line.quantity, line.extendedprice, line.discount, line.tax}};
                            }) |
         "Pricing" >> Combine::PerKey(PricingFn()) |
         "Line" >> Map([](const KV<int32_t, Pricing>& group) {
           return group.value.Line(std::string(1, static_cast<char>(group.key >> 8)),
                                   std::string(1, static_cast<char>(group.key & 0xFF)));
         });
}

PCollection<std::string> Forecast(Pipeline& p, const Tables& tables) {
  using parquet::Column;
  return p |
         "Lines" >> parquet::Read<DiscountedPrice>(tables.LineItemFile())
                        .Where(Column("shipdate") >= kForecastFrom &&
                               Column("shipdate") < kForecastUntil &&
                               Column("discount") >= kLeastDiscount &&
                               Column("discount") <= kMostDiscount &&
                               Column("quantity") < kQuantityBelow) |
         "Revenue" >>
             Map([](const DiscountedPrice& line) { return line.extendedprice * line.discount; }) |
         "Sum" >> Sum::Globally() | "Line" >> Map([](int64_t sum) { return std::to_string(sum); });
}

}  // namespace joist::bench::tpch
