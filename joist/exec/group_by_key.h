// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// GroupByKeyStep: all values of each key and window together. Shares scatter their records over
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
#include <utility>
#include <vector>

#include "joist/exec/failure.h"
#include "joist/exec/group_layout.h"
#include "joist/exec/scattered.h"
#include "joist/exec/step.h"
#include "joist/exec/window_shares.h"

namespace joist {

template <class K, class V>
class GroupByKeyBreaker final : public Breaker {
  using Scattered = ScatteredRecords<K, V>;
  using Record = typename Scattered::Record;

  /// What one share has of one window.
  struct Gathered {
    Gathered(Window window, int64_t bytes, MemoryBudget* memory)
        : window(window), records(bytes), use(memory) {}
    Window window;
    Scattered records;
    MemoryUse use;
  };

 public:
  explicit GroupByKeyBreaker(const BreakerContext& context) : context_(context) {}

  std::unique_ptr<Operator> MakeSink(const OperatorContext& context) override {
    return std::make_unique<Sink>(context);
  }

  void Commit(Operator& sink) override { windows_.Commit(static_cast<Sink&>(sink).windows_); }

  void Seal(int) override {
    if (context_.memory == nullptr) return;
    // Each share keeps its part; together many shares may still hold too much.
    SharedSpillFile file(context_.memory);
    windows_.Shrink(context_.memory->sealed_part(), [&](Gathered& gathered) {
      gathered.records.Spill(file);
      gathered.records.FreeUnused();
      gathered.use.Set(gathered.records.held_bytes());
    });
  }

  std::shared_ptr<Source> MakeOutput() override {
    return std::make_shared<WindowSource<GroupByKeyBreaker>>(this);
  }

  const WindowShares<Gathered>& windows() const { return windows_; }
  int64_t PartsOf(const typename WindowShares<Gathered>::Item&) const {
    return Scattered::kPartitions;
  }
  std::unique_ptr<Reader> MakePartReader(const OperatorContext& context) const {
    return std::make_unique<GroupReader>(&windows_, context_.memory, context);
  }

 private:
  class Sink final : public Operator, public BatchReceiver<KV<K, V>> {
   public:
    explicit Sink(const OperatorContext& context) : context_(context), file_(context.memory) {}
    Receiver* input() override { return static_cast<BatchReceiver<KV<K, V>>*>(this); }
    void Connect(int, Receiver*) override {}

    void Push(const Batch<KV<K, V>>& batch) override {
      const StepScope scope(context_.stats);
      context_.stats->elements_in += batch.count;
      ++context_.stats->batches_in;
      ForEachWindowRun(batch, [&](Window window, size_t first, size_t count) {
        Gathered& to = windows_.Of(window, [this](Window of) {
          return std::make_unique<Gathered>(of, context_.memory_bytes, context_.memory);
        });
        used_ -= to.records.used_bytes();
        to.records.Append(batch.values.keys().From(first), batch.values.values().From(first),
                          count);
        used_ += to.records.used_bytes();
        to.use.Set(to.records.held_bytes());
      });
      if (used_ > context_.memory_bytes) [[unlikely]]
        Spill();
    }

    /// What a share keeps for good is half of what it may gather.
    void Finish() override {
      const StepScope scope(context_.stats);
      if (used_ <= context_.memory_bytes / 2) return;
      Spill();
      for (auto& window : windows_) {
        window->records.FreeUnused();
        window->use.Set(window->records.held_bytes());
      }
    }

   private:
    friend class GroupByKeyBreaker;
    [[gnu::cold]] void Spill() {
      used_ = 0;
      try {
        for (auto& window : windows_) {
          window->records.Spill(file_);
          used_ += window->records.used_bytes();
        }
      } catch (...) {
        RethrowAsStepFailure(context_.step, "");
      }
    }

    OperatorContext context_;
    WindowList<Gathered> windows_;
    SharedSpillFile file_;
    int64_t used_ = 0;
  };

  class GroupReader final : public PartReader<Gathered, KV<K, Iterable<V>>> {
    using Base = PartReader<Gathered, KV<K, Iterable<V>>>;
    using typename Base::Item;

   public:
    GroupReader(const WindowShares<Gathered>* windows, MemoryBudget* memory,
                const OperatorContext& context)
        : Base(windows, memory, context), memory_(memory) {}

   private:
    /// Bytes that laying out a record takes, beside what it refers to.
    static constexpr int64_t kLaidOutBytes =
        static_cast<int64_t>(sizeof(Record) + sizeof(uint32_t) + sizeof(Stored<V>));
    /// The pieces that a large partition is looked at by: the bits of the hash after the
    /// partition's.
    static constexpr int kPieceBits = 10;
    static size_t PieceOf(const Record& record) {
      return record.hash() << Scattered::Partitions::kBits >> (64 - kPieceBits);
    }

    void ReadPart(const Item& window, size_t partition) override {
      size_t on_disk = 0;
      int64_t bytes = 0;
      for (const auto& share : window.shares) {
        share->records.ForEachBlock(partition, [&](const SpillFile::Block& block) {
          on_disk += block.records;
          bytes += block.plain_bytes + kLaidOutBytes * block.records;
        });
      }
      if (bytes > this->most_bytes()) return GroupLarge(window, partition);
      layout_.Clear();
      for (const auto& share : window.shares) {
        share->records.ForEachChunk(
            partition, [&](const Record* from, const Record* to) { layout_.AddChunk(from, to); });
      }
      if (on_disk > 0) {
        std::vector<Record>& records = layout_.own_records();
        records.reserve(on_disk);
        for (const auto& share : window.shares) {
          share->records.ForEachBlock(partition, [&](const SpillFile::Block& block) {
            share->records.Load(block, layout_.arena(), &records);
          });
        }
      }
      Output();
    }

    /// Calls take(record) for all records of a partition; what they refer to is gone when it
    /// returns.
    template <class Take>
    void ForEachRecord(const Item& window, size_t partition, Take take) {
      for (const auto& share : window.shares) {
        share->records.ForEachChunk(partition, [&](const Record* from, const Record* to) {
          for (; from < to; ++from) take(*from);
        });
        share->records.ForEachBlock(partition, [&](const SpillFile::Block& block) {
          block_arena_.Reset();
          block_records_.clear();
          share->records.Load(block, block_arena_, &block_records_);
          for (const Record& record : block_records_) take(record);
        });
      }
    }

    [[gnu::cold]] void GroupLarge(const Item& window, size_t partition) {
      std::vector<int64_t> piece_bytes(size_t{1} << kPieceBits);
      ForEachRecord(window, partition, [&](const Record& record) {
        piece_bytes[PieceOf(record)] +=
            kLaidOutBytes + static_cast<int64_t>(Record::Key::HeldBytes(record.key) +
                                                 Record::Value::HeldBytes(record.value));
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
        ForEachRecord(window, partition, [&](const Record& record) {
          const size_t piece = PieceOf(record);
          if (piece < first || piece >= next) return;
          layout_.AddCopy(record);
        });
        Output();
      }
    }

    /// Groups the records of one piece by writing the values of each key to disk.
    [[gnu::cold]] void GroupOnDisk(const Item& window, size_t partition, size_t piece) {
      layout_.Clear();
      SpillFile file(memory_);
      GroupsOnDisk<K, V> groups(&file, this->most_bytes());
      ForEachRecord(window, partition, [&](const Record& record) {
        if (PieceOf(record) == piece) groups.Add(record);
      });
      this->set_held_bytes(this->most_bytes());
      groups.ForEach([&](View<K> key, const Iterable<V>& values) {
        const ColumnWriter<KV<K, Iterable<V>>> writer = this->column().writer();
        writer.keys().SetView(0, key);
        writer.values().SetView(0, values);
        this->Push(1);
      });
    }

    void Output() {
      layout_.Group(Scattered::Partitions::kBits);
      this->set_held_bytes(layout_.held_bytes());
      layout_.ForEachBatch(this->column(), [this](size_t count) { this->Push(count); });
    }

    MemoryBudget* memory_;
    GroupLayout<K, V> layout_;
    Arena block_arena_;
    std::vector<Record> block_records_;
  };

  BreakerContext context_;
  WindowShares<Gathered> windows_;
};

template <class K, class V>
class GroupByKeyStep final : public StepOf<GroupByKeyStep<K, V>, NoState> {
 public:
  using StepOf<GroupByKeyStep<K, V>, NoState>::StepOf;
  StepKind kind() const override { return StepKind::kGroup; }
  std::vector<const ElementType*> outputs() const override {
    return {&element_type<KV<K, Iterable<V>>>};
  }
  std::unique_ptr<Breaker> MakeBreaker(const BreakerContext& context) const override {
    return std::make_unique<GroupByKeyBreaker<K, V>>(context);
  }
};

}  // namespace joist

#endif  // JOIST_EXEC_GROUP_BY_KEY_H_
