// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// ScatteredRecords<K, V>: what one share has gathered of a grouping in one window: records by
// partition of their key's hash, in memory and, beyond what it may hold, in runs on disk. A run has
// the records of all partitions, one partition after the other, encoded and compressed by the
// block.

#ifndef JOIST_EXEC_SCATTERED_H_
#define JOIST_EXEC_SCATTERED_H_

#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "joist/exec/batch.h"
#include "joist/exec/group_key.h"
#include "joist/exec/memory.h"
#include "joist/exec/record_partitions.h"
#include "joist/exec/spilled_run.h"
#include "joist/exec/window_splitter.h"

namespace joist {

/// A key with a value; the hash is kept where it costs more to compute than to load.
template <class K, class V>
struct PlainRecord {
  using Key = GroupKey<K>;
  using Value = GroupValue<V>;
  typename Key::Kept key;
  [[no_unique_address]] typename Value::Kept value;

  uint64_t hash() const { return Key::Hash(key); }
  void set_hash(uint64_t) {}
};
template <class K, class V>
struct HashedRecord {
  using Key = GroupKey<K>;
  using Value = GroupValue<V>;
  typename Key::Kept key;
  [[no_unique_address]] typename Value::Kept value;
  uint64_t kept_hash;

  uint64_t hash() const { return kept_hash; }
  void set_hash(uint64_t hash) { kept_hash = hash; }
};
template <class K, class V>
using GroupRecord =
    std::conditional_t<KeyTraits<K>::kIsWord, PlainRecord<K, V>, HashedRecord<K, V>>;

template <class K, class V>
class ScatteredRecords {
 public:
  using Record = GroupRecord<K, V>;
  using Partitions = RecordPartitions<Record>;
  static constexpr size_t kPartitions = Partitions::kPartitions;
  static_assert(kPartitions == SpilledRun::kPartitions);

  /// Meant to hold about `bytes` in memory. Keeps each record's time beside it if told to.
  explicit ScatteredRecords(int64_t bytes, bool keeps_times = false)
      : partitions_(static_cast<size_t>(bytes)),
        times_(static_cast<size_t>(bytes)),
        keeps_times_(keeps_times) {}

  /// `meta` is that of the first record.
  void Append(const ColumnView<K>& keys, const ColumnView<V>& values, const Meta& meta,
              size_t count) {
    for (size_t i = 0; i < count; ++i) {
      Record record;
      record.key = Record::Key::Keep(keys[i], &scratch_, arena_);
      record.value = Record::Value::Keep(values[i], &scratch_, arena_);
      const uint64_t hash = Record::Key::Hash(record.key);
      record.set_hash(hash);
      partitions_.Append(hash, record);
      if (keeps_times_) [[unlikely]]
        times_.Append(hash, {meta.windows[i], meta.timestamps[i]});
    }
    records_ += count;
  }

  /// Writes what is in memory as a run, to the file it has, else to that of `files`. Throws
  /// StatusException.
  [[gnu::cold]] void Spill(SharedSpillFile& files) {
    if (records_ == 0) return;
    if (file_ == nullptr) file_ = files.Get();
    RunWriter writer(file_.get());
    for (size_t partition = 0; partition < kPartitions; ++partition) {
      writer.BeginPartition(partition);
      std::vector<ElementTime> times;
      times_.ForEachChunk(partition, [&](const ElementTime* from, const ElementTime* to) {
        times.insert(times.end(), from, to);
      });
      auto time = times.begin();
      partitions_.ForEachChunk(partition, [&](const Record* from, const Record* to) {
        for (; from < to; ++from) {
          Record::Key::Encode(from->key, writer.record());
          Record::Value::Encode(from->value, writer.record());
          if (keeps_times_) {
            writer.record()->append(reinterpret_cast<const char*>(&*time++), sizeof(ElementTime));
          }
          writer.EndRecord();
        }
      });
    }
    runs_.push_back(writer.Finish());
    partitions_.Clear();
    times_.Clear();
    arena_.Reset();
    records_ = 0;
  }
  /// Gives back memory that a spill has left empty.
  void FreeUnused() {
    if (records_ > 0) return;
    partitions_.Free();
    times_.Free();
    arena_ = Arena();
  }

  /// Bytes that records in memory take.
  int64_t used_bytes() const {
    return static_cast<int64_t>(partitions_.used_bytes() + times_.used_bytes() +
                                arena_.held_bytes());
  }
  /// Bytes held from the system.
  int64_t held_bytes() const {
    return static_cast<int64_t>(partitions_.held_bytes() + times_.held_bytes() +
                                arena_.held_bytes());
  }

  /// Calls take(begin, end) for the records of a partition that are in memory.
  template <class Take>
  void ForEachChunk(size_t partition, Take take) const {
    partitions_.ForEachChunk(partition, take);
  }
  /// The same for their times, in the same order; in other chunks.
  template <class Take>
  void ForEachTimes(size_t partition, Take take) const {
    times_.ForEachChunk(partition, take);
  }
  /// Calls take(block) for its blocks on disk.
  template <class Take>
  void ForEachBlock(size_t partition, Take take) const {
    for (const auto& run : runs_) {
      run->ForEachBlock(partition, [&](const SpillFile::Block& block) {
        take(block);
        return true;
      });
    }
  }
  /// Appends a block's records to `records`, and their times to `times`; what they refer to lies in
  /// `arena`.
  [[gnu::cold]] void Load(const SpillFile::Block& block, Arena& arena, std::vector<Record>* records,
                          std::vector<ElementTime>* times) const {
    ByteReader reader(file_->Read(block, arena));
    for (uint32_t i = 0; i < block.records; ++i) {
      Record& record = records->emplace_back();
      JOIST_CHECK(Record::Key::Decode(&reader, &record.key) &&
                  Record::Value::Decode(&reader, &record.value));
      record.set_hash(Record::Key::Hash(record.key));
      if (!keeps_times_) continue;
      std::string_view bytes;
      JOIST_CHECK(reader.Take(sizeof(ElementTime), &bytes));
      std::memcpy(&times->emplace_back(), bytes.data(), bytes.size());
    }
  }

 private:
  Partitions partitions_;
  RecordPartitions<ElementTime> times_;
  bool keeps_times_;
  Arena arena_;
  std::string scratch_;
  size_t records_ = 0;
  std::vector<std::unique_ptr<SpilledRun>> runs_;
  std::shared_ptr<SpillFile> file_;
};

}  // namespace joist

#endif  // JOIST_EXEC_SCATTERED_H_
