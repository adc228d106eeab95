// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// RecordPartitions<Record>: records scattered by the high bits of a hash, each partition a list of
// chunks. Not thread-safe for writing; many threads may read at once.

#ifndef JOIST_EXEC_RECORD_PARTITIONS_H_
#define JOIST_EXEC_RECORD_PARTITIONS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "joist/base/pages.h"

namespace joist {

template <class Record>
class RecordPartitions {
  static_assert(std::is_trivially_copyable_v<Record>);

 public:
  static constexpr int kBits = 8;
  static constexpr size_t kPartitions = size_t{1} << kBits;

  /// Meant to hold about `bytes` at the most.
  explicit RecordPartitions(size_t bytes)
      : most_chunk_bytes_(std::clamp<size_t>(bytes / kPartitions / 8, 256, 64 << 10)),
        slab_bytes_(std::clamp<size_t>(bytes / 8, 64 << 10, 2 << 20)),
        tails_(kPartitions),
        chunks_(kPartitions) {}

  void Append(uint64_t hash, const Record& record) {
    Tail& tail = tails_[hash >> (64 - kBits)];
    if (tail.next == tail.end) [[unlikely]]
      Grow(hash >> (64 - kBits));
    *tail.next++ = record;
  }

  /// Calls take(begin, end) for the chunks of a partition, none empty.
  template <class Take>
  void ForEachChunk(size_t partition, Take take) const {
    const std::vector<Chunk>& chunks = chunks_[partition];
    for (size_t i = 0; i < chunks.size(); ++i) {
      take(static_cast<const Record*>(chunks[i].begin),
           static_cast<const Record*>(i + 1 == chunks.size() ? tails_[partition].next
                                                             : chunks[i].end));
    }
  }

  /// Forgets all records; the memory stays for the next ones.
  void Clear() {
    std::fill(tails_.begin(), tails_.end(), Tail());
    for (std::vector<Chunk>& chunks : chunks_) chunks.clear();
    slab_ = 0;
    slab_used_ = 0;
    used_bytes_ = 0;
  }
  /// And this gives it back.
  void Free() {
    Clear();
    slabs_.clear();
    held_bytes_ = 0;
  }
  /// Bytes that records lie in, and those held from the system.
  size_t used_bytes() const { return used_bytes_ + slab_used_; }
  size_t held_bytes() const { return held_bytes_; }

 private:
  struct Chunk {
    Record* begin;
    Record* end;
  };
  struct Tail {
    Record* next = nullptr;
    Record* end = nullptr;
  };
  static constexpr size_t kFirstRecords = 16;

  [[gnu::noinline]] void Grow(size_t partition) {
    std::vector<Chunk>& chunks = chunks_[partition];
    const size_t before =
        chunks.empty() ? 0 : static_cast<size_t>(chunks.back().end - chunks.back().begin);
    const size_t most = std::max<size_t>(kFirstRecords, most_chunk_bytes_ / sizeof(Record));
    const size_t records = std::clamp(before * 2, kFirstRecords, most);
    const size_t bytes = (records * sizeof(Record) + 63) & ~size_t{63};
    if (slab_ < slabs_.size() && slab_used_ + bytes > slabs_[slab_].size()) {
      used_bytes_ += slabs_[slab_++].size();
      slab_used_ = 0;
    }
    if (slab_ == slabs_.size()) {
      // Small groupings are frequent: the first slab is small as well.
      slabs_.emplace_back(std::max(bytes, slabs_.empty() ? slab_bytes_ / 8 : slab_bytes_));
      held_bytes_ += slabs_.back().size();
    }
    Record* const begin =
        reinterpret_cast<Record*>(static_cast<char*>(slabs_[slab_].data()) + slab_used_);
    slab_used_ += bytes;
    chunks.push_back({begin, begin + records});
    tails_[partition] = {begin, begin + records};
  }

  const size_t most_chunk_bytes_;
  const size_t slab_bytes_;
  std::vector<Tail> tails_;
  std::vector<std::vector<Chunk>> chunks_;
  std::vector<Pages> slabs_;
  size_t slab_ = 0;        ///< The slab in use.
  size_t slab_used_ = 0;   ///< Its bytes that are in use.
  size_t used_bytes_ = 0;  ///< Bytes of the slabs before it.
  size_t held_bytes_ = 0;
};

}  // namespace joist

#endif  // JOIST_EXEC_RECORD_PARTITIONS_H_
