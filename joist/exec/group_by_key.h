// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// GroupByKeyStep: all values of each key and window together, of one collection or of several
// (CoGroupByKey). Shares scatter their records over
// partitions by the high bits of the key's hash, and write them to disk when they have more than
// their part of the memory budget; then each partition, small enough for the cache, is grouped by
// one thread: a table gives every key a number, and the values are laid out group by group.
//
// A partition that is too large for its reader is grouped in several passes over it, each of which
// takes a range of hashes. A range of which even the smallest piece is too large has a key with
// very many values: those are written to a file of their own and shown page by page.

#ifndef JOIST_EXEC_GROUP_BY_KEY_H_
#define JOIST_EXEC_GROUP_BY_KEY_H_

#include <algorithm>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "joist/exec/failure.h"
#include "joist/exec/group_layout.h"
#include "joist/exec/scattered.h"
#include "joist/exec/step.h"
#include "joist/exec/window_shares.h"

namespace joist {

template <class K, class... Vs>
class GroupByKeyBreaker final : public Breaker {
  static constexpr size_t kInputs = sizeof...(Vs);
  using Values = GroupOfT<Vs...>;
  template <size_t I>
  using Value = std::tuple_element_t<I, std::tuple<Vs...>>;
  template <size_t I>
  using Record = GroupRecord<K, Value<I>>;

  /// What one share has of one window.
  struct Gathered {
    Gathered(Window window, int64_t bytes, MemoryBudget* memory)
        : window(window), records(ScatteredRecords<K, Vs>(bytes)...), use(memory) {}
    Window window;
    std::tuple<ScatteredRecords<K, Vs>...> records;
    MemoryUse use;

    int64_t held_bytes() const {
      return std::apply([](const auto&... input) { return (input.held_bytes() + ...); }, records);
    }
    int64_t used_bytes() const {
      return std::apply([](const auto&... input) { return (input.used_bytes() + ...); }, records);
    }
    [[gnu::cold]] void Spill(SharedSpillFile& file) {
      std::apply([&](auto&... input) { (input.Spill(file), ...); }, records);
    }
    [[gnu::cold]] void FreeUnused() {
      std::apply([](auto&... input) { (input.FreeUnused(), ...); }, records);
      use.Set(held_bytes());
    }
  };

 public:
  explicit GroupByKeyBreaker(const BreakerContext& context) : context_(context) {}

  std::unique_ptr<Operator> MakeSink(const OperatorContext& context) override {
    return std::unique_ptr<Operator>(new Sink(context));
  }

  void Commit(Operator& sink) override { windows_.Commit(static_cast<Sink&>(sink).windows_); }

  void Seal(int) override {
    if (context_.memory == nullptr) return;
    // Each share keeps its part; together many shares may still hold too much.
    SharedSpillFile file(context_.memory);
    windows_.Shrink(context_.memory->sealed_part(), [&](Gathered& gathered) {
      gathered.Spill(file);
      gathered.FreeUnused();
    });
  }

  std::shared_ptr<Source> MakeOutput() override {
    return std::unique_ptr<Source>(new WindowSource<GroupByKeyBreaker>(this));
  }

  const WindowShares<Gathered>& windows() const { return windows_; }
  int64_t PartsOf(const typename WindowShares<Gathered>::Item&) const {
    return SpilledRun::kPartitions;
  }
  std::unique_ptr<Reader> MakePartReader(const OperatorContext& context) const {
    return std::unique_ptr<Reader>(new GroupReader(&windows_, context_.memory, context));
  }

 private:
  class Sink;

  /// Where the batches of the I-th collection go.
  template <size_t I>
  struct Input final : BatchReceiver<KV<K, Value<I>>> {
    Sink* sink = nullptr;
    void Push(const Batch<KV<K, Value<I>>>& batch) override { sink->template Gather<I>(batch); }
  };
  template <size_t... I>
  static std::tuple<Input<I>...> MakeInputs(std::index_sequence<I...>);

  class Sink final : public Operator {
   public:
    explicit Sink(const OperatorContext& context) : context_(context), file_(context.memory) {
      std::apply([this](auto&... input) { ((input.sink = this), ...); }, inputs_);
    }
    Receiver* input(int index) override {
      Receiver* found = nullptr;
      ForEachIndex<kInputs>([&]<size_t I>() {
        if (index == static_cast<int>(I)) found = &std::get<I>(inputs_);
      });
      return found;
    }
    void Connect(int, Receiver*) override {}

    template <size_t I>
    void Gather(const Batch<KV<K, Value<I>>>& batch) {
      const StepScope scope(context_.stats);
      context_.stats->elements_in += batch.count;
      ++context_.stats->batches_in;
      ForEachWindowRun(batch, [&](Window window, size_t first, size_t count) {
        Gathered& to = windows_.Of(window, [this](Window of) {
          return std::make_unique<Gathered>(of, context_.memory_bytes / static_cast<int>(kInputs),
                                            context_.memory);
        });
        auto& records = std::get<I>(to.records);
        used_ -= records.used_bytes();
        records.Append(batch.values.keys().From(first), batch.values.values().From(first), count);
        used_ += records.used_bytes();
        to.use.Set(to.held_bytes());
      });
      if (used_ > context_.memory_bytes) [[unlikely]]
        Spill();
    }

    /// What a share keeps for good is half of what it may gather.
    void Finish() override {
      const StepScope scope(context_.stats);
      if (used_ <= context_.memory_bytes / 2) return;
      Spill();
      for (auto& window : windows_) window->FreeUnused();
    }

   private:
    friend class GroupByKeyBreaker;
    [[gnu::cold]] void Spill() {
      used_ = 0;
      try {
        for (auto& window : windows_) {
          window->Spill(file_);
          used_ += window->used_bytes();
        }
      } catch (...) {
        RethrowAsStepFailure(context_.step, "");
      }
    }

    OperatorContext context_;
    decltype(MakeInputs(std::index_sequence_for<Vs...>())) inputs_;
    WindowList<Gathered> windows_;
    SharedSpillFile file_;
    int64_t used_ = 0;
  };

  class GroupReader final : public PartReader<Gathered, KV<K, Values>> {
    using Base = PartReader<Gathered, KV<K, Values>>;
    using typename Base::Item;

   public:
    GroupReader(const WindowShares<Gathered>* windows, MemoryBudget* memory,
                const OperatorContext& context)
        : Base(windows, memory, context), memory_(memory) {}

   private:
    /// Bytes that laying out a record takes, beside what it refers to.
    template <size_t I>
    static constexpr int64_t kLaidOutBytes =
        static_cast<int64_t>(sizeof(Record<I>) + sizeof(uint32_t) + sizeof(Stored<Value<I>>));
    /// The pieces that a large partition is looked at by: the bits of the hash after the
    /// partition's.
    static constexpr int kPieceBits = 10;
    static size_t PieceOf(uint64_t hash) { return hash << SpilledRun::kBits >> (64 - kPieceBits); }

    void ReadPart(const Item& window, size_t partition) override {
      int64_t bytes = 0;
      ForEachIndex<kInputs>([&]<size_t I>() {
        for (const auto& share : window.shares) {
          std::get<I>(share->records).ForEachBlock(partition, [&](const SpillFile::Block& block) {
            bytes += block.plain_bytes + kLaidOutBytes<I> * block.records;
          });
        }
      });
      if (bytes > this->most_bytes()) return GroupLarge(window, partition);
      layout_.Clear();
      ForEachIndex<kInputs>([&]<size_t I>() { AddToLayout<I>(window, partition, bytes > 0); });
      Output();
    }

    template <size_t I>
    void AddToLayout(const Item& window, size_t partition, bool on_disk) {
      for (const auto& share : window.shares) {
        std::get<I>(share->records)
            .ForEachChunk(partition, [&](const Record<I>* from, const Record<I>* to) {
              layout_.template AddChunk<I>(from, to);
            });
      }
      if (!on_disk) return;
      std::vector<Record<I>>& records = layout_.template own_records<I>();
      size_t count = 0;
      const auto for_each_block = [&](auto take) {
        for (const auto& share : window.shares) {
          const auto& input = std::get<I>(share->records);
          input.ForEachBlock(partition, [&](const SpillFile::Block& block) { take(input, block); });
        }
      };
      for_each_block([&](const auto&, const SpillFile::Block& block) { count += block.records; });
      records.reserve(count);
      for_each_block([&](const auto& input, const SpillFile::Block& block) {
        input.Load(block, layout_.arena(), &records);
      });
    }

    /// Calls take.operator()<I>(record) for all records of a partition; what they refer to is gone
    /// when it returns.
    template <class Take>
    void ForEachRecord(const Item& window, size_t partition, Take take) {
      ForEachIndex<kInputs>([&]<size_t I>() {
        std::vector<Record<I>> loaded;
        for (const auto& share : window.shares) {
          const auto& input = std::get<I>(share->records);
          input.ForEachChunk(partition, [&](const Record<I>* from, const Record<I>* to) {
            for (; from < to; ++from) take.template operator()<I>(*from);
          });
          input.ForEachBlock(partition, [&](const SpillFile::Block& block) {
            block_arena_.Reset();
            loaded.clear();
            input.Load(block, block_arena_, &loaded);
            for (const Record<I>& record : loaded) take.template operator()<I>(record);
          });
        }
      });
    }

    [[gnu::cold]] void GroupLarge(const Item& window, size_t partition) {
      std::vector<int64_t> piece_bytes(size_t{1} << kPieceBits);
      ForEachRecord(window, partition, [&]<size_t I>(const Record<I>& record) {
        piece_bytes[PieceOf(record.hash())] +=
            kLaidOutBytes<I> + static_cast<int64_t>(Record<I>::Key::HeldBytes(record.key) +
                                                    Record<I>::Value::HeldBytes(record.value));
      });
      for (size_t first = 0, next; first < piece_bytes.size(); first = next) {
        int64_t bytes = piece_bytes[first];
        for (next = first + 1;
             next < piece_bytes.size() && bytes + piece_bytes[next] <= this->most_bytes();) {
          bytes += piece_bytes[next++];
        }
        if (bytes == 0) continue;
        if (bytes > this->most_bytes()) {
          GroupOnDisk(window, partition, first);
          continue;
        }
        layout_.Clear();
        ForEachRecord(window, partition, [&]<size_t I>(const Record<I>& record) {
          const size_t piece = PieceOf(record.hash());
          if (piece < first || piece >= next) return;
          layout_.template AddCopy<I>(record);
        });
        Output();
      }
    }

    /// Groups the records of one piece by writing the values of each key to disk.
    [[gnu::cold]] void GroupOnDisk(const Item& window, size_t partition, size_t piece) {
      layout_.Clear();
      SpillFile file(memory_);
      GroupsOnDisk<K, Vs...> groups(&file, this->most_bytes());
      ForEachRecord(window, partition, [&]<size_t I>(const Record<I>& record) {
        if (PieceOf(record.hash()) == piece) groups.template Add<I>(record);
      });
      this->set_held_bytes(this->most_bytes());
      groups.ForEach([&](View<K> key, const Values& values) {
        const ColumnWriter<KV<K, Values>> writer = this->column().writer();
        writer.keys().SetView(0, key);
        writer.values().SetView(0, values);
        this->Push(1);
      });
    }

    void Output() {
      layout_.Group(SpilledRun::kBits);
      this->set_held_bytes(layout_.held_bytes());
      layout_.ForEachBatch(this->column(), [this](size_t count) { this->Push(count); });
    }

    MemoryBudget* memory_;
    GroupLayout<K, Vs...> layout_;
    Arena block_arena_;
  };

  BreakerContext context_;
  WindowShares<Gathered> windows_;
};

template <class K, class... Vs>
class GroupByKeyStep final : public StepOf<GroupByKeyStep<K, Vs...>, NoState> {
 public:
  using StepOf<GroupByKeyStep<K, Vs...>, NoState>::StepOf;
  StepKind kind() const override { return StepKind::kGroup; }
  std::vector<const ElementType*> outputs() const override {
    return {&element_type<KV<K, GroupOfT<Vs...>>>};
  }
  std::unique_ptr<Breaker> MakeBreaker(const BreakerContext& context) const override {
    return std::unique_ptr<Breaker>(new GroupByKeyBreaker<K, Vs...>(context));
  }
};

}  // namespace joist

#endif  // JOIST_EXEC_GROUP_BY_KEY_H_
