// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// CombineStep: combines the values of each key and window. Lifted: every share folds its own input
// into a table, so that what meets at the end is one accumulator a key and share; then the tables
// are merged, a hash range a thread. A table that would exceed the share's part of the memory
// budget goes to disk as a run in the order of its hashes, and a new one begins.
//
// A CombineFn is a struct with
//   Accumulator                                     a default-constructible type
//   Accumulator CreateAccumulator() const
//   void AddInput(Accumulator&, View<In>) const
//   void MergeAccumulators(Accumulator&, const Accumulator&) const
//   Out ExtractOutput(const Accumulator&) const
// and optionally
//   bool HasOutput(const Accumulator&) const        whether there is a result, of no input say
// which must not depend on the order of inputs or of merging.

#ifndef JOIST_EXEC_COMBINE_H_
#define JOIST_EXEC_COMBINE_H_

#include <algorithm>
#include <bit>
#include <cstring>
#include <deque>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "joist/exec/accumulator_code.h"
#include "joist/exec/failure.h"
#include "joist/exec/fold_groups.h"
#include "joist/exec/scattered.h"
#include "joist/exec/step.h"
#include "joist/exec/stream_combine.h"
#include "joist/exec/window_shares.h"
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
  using Key = GroupKey<K>;
  using Accumulator = AccumulatorOf<F>;
  static constexpr bool kInSlot =
      std::is_trivially_copyable_v<Accumulator> && sizeof(Accumulator) <= 32;
  using Cell = std::conditional_t<kInSlot, Accumulator, Accumulator*>;
  using Table = KeyTable<typename Key::Table, Cell>;
  using Slot = typename Table::Slot;

  AccumulatorTable(const F* fn, size_t expected_keys, int skip_bits)
      : fn_(fn), table_(expected_keys, skip_bits) {}

  template <class KeyAt, class Update>
  void Upsert(size_t count, KeyAt key, Update update) {
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
  void set_most_bytes(size_t bytes) { table_.set_most_bytes(bytes); }
  void Clear() {
    table_.Clear();
    if constexpr (!kInSlot) {
      kept_.clear();
      bytes_of_one_ = sizeof(Accumulator);
      measured_at_ = 0;
    }
  }

  /// Bytes held; what accumulators hold themselves is measured on some of them now and then.
  int64_t held_bytes() {
    size_t bytes = table_.held_bytes();
    if constexpr (!kInSlot) {
      Measure();
      bytes += kept_.size() * bytes_of_one_;
    }
    return static_cast<int64_t>(bytes);
  }

 private:
  Cell Make() {
    if constexpr (kInSlot) {
      return fn_->CreateAccumulator();
    } else {
      return &kept_.emplace_back(fn_->CreateAccumulator());
    }
  }
  /// Accumulators may grow with each input: looks at a few at every hundredth call, and when their
  /// number has doubled.
  void Measure() {
    if constexpr (AccumulatorCode<Accumulator>::kExists && !kInSlot) {
      if (++calls_ % 100 != 0 && kept_.size() < 2 * measured_at_) return;
      measured_at_ = kept_.size();
      constexpr size_t kSamples = 16;
      std::string bytes;
      size_t samples = 0;
      for (size_t i = 0; i < kept_.size(); i += kept_.size() / kSamples + 1, ++samples) {
        AccumulatorCode<Accumulator>::Encode(kept_[i], &bytes);
      }
      // In memory, containers take about twice what they are encoded in.
      if (samples > 0) bytes_of_one_ = sizeof(Accumulator) + 2 * bytes.size() / samples;
    }
  }

  const F* fn_;
  Table table_;
  std::conditional_t<kInSlot, std::type_identity<void>, std::deque<Accumulator>> kept_;
  size_t bytes_of_one_ = sizeof(Accumulator);
  size_t measured_at_ = 0;
  size_t calls_ = 0;
};

template <class K, class V, class F>
class CombineBreaker final : public Breaker {
  using Out = CombinedOf<F>;
  using Table = AccumulatorTable<K, F>;
  using Key = GroupKey<K>;
  using Slot = typename Table::Slot;
  using Accumulator = AccumulatorOf<F>;
  using Code = AccumulatorCode<Accumulator>;
  static constexpr bool kSpills = Code::kExists;

  /// What one share has of one window.
  struct Gathered {
    Gathered(const F* fn, const OperatorContext& context)
        : table(fn, kFirstKeys, 0), use(context.memory) {
      table.set_most_bytes(static_cast<size_t>(context.memory_bytes) / 2);
    }
    Table table;
    MemoryUse use;
    std::vector<std::unique_ptr<SpilledRun>> runs;
    std::shared_ptr<SpillFile> file;

    /// Writes the table as a run, in the order of its keys' hashes, to the file it has, else to
    /// that of `files`. Throws StatusException.
    [[gnu::cold]] void Spill(SharedSpillFile& files) {
      if (table.table().size() == 0) return;
      if (file == nullptr) file = files.Get();
      RunWriter writer(file.get());
      for (size_t partition = 0; partition < SpilledRun::kPartitions; ++partition) {
        writer.BeginPartition(partition);
        table.table().ForEach(partition, SpilledRun::kBits, [&](const Slot& slot) {
          Key::Encode(slot.key(), writer.record());
          Code::Encode(Table::Of(slot.value), writer.record());
          writer.EndRecord();
        });
      }
      runs.push_back(writer.Finish());
      table.Clear();
    }
  };

 public:
  CombineBreaker(F fn, const BreakerContext& context) : fn_(std::move(fn)), context_(context) {}

  std::unique_ptr<Operator> MakeSink(const OperatorContext& context) override {
    return std::unique_ptr<Operator>(new Sink(this, context));
  }

  void Commit(Operator& sink) override { windows_.Commit(static_cast<Sink&>(sink).windows_); }

  void Seal(int) override {
    Shrink();
    windows_.JoinSlices([](const Gathered& gathered) { return gathered.runs.empty(); });
  }

  void Shrink() {
    if constexpr (kSpills) {
      if (context_.memory == nullptr) return;
      SharedSpillFile file(context_.memory);
      windows_.Shrink(context_.memory->sealed_part(), [&](Gathered& gathered) {
        gathered.Spill(file);
        gathered.table = Table(&fn_, kFirstKeys, 0);
        gathered.use.Set(gathered.table.held_bytes());
      });
    }
  }

  std::shared_ptr<Source> MakeOutput() override {
    return std::unique_ptr<Source>(new WindowSource<CombineBreaker>(this));
  }

  const WindowShares<Gathered>& windows() const { return windows_; }
  int64_t PartsOf(const typename WindowShares<Gathered>::Item& window) const {
    return int64_t{1} << PartitionBits(window.shares);
  }
  std::unique_ptr<Reader> MakePartReader(const OperatorContext& context) const {
    return std::unique_ptr<Reader>(new MergeReader(&fn_, &windows_, context_.memory, context));
  }

 private:
  /// A share's own tables, one a window.
  class Sink final : public Operator, public BatchReceiver<KV<K, V>> {
   public:
    Sink(const CombineBreaker* breaker, const OperatorContext& context)
        : breaker_(breaker), context_(context), file_(context.memory) {}
    Receiver* input(int) override { return static_cast<BatchReceiver<KV<K, V>>*>(this); }
    void Connect(int, Receiver*) override {}

    void Push(const Batch<KV<K, V>>& batch) override {
      const StepScope scope(context_.stats);
      context_.stats->elements_in += batch.count;
      ++context_.stats->batches_in;
      size_t at = batch.count;
      try {
        ForEachWindowRun(batch, [&](Window window, size_t first, size_t count) {
          const auto keys = keys_.Of(batch.values.keys().From(first), count);
          const ColumnView<V> values = batch.values.values().From(first);
          const F& fn = breaker_->fn_;
          Gathered& to = windows_.Of({window, batch.meta.slices_of},
                                     [&] { return std::make_unique<Gathered>(&fn, context_); });
          MakeRoom(to, count);
          to.table.Upsert(
              count, [&](size_t i) { return keys[i]; },
              [&](size_t i, auto& accumulator) {
                at = first + i;
                fn.AddInput(accumulator, values[i]);
              });
          at = batch.count;
          held_ -= to.use.bytes();
          to.use.Set(to.table.held_bytes());
          held_ += to.use.bytes();
        });
      } catch (...) {
        std::string element;
        if (at < batch.count) Describe(batch[at], &element);
        RethrowAsStepFailure(context_.step, element);
      }
    }

    /// What a share keeps for good is half of what it may gather.
    void Finish() override {
      const StepScope scope(context_.stats);
      try {
        if (held_ > context_.memory_bytes / 2) SpillAll();
      } catch (...) {
        RethrowAsStepFailure(context_.step, "");
      }
    }

   private:
    friend class CombineBreaker;
    /// Goes to disk before a table grows beyond what may be held.
    void MakeRoom([[maybe_unused]] Gathered& to, [[maybe_unused]] size_t count) {
      if constexpr (kSpills) {
        const auto more = static_cast<int64_t>(to.table.table().bytes_to_grow(count));
        if (held_ + more <= context_.memory_bytes) [[likely]]
          return;
        if (to.use.bytes() + more > context_.memory_bytes / 2) {
          SpillOne(to);
        } else {
          SpillAll();
        }
      }
    }
    [[gnu::cold]] void SpillOne(Gathered& window) {
      window.Spill(file_);
      held_ -= window.use.bytes();
      window.use.Set(window.table.held_bytes());
      held_ += window.use.bytes();
    }
    [[gnu::cold]] void SpillAll() {
      if constexpr (kSpills) {
        for (auto& window : windows_) {
          window->Spill(file_);
          window->table = Table(&breaker_->fn_, kFirstKeys, 0);
          window->table.set_most_bytes(static_cast<size_t>(context_.memory_bytes) / 2);
          window->use.Set(window->table.held_bytes());
        }
        held_ = 0;
        for (auto& window : windows_) held_ += window->use.bytes();
      }
    }

    const CombineBreaker* breaker_;
    OperatorContext context_;
    GroupKeyColumn<K> keys_;
    WindowList<Gathered> windows_;
    SharedSpillFile file_;
    int64_t held_ = 0;
  };

  /// A table begins small, as there may be one for each of many windows, but with a home slot for
  /// each partition of a run.
  static constexpr size_t kFirstKeys = SpilledRun::kPartitions / 2;
  /// Keys of a partition that is merged at once: its table stays in the second-level cache.
  static constexpr size_t kPartitionKeys = 16384;

  static int PartitionBits(const std::vector<Gathered*>& shares) {
    size_t keys = 0;
    int least_bits = 31;
    for (const auto& share : shares) {
      if (!share->runs.empty()) return SpilledRun::kBits;
      keys += share->table.table().size();
      least_bits = std::min(least_bits, share->table.table().bits());
    }
    return std::min(least_bits, static_cast<int>(std::bit_width(keys / kPartitionKeys)));
  }

  class MergeReader final : public PartReader<Gathered, KV<K, Out>> {
    using Base = PartReader<Gathered, KV<K, Out>>;
    using typename Base::Item;

   public:
    MergeReader(const F* fn, const WindowShares<Gathered>* windows, MemoryBudget* memory,
                const OperatorContext& context)
        : Base(windows, memory, context), fn_(fn) {
      if constexpr (Key::kIsEncoded) own_keys_ = std::make_unique<K[]>(kBatchSize);
    }

   private:
    void ReadPart(const Item& window, size_t partition) override {
      const int bits = PartitionBits(window.shares);
      if (window.sliced != nullptr) return ReadSlices(window, partition, bits);
      if (window.shares.size() == 1 && window.shares[0]->runs.empty()) {
        Extract(window.shares[0]->table.table(), partition, bits);
      } else {
        MergeRange(window, partition, bits, {partition, bits});
      }
    }

    /// A partition of slices, window by window.
    [[gnu::noinline]] void ReadSlices(const Item& slices, size_t partition, int bits) {
      if (runs_ == nullptr) {
        runs_ = std::make_unique<SliceRuns<RunKey>>();
        keys_ = std::make_unique<std::vector<View<RunKey>>>();
      }
      SliceRuns<RunKey>& runs = *runs_;
      runs.Clear(bits);
      for (const auto& share : slices.shares) {
        slots_.clear();
        keys_->clear();
        share->table.table().ForEach(partition, bits, [&](const Slot& slot) {
          slots_.push_back(&slot);
          if constexpr (GroupKey<K>::kIsWord) {
            keys_->push_back(slot.key_slot.word);
          } else {
            keys_->push_back(slot.key());
          }
        });
        runs.AddPart(ColumnView<RunKey>(keys_->data()),
                     reinterpret_cast<const void* const*>(slots_.data()), slots_.size());
      }
      runs.Finish();
      this->set_held_bytes(runs.held_bytes());
      const ColumnWriter<KV<K, Out>> writer = this->column().writer();
      for (const SlicedWindows::Item& window : slices.sliced->items) {
        this->SetWindow(window.window);
        size_t count = 0;
        for (const auto& run : runs.RunsOf(window)) {
          const Slot& first = *static_cast<const Slot*>(runs.cell(run.begin));
          K* const own = Key::kIsEncoded ? &own_keys_[count] : nullptr;
          writer.keys().SetView(count, Key::FromKept(first.key(), own));
          Accumulator merged = Table::Of(first.value);
          for (uint32_t i = run.begin + 1; i < run.end; ++i) {
            fn_->MergeAccumulators(merged,
                                   Table::Of(static_cast<const Slot*>(runs.cell(i))->value));
          }
          writer.values().Set(count, fn_->ExtractOutput(merged), {}, copies_);
          if (++count == kBatchSize) Flush(std::exchange(count, 0));
        }
        if (count > 0) Flush(count);
      }
    }

    /// The hashes whose `bits` high bits are `prefix`.
    struct HashRange {
      uint64_t prefix;
      int bits;
      bool Has(uint64_t hash) const { return bits == 0 || hash >> (64 - bits) == prefix; }
    };

    /// Merges those keys of a partition whose hashes are in `range`; in two halves, if their table
    /// takes too much.
    void MergeRange(const Item& window, uint64_t partition, int bits, HashRange range) {
      size_t most = 0;
      for (const auto& share : window.shares) {
        most = std::max(most, share->table.table().size() >> bits);
      }
      Table merged(fn_, (most >> (range.bits - bits)) + 1, range.bits);
      const bool fits = ForEachSome(window, partition, bits, range, [&] {
        const auto more = static_cast<int64_t>(merged.table().bytes_to_grow(slots_.size()));
        if (more > 0 && merged.held_bytes() + more > this->most_bytes() && range.bits < kMostBits) {
          return false;
        }
        merged.Upsert(
            slots_.size(), [this](size_t i) { return slots_[i]->key(); },
            [this](size_t i, auto& accumulator) {
              fn_->MergeAccumulators(accumulator, Table::Of(slots_[i]->value));
            });
        this->set_held_bytes(merged.held_bytes());
        return true;
      });
      if (fits) {
        Extract(merged.table(), 0, 0);
      } else {
        merged = Table(fn_, 1, range.bits);
        MergeRange(window, partition, bits, {range.prefix << 1, range.bits + 1});
        MergeRange(window, partition, bits, {range.prefix << 1 | 1, range.bits + 1});
      }
    }

    /// Puts some slots after the other into slots_ and calls take(), until it returns false;
    /// returns what it returned last.
    template <class Take>
    bool ForEachSome(const Item& window, uint64_t partition, int bits, HashRange range, Take take) {
      for (const auto& share : window.shares) {
        slots_.clear();
        share->table.table().ForEach(partition, bits, [&](const Slot& slot) {
          if (range.bits == bits || range.Has(slot.key_slot.hash())) slots_.push_back(&slot);
        });
        if (!take()) return false;
        for (const auto& run : share->runs) {
          const auto load_and_take = [&](const SpillFile::Block& block) {
            Load(*share->file, block, range);
            return take();
          };
          if (!run->ForEachBlock(partition, load_and_take)) return false;
        }
      }
      return true;
    }
    /// Makes slots again of what a block holds, and lets slots_ show those in `range`.
    [[gnu::cold]] void Load([[maybe_unused]] const SpillFile& file,
                            [[maybe_unused]] const SpillFile::Block& block,
                            [[maybe_unused]] HashRange range) {
      if constexpr (kSpills) {
        slots_.clear();
        loaded_.clear();
        loaded_.reserve(block.records);  // They stay where they are.
        accumulators_.clear();
        block_arena_.Reset();
        ByteReader reader(file.Read(block, block_arena_));
        for (uint32_t i = 0; i < block.records; ++i) {
          typename Key::Kept key;
          Accumulator accumulator = fn_->CreateAccumulator();
          JOIST_CHECK(Key::Decode(&reader, &key) && Code::Decode(&reader, &accumulator));
          const auto probe = decltype(Slot::key_slot)::Make(key);
          if (!range.Has(probe.hash)) continue;
          Slot& slot = loaded_.emplace_back();
          slot.key_slot.Write(probe, key, block_arena_);
          if constexpr (Table::kInSlot) {
            slot.value = accumulator;
          } else {
            slot.value = &accumulators_.emplace_back(std::move(accumulator));
          }
          slots_.push_back(&slot);
        }
      }
    }

    template <class SlotTable>
    void Extract(const SlotTable& table, uint64_t partition, int bits) {
      const ColumnWriter<KV<K, Out>> writer = this->column().writer();
      size_t count = 0;
      table.ForEach(partition, bits, [&](const Slot& slot) {
        K* const own = Key::kIsEncoded ? &own_keys_[count] : nullptr;
        writer.keys().SetView(count, Key::FromKept(slot.key(), own));
        writer.values().Set(count, fn_->ExtractOutput(Table::Of(slot.value)), {}, copies_);
        if (++count == kBatchSize) Flush(std::exchange(count, 0));
      });
      if (count > 0) Flush(count);
    }
    void Flush(size_t count) {
      this->Push(count);
      copies_.Reset();
    }

    using RunKey = typename ErasedKey<K>::Type;
    static constexpr int kMostBits = 30;  // Slots know 32 bits of a hash.

    const F* fn_;
    std::unique_ptr<K[]> own_keys_;  ///< Of a batch, where keys are kept encoded.
    Arena copies_;
    std::vector<const Slot*> slots_;
    std::unique_ptr<SliceRuns<RunKey>> runs_;  ///< Of slices, with their keys.
    std::unique_ptr<std::vector<View<RunKey>>> keys_;
    Arena block_arena_;
    std::vector<Slot> loaded_;
    std::deque<Accumulator> accumulators_;  ///< Of loaded_, where they don't lie in the slots.
  };

  F fn_;
  BreakerContext context_;
  WindowShares<Gathered> windows_;
};

template <class K, class V, class F>
class CombineStep final : public StepOf<CombineStep<K, V, F>, F> {
 public:
  using StepOf<CombineStep<K, V, F>, F>::StepOf;
  StepKind kind() const override { return StepKind::kGroup; }
  bool groups() const override { return true; }
  std::vector<const ElementType*> outputs() const override {
    return {&element_type<KV<K, CombinedOf<F>>>};
  }
  std::unique_ptr<Breaker> MakeBreaker(const BreakerContext& context) const override {
    if (context.windowing != nullptr && context.windowing->needs_element_times()) {
      return std::unique_ptr<Breaker>(
          new FoldGroupsBreaker<K, V, F, CombinedOf<F>>(this->definition(), context));
    }
    return std::unique_ptr<Breaker>(new CombineBreaker<K, V, F>(this->definition(), context));
  }
  std::unique_ptr<Operator> MakeStreamOperator(const OperatorContext& context) const override {
    return std::unique_ptr<Operator>(
        new StreamCombine<K, V, F, CombinedOf<F>>(this->definition(), context));
  }
};

}  // namespace joist

#endif  // JOIST_EXEC_COMBINE_H_
