// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// GenerateSequence: numbers one after the other, up to an end or without, as fast as they are taken
// or at a rate.
//
//   pipeline | joist::GenerateSequence(0).To(1000)
//   pipeline | joist::GenerateSequence(0).WithRate(100, joist::Duration::Seconds(1))
//   pipeline | joist::GenerateSequence(0).WithTimestampFn(
//                  [](int64_t n) { return joist::Timestamp::Seconds(n); })

#ifndef JOIST_TRANSFORMS_GENERATE_SEQUENCE_H_
#define JOIST_TRANSFORMS_GENERATE_SEQUENCE_H_

#include <algorithm>
#include <cstdint>
#include <limits>
#include <source_location>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "joist/model/offset_range.h"
#include "joist/sdk/par_do.h"
#include "joist/sdk/read.h"
#include "joist/transforms/parts.h"

namespace joist {

namespace sequence_internal {

struct Sequence {
  int64_t from = 0;
  int64_t to = std::numeric_limits<int64_t>::max();
  int64_t elements = 0;  ///< In each period; 0: as many as can be.
  Duration period;
  Duration max_read_time = Duration::Max();
  Timestamp start;  ///< On the wall, of the job.

  bool HasClock() const { return elements > 0 || max_read_time != Duration::Max(); }
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

/// Stands for a function of timestamps where there is none.
struct NoTimestampFn {};

/// The splittable function. With an estimator it goes by the engine's clock; numbers have its time
/// unless there is a function.
template <bool kBounded, class Estimator, class F>
struct Generate {
  static constexpr bool kIsBounded = kBounded;
  static constexpr bool kTimed = !std::is_same_v<Estimator, NoWatermarkEstimator>;

  [[no_unique_address]] F timestamp_fn;
  // Of this type alone: what is derived from it has a coder of its own.
  static auto Parts(Generate& self) { return std::tie(self.timestamp_fn); }
  static auto Parts(const Generate& self) { return std::tie(self.timestamp_fn); }

  OffsetRange InitialRestriction(const Sequence& sequence) const {
    return {sequence.from, sequence.to};
  }
  std::vector<OffsetRange> SplitRestriction(const Sequence&, const OffsetRange& range) const {
    if (kTimed) return {range};
    return range.Split(std::max<int64_t>(1, (range.to - range.from) / 64));
  }
  ProcessContinuation Process(const Sequence& sequence, RestrictionTracker<OffsetRange>& tracker,
                              Estimator&, Emit<int64_t> emit) {
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
      if constexpr (!std::is_same_v<F, NoTimestampFn>) {
        emit(i, timestamp_fn(i));
      } else if constexpr (kTimed) {
        emit(i, now);
      } else {
        emit(i);
      }
    }
  }
};

/// The sequence as an element, from which on time runs. What is wrong with it is a fault.
PCollection<Sequence> Begin(const Pipeline& pipeline, const Sequence& sequence);

template <class F>
PCollection<int64_t> GenerateAll(const Pipeline& pipeline, const Sequence& sequence,
                                 bool is_bounded, const F& timestamp_fn) {
  // Beam's watermark, too, is the timestamp of the last number.
  using Estimator = std::conditional_t<std::is_same_v<F, NoTimestampFn>, WallTimeWatermarkEstimator,
                                       MonotonicallyIncreasingWatermarkEstimator>;
  const auto begun = Begin(pipeline, sequence);
  if (!is_bounded) return begun | ParDo(Generate<false, Estimator, F>{timestamp_fn});
  if (sequence.HasClock()) return begun | ParDo(Generate<true, Estimator, F>{timestamp_fn});
  return begun | ParDo(Generate<true, NoWatermarkEstimator, F>{timestamp_fn});
}

}  // namespace sequence_internal

template <class F>
class GenerateSequenceWithTimestamps;

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
  /// Gives each number the timestamp that `fn` returns for it; comes last. Timestamps don't go
  /// back, or numbers may be late: a stream's watermark is that of the last one.
  template <class F>
  auto WithTimestampFn(F fn) && {
    return GenerateSequenceWithTimestamps<F>(*this, std::move(fn));
  }

  PCollection<int64_t> Expand(const Pipeline& pipeline) const;

 private:
  template <class F>
  friend class GenerateSequenceWithTimestamps;

  sequence_internal::Sequence sequence_;
  bool is_bounded_ = false;
};

/// F: from an int64_t to its Timestamp.
template <class F>
class GenerateSequenceWithTimestamps : public Transform {
 public:
  static constexpr std::string_view kKind = "GenerateSequence";
  GenerateSequenceWithTimestamps(const GenerateSequence& numbers, F fn)
      : Transform(numbers.where), numbers_(numbers), fn_(std::move(fn)) {}

  auto Expand(const Pipeline& pipeline) const {
    constexpr bool kFits = std::is_invocable_r_v<Timestamp, F&, int64_t>;
    static_assert(kFits,
                  "Joist: a function for WithTimestampFn takes an int64_t and returns its "
                  "joist::Timestamp.");
    if constexpr (kFits) {
      return sequence_internal::GenerateAll(pipeline, numbers_.sequence_, numbers_.is_bounded_,
                                            fn_);
    } else {
      return PCollection<Invalid>(&pipeline.builder());
    }
  }

 private:
  GenerateSequence numbers_;
  F fn_;
};

}  // namespace joist

#endif  // JOIST_TRANSFORMS_GENERATE_SEQUENCE_H_
