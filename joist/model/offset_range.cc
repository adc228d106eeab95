// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/model/offset_range.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "joist/model/describe.h"

namespace joist {

std::vector<OffsetRange> OffsetRange::Split(int64_t size) const {
  std::vector<OffsetRange> pieces;
  const uint64_t step = static_cast<uint64_t>(std::max<int64_t>(size, 1));
  for (int64_t at = from; at < to;) {
    // The distance of two int64_t may need all 64 bits.
    const uint64_t left = static_cast<uint64_t>(to) - static_cast<uint64_t>(at);
    const int64_t end = left <= step ? to : at + static_cast<int64_t>(step);
    pieces.push_back({at, end});
    at = end;
  }
  return pieces;
}

bool OffsetTracker::TryClaim(int64_t position) {
  if (position < range_.from) {
    throw std::logic_error("claimed position " + std::to_string(position) +
                           ", which is before the restriction " + ToDescription(range_));
  }
  if (claimed_.has_value() && position <= *claimed_) {
    throw std::logic_error("claimed position " + std::to_string(position) + " after " +
                           std::to_string(*claimed_) + "; positions are claimed in order");
  }
  claimed_ = position;
  return position < range_.to;
}

std::optional<OffsetRange> OffsetTracker::TrySplit(double fraction) {
  if (CheckDone().ok()) return std::nullopt;
  const int64_t first = next();
  const uint64_t left = static_cast<uint64_t>(range_.to) - static_cast<uint64_t>(first);
  const double share = static_cast<double>(left) * std::clamp(fraction, 0.0, 1.0);
  const uint64_t kept =
      share >= static_cast<double>(left) ? left : std::min(left, static_cast<uint64_t>(share));
  if (kept == left) return std::nullopt;
  const OffsetRange rest{static_cast<int64_t>(static_cast<uint64_t>(first) + kept), range_.to};
  range_.to = rest.from;
  return rest;
}

Status OffsetTracker::CheckDone() const {
  if (range_.empty() || (claimed_.has_value() && *claimed_ >= range_.to - 1)) return OkStatus();
  return Status(StatusCode::kFailedPrecondition,
                "the function returned before it had claimed all of " + ToDescription(range_) +
                    ": " +
                    (claimed_.has_value() ? "the last one was " + std::to_string(*claimed_)
                                          : std::string("it claimed nothing")) +
                    "; claim until TryClaim says no, or return a ProcessContinuation that "
                    "resumes");
}

}  // namespace joist
