// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// GroupLayout<K, Vs…>: lays out the records of one or several collections group by group in memory.
// GroupsOnDisk<K, Vs…>: the same for groups that don't fit, whose values go to a file. Each belongs
// to one thread and keeps its memory from use to use.

#ifndef JOIST_EXEC_GROUP_LAYOUT_H_
#define JOIST_EXEC_GROUP_LAYOUT_H_

#include <array>
#include <memory>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "joist/exec/co_gbk_result.h"
#include "joist/exec/key_table.h"
#include "joist/exec/scattered.h"
#include "joist/exec/window_splitter.h"

namespace joist {

/// Calls take.template operator()<I>() for I in [0, kCount).
template <size_t kCount, class Take>
[[gnu::always_inline]] inline void ForEachIndex(Take&& take) {
  const auto call = [&]<size_t... I>(std::index_sequence<I...>) {
    (take.template operator()<I>(), ...);
  };
  call(std::make_index_sequence<kCount>());
}

template <class K, class... Vs>
class GroupLayout {
 public:
  using Key = GroupKey<K>;
  using GroupValues = GroupOfT<Vs...>;
  template <size_t I>
  using Record = GroupRecord<K, std::tuple_element_t<I, std::tuple<Vs...>>>;

  /// Forgets all records.
  void Clear() {
    std::apply([](auto&... inputs) { ((inputs.chunks.clear(), inputs.own_records.clear()), ...); },
               inputs_);
    arena_.Reset();
  }
  /// Records of the I-th collection that stay where they are.
  template <size_t I>
  void AddChunk(const Record<I>* from, const Record<I>* to) {
    std::get<I>(inputs_).chunks.push_back({from, to});
  }
  /// A record that is about to go.
  template <size_t I>
  void AddCopy(const Record<I>& record) {
    Record<I> copy = record;
    copy.key = Key::Copy(record.key, arena_);
    copy.value = Record<I>::Value::Copy(record.value, arena_);
    std::get<I>(inputs_).own_records.push_back(copy);
  }
  /// For records that the caller decodes; what they refer to goes into arena().
  template <size_t I>
  std::vector<Record<I>>& own_records() {
    return std::get<I>(inputs_).own_records;
  }
  Arena& arena() { return arena_; }

  /// Groups what was added. The hashes of all records have their first `skip_bits` bits in common.
  /// By key, or by what `splitter` makes of it, which has the records' times, collection by
  /// collection, in the order of AddChunk and then of own_records().
  void Group(int skip_bits, WindowSplitter* splitter = nullptr) {
    KeyTable<typename Key::Table, uint32_t> numbers(expected_keys_, skip_bits);
    keys_.clear();
    ForEachIndex<kInputs>([&]<size_t I>() { NumberKeys(std::get<I>(inputs_), numbers); });
    expected_keys_ = keys_.size();
    groups_ = keys_.size();
    splitter_ = splitter;
    if (splitter != nullptr) Split();
    ForEachIndex<kInputs>([&]<size_t I>() { LayOut(std::get<I>(inputs_)); });
  }

  /// Writes the groups into `column`, and calls take(first group, count) whenever it is full, and
  /// at the end.
  template <class Take>
  void ForEachBatch(ColumnBuffer<KV<K, GroupValues>>& column, Take take) {
    const ColumnWriter<KV<K, GroupValues>> writer = column.writer();
    if constexpr (Key::kIsEncoded) {
      if (own_keys_ == nullptr) own_keys_ = std::make_unique<K[]>(kBatchSize);
    }
    for (size_t group = 0; group < groups_;) {
      const size_t first = group;
      size_t count = 0;
      for (; count < kBatchSize && group < groups_; ++count, ++group) {
        K* const own = Key::kIsEncoded ? &own_keys_[count] : nullptr;
        const size_t key = splitter_ == nullptr ? group : splitter_->groups()[group].key;
        writer.keys().SetView(count, Key::FromKept(keys_[key], own));
        writer.values().SetView(count, std::apply(
                                           [group](const auto&... inputs) {
                                             return GroupValues(inputs.ValuesOf(group)...);
                                           },
                                           inputs_));
      }
      take(first, count);
    }
  }

  /// Without what the values hold themselves.
  int64_t held_bytes() const {
    size_t bytes = arena_.held_bytes();
    std::apply([&](const auto&... inputs) { ((bytes += inputs.held_bytes()), ...); }, inputs_);
    return static_cast<int64_t>(bytes);
  }

 private:
  static constexpr size_t kInputs = sizeof...(Vs);

  /// What is there of one collection.
  template <class V>
  struct Input {
    using Record = GroupRecord<K, V>;
    struct Chunk {
      const Record* from;
      const Record* to;
    };
    std::vector<Chunk> chunks;
    std::vector<Record> own_records;
    std::vector<uint32_t> ends;  ///< By group, of its values.
    std::vector<uint32_t> key_of_record;
    std::unique_ptr<Stored<V>[]> values;
    size_t capacity = 0;

    Iterable<V> ValuesOf(size_t group) const {
      const uint32_t begin = group == 0 ? 0 : ends[group - 1];
      return Iterable<V>(values.get() + begin, ends[group] - begin);
    }
    size_t held_bytes() const {
      return own_records.capacity() * sizeof(Record) + key_of_record.capacity() * sizeof(uint32_t) +
             capacity * sizeof(Stored<V>);
    }
  };

  /// First pass: a number for each key; for each record the number of its key, and how many values
  /// a key has.
  template <class V, class Numbers>
  void NumberKeys(Input<V>& input, Numbers& numbers) {
    if (!input.own_records.empty()) {
      const auto* const records = input.own_records.data();
      input.chunks.push_back({records, records + input.own_records.size()});
    }
    size_t records = 0;
    for (const auto& chunk : input.chunks) records += static_cast<size_t>(chunk.to - chunk.from);
    JOIST_CHECK(records < UINT32_MAX);
    std::vector<uint32_t>& counts = input.ends;
    counts.assign(keys_.size(), 0);
    input.key_of_record.resize(records);
    uint32_t* key_of_record = input.key_of_record.data();
    for (const auto& chunk : input.chunks) {
      const auto* const from = chunk.from;
      const auto count = static_cast<size_t>(chunk.to - from);
      numbers.Upsert(
          count, [from](size_t i) { return from[i].key; },
          [&counts] {
            counts.push_back(0);
            return static_cast<uint32_t>(counts.size() - 1);
          },
          [&](size_t i, uint32_t number) {
            key_of_record[i] = number;
            ++counts[number];
            if (number == keys_.size()) keys_.push_back(from[i].key);
          });
      key_of_record += count;
    }
  }

  /// Between the passes: numbers of keys become numbers of groups.
  [[gnu::noinline]] void Split() {
    const auto numbers = std::apply(
        [](auto&... inputs) { return std::array{std::span<uint32_t>(inputs.key_of_record)...}; },
        inputs_);
    splitter_->Split(numbers, keys_.size());
    groups_ = splitter_->groups().size();
    std::apply(
        [this](auto&... inputs) {
          (inputs.ends.assign(groups_, 0), ...);
          ((CountByGroup(inputs.key_of_record, &inputs.ends)), ...);
        },
        inputs_);
  }
  static void CountByGroup(const std::vector<uint32_t>& groups, std::vector<uint32_t>* counts) {
    for (const uint32_t group : groups) ++(*counts)[group];
  }

  /// Second pass: the values, group by group. A group's count becomes its next free place, and at
  /// last its end.
  template <class V>
  void LayOut(Input<V>& input) {
    input.ends.resize(groups_, 0);  // Keys that only later collections have.
    uint32_t sum = 0;
    for (uint32_t& end : input.ends) sum += std::exchange(end, sum);
    const size_t records = input.key_of_record.size();
    if (input.capacity < records) {
      input.values = nullptr;  // Before the next is made.
      input.values = std::make_unique_for_overwrite<Stored<V>[]>(records);
      input.capacity = records;
    }
    const uint32_t* key_of_record = input.key_of_record.data();
    for (const auto& chunk : input.chunks) {
      for (const auto* record = chunk.from; record < chunk.to; ++record) {
        input.values[input.ends[*key_of_record++]++] =
            GroupRecord<K, V>::Value::Load(record->value);
      }
    }
  }

  std::tuple<Input<Vs>...> inputs_;
  Arena arena_;
  size_t expected_keys_ = 0;
  size_t groups_ = 0;
  WindowSplitter* splitter_ = nullptr;  ///< Of the latest Group.
  std::vector<typename Key::Kept> keys_;
  std::unique_ptr<K[]> own_keys_;  ///< Of a batch, where keys are kept encoded.
};

/// Values in blocks of a file, each a page.
template <class V>
class ValuesOnDisk final : public PagedValues<V> {
 public:
  ValuesOnDisk(const SpillFile* file, const std::vector<SpillFile::Block>* blocks)
      : file_(file), blocks_(blocks) {}
  size_t page_count() const override { return blocks_->size(); }
  std::shared_ptr<const Page<V>> Load(size_t number) const override {
    const SpillFile::Block& block = (*blocks_)[number];
    auto page = std::make_shared<Page<V>>();
    ByteReader reader(file_->Read(block, page->arena));
    page->values = std::make_unique_for_overwrite<Stored<V>[]>(block.records);
    page->size = block.records;
    for (uint32_t i = 0; i < block.records; ++i) {
      JOIST_CHECK(ElementCode<V>::Decode(&reader, &page->values[i]));
    }
    return page;
  }

 private:
  const SpillFile* file_;
  const std::vector<SpillFile::Block>* blocks_;
};

template <class K, class... Vs>
class GroupsOnDisk {
 public:
  using Key = GroupKey<K>;
  template <size_t I>
  using Record = GroupRecord<K, std::tuple_element_t<I, std::tuple<Vs...>>>;

  /// Holds no more than `most_bytes` of values in memory; the rest goes to `file`.
  GroupsOnDisk(SpillFile* file, int64_t most_bytes) : file_(file), most_bytes_(most_bytes) {}

  /// To the group of its key.
  template <size_t I>
  [[gnu::cold]] void Add(const Record<I>& record) {
    AddTo<I>(NumberOf(record), record);
  }
  /// The number of its key.
  template <class R>
  [[gnu::cold]] uint32_t NumberOf(const R& record) {
    const uint32_t found = numbers_.FindOrAdd(record.key, next_number_);
    if (found == next_number_) ++next_number_;
    return found;
  }
  /// To a group by number; all of a group's records have one key.
  template <size_t I>
  [[gnu::cold]] void AddTo(uint32_t number, const Record<I>& record) {
    if (number >= groups_.size()) groups_.resize(number + 1);
    Group& group = groups_[number];
    if (!group.has_key) {
      group.has_key = true;
      group.key = Key::Copy(record.key, keys_);
    }
    Values& values = group.inputs[I];
    const size_t before = values.pending.size();
    Record<I>::Value::EncodeElement(record.value, &values.pending);
    ++values.pending_records;
    ++values.size;
    pending_bytes_ += static_cast<int64_t>(values.pending.size() - before);
    if (values.pending.size() >= SpillFile::kBlockBytes) Flush(values);
    if (pending_bytes_ > most_bytes_) FlushAll();
  }

  /// Calls take(number, key, values) for each group.
  template <class Take>
  void ForEach(Take take) {
    [[maybe_unused]] K own{};
    FlushAll();
    file_->Flush();
    for (size_t number = 0; number < groups_.size(); ++number) {
      Group& group = groups_[number];
      const auto take_pages = [&]<size_t... I>(std::index_sequence<I...>) {
        const std::tuple<ValuesOnDisk<Vs>...> pages{
            ValuesOnDisk<Vs>(file_, &group.inputs[I].blocks)...};
        take(number, Key::FromKept(group.key, &own),
             GroupOfT<Vs...>(Iterable<Vs>(group.inputs[I].size == 0 ? nullptr : &std::get<I>(pages),
                                          group.inputs[I].size)...));
      };
      take_pages(std::index_sequence_for<Vs...>());
    }
  }

  /// The same of one collection, as it lies on disk: calls take(kept key, size, blocks). The file
  /// is still to be flushed.
  template <class Take>
  void ForEachKept(Take take) {
    FlushAll();
    for (Group& group : groups_) {
      take(group.key, group.inputs[0].size, std::move(group.inputs[0].blocks));
    }
  }

 private:
  /// A group's values of one collection.
  struct Values {
    std::string pending;  ///< Encoded, not yet in a block.
    uint32_t pending_records = 0;
    size_t size = 0;
    std::vector<SpillFile::Block> blocks;
  };
  struct Group {
    bool has_key = false;
    typename Key::Kept key;
    std::array<Values, sizeof...(Vs)> inputs;
  };

  void Flush(Values& values) {
    if (values.pending_records == 0) return;
    values.blocks.push_back(
        file_->Append(values.pending, std::exchange(values.pending_records, 0)));
    pending_bytes_ -= static_cast<int64_t>(values.pending.size());
    values.pending = std::string();
  }
  void FlushAll() {
    for (Group& group : groups_) {
      for (Values& values : group.inputs) Flush(values);
    }
  }

  SpillFile* file_;
  int64_t most_bytes_;
  int64_t pending_bytes_ = 0;
  KeyTable<typename Key::Table, uint32_t> numbers_;
  uint32_t next_number_ = 0;
  Arena keys_;
  std::vector<Group> groups_;
};

}  // namespace joist

#endif  // JOIST_EXEC_GROUP_LAYOUT_H_
