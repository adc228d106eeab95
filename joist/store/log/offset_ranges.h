// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// OffsetRanges: which messages of a topic a subscription is done with: all before a floor, and
// ranges beyond it. Belongs to one thread at a time.

#ifndef JOIST_STORE_LOG_OFFSET_RANGES_H_
#define JOIST_STORE_LOG_OFFSET_RANGES_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "joist/base/status.h"

namespace joist::store {

class OffsetRanges {
 public:
  explicit OffsetRanges(uint64_t floor = 0) : floor_(floor) {}

  /// The first offset that is not in it.
  uint64_t floor() const { return floor_; }
  /// Offsets at or beyond the floor.
  uint64_t count_beyond() const { return count_beyond_; }
  size_t ranges() const { return ranges_.size(); }

  /// Adds [begin, end). Returns how many offsets were not in it.
  uint64_t Add(uint64_t begin, uint64_t end);
  /// Takes out all offsets from `begin` on.
  void RemoveFrom(uint64_t begin);
  bool Contains(uint64_t offset) const { return EndOfRange(offset) != offset; }
  /// The end of the range that has `offset`; `offset` itself where there is none.
  uint64_t EndOfRange(uint64_t offset) const;
  /// How many offsets of [begin, end) are not in it.
  uint64_t CountMissing(uint64_t begin, uint64_t end) const;

  /// As bytes and back; DATA_LOSS where they are none.
  std::string Encode() const;
  static Result<OffsetRanges> Decode(std::string_view bytes);

 private:
  uint64_t floor_;
  uint64_t count_beyond_ = 0;
  std::map<uint64_t, uint64_t> ranges_;  // Begin to end; apart from each other and the floor.
};

}  // namespace joist::store

#endif  // JOIST_STORE_LOG_OFFSET_RANGES_H_
