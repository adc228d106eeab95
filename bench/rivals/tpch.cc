// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "bench/rivals/tpch.h"

#include <algorithm>
#include <array>
#include <barrier>
#include <bit>
#include <thread>

#include "bench/rivals/group_pairs.h"
#include "bench/rivals/record_batches.h"

namespace joist::bench::tpch {
namespace {

// Columns of the files.
enum CustomerColumn : uint8_t { kCustKey = 0, kMktSegment = 2 };
enum OrdersColumn : uint8_t { kOrderKey = 0, kOrderCust = 1, kOrderDate = 2, kShipPriority = 3 };
enum LineColumn : uint8_t {
  kLineOrder = 0,
  kQuantity = 3,
  kPrice = 4,
  kDiscount = 5,
  kTax = 6,
  kReturnFlag = 7,
  kLineStatus = 8,
  kShipDate = 9
};

template <typename Work>
void OnThreads(int threads, Work work) {
  std::vector<std::thread> others;
  for (int i = 1; i < threads; ++i) others.emplace_back(work, static_cast<size_t>(i));
  work(size_t{0});
  for (std::thread& thread : others) thread.join();
}

size_t LetterOf(std::string_view text) { return static_cast<size_t>(text.at(0) - 'A') % 26; }

/// Orders by key; of each its place in the arrays of revenues.
class OrderTable {
 public:
  struct Chosen {
    int64_t orderkey;
    int32_t orderdate;
    int32_t shippriority;
  };

  void Build(std::vector<Chosen> orders) {
    orders_ = std::move(orders);
    bits_ = std::max(4, static_cast<int>(std::bit_width(2 * orders_.size())));
    slots_.assign(size_t{1} << bits_, Slot{});
    for (size_t i = 0; i < orders_.size(); ++i) {
      size_t slot = Home(orders_[i].orderkey);
      while (slots_[slot].key != 0) slot = (slot + 1) & (slots_.size() - 1);
      slots_[slot] = {orders_[i].orderkey, i};
    }
  }
  const std::vector<Chosen>& orders() const { return orders_; }
  size_t Home(int64_t key) const { return HashKey(key) >> (64 - bits_); }
  void Prefetch(size_t home) const { __builtin_prefetch(&slots_[home]); }
  /// Adds to the revenue of the order of that key, if it is here.
  void Add(size_t home, int64_t key, int64_t amount, std::vector<int64_t>& revenues) const {
    for (size_t slot = home; slots_[slot].key != 0; slot = (slot + 1) & (slots_.size() - 1)) {
      if (slots_[slot].key != key) continue;
      revenues[slots_[slot].place] += amount;
      return;
    }
  }

 private:
  struct Slot {
    int64_t key;  // 0: free; no order has it.
    size_t place;
  };
  int bits_ = 4;
  std::vector<Slot> slots_;
  std::vector<Chosen> orders_;
};

/// Lines that wait until their slots have come from memory.
class LineBlock {
 public:
  LineBlock(const OrderTable& orders, std::vector<int64_t>& revenues)
      : orders_(orders), revenues_(revenues) {}

  void Add(int64_t key, int64_t amount, bool wanted) {
    const size_t home = orders_.Home(key);
    orders_.Prefetch(home);
    lines_[count_] = {home, key, amount};
    count_ += wanted ? 1 : 0;
    if (count_ == lines_.size()) Flush();
  }
  void Flush() {
    for (size_t i = 0; i < count_; ++i) {
      orders_.Add(lines_[i].home, lines_[i].key, lines_[i].amount, revenues_);
    }
    count_ = 0;
  }

 private:
  struct Line {
    size_t home;
    int64_t key;
    int64_t amount;
  };
  const OrderTable& orders_;
  std::vector<int64_t>& revenues_;
  std::array<Line, 64> lines_;
  size_t count_ = 0;
};

/// Whether a customer, by key, belongs to the segment.
std::vector<char> CustomersOfSegment(const Tables& tables) {
  std::vector<char> wanted;
  RecordBatches customers(tables.CustomerFile(), {kCustKey, kMktSegment}, {kMktSegment});
  customers.ForEach([&](const ::arrow::RecordBatch& batch) {
    const auto* key = ColumnOf<int64_t>(batch, 0);
    const TextColumn segment(batch, 1);
    for (int64_t i = 0; i < batch.num_rows(); ++i) {
      const auto at = static_cast<size_t>(key[i]);
      if (at >= wanted.size()) wanted.resize(2 * at + 1);
      wanted[at] = segment.dictionary[static_cast<size_t>(segment.numbers[i])] == kSegment ? 1 : 0;
    }
  });
  return wanted;
}

}  // namespace

std::vector<std::string> PricingByHand(const Tables& tables, int threads) {
  static constexpr size_t kLetters = 26;
  using Groups = std::array<Pricing, kLetters * kLetters>;
  std::vector<Groups> groups(static_cast<size_t>(threads));
  RecordBatches lines(tables.LineItemFile(),
                      {kQuantity, kPrice, kDiscount, kTax, kReturnFlag, kLineStatus, kShipDate},
                      {kReturnFlag, kLineStatus});
  OnThreads(threads, [&](size_t thread) {
    Groups& mine = groups[thread];
    lines.ForEach([&](const ::arrow::RecordBatch& batch) {
      const auto* quantity = ColumnOf<int64_t>(batch, 0);
      const auto* price = ColumnOf<int64_t>(batch, 1);
      const auto* discount = ColumnOf<int64_t>(batch, 2);
      const auto* tax = ColumnOf<int64_t>(batch, 3);
      const TextColumn flag(batch, 4), status(batch, 5);
      const auto* shipdate = ColumnOf<int32_t>(batch, 6);
      std::vector<size_t> row, column;
      for (const std::string_view text : flag.dictionary) row.push_back(LetterOf(text) * kLetters);
      for (const std::string_view text : status.dictionary) column.push_back(LetterOf(text));
      for (int64_t i = 0; i < batch.num_rows(); ++i) {
        if (shipdate[i] > kPricedUntil) continue;
        mine[row[static_cast<size_t>(flag.numbers[i])] +
             column[static_cast<size_t>(status.numbers[i])]]
            .Add(quantity[i], price[i], discount[i], tax[i]);
      }
    });
  });
  std::vector<std::string> result;
  for (size_t i = 0; i < groups[0].size(); ++i) {
    for (size_t thread = 1; thread < groups.size(); ++thread) groups[0][i].Merge(groups[thread][i]);
    if (groups[0][i].count == 0) continue;
    result.push_back(groups[0][i].Line(std::string(1, static_cast<char>('A' + i / kLetters)),
                                       std::string(1, static_cast<char>('A' + i % kLetters))));
  }
  return result;
}

std::vector<std::string> ShippingByHand(const Tables& tables, int threads) {
  std::vector<char> customers;
  OrderTable table;
  std::vector<std::vector<OrderTable::Chosen>> chosen(static_cast<size_t>(threads));
  std::vector<std::vector<int64_t>> revenues(static_cast<size_t>(threads));
  RecordBatches orders(tables.OrdersFile(), {kOrderKey, kOrderCust, kOrderDate, kShipPriority});
  RecordBatches lines(tables.LineItemFile(), {kLineOrder, kPrice, kDiscount, kShipDate});
  std::barrier complete(threads);
  OnThreads(threads, [&](size_t thread) {
    if (thread == 0) customers = CustomersOfSegment(tables);
    complete.arrive_and_wait();
    orders.ForEach([&](const ::arrow::RecordBatch& batch) {
      const auto* key = ColumnOf<int64_t>(batch, 0);
      const auto* custkey = ColumnOf<int64_t>(batch, 1);
      const auto* date = ColumnOf<int32_t>(batch, 2);
      const auto* priority = ColumnOf<int32_t>(batch, 3);
      for (int64_t i = 0; i < batch.num_rows(); ++i) {
        if (date[i] >= kPlacedBefore || customers[static_cast<size_t>(custkey[i])] == 0) continue;
        chosen[thread].push_back({key[i], date[i], priority[i]});
      }
    });
    complete.arrive_and_wait();
    if (thread == 0) {
      for (size_t i = 1; i < chosen.size(); ++i) {
        chosen[0].insert(chosen[0].end(), chosen[i].begin(), chosen[i].end());
      }
      table.Build(std::move(chosen[0]));
    }
    complete.arrive_and_wait();
    revenues[thread].resize(table.orders().size());
    LineBlock block(table, revenues[thread]);
    lines.ForEach([&](const ::arrow::RecordBatch& batch) {
      const auto* key = ColumnOf<int64_t>(batch, 0);
      const auto* price = ColumnOf<int64_t>(batch, 1);
      const auto* discount = ColumnOf<int64_t>(batch, 2);
      const auto* shipdate = ColumnOf<int32_t>(batch, 3);
      for (int64_t i = 0; i < batch.num_rows(); ++i) {
        block.Add(key[i], price[i] * (100 - discount[i]), shipdate[i] > kPlacedBefore);
      }
    });
    block.Flush();
  });

  std::vector<Revenue> all;
  for (size_t i = 0; i < table.orders().size(); ++i) {
    const OrderTable::Chosen& order = table.orders()[i];
    Revenue of_order{0, order.orderdate, order.shippriority, order.orderkey};
    for (const std::vector<int64_t>& of_thread : revenues) of_order.revenue += of_thread[i];
    if (of_order.revenue > 0) all.push_back(of_order);
  }
  const size_t count = std::min<size_t>(kTopOrders, all.size());
  std::partial_sort(all.begin(), all.begin() + static_cast<ptrdiff_t>(count), all.end(),
                    [](const Revenue& a, const Revenue& b) { return b < a; });
  std::vector<std::string> result;
  for (size_t i = 0; i < count; ++i) result.push_back(all[i].Line());
  return result;
}

std::vector<std::string> ForecastByHand(const Tables& tables, int threads) {
  std::vector<int64_t> sums(static_cast<size_t>(threads));
  RecordBatches lines(tables.LineItemFile(), {kQuantity, kPrice, kDiscount, kShipDate});
  OnThreads(threads, [&](size_t thread) {
    int64_t sum = 0;
    lines.ForEach([&](const ::arrow::RecordBatch& batch) {
      const auto* quantity = ColumnOf<int64_t>(batch, 0);
      const auto* price = ColumnOf<int64_t>(batch, 1);
      const auto* discount = ColumnOf<int64_t>(batch, 2);
      const auto* shipdate = ColumnOf<int32_t>(batch, 3);
      for (int64_t i = 0; i < batch.num_rows(); ++i) {
        const bool wanted = (shipdate[i] >= kForecastFrom) & (shipdate[i] < kForecastUntil) &
                            (discount[i] >= kLeastDiscount) & (discount[i] <= kMostDiscount) &
                            (quantity[i] < kQuantityBelow);
        sum += wanted ? price[i] * discount[i] : 0;
      }
    });
    sums[thread] = sum;
  });
  int64_t sum = 0;
  for (const int64_t of_thread : sums) sum += of_thread;
  return {std::to_string(sum)};
}

}  // namespace joist::bench::tpch
