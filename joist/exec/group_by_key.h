// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// GroupByKeyStep: all values of each key and window together. Shares scatter their records over
// partitions by the high bits of the key's hash; then each partition, small enough for the cache,
// is grouped by one thread: a table gives every key a number, and the values are laid out group by
// group.

#ifndef JOIST_EXEC_GROUP_BY_KEY_H_
#define JOIST_EXEC_GROUP_BY_KEY_H_

#include <algorithm>
#include <deque>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "joist/base/pages.h"
#include "joist/exec/failure.h"
#include "joist/exec/key_table.h"
#include "joist/exec/step.h"

namespace joist {

/// An element kept in a record that is moved by its bytes: itself, or where it lies.
template <class T>
class Keeper {
 public:
  static constexpr bool kInRecord = std::is_trivially_copyable_v<Stored<T>>;
  using Kept = std::conditional_t<kInRecord, Stored<T>, const Stored<T>*>;

  Kept Keep(const View<T>& view) {
    if constexpr (kInRecord) {
      return ElementForm<T>::Store(view, arena_);
    } else {
      return &objects_.emplace_back(ElementForm<T>::Store(view, arena_));
    }
  }
  static const Stored<T>& Of(const Kept& kept) {
    if constexpr (kInRecord)
      return kept;
    else
      return *kept;
  }

 private:
  Arena arena_;
  std::conditional_t<kInRecord, std::type_identity<void>, std::deque<Stored<T>>> objects_;
};

/// Records scattered over kPartitions lists of chunks.
template <class Record>
class RecordPartitions {
  static_assert(std::is_trivially_copyable_v<Record>);

 public:
  static constexpr int kBits = 8;
  static constexpr size_t kPartitions = size_t{1} << kBits;

  struct Chunk {
    Record* begin;
    Record* end;
  };

  RecordPartitions() : tails_(kPartitions), chunks_(kPartitions) {}

  void Append(uint64_t hash, const Record& record) {
    Tail& tail = tails_[hash >> (64 - kBits)];
    if (tail.next == tail.end) [[unlikely]]
      Grow(hash >> (64 - kBits));
    *tail.next++ = record;
  }

  /// The chunks of a partition, none empty. Call after the last Append.
  template <class Take>
  void ForEachChunk(size_t partition, Take take) const {
    const std::vector<Chunk>& chunks = chunks_[partition];
    for (size_t i = 0; i < chunks.size(); ++i) {
      take(chunks[i].begin, i + 1 == chunks.size() ? tails_[partition].next : chunks[i].end);
    }
  }

 private:
  struct Tail {
    Record* next = nullptr;
    Record* end = nullptr;
  };
  static constexpr size_t kFirstRecords = 16;
  static constexpr size_t kMostBytes = 64 << 10;
  static constexpr size_t kSlabBytes = 2 << 20;

  [[gnu::noinline]] void Grow(size_t partition) {
    std::vector<Chunk>& chunks = chunks_[partition];
    const size_t before =
        chunks.empty() ? 0 : static_cast<size_t>(chunks.back().end - chunks.back().begin);
    const size_t records = std::clamp(before * 2, kFirstRecords,
                                      std::max<size_t>(kFirstRecords, kMostBytes / sizeof(Record)));
    const size_t bytes = (records * sizeof(Record) + 63) & ~size_t{63};
    if (slabs_.empty() || slab_used_ + bytes > slabs_.back().size()) {
      // Small groupings are frequent: the first slab is small as well.
      slabs_.emplace_back(std::max(bytes, slabs_.empty() ? kSlabBytes / 8 : kSlabBytes));
      slab_used_ = 0;
    }
    Record* const begin =
        reinterpret_cast<Record*>(static_cast<char*>(slabs_.back().data()) + slab_used_);
    slab_used_ += bytes;
    chunks.push_back({begin, begin + records});
    tails_[partition] = {begin, begin + records};
  }

  std::vector<Tail> tails_;
  std::vector<std::vector<Chunk>> chunks_;
  std::vector<Pages> slabs_;
  size_t slab_used_ = 0;
};

template <class K, class V>
class GroupByKeyBreaker final : public Breaker {
  /// The hash is kept where it costs more to compute than to load.
  static constexpr bool kKeepsHash = !KeyTraits<K>::kIsWord;
  struct PlainRecord {
    typename Keeper<K>::Kept key;
    [[no_unique_address]] typename Keeper<V>::Kept value;
  };
  struct HashedRecord : PlainRecord {
    uint64_t hash;
  };
  using Record = std::conditional_t<kKeepsHash, HashedRecord, PlainRecord>;
  using Partitions = RecordPartitions<Record>;

  /// What one share has of one window.
  struct Scattered {
    Window window;
    Partitions partitions;
    Keeper<K> keys;
    Keeper<V> values;
    size_t records = 0;
  };
  struct WindowGroups {
    Window window;
    std::vector<std::unique_ptr<Scattered>> shares;
  };

 public:
  explicit GroupByKeyBreaker(std::string_view step) : step_(step) {}

  std::unique_ptr<Operator> MakeSink(const OperatorContext& context) override {
    return std::make_unique<Sink>(context);
  }

  void Commit(Operator& sink) override {
    for (auto& from : static_cast<Sink&>(sink).windows_) {
      auto to = std::find_if(windows_.begin(), windows_.end(),
                             [&](const WindowGroups& w) { return w.window == from->window; });
      if (to == windows_.end()) to = windows_.insert(to, WindowGroups{from->window, {}});
      to->shares.push_back(std::move(from));
    }
  }

  void Seal(int) override {}

  std::shared_ptr<Source> MakeOutput() override { return std::make_shared<Groups>(this); }

 private:
  static uint64_t HashOf(const View<K>& key) {
    if constexpr (KeyTraits<K>::kIsWord) {
      return HashWord(KeyTraits<K>::ToWord(key));
    } else {
      return key_slot::For<K>::type::Make(key).hash;
    }
  }

  class Sink final : public Operator, public BatchReceiver<KV<K, V>> {
   public:
    explicit Sink(const OperatorContext& context) : context_(context) {}
    Receiver* input() override { return static_cast<BatchReceiver<KV<K, V>>*>(this); }
    void Connect(int, Receiver*) override {}

    void Push(const Batch<KV<K, V>>& batch) override {
      const StepScope scope(context_.stats);
      context_.stats->elements_in += batch.count;
      ++context_.stats->batches_in;
      ForEachWindowRun(batch, [&](Window window, size_t first, size_t count) {
        Scattered& to = Of(window);
        to.records += count;
        const ColumnView<K> keys = batch.values.keys().From(first);
        const ColumnView<V> values = batch.values.values().From(first);
        for (size_t i = 0; i < count; ++i) {
          const uint64_t hash = HashOf(keys[i]);
          Record record;
          record.key = to.keys.Keep(keys[i]);
          record.value = to.values.Keep(values[i]);
          if constexpr (kKeepsHash) record.hash = hash;
          to.partitions.Append(hash, record);
        }
      });
    }

   private:
    friend class GroupByKeyBreaker;
    Scattered& Of(Window window) {
      for (size_t i = windows_.size(); i-- > 0;) {
        if (windows_[i]->window == window) return *windows_[i];
      }
      windows_.push_back(std::make_unique<Scattered>());
      windows_.back()->window = window;
      return *windows_.back();
    }

    OperatorContext context_;
    std::vector<std::unique_ptr<Scattered>> windows_;
  };

  class Groups final : public Source {
   public:
    explicit Groups(const GroupByKeyBreaker* breaker) : breaker_(breaker) {}
    Result<std::vector<SourceRange>> Split(int) override {
      std::vector<SourceRange> ranges;
      for (uint32_t i = 0; i < breaker_->windows_.size(); ++i) {
        ranges.push_back({i, 0, Partitions::kPartitions, true});
      }
      return ranges;
    }
    std::unique_ptr<Reader> MakeReader(const OperatorContext& context) override {
      return std::make_unique<GroupReader>(breaker_, context);
    }

   private:
    const GroupByKeyBreaker* breaker_;
  };

  class GroupReader final : public Reader {
   public:
    GroupReader(const GroupByKeyBreaker* breaker, const OperatorContext& context)
        : breaker_(breaker), context_(context) {}
    void Connect(Receiver* consumer) override { output_.Connect(consumer); }

    void Read(RangeTracker& tracker) override {
      const StepScope scope(context_.stats);
      const WindowGroups& window = breaker_->windows_[tracker.range().item];
      meta_ = {SharedColumn<Timestamp>(window.window.max_timestamp()),
               SharedColumn<Window>(window.window),
               SharedColumn<PaneInfo>(PaneInfo::OnTimeAndOnly())};
      int64_t begin, end;
      try {
        while (tracker.Claim(1, &begin, &end)) Group(window, static_cast<size_t>(begin));
      } catch (...) {
        RethrowAsStepFailure(context_.step, "");
      }
    }

   private:
    void Group(const WindowGroups& window, size_t partition) {
      size_t records = 0;
      for (const auto& share : window.shares) {
        share->partitions.ForEachChunk(partition, [&](const Record* from, const Record* to) {
          records += static_cast<size_t>(to - from);
        });
      }
      if (records == 0) return;
      JOIST_CHECK(records < UINT32_MAX);

      // First pass: a number for each key; for each record the number of its key.
      KeyTable<K, uint32_t> numbers(expected_keys_, Partitions::kBits);
      keys_.clear();
      ends_.clear();
      key_of_record_.resize(records);
      uint32_t* key_of_record = key_of_record_.data();
      for (const auto& share : window.shares) {
        share->partitions.ForEachChunk(partition, [&](const Record* from, const Record* to) {
          numbers.Upsert(
              static_cast<size_t>(to - from), [from](size_t i) { return KeyOf(from[i]); },
              [this] {
                ends_.push_back(0);
                return static_cast<uint32_t>(ends_.size() - 1);
              },
              [&](size_t i, uint32_t number) {
                key_of_record[i] = number;
                ++ends_[number];
                if (number == keys_.size()) keys_.push_back(Keeper<K>::Of(from[i].key));
              });
          key_of_record += to - from;
        });
      }
      expected_keys_ = keys_.size();

      // Second pass: the values, group by group. ends_ becomes each group's next free place, and at
      // last its end.
      uint32_t sum = 0;
      for (uint32_t& end : ends_) sum += std::exchange(end, sum);
      if (capacity_ < records) {
        values_ = std::make_unique_for_overwrite<Stored<V>[]>(records);
        capacity_ = records;
      }
      key_of_record = key_of_record_.data();
      for (const auto& share : window.shares) {
        share->partitions.ForEachChunk(partition, [&](const Record* from, const Record* to) {
          for (; from < to; ++from) {
            values_[ends_[*key_of_record++]++] = Keeper<V>::Of(from->value);
          }
        });
      }

      const ColumnWriter<KV<K, Iterable<V>>> writer = column_.writer();
      uint32_t begin = 0;
      for (size_t group = 0; group < keys_.size();) {
        size_t count = 0;
        for (; count < kBatchSize && group < keys_.size(); ++count, ++group) {
          writer.keys().SetView(count, ElementForm<K>::ViewOf(keys_[group]));
          writer.values().SetView(count, Iterable<V>(values_.get() + begin, ends_[group] - begin));
          begin = ends_[group];
        }
        context_.stats->elements_out += count;
        output_.Push({column_.view(), count, meta_});
      }
    }
    static View<K> KeyOf(const Record& record) {
      return ElementForm<K>::ViewOf(Keeper<K>::Of(record.key));
    }

    const GroupByKeyBreaker* breaker_;
    OperatorContext context_;
    Output<KV<K, Iterable<V>>> output_;
    ColumnBuffer<KV<K, Iterable<V>>> column_;
    Meta meta_;
    size_t expected_keys_ = 0;
    std::vector<Stored<K>> keys_;
    std::vector<uint32_t> ends_;
    std::vector<uint32_t> key_of_record_;
    std::unique_ptr<Stored<V>[]> values_;
    size_t capacity_ = 0;
  };

  std::string_view step_;
  std::vector<WindowGroups> windows_;
};

template <class K, class V>
class GroupByKeyStep final : public StepOf<GroupByKeyStep<K, V>, NoState> {
 public:
  using StepOf<GroupByKeyStep<K, V>, NoState>::StepOf;
  StepKind kind() const override { return StepKind::kGroup; }
  std::vector<const ElementType*> outputs() const override {
    return {&element_type<KV<K, Iterable<V>>>};
  }
  std::unique_ptr<Breaker> MakeBreaker(std::string_view step) const override {
    return std::make_unique<GroupByKeyBreaker<K, V>>(step);
  }
};

}  // namespace joist

#endif  // JOIST_EXEC_GROUP_BY_KEY_H_
