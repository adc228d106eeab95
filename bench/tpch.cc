// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "bench/tpch.h"

#include <sys/stat.h>

#include <cstdio>

#include "bench/digest.h"
#include "joist/io/parquet/parquet.h"

namespace joist::bench::tpch {
namespace {

constexpr int32_t kFirstDay = Day(1992, 1, 1);
constexpr int32_t kLastOrder = Day(1998, 8, 2);
constexpr int32_t kToday = Day(1995, 6, 17);
constexpr int64_t kParts = 200'000;
constexpr int64_t kGroupRows = 500'000;

/// Numbers that look random, one after the other.
class Random {
 public:
  Random(uint64_t table, int64_t row)
      : state_(SplitMix64(table << 56 ^ static_cast<uint64_t>(row))) {}
  /// One of least … most.
  int64_t Between(int64_t least, int64_t most) {
    state_ = SplitMix64(state_);
    const auto span = static_cast<uint64_t>(most - least + 1);
    return least + static_cast<int64_t>(static_cast<unsigned __int128>(state_) * span >> 64);
  }
  template <size_t kSize>
  std::string OneOf(const char* const (&values)[kSize]) {
    return values[Between(0, kSize - 1)];
  }

 private:
  uint64_t state_;
};

constexpr const char* kSegments[] = {"AUTOMOBILE", "BUILDING", "FURNITURE", "MACHINERY",
                                     "HOUSEHOLD"};
constexpr const char* kPriorities[] = {"1-URGENT", "2-HIGH", "3-MEDIUM", "4-NOT SPECIFIED",
                                       "5-LOW"};
constexpr const char* kModes[] = {"REG AIR", "AIR", "RAIL", "SHIP", "TRUCK", "MAIL", "FOB"};
constexpr const char* kWords[] = {"furiously", "quickly",  "carefully", "blithely",
                                  "packages",  "deposits", "requests",  "accounts"};
enum Table : uint8_t { kCustomer = 1, kOrder, kLine, kLineCount };

int64_t LinesOfOrder(int64_t index) { return Random(kLineCount, index).Between(1, 7); }

Order OrderOf(int64_t index, int64_t customers) {
  Random random(kOrder, index);
  Order order;
  // Eight of each 32 keys are used, and a third of the customers has no orders.
  order.orderkey = index / 8 * 32 + index % 8 + 1;
  order.custkey = random.Between(1, customers);
  if (order.custkey % 3 == 0) order.custkey += order.custkey < customers ? 1 : -1;
  order.orderdate = static_cast<int32_t>(random.Between(kFirstDay, kLastOrder));
  order.orderpriority = random.OneOf(kPriorities);
  order.clerk = "Clerk#" + std::to_string(random.Between(1, 1000));
  return order;
}

LineItem LineOf(const Order& order, int32_t number) {
  Random random(kLine, order.orderkey * 8 + number);
  LineItem line;
  line.orderkey = order.orderkey;
  line.linenumber = number;
  line.partkey = random.Between(1, kParts);
  line.quantity = random.Between(1, 50);
  const int64_t retail_price = 90'000 + line.partkey / 10 % 20'001 + 100 * (line.partkey % 1000);
  line.extendedprice = line.quantity * retail_price;
  line.discount = random.Between(0, 10);
  line.tax = random.Between(0, 8);
  line.shipdate = order.orderdate + static_cast<int32_t>(random.Between(1, 121));
  line.receiptdate = line.shipdate + static_cast<int32_t>(random.Between(1, 30));
  line.returnflag = line.receiptdate > kToday ? "N" : random.Between(0, 1) == 0 ? "R" : "A";
  line.linestatus = line.shipdate > kToday ? "O" : "F";
  line.shipmode = random.OneOf(kModes);
  line.comment = random.OneOf(kWords) + " " + random.OneOf(kWords) + " " +
                 std::to_string(random.Between(0, 99'999));
  return line;
}

template <class Row>
using ForEachRow = std::function<void(const std::function<void(const Row&)>&)>;

template <class Row>
bool WriteFile(const std::string& path, const ForEachRow<Row>& for_each) {
  struct stat info;
  if (stat(path.c_str(), &info) == 0) return true;
  std::fprintf(stderr, "making %s\n", path.c_str());
  const std::string unfinished = path + ".unfinished";
  std::remove(unfinished.c_str());
  auto file = parquet::RowFileWriter::Create(unfinished, path, SchemaOf<Row>(),
                                             parquet::Codec::kSnappy, kGroupRows);
  Status status = file.status();
  for_each([&](const Row& row) {
    if (!status.ok()) return;
    parquet::PutRow(row, file->columns());
    status = file->EndRow();
  });
  if (status.ok()) status = file->Close();
  if (status.ok() && std::rename(unfinished.c_str(), path.c_str()) == 0) return true;
  std::fprintf(stderr, "%s: %s\n", path.c_str(), status.message().c_str());
  return false;
}

}  // namespace

int64_t Tables::CountLines() const {
  int64_t count = 0;
  for (int64_t i = 0; i < orders; ++i) count += LinesOfOrder(i);
  return count;
}

void Tables::ForEachCustomer(const std::function<void(const Customer&)>& take) const {
  for (int64_t i = 1; i <= customers; ++i) {
    take({i, "Customer#" + std::to_string(i), Random(kCustomer, i).OneOf(kSegments)});
  }
}

void Tables::ForEachOrder(const std::function<void(const Order&)>& take) const {
  for (int64_t i = 0; i < orders; ++i) take(OrderOf(i, customers));
}

void Tables::ForEachLine(const std::function<void(const Order&, const LineItem&)>& take) const {
  for (int64_t i = 0; i < orders; ++i) {
    const Order order = OrderOf(i, customers);
    const auto lines = static_cast<int32_t>(LinesOfOrder(i));
    for (int32_t number = 1; number <= lines; ++number) take(order, LineOf(order, number));
  }
}

bool Tables::Write() const {
  mkdir(folder.c_str(), 0777);
  return WriteFile<Customer>(CustomerFile(), [&](const auto& put) { ForEachCustomer(put); }) &&
         WriteFile<Order>(OrdersFile(), [&](const auto& put) { ForEachOrder(put); }) &&
         WriteFile<LineItem>(LineItemFile(), [&](const auto& put) {
           ForEachLine([&](const Order&, const LineItem& line) { put(line); });
         });
}

std::string Pricing::Line(std::string_view returnflag, std::string_view linestatus) const {
  std::string line = std::string(returnflag) + "," + std::string(linestatus);
  for (const int64_t number : {quantity, base_price, disc_price, charge, discount, count}) {
    line += "," + std::to_string(number);
  }
  return line;
}

std::string Revenue::Line() const {
  return std::to_string(orderkey) + "," + std::to_string(revenue) + "," +
         std::to_string(orderdate) + "," + std::to_string(shippriority);
}

}  // namespace joist::bench::tpch
