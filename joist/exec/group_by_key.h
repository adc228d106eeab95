// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// GroupByKeyStep: all values of each key and window together, of one collection or of several
// (CoGroupByKey). Shares scatter their records over
// partitions by the high bits of the key's hash, and write them to disk when they have more than
// their part of the memory budget; then each partition, small enough for the cache, is grouped by
// one thread: a table gives every key a number, and the values are laid out group by group.
//
// A share gathers each window by itself, unless windows are too many, are yet to be merged, or the
// times of elements matter to their group: then records keep their times, and a WindowSplitter
// tells the windows of a key apart when it is grouped.
//
// A partition that is too large for its reader is grouped in several passes over it, each of which
// takes a range of hashes. A range of which even the smallest piece is too large has a key with
// very many values: those are written to a file of their own and shown page by page.

#ifndef JOIST_EXEC_GROUP_BY_KEY_H_
#define JOIST_EXEC_GROUP_BY_KEY_H_

#include <algorithm>
#include <memory>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "joist/base/function_ref.h"
#include "joist/exec/failure.h"
#include "joist/exec/group_layout.h"
#include "joist/exec/scattered.h"
#include "joist/exec/step.h"
#include "joist/exec/stream_group_by_key.h"
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

  /// What one share has of one window, or of all of them with their times.
  struct Gathered {
    Gathered(int64_t bytes, bool keeps_times, MemoryBudget* memory)
        : keeps_times(keeps_times),
          records(ScatteredRecords<K, Vs>(bytes, keeps_times)...),
          use(memory) {}
    bool keeps_times;
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
  explicit GroupByKeyBreaker(const BreakerContext& context) : context_(context) {
    if (context.windowing != nullptr) windowing_ = *context.windowing;
  }

  std::unique_ptr<Operator> MakeSink(const OperatorContext& context) override {
    return std::unique_ptr<Operator>(new Sink(windowing_.needs_element_times(), context));
  }

  void Commit(Operator& sink) override {
    Sink& from = static_cast<Sink&>(sink);
    windows_.Commit(from.windows_);
    if (from.timed_ != nullptr) windows_.CommitTimed(std::move(from.timed_));
  }

  void Seal(int) override {
    windows_.Seal();
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
    return std::unique_ptr<Reader>(
        new GroupReader(&windowing_, &windows_, context_.memory, context));
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
    Sink(bool needs_times, const OperatorContext& context)
        : needs_times_(needs_times), context_(context), file_(context.memory) {
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
      if (needs_times_) {
        ForEachUnsliced(batch, [this](const Batch<KV<K, Value<I>>>& unsliced) {
          AppendTo<I>(Timed(), unsliced, 0, unsliced.count);
        });
      } else {
        ForEachWindowRun(batch, [&](Window window, size_t first, size_t count) {
          AppendTo<I>(OfWindow({window, batch.meta.slices_of}), batch, first, count);
        });
      }
      if (used_ > context_.memory_bytes) [[unlikely]]
        Spill();
    }

    /// What a share keeps for good is half of what it may gather.
    void Finish() override {
      const StepScope scope(context_.stats);
      if (used_ <= context_.memory_bytes / 2) return;
      Spill();
      for (auto& window : windows_) window->FreeUnused();
      if (timed_ != nullptr) timed_->FreeUnused();
    }

   private:
    friend class GroupByKeyBreaker;
    std::unique_ptr<Gathered> MakeGathered(bool keeps_times) {
      return std::make_unique<Gathered>(context_.memory_bytes / static_cast<int>(kInputs),
                                        keeps_times, context_.memory);
    }
    Gathered& Timed() {
      if (timed_ == nullptr) timed_ = MakeGathered(true);
      return *timed_;
    }
    Gathered& OfWindow(const GatheredWindow& window) {
      return windows_.Of(window, [this] { return MakeGathered(false); });
    }
    template <size_t I>
    void AppendTo(Gathered& to, const Batch<KV<K, Value<I>>>& batch, size_t first, size_t count) {
      auto& records = std::get<I>(to.records);
      used_ -= records.used_bytes();
      records.Append(batch.values.keys().From(first), batch.values.values().From(first),
                     batch.meta.From(first), count);
      used_ += records.used_bytes();
      to.use.Set(to.held_bytes());
      // Each window takes some memory: no more of them are kept apart.
      if (windows_.size() > kMostWindows) needs_times_ = true;
    }
    [[gnu::cold]] void Spill() {
      used_ = 0;
      try {
        const auto spill = [this](Gathered& gathered) {
          gathered.Spill(file_);
          used_ += gathered.used_bytes();
        };
        for (auto& window : windows_) spill(*window.gathered);
        if (timed_ != nullptr) spill(*timed_);
      } catch (...) {
        RethrowAsStepFailure(context_.step, "");
      }
    }

    static constexpr size_t kMostWindows = 100;

    bool needs_times_;
    OperatorContext context_;
    decltype(MakeInputs(std::index_sequence_for<Vs...>())) inputs_;
    WindowList<Gathered> windows_;
    std::unique_ptr<Gathered> timed_;
    SharedSpillFile file_;
    int64_t used_ = 0;
  };

  class GroupReader final : public PartReader<Gathered, KV<K, Values>> {
    using Base = PartReader<Gathered, KV<K, Values>>;
    using typename Base::Item;

   public:
    GroupReader(const WindowingStrategy* windowing, const WindowShares<Gathered>* windows,
                MemoryBudget* memory, const OperatorContext& context)
        : Base(windows, memory, context), splitter_(windowing), memory_(memory) {}

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
      splitter_.Clear();
      ForEachIndex<kInputs>([&]<size_t I>() { AddToLayout<I>(window, partition, bytes > 0); });
      Output(window);
    }

    /// The records of a partition, and where windows are to be split their times in the same order:
    /// first those of all shares that are in memory, then those on disk.
    template <size_t I>
    void AddToLayout(const Item& window, size_t partition, bool on_disk) {
      for (size_t s = 0; s < window.shares.size(); ++s) {
        const auto& input = std::get<I>(window.shares[s]->records);
        size_t count = 0;
        input.ForEachChunk(partition, [&](const Record<I>* from, const Record<I>* to) {
          layout_.template AddChunk<I>(from, to);
          count += static_cast<size_t>(to - from);
        });
        if (window.splits) AddTimes(window, s, input, partition, count);
      }
      if (!on_disk) return;
      std::vector<Record<I>>& records = layout_.template own_records<I>();
      const auto for_each_block = [&](auto take) {
        for (size_t s = 0; s < window.shares.size(); ++s) {
          const auto& input = std::get<I>(window.shares[s]->records);
          input.ForEachBlock(partition,
                             [&](const SpillFile::Block& block) { take(s, input, block); });
        }
      };
      size_t count = 0;
      for_each_block(
          [&](size_t, const auto&, const SpillFile::Block& block) { count += block.records; });
      records.reserve(count);
      for_each_block([&](size_t s, const auto& input, const SpillFile::Block& block) {
        times_.clear();
        input.Load(block, layout_.arena(), &records, &times_);
        if (window.splits) AddLoadedTimes(window, s, block.records);
      });
    }
    template <class Input>
    [[gnu::noinline]] void AddTimes(const Item& window, size_t share, const Input& input,
                                    size_t partition, size_t count) {
      if (!window.shares[share]->keeps_times)
        return splitter_.Append(OneTime(window, share), count);
      input.ForEachTimes(partition, [this](const ElementTime* from, const ElementTime* to) {
        splitter_.Append(from, to);
      });
    }
    void AddLoadedTimes(const Item& window, size_t share, size_t count) {
      if (!window.shares[share]->keeps_times)
        return splitter_.Append(OneTime(window, share), count);
      splitter_.Append(times_.data(), times_.data() + times_.size());
    }
    /// Of the elements of a share that is of one window.
    static ElementTime OneTime(const Item& window, size_t share) {
      return {window.windows[share], window.windows[share].max_timestamp()};
    }

    /// Some records of a partition and, where windows are to be split, their times.
    template <size_t I>
    struct TimedRecords {
      const Record<I>* from;
      const Record<I>* to;
      const ElementTime* times;  ///< Null: all of them have the one.
      ElementTime one;
      const ElementTime& TimeOf(const Record<I>* record) const {
        return times == nullptr ? one : times[record - from];
      }
    };
    template <size_t I>
    using TakeRecords = FunctionRef<void(const TimedRecords<I>&)>;

    /// Gives the records of the I-th collection in a partition; what they refer to is gone when
    /// `take` returns.
    template <size_t I>
    [[gnu::cold]] void ForEachRun(const Item& window, size_t partition, TakeRecords<I> take) {
      std::vector<Record<I>> loaded;
      for (size_t s = 0; s < window.shares.size(); ++s) {
        const auto& input = std::get<I>(window.shares[s]->records);
        const bool keeps_times = window.shares[s]->keeps_times;
        TimedRecords<I> run{};
        if (window.splits && !keeps_times) run.one = OneTime(window, s);
        times_.clear();
        input.ForEachTimes(partition, [this](const ElementTime* from, const ElementTime* to) {
          times_.insert(times_.end(), from, to);
        });
        const ElementTime* time = times_.data();
        input.ForEachChunk(partition, [&](const Record<I>* from, const Record<I>* to) {
          run.from = from;
          run.to = to;
          if (keeps_times) run.times = std::exchange(time, time + (to - from));
          take(run);
        });
        input.ForEachBlock(partition, [&](const SpillFile::Block& block) {
          block_arena_.Reset();
          loaded.clear();
          times_.clear();
          input.Load(block, block_arena_, &loaded, &times_);
          run.from = loaded.data();
          run.to = loaded.data() + loaded.size();
          if (keeps_times) run.times = times_.data();
          take(run);
        });
      }
    }

    [[gnu::cold]] void GroupLarge(const Item& window, size_t partition) {
      std::vector<int64_t> piece_bytes(size_t{1} << kPieceBits);
      ForEachIndex<kInputs>([&]<size_t I>() {
        ForEachRun<I>(window, partition, [&](const TimedRecords<I>& run) {
          for (const Record<I>* record = run.from; record < run.to; ++record) {
            piece_bytes[PieceOf(record->hash())] +=
                kLaidOutBytes<I> + static_cast<int64_t>(Record<I>::Key::HeldBytes(record->key) +
                                                        Record<I>::Value::HeldBytes(record->value));
          }
        });
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
        } else {
          GroupPieces(window, partition, first, next);
        }
      }
    }

    [[gnu::cold]] void GroupPieces(const Item& window, size_t partition, size_t first, size_t end) {
      layout_.Clear();
      splitter_.Clear();
      ForEachIndex<kInputs>([&]<size_t I>() {
        ForEachRun<I>(window, partition, [&](const TimedRecords<I>& run) {
          for (const Record<I>* record = run.from; record < run.to; ++record) {
            const size_t piece = PieceOf(record->hash());
            if (piece < first || piece >= end) continue;
            layout_.template AddCopy<I>(*record);
            if (window.splits) splitter_.Append(run.TimeOf(record), 1);
          }
        });
      });
      Output(window);
    }

    /// Groups the records of one piece by writing the values of each key to disk. Where windows are
    /// to be split the times of all the piece's records are held in memory.
    [[gnu::cold]] void GroupOnDisk(const Item& window, size_t partition, size_t piece) {
      layout_.Clear();
      splitter_.Clear();
      SpillFile file(memory_);
      GroupsOnDisk<K, Vs...> groups(&file, this->most_bytes());
      std::vector<uint32_t> numbers;  // Of the records' groups.
      if (window.splits) {
        uint32_t keys = 0;
        ForEachIndex<kInputs>([&]<size_t I>() {
          ForEachRun<I>(window, partition, [&](const TimedRecords<I>& run) {
            for (const Record<I>* record = run.from; record < run.to; ++record) {
              if (PieceOf(record->hash()) != piece) continue;
              numbers.push_back(groups.NumberOf(*record));
              keys = std::max(keys, numbers.back() + 1);
              splitter_.Append(run.TimeOf(record), 1);
            }
          });
        });
        const std::span<uint32_t> all[] = {numbers};
        splitter_.Split(all, keys);
      }
      auto number = numbers.begin();
      ForEachIndex<kInputs>([&]<size_t I>() {
        ForEachRun<I>(window, partition, [&](const TimedRecords<I>& run) {
          for (const Record<I>* record = run.from; record < run.to; ++record) {
            if (PieceOf(record->hash()) != piece) continue;
            groups.template AddTo<I>(window.splits ? *number++ : groups.NumberOf(*record), *record);
          }
        });
      });
      this->set_held_bytes(this->most_bytes());
      groups.ForEach([&](size_t number, View<K> key, const Values& values) {
        const ColumnWriter<KV<K, Values>> writer = this->column().writer();
        writer.keys().SetView(0, key);
        writer.values().SetView(0, values);
        PushGroups(window, number, 1);
      });
    }

    void Output(const Item& window) {
      layout_.Group(SpilledRun::kBits, window.splits ? &splitter_ : nullptr);
      this->set_held_bytes(layout_.held_bytes() + (window.splits ? splitter_.held_bytes() : 0));
      layout_.ForEachBatch(this->column(),
                           [&](size_t first, size_t count) { PushGroups(window, first, count); });
    }
    /// Pushes `count` groups, of which the first has the number `first`.
    void PushGroups(const Item& window, size_t first, size_t count) {
      if (!window.splits) return this->Push(count);
      PushTimed(first, count);
    }
    [[gnu::noinline]] void PushTimed(size_t first, size_t count) {
      windows_.resize(count);
      timestamps_.resize(count);
      for (size_t i = 0; i < count; ++i) {
        windows_[i] = splitter_.groups()[first + i].window;
        timestamps_[i] = splitter_.groups()[first + i].timestamp;
      }
      this->Push(count, windows_.data(), timestamps_.data());
    }

    WindowSplitter splitter_;
    MemoryBudget* memory_;
    GroupLayout<K, Vs...> layout_;
    Arena block_arena_;
    std::vector<ElementTime> times_;  ///< Of the records loaded last.
    std::vector<Window> windows_;     ///< Of the batch.
    std::vector<Timestamp> timestamps_;
  };

  BreakerContext context_;
  WindowingStrategy windowing_;
  WindowShares<Gathered> windows_;
};

template <class K, class... Vs>
class GroupByKeyStep final : public StepOf<GroupByKeyStep<K, Vs...>, NoState> {
 public:
  using StepOf<GroupByKeyStep<K, Vs...>, NoState>::StepOf;
  StepKind kind() const override { return StepKind::kGroup; }
  bool groups() const override { return true; }
  std::vector<const ElementType*> outputs() const override {
    return {&element_type<KV<K, GroupOfT<Vs...>>>};
  }
  std::unique_ptr<Breaker> MakeBreaker(const BreakerContext& context) const override {
    return std::unique_ptr<Breaker>(new GroupByKeyBreaker<K, Vs...>(context));
  }
  std::vector<std::unique_ptr<Operator>> MakeStreamOperators(
      std::span<const OperatorContext> lanes) const override {
    return MakeLanes<StreamGroupByKey<K, Vs...>>(lanes);
  }
};

}  // namespace joist

#endif  // JOIST_EXEC_GROUP_BY_KEY_H_
