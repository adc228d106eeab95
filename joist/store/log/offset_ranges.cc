// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/store/log/offset_ranges.h"

#include <algorithm>
#include <iterator>

#include "joist/store/log/varint.h"

namespace joist::store {

uint64_t OffsetRanges::Add(uint64_t begin, uint64_t end) {
  begin = std::max(begin, floor_);
  if (begin >= end) return 0;
  // What was there of [begin, end) is taken out of the count, the joined range put in.
  uint64_t joined_begin = begin;
  uint64_t joined_end = end;
  uint64_t known = 0;
  auto at = ranges_.upper_bound(begin);
  if (at != ranges_.begin() && std::prev(at)->second >= begin) --at;
  const auto first = at;
  for (; at != ranges_.end() && at->first <= end; ++at) {
    joined_begin = std::min(joined_begin, at->first);
    joined_end = std::max(joined_end, at->second);
    known += at->second - at->first;
  }
  const uint64_t joined = joined_end - joined_begin;
  const uint64_t added = joined - known;
  count_beyond_ -= known;
  if (joined_begin == floor_) {
    ranges_.erase(first, at);
    floor_ = joined_end;
    return added;
  }
  count_beyond_ += joined;
  if (first != at) {
    // One node stays, so that a range which grows costs no allocation.
    const auto others = std::next(first);
    auto node = ranges_.extract(first);
    ranges_.erase(others, at);
    node.key() = joined_begin;
    node.mapped() = joined_end;
    ranges_.insert(std::move(node));
  } else {
    ranges_.emplace_hint(at, joined_begin, joined_end);
  }
  return added;
}

void OffsetRanges::RemoveFrom(uint64_t begin) {
  floor_ = std::min(floor_, begin);
  while (!ranges_.empty() && std::prev(ranges_.end())->second > begin) {
    const auto last = std::prev(ranges_.end());
    if (last->first < begin) {
      count_beyond_ -= last->second - begin;
      last->second = begin;
    } else {
      count_beyond_ -= last->second - last->first;
      ranges_.erase(last);
    }
  }
}

uint64_t OffsetRanges::EndOfRange(uint64_t offset) const {
  if (offset < floor_) return floor_;
  const auto after = ranges_.upper_bound(offset);
  if (after == ranges_.begin()) return offset;
  return std::max(offset, std::prev(after)->second);
}

uint64_t OffsetRanges::CountMissing(uint64_t begin, uint64_t end) const {
  begin = std::max(begin, floor_);
  if (begin >= end) return 0;
  uint64_t missing = end - begin;
  auto at = ranges_.upper_bound(begin);
  if (at != ranges_.begin()) --at;
  for (; at != ranges_.end() && at->first < end; ++at) {
    const uint64_t from = std::max(begin, at->first);
    const uint64_t to = std::min(end, at->second);
    if (from < to) missing -= to - from;
  }
  return missing;
}

std::string OffsetRanges::Encode() const {
  std::string bytes;
  PutVarint(floor_, &bytes);
  uint64_t last = floor_;
  for (const auto& [begin, end] : ranges_) {
    PutVarint(begin - last, &bytes);
    PutVarint(end - begin, &bytes);
    last = end;
  }
  return bytes;
}

Result<OffsetRanges> OffsetRanges::Decode(std::string_view bytes) {
  const Status broken = DataLoss("acknowledged offsets of a subscription cannot be read");
  uint64_t floor = 0;
  if (!TakeVarint(&bytes, &floor)) return broken;
  OffsetRanges ranges(floor);
  uint64_t last = floor;
  while (!bytes.empty()) {
    uint64_t gap = 0;
    uint64_t length = 0;
    if (!TakeVarint(&bytes, &gap) || !TakeVarint(&bytes, &length) || gap == 0 || length == 0 ||
        gap > UINT64_MAX - last || length > UINT64_MAX - last - gap) {
      return broken;
    }
    ranges.Add(last + gap, last + gap + length);
    last += gap + length;
  }
  return ranges;
}

}  // namespace joist::store
