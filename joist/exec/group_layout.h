// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// GroupLayout<K, V>: lays out records group by group in memory. GroupsOnDisk<K, V>: the same for
// groups that don't fit, whose values go to a file. Each belongs to one thread and keeps its memory
// from use to use.

#ifndef JOIST_EXEC_GROUP_LAYOUT_H_
#define JOIST_EXEC_GROUP_LAYOUT_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "joist/exec/key_table.h"
#include "joist/exec/scattered.h"

namespace joist {

template <class K, class V>
class GroupLayout {
 public:
  using Record = GroupRecord<K, V>;
  using Key = GroupKey<K>;

  /// Forgets all records.
  void Clear() {
    chunks_.clear();
    own_records_.clear();
    arena_.Reset();
  }
  /// Records that stay where they are.
  void AddChunk(const Record* from, const Record* to) { chunks_.push_back({from, to}); }
  /// A record that is about to go.
  void AddCopy(const Record& record) {
    Record copy = record;
    copy.key = Key::Copy(record.key, arena_);
    copy.value = Record::Value::Copy(record.value, arena_);
    own_records_.push_back(copy);
  }
  /// For records that the caller decodes; what they refer to goes into arena().
  std::vector<Record>& own_records() { return own_records_; }
  Arena& arena() { return arena_; }

  /// Groups what was added. The hashes of all records have their first `skip_bits` bits in common.
  void Group(int skip_bits) {
    if (!own_records_.empty()) {
      AddChunk(own_records_.data(), own_records_.data() + own_records_.size());
    }
    size_t records = 0;
    for (const Chunk& chunk : chunks_) records += static_cast<size_t>(chunk.to - chunk.from);
    JOIST_CHECK(records < UINT32_MAX);

    // First pass: a number for each key; for each record the number of its key.
    KeyTable<typename Key::Table, uint32_t> numbers(expected_keys_, skip_bits);
    keys_.clear();
    ends_.clear();
    key_of_record_.resize(records);
    uint32_t* key_of_record = key_of_record_.data();
    for (const Chunk& chunk : chunks_) {
      const Record* const from = chunk.from;
      const auto count = static_cast<size_t>(chunk.to - from);
      numbers.Upsert(
          count, [from](size_t i) { return from[i].key; },
          [this] {
            ends_.push_back(0);
            return static_cast<uint32_t>(ends_.size() - 1);
          },
          [&](size_t i, uint32_t number) {
            key_of_record[i] = number;
            ++ends_[number];
            if (number == keys_.size()) keys_.push_back(from[i].key);
          });
      key_of_record += count;
    }
    expected_keys_ = keys_.size();

    // Second pass: the values, group by group. ends_ becomes each group's next free place, and at
    // last its end.
    uint32_t sum = 0;
    for (uint32_t& end : ends_) sum += std::exchange(end, sum);
    if (capacity_ < records) {
      values_ = nullptr;  // Before the next is made.
      values_ = std::make_unique_for_overwrite<Stored<V>[]>(records);
      capacity_ = records;
    }
    key_of_record = key_of_record_.data();
    for (const Chunk& chunk : chunks_) {
      for (const Record* record = chunk.from; record < chunk.to; ++record) {
        values_[ends_[*key_of_record++]++] = Record::Value::Load(record->value);
      }
    }
  }

  /// Writes the groups into `column`, and calls take(count) whenever it is full, and at the end.
  template <class Take>
  void ForEachBatch(ColumnBuffer<KV<K, Iterable<V>>>& column, Take take) {
    const ColumnWriter<KV<K, Iterable<V>>> writer = column.writer();
    if constexpr (Key::kIsEncoded) {
      if (own_keys_ == nullptr) own_keys_ = std::make_unique<K[]>(kBatchSize);
    }
    uint32_t begin = 0;
    for (size_t group = 0; group < keys_.size();) {
      size_t count = 0;
      for (; count < kBatchSize && group < keys_.size(); ++count, ++group) {
        K* const own = Key::kIsEncoded ? &own_keys_[count] : nullptr;
        writer.keys().SetView(count, Key::FromKept(keys_[group], own));
        writer.values().SetView(count, Iterable<V>(values_.get() + begin, ends_[group] - begin));
        begin = ends_[group];
      }
      take(count);
    }
  }

  /// Without what the values hold themselves.
  int64_t held_bytes() const {
    return static_cast<int64_t>(own_records_.capacity() * sizeof(Record) + arena_.held_bytes() +
                                key_of_record_.capacity() * sizeof(uint32_t) +
                                capacity_ * sizeof(Stored<V>));
  }

 private:
  struct Chunk {
    const Record* from;
    const Record* to;
  };

  std::vector<Chunk> chunks_;
  std::vector<Record> own_records_;
  Arena arena_;
  size_t expected_keys_ = 0;
  std::vector<typename Key::Kept> keys_;
  std::unique_ptr<K[]> own_keys_;  ///< Of a batch, where keys are kept encoded.
  std::vector<uint32_t> ends_;
  std::vector<uint32_t> key_of_record_;
  std::unique_ptr<Stored<V>[]> values_;
  size_t capacity_ = 0;
};

template <class K, class V>
class GroupsOnDisk {
 public:
  using Record = GroupRecord<K, V>;
  using Key = GroupKey<K>;

  /// Holds no more than `most_bytes` of values in memory; the rest goes to `file`.
  GroupsOnDisk(SpillFile* file, int64_t most_bytes) : file_(file), most_bytes_(most_bytes) {}

  [[gnu::cold]] void Add(const Record& record) {
    Group* group = nullptr;
    numbers_.Upsert(
        1, [&](size_t) { return record.key; },
        [this] { return static_cast<uint32_t>(groups_.size()); },
        [&](size_t, uint32_t number) {
          if (number == groups_.size()) groups_.emplace_back().key = Key::Copy(record.key, keys_);
          group = &groups_[number];
        });
    const size_t before = group->pending.size();
    Record::Value::EncodeElement(record.value, &group->pending);
    ++group->pending_records;
    ++group->size;
    pending_bytes_ += static_cast<int64_t>(group->pending.size() - before);
    if (group->pending.size() >= SpillFile::kBlockBytes) Flush(*group);
    if (pending_bytes_ > most_bytes_) {
      for (Group& each : groups_) Flush(each);
    }
  }

  /// Calls take(key, values) for each group.
  template <class Take>
  void ForEach(Take take) {
    [[maybe_unused]] K own{};
    for (Group& group : groups_) Flush(group);
    file_->Flush();
    for (Group& group : groups_) {
      const Pages pages(file_, &group.blocks);
      take(Key::FromKept(group.key, &own), Iterable<V>(&pages, group.size));
    }
  }

 private:
  struct Group {
    typename Key::Kept key;
    std::string pending;  ///< Encoded values.
    uint32_t pending_records = 0;
    size_t size = 0;
    std::vector<SpillFile::Block> blocks;
  };

  class Pages final : public PagedValues<V> {
   public:
    Pages(const SpillFile* file, const std::vector<SpillFile::Block>* blocks)
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

  void Flush(Group& group) {
    if (group.pending_records == 0) return;
    group.blocks.push_back(file_->Append(group.pending, std::exchange(group.pending_records, 0)));
    pending_bytes_ -= static_cast<int64_t>(group.pending.size());
    group.pending = std::string();
  }

  SpillFile* file_;
  int64_t most_bytes_;
  int64_t pending_bytes_ = 0;
  KeyTable<typename Key::Table, uint32_t> numbers_;
  Arena keys_;
  std::vector<Group> groups_;
};

}  // namespace joist

#endif  // JOIST_EXEC_GROUP_LAYOUT_H_
