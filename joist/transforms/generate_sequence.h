// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// GenerateSequence: numbers one after the other, up to an end or without, as fast as they are taken
// or at a rate.
//
//   pipeline | joist::GenerateSequence(0).To(1000)
//   pipeline | joist::GenerateSequence(0).WithRate(100, joist::Duration::Seconds(1))

#ifndef JOIST_TRANSFORMS_GENERATE_SEQUENCE_H_
#define JOIST_TRANSFORMS_GENERATE_SEQUENCE_H_

#include <algorithm>
#include <cstdint>
#include <limits>
#include <source_location>
#include <vector>

#include "joist/model/offset_range.h"
#include "joist/sdk/par_do.h"
#include "joist/sdk/read.h"

namespace joist {

namespace sequence_internal {

struct Sequence {
  int64_t from = 0;
  int64_t to = std::numeric_limits<int64_t>::max();
  int64_t elements = 0;  ///< In each period; 0: as many as can be.
  Duration period;
  Duration max_read_time = Duration::Max();
  Timestamp start;  ///< On the wall, of the job.

  /// When number `i` is due.
  Timestamp DueAt(int64_t i) const {
    const int64_t index = i - from;
    return start + Duration::Millis(index / elements * period.millis +
                                    index % elements * period.millis / elements);
  }
};
JOIST_ROW(Sequence, from, to, elements, period, max_read_time, start)

/// Lets time begin.
struct Start {
  Sequence operator()(const Sequence& sequence) const;
};

/// The splittable function. With an estimator of the wall's time each number has that time.
template <bool kBounded, class Estimator>
struct Generate {
  static constexpr bool kIsBounded = kBounded;
  static constexpr bool kTimed = std::is_same_v<Estimator, WallTimeWatermarkEstimator>;

  OffsetRange InitialRestriction(const Sequence& sequence) const {
    return {sequence.from, sequence.to};
  }
  std::vector<OffsetRange> SplitRestriction(const Sequence&, const OffsetRange& range) const {
    if (kTimed) return {range};
    return range.Split(std::max<int64_t>(1, (range.to - range.from) / 64));
  }
  ProcessContinuation Process(const Sequence& sequence, RestrictionTracker<OffsetRange>& tracker,
                              Estimator&, Emit<int64_t> emit) const {
    const Timestamp now = tracker.processing_time();
    if (kTimed && now - sequence.start >= sequence.max_read_time) {
      tracker.TryClaim(sequence.to);
      return ProcessContinuation::Stop();
    }
    for (int64_t i = tracker.restriction().from;; ++i) {
      if (kTimed && sequence.elements > 0 && i < sequence.to) {
        const Timestamp due = sequence.DueAt(i);
        if (due > now) return ProcessContinuation::Resume(due - now);
      }
      if (!tracker.TryClaim(i)) return ProcessContinuation::Stop();
      if constexpr (kTimed) {
        emit(i, now);
      } else {
        emit(i);
      }
    }
  }
};

}  // namespace sequence_internal

/// Without an end, or at a rate, each number has the time on the wall at which it is output;
/// otherwise Beam's minimum. What has an end is a bounded collection.
class GenerateSequence : public Transform {
 public:
  static constexpr std::string_view kKind = "GenerateSequence";
  explicit GenerateSequence(int64_t from,
                            std::source_location where = std::source_location::current())
      : Transform(where) {
    sequence_.from = from;
  }
  /// Ends before `to`.
  GenerateSequence To(int64_t to) && {
    sequence_.to = to;
    is_bounded_ = true;
    return *this;
  }
  /// At most `elements` in each `period`, evenly.
  GenerateSequence WithRate(int64_t elements, Duration period) && {
    sequence_.elements = elements;
    sequence_.period = period;
    return *this;
  }
  /// Ends when the job has run so long.
  GenerateSequence WithMaxReadTime(Duration time) && {
    sequence_.max_read_time = time;
    is_bounded_ = true;
    return *this;
  }

  PCollection<int64_t> Expand(const Pipeline& pipeline) const;

 private:
  sequence_internal::Sequence sequence_;
  bool is_bounded_ = false;
};

}  // namespace joist

#endif  // JOIST_TRANSFORMS_GENERATE_SEQUENCE_H_
