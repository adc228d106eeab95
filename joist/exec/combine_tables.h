// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// What combining by key and window is made of, for input with an end and without:
//
//   AccumulatorTable   from keys to accumulators
//   CombineGathered    what one share has of one window: a table, and runs on disk
//   CombineGatherer    one share's windows
//   CombineReader      merges what shares have of a window, a hash range at a time

#ifndef JOIST_EXEC_COMBINE_TABLES_H_
#define JOIST_EXEC_COMBINE_TABLES_H_

#include <algorithm>
#include <bit>
#include <deque>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "joist/exec/accumulator_code.h"
#include "joist/exec/erased_grouping.h"
#include "joist/exec/failure.h"
#include "joist/exec/scattered.h"
#include "joist/exec/slice_runs.h"
#include "joist/exec/spilled_run.h"
#include "joist/exec/step.h"
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

/// What one share has of one window.
template <class K, class F>
struct CombineGathered {
  using Table = AccumulatorTable<K, F>;
  using Key = GroupKey<K>;
  using Slot = typename Table::Slot;
  using Code = AccumulatorCode<AccumulatorOf<F>>;
  static constexpr bool kSpills = Code::kExists;
  /// A table begins small, as there may be one for each of many windows, but with a home slot for
  /// each partition of a run.
  static constexpr size_t kFirstKeys = SpilledRun::kPartitions / 2;

  CombineGathered(const F* fn, const OperatorContext& context)
      : table(fn, kFirstKeys, 0), use(context.memory) {
    table.set_most_bytes(static_cast<size_t>(context.memory_bytes) / 2);
  }
  Table table;
  MemoryUse use;
  std::vector<std::unique_ptr<SpilledRun>> runs;
  std::shared_ptr<SpillFile> file;

  /// Writes the table as a run, in the order of its keys' hashes, to the file it has, else to
  /// that of `files`. Throws StatusException.
  [[gnu::cold]] void Spill([[maybe_unused]] SharedSpillFile& files) {
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
  /// And gives the table's memory back.
  [[gnu::cold]] void SpillWhole(SharedSpillFile& files, const F* fn, int64_t most_bytes) {
    if constexpr (kSpills) {
      Spill(files);
      table = Table(fn, kFirstKeys, 0);
      table.set_most_bytes(static_cast<size_t>(most_bytes));
      use.Set(table.held_bytes());
    }
  }
};

/// Keeps to the share's part of the memory budget. Belongs to one thread.
template <class K, class V, class F>
class CombineGatherer {
 public:
  using Gathered = CombineGathered<K, F>;

  CombineGatherer(const F* fn, const OperatorContext& context)
      : fn_(fn), context_(context), file_(context.memory) {}

  /// Adds elements [first, first + count) of `batch`, which are all of `window`. Throws
  /// StepFailure.
  void Add(const GatheredWindow& window, const Batch<KV<K, V>>& batch, size_t first, size_t count) {
    size_t at = batch.count;
    try {
      const auto keys = keys_.Of(batch.values.keys().From(first), count);
      const ColumnView<V> values = batch.values.values().From(first);
      const F& fn = *fn_;
      Gathered& to = Of(window);
      MakeRoom(to, count);
      to.table.Upsert(
          count, [&](size_t i) { return keys[i]; },
          [&](size_t i, auto& accumulator) {
            at = first + i;
            fn.AddInput(accumulator, values[i]);
          });
      at = batch.count;
      Measure(to);
    } catch (...) {
      std::string element;
      if (at < batch.count) Describe(batch[at], &element);
      RethrowAsStepFailure(context_.step, element);
    }
  }
  struct Record {
    typename GroupKey<K>::Kept key;
    AccumulatorOf<F> accumulator;
  };
  /// Adds what others have made of elements of `window`. Throws StatusException.
  void Merge(const GatheredWindow& window, const std::vector<Record>& records) {
    Gathered& to = Of(window);
    MakeRoom(to, records.size());
    to.table.Upsert(
        records.size(), [&](size_t i) { return records[i].key; },
        [&](size_t i, auto& accumulator) {
          fn_->MergeAccumulators(accumulator, records[i].accumulator);
        });
    Measure(to);
  }
  /// Forgets those windows for which is_over(window). While memory allows it a table is kept for
  /// another window, which is likely to have as many keys.
  template <class IsOver>
  void Forget(IsOver is_over) {
    windows_.RemoveIf([&](auto& item) {
      if (!is_over(item.of)) return false;
      const auto& table = item->table.table();
      const bool is_well_filled = table.size() >> (table.bits() - 4) > 0;
      if (held_ <= context_.memory_bytes / 4 && is_well_filled && item->runs.empty()) {
        item->table.Clear();
        spare_.push_back(std::move(item.gathered));
      } else {
        held_ -= item->use.bytes();
      }
      return true;
    });
  }
  /// What a share keeps for good is half of what it may gather.
  void Finish() {
    if (held_ > context_.memory_bytes / 2) SpillAll();
  }
  WindowList<Gathered>& windows() { return windows_; }
  const WindowList<Gathered>& windows() const { return windows_; }

 private:
  /// What there is of a window; something new if there was nothing.
  Gathered& Of(const GatheredWindow& window) {
    return windows_.Of(window, [this] {
      if (spare_.empty()) return std::make_unique<Gathered>(fn_, context_);
      std::unique_ptr<Gathered> gathered = std::move(spare_.back());
      spare_.pop_back();
      return gathered;
    });
  }
  /// To be called when a window's table has changed.
  void Measure(Gathered& window) {
    held_ -= window.use.bytes();
    window.use.Set(window.table.held_bytes());
    held_ += window.use.bytes();
  }
  /// Goes to disk before a table grows beyond what may be held.
  void MakeRoom([[maybe_unused]] Gathered& to, [[maybe_unused]] size_t count) {
    if constexpr (Gathered::kSpills) {
      const auto more = static_cast<int64_t>(to.table.table().bytes_to_grow(count));
      if (held_ + more <= context_.memory_bytes) [[likely]]
        return;
      if (to.use.bytes() + more > context_.memory_bytes / 2) {
        to.Spill(file_);
        Measure(to);
      } else {
        SpillAll();
      }
    }
  }
  [[gnu::cold]] void SpillAll() {
    spare_.clear();
    held_ = 0;
    for (auto& window : windows_) {
      window->SpillWhole(file_, fn_, context_.memory_bytes / 2);
      held_ += window->use.bytes();
    }
  }

  const F* fn_;
  OperatorContext context_;
  GroupKeyColumn<K> keys_;
  WindowList<Gathered> windows_;
  std::vector<std::unique_ptr<Gathered>> spare_;  ///< Empty tables, of which held_ knows.
  SharedSpillFile file_;
  int64_t held_ = 0;
};

/// Its parts are those hashes that have the same PartitionBits(shares) high bits.
template <class K, class F>
class CombineReader final : public PartReader<CombineGathered<K, F>, KV<K, CombinedOf<F>>> {
  using Out = CombinedOf<F>;
  using Gathered = CombineGathered<K, F>;
  using Table = AccumulatorTable<K, F>;
  using Key = GroupKey<K>;
  using Slot = typename Table::Slot;
  using Accumulator = AccumulatorOf<F>;
  using Code = AccumulatorCode<Accumulator>;
  using Base = PartReader<Gathered, KV<K, Out>>;
  using typename Base::Item;

 public:
  CombineReader(const F* fn, const WindowShares<Gathered>* windows, MemoryBudget* memory,
                const OperatorContext& context)
      : Base(windows, memory, context), fn_(fn) {
    if constexpr (Key::kIsEncoded) own_keys_ = std::make_unique<K[]>(kBatchSize);
  }
  /// Lets ReadOne change what it reads, so that it can be read but once: shares are merged into the
  /// largest of them. Other parts may be read at the same time.
  void set_merges_in_place(bool merges_in_place) { merges_in_place_ = merges_in_place; }

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

 private:
  /// Keys of a partition that is merged at once: its table stays in the second-level cache.
  static constexpr size_t kPartitionKeys = 16384;

  void ReadPart(const Item& window, size_t partition) override {
    const int bits = PartitionBits(window.shares);
    if (window.sliced != nullptr) return ReadSlices(window, partition, bits);
    if (window.shares.size() == 1 && window.shares[0]->runs.empty()) {
      Extract(window.shares[0]->table.table(), partition, bits);
    } else if (merges_in_place_ &&
               std::all_of(window.shares.begin(), window.shares.end(),
                           [](const Gathered* share) { return share->runs.empty(); })) {
      MergeInPlace(window, partition, bits);
    } else {
      MergeRange(window, partition, bits, {partition, bits});
    }
  }

  /// What the largest share doesn't have is put into a table of its own; of one other share it can
  /// go on at once.
  void MergeInPlace(const Item& window, uint64_t partition, int bits) {
    const Gathered* const largest = *std::max_element(
        window.shares.begin(), window.shares.end(), [](const Gathered* a, const Gathered* b) {
          return a->table.table().size() < b->table.table().size();
        });
    slots_.clear();
    for (const Gathered* share : window.shares) {
      if (share == largest) continue;
      share->table.table().ForEach(partition, bits, [&](const Slot& slot) {
        const auto* const found = largest->table.table().Lookup(slot.key());
        if (found == nullptr) {
          slots_.push_back(&slot);
        } else {
          fn_->MergeAccumulators(const_cast<Accumulator&>(Table::Of(*found)),
                                 Table::Of(slot.value));
        }
      });
    }
    Extract(largest->table.table(), partition, bits);
    if (window.shares.size() == 2) {
      ExtractAll([this](auto take) {
        for (const Slot* slot : slots_) take(*slot);
      });
      return;
    }
    Table rest(fn_, slots_.size(), bits);
    rest.Upsert(
        slots_.size(), [this](size_t i) { return slots_[i]->key(); },
        [this](size_t i, auto& accumulator) {
          fn_->MergeAccumulators(accumulator, Table::Of(slots_[i]->value));
        });
    Extract(rest.table(), 0, 0);
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
          fn_->MergeAccumulators(merged, Table::Of(static_cast<const Slot*>(runs.cell(i))->value));
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
    if constexpr (Gathered::kSpills) {
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
    ExtractAll([&](auto take) { table.ForEach(partition, bits, take); });
  }
  template <class ForEachSlot>
  void ExtractAll(ForEachSlot for_each_slot) {
    const ColumnWriter<KV<K, Out>> writer = this->column().writer();
    size_t count = 0;
    for_each_slot([&](const Slot& slot) {
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
  bool merges_in_place_ = false;
  std::unique_ptr<K[]> own_keys_;  ///< Of a batch, where keys are kept encoded.
  Arena copies_;
  std::vector<const Slot*> slots_;
  std::unique_ptr<SliceRuns<RunKey>> runs_;  ///< Of slices, with their keys.
  std::unique_ptr<std::vector<View<RunKey>>> keys_;
  Arena block_arena_;
  std::vector<Slot> loaded_;
  std::deque<Accumulator> accumulators_;  ///< Of loaded_, where they don't lie in the slots.
};

}  // namespace joist

#endif  // JOIST_EXEC_COMBINE_TABLES_H_
