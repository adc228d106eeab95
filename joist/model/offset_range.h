// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// OffsetRange: the restriction of most splittable functions: positions [from, to) of a file, of a
// sequence. OffsetTracker: how such a range is claimed and split. As Beam's OffsetRange and
// OffsetRangeTracker.

#ifndef JOIST_MODEL_OFFSET_RANGE_H_
#define JOIST_MODEL_OFFSET_RANGE_H_

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "joist/base/status.h"
#include "joist/model/fields.h"

namespace joist {

class OffsetTracker;

struct OffsetRange {
  using Tracker = OffsetTracker;
  int64_t from = 0;
  int64_t to = 0;  ///< The largest number where there is no end.

  bool empty() const { return from >= to; }
  /// Positions; none where there is no end.
  std::optional<int64_t> Size() const {
    if (to == std::numeric_limits<int64_t>::max()) return std::nullopt;
    return std::max<int64_t>(to - from, 0);
  }
  /// Pieces of `size` positions, the last one perhaps smaller.
  std::vector<OffsetRange> Split(int64_t size) const;
  friend bool operator==(const OffsetRange&, const OffsetRange&) = default;
};
JOIST_ROW(OffsetRange, from, to)

/// Belongs to one thread.
class OffsetTracker {
 public:
  using Position = int64_t;
  explicit OffsetTracker(OffsetRange range) : range_(range) {}

  /// Positions are claimed in ascending order, not all of them need be; what is at or behind the
  /// end is not given, and then the function is done. Throws std::logic_error for a position that
  /// is before the range or not behind the one claimed last.
  bool TryClaim(int64_t position);
  /// Keeps `fraction` of what comes behind the position claimed last, and returns the rest; null
  /// where there is none.
  std::optional<OffsetRange> TrySplit(double fraction);
  /// Fails where some of the range was neither claimed nor passed over.
  Status CheckDone() const;
  const OffsetRange& restriction() const { return range_; }

 private:
  /// The first position that is not behind us.
  int64_t next() const { return claimed_.has_value() ? *claimed_ + 1 : range_.from; }

  OffsetRange range_;
  std::optional<int64_t> claimed_;  ///< Tried to claim last.
};

}  // namespace joist

#endif  // JOIST_MODEL_OFFSET_RANGE_H_
