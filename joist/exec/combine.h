// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// CombineStep: combines the values of each key and window. Lifted: every share folds its own input
// into a table, so that what meets at the end is one accumulator a key and share; then the tables
// are merged, a hash range a thread.
//
// A CombineFn is a struct with
//   Accumulator                                     a default-constructible type
//   Accumulator CreateAccumulator() const
//   void AddInput(Accumulator&, View<In>) const
//   void MergeAccumulators(Accumulator&, const Accumulator&) const
//   Out ExtractOutput(const Accumulator&) const
// which must not depend on the order of inputs or of merging.

#ifndef JOIST_EXEC_COMBINE_H_
#define JOIST_EXEC_COMBINE_H_

#include <algorithm>
#include <bit>
#include <deque>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "joist/exec/failure.h"
#include "joist/exec/key_table.h"
#include "joist/exec/step.h"
#include "joist/model/describe.h"

namespace joist {

template <class F>
using AccumulatorOf = std::remove_cvref_t<decltype(std::declval<const F&>().CreateAccumulator())>;
template <class F>
using CombinedOf = ElementOfT<decltype(std::declval<const F&>().ExtractOutput(
    std::declval<const AccumulatorOf<F>&>()))>;

/// A table from keys to accumulators. Small trivial accumulators lie in the slots, others behind a
/// pointer.
template <class K, class F>
class AccumulatorTable {
 public:
  using Accumulator = AccumulatorOf<F>;
  static constexpr bool kInSlot =
      std::is_trivially_copyable_v<Accumulator> && sizeof(Accumulator) <= 32;
  using Cell = std::conditional_t<kInSlot, Accumulator, Accumulator*>;
  using Table = KeyTable<K, Cell>;

  AccumulatorTable(const F* fn, size_t expected_keys, int skip_bits)
      : fn_(fn), table_(expected_keys, skip_bits) {}

  template <class Key, class Update>
  void Upsert(size_t count, Key key, Update update) {
    table_.Upsert(
        count, key, [this]() -> Cell { return Make(); },
        [&](size_t i, Cell& cell) { update(i, Of(cell)); });
  }
  static Accumulator& Of(Cell& cell) {
    if constexpr (kInSlot)
      return cell;
    else
      return *cell;
  }
  static const Accumulator& Of(const Cell& cell) {
    if constexpr (kInSlot)
      return cell;
    else
      return *cell;
  }
  const Table& table() const { return table_; }

 private:
  Cell Make() {
    if constexpr (kInSlot) {
      return fn_->CreateAccumulator();
    } else {
      return &kept_.emplace_back(fn_->CreateAccumulator());
    }
  }

  const F* fn_;
  Table table_;
  std::conditional_t<kInSlot, std::type_identity<void>, std::deque<Accumulator>> kept_;
};

template <class K, class V, class F>
class CombineBreaker final : public Breaker {
  using Out = CombinedOf<F>;
  using Table = AccumulatorTable<K, F>;
  using Slot = typename Table::Table::Slot;
  struct WindowTables {
    Window window;
    std::vector<std::unique_ptr<Table>> tables;
  };

 public:
  CombineBreaker(F fn, std::string_view step) : fn_(std::move(fn)), step_(step) {}

  std::unique_ptr<Operator> MakeSink(const OperatorContext& context) override {
    return std::make_unique<Sink>(this, context);
  }

  void Commit(Operator& sink) override {
    for (WindowTables& from : static_cast<Sink&>(sink).windows_) {
      auto to = std::find_if(windows_.begin(), windows_.end(),
                             [&](const WindowTables& w) { return w.window == from.window; });
      if (to == windows_.end()) to = windows_.insert(to, WindowTables{from.window, {}});
      for (auto& table : from.tables) to->tables.push_back(std::move(table));
    }
  }

  void Seal(int) override {}

  std::shared_ptr<Source> MakeOutput() override { return std::make_shared<Merged>(this); }

 private:
  /// A share's own tables, one a window.
  class Sink final : public Operator, public BatchReceiver<KV<K, V>> {
   public:
    Sink(const CombineBreaker* breaker, const OperatorContext& context)
        : breaker_(breaker), context_(context) {}
    Receiver* input() override { return static_cast<BatchReceiver<KV<K, V>>*>(this); }
    void Connect(int, Receiver*) override {}

    void Push(const Batch<KV<K, V>>& batch) override {
      const StepScope scope(context_.stats);
      context_.stats->elements_in += batch.count;
      ++context_.stats->batches_in;
      size_t at = 0;
      try {
        ForEachWindowRun(batch, [&](Window window, size_t first, size_t count) {
          const ColumnView<K> keys = batch.values.keys().From(first);
          const ColumnView<V> values = batch.values.values().From(first);
          const F& fn = breaker_->fn_;
          TableOf(window).Upsert(
              count, [&](size_t i) { return keys[i]; },
              [&](size_t i, auto& accumulator) {
                at = first + i;
                fn.AddInput(accumulator, values[i]);
              });
        });
      } catch (...) {
        std::string element;
        Describe(batch[at], &element);
        RethrowAsStepFailure(context_.step, element);
      }
    }

   private:
    friend class CombineBreaker;
    Table& TableOf(Window window) {
      for (size_t i = windows_.size(); i-- > 0;) {
        if (windows_[i].window == window) return *windows_[i].tables[0];
      }
      windows_.push_back({window, {}});
      windows_.back().tables.push_back(std::make_unique<Table>(&breaker_->fn_, kFirstKeys, 0));
      return *windows_.back().tables[0];
    }

    const CombineBreaker* breaker_;
    OperatorContext context_;
    std::vector<WindowTables> windows_;
  };

  static constexpr size_t kFirstKeys = 1024;
  /// Keys of a partition that is merged at once: its table stays in the second-level cache.
  static constexpr size_t kPartitionKeys = 16384;

  static int PartitionBits(const WindowTables& window) {
    size_t keys = 0;
    int least_bits = 31;
    for (const auto& table : window.tables) {
      keys += table->table().size();
      least_bits = std::min(least_bits, table->table().bits());
    }
    return std::min(least_bits, static_cast<int>(std::bit_width(keys / kPartitionKeys)));
  }

  class Merged final : public Source {
   public:
    explicit Merged(const CombineBreaker* breaker) : breaker_(breaker) {}
    Result<std::vector<SourceRange>> Split(int) override {
      std::vector<SourceRange> ranges;
      for (uint32_t i = 0; i < breaker_->windows_.size(); ++i) {
        ranges.push_back({i, 0, int64_t{1} << PartitionBits(breaker_->windows_[i]), true});
      }
      return ranges;
    }
    std::unique_ptr<Reader> MakeReader(const OperatorContext& context) override {
      return std::make_unique<MergeReader>(breaker_, context);
    }

   private:
    const CombineBreaker* breaker_;
  };

  class MergeReader final : public Reader {
   public:
    MergeReader(const CombineBreaker* breaker, const OperatorContext& context)
        : breaker_(breaker), context_(context) {}
    void Connect(Receiver* consumer) override { output_.Connect(consumer); }

    void Read(RangeTracker& tracker) override {
      const StepScope scope(context_.stats);
      const WindowTables& window = breaker_->windows_[tracker.range().item];
      meta_ = {SharedColumn<Timestamp>(window.window.max_timestamp()),
               SharedColumn<Window>(window.window),
               SharedColumn<PaneInfo>(PaneInfo::OnTimeAndOnly())};
      const int bits = PartitionBits(window);
      int64_t begin, end;
      try {
        while (tracker.Claim(1, &begin, &end)) Merge(window, static_cast<uint64_t>(begin), bits);
      } catch (...) {
        RethrowAsStepFailure(context_.step, "");
      }
    }

   private:
    void Merge(const WindowTables& window, uint64_t partition, int bits) {
      if (window.tables.size() == 1) {
        Extract(window.tables[0]->table(), partition, bits);
        return;
      }
      size_t most = 0;
      for (const auto& table : window.tables) most = std::max(most, table->table().size());
      Table merged(&breaker_->fn_, (most >> bits) + 1, bits);
      std::vector<const Slot*>& slots = slots_;
      for (const auto& table : window.tables) {
        slots.clear();
        table->table().ForEach(partition, bits, [&](const Slot& slot) { slots.push_back(&slot); });
        merged.Upsert(
            slots.size(), [&](size_t i) { return slots[i]->key(); },
            [&](size_t i, auto& accumulator) {
              breaker_->fn_.MergeAccumulators(accumulator, Table::Of(slots[i]->value));
            });
      }
      Extract(merged.table(), 0, 0);
    }

    template <class SlotTable>
    void Extract(const SlotTable& table, uint64_t partition, int bits) {
      const ColumnWriter<KV<K, Out>> writer = column_.writer();
      size_t count = 0;
      table.ForEach(partition, bits, [&](const Slot& slot) {
        writer.keys().SetView(count, slot.key());
        writer.values().Set(count, breaker_->fn_.ExtractOutput(Table::Of(slot.value)), {}, copies_);
        if (++count == kBatchSize) Flush(std::exchange(count, 0));
      });
      if (count > 0) Flush(count);
    }
    void Flush(size_t count) {
      context_.stats->elements_out += count;
      output_.Push({column_.view(), count, meta_});
      copies_.Reset();
    }

    const CombineBreaker* breaker_;
    OperatorContext context_;
    Output<KV<K, Out>> output_;
    ColumnBuffer<KV<K, Out>> column_;
    Arena copies_;
    Meta meta_;
    std::vector<const Slot*> slots_;
  };

  F fn_;
  std::string_view step_;
  std::vector<WindowTables> windows_;
};

template <class K, class V, class F>
class CombineStep final : public StepOf<CombineStep<K, V, F>, F> {
 public:
  using StepOf<CombineStep<K, V, F>, F>::StepOf;
  StepKind kind() const override { return StepKind::kGroup; }
  std::vector<const ElementType*> outputs() const override {
    return {&element_type<KV<K, CombinedOf<F>>>};
  }
  std::unique_ptr<Breaker> MakeBreaker(std::string_view step) const override {
    return std::make_unique<CombineBreaker<K, V, F>>(this->definition(), step);
  }
};

}  // namespace joist

#endif  // JOIST_EXEC_COMBINE_H_
