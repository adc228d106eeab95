// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/transforms/periodic_impulse.h"

#include <cstdint>

#include "joist/model/offset_range.h"
#include "joist/sdk/par_do.h"
#include "joist/sdk/read.h"
#include "joist/sdk/window_into.h"

namespace joist {
namespace {

struct Period {
  Timestamp start;
  Timestamp stop;
  Duration interval;
};
JOIST_ROW(Period, start, stop, interval)

/// Position i is the i-th timestamp.
struct Fire {
  static constexpr bool kIsBounded = false;
  OffsetRange InitialRestriction(const Period& period) const {
    if (period.interval.millis <= 0) return {};
    const Duration whole = period.stop - period.start;
    return {0, (whole.millis + period.interval.millis - 1) / period.interval.millis};
  }
  ProcessContinuation Process(const Period& period, RestrictionTracker<OffsetRange>& tracker,
                              ManualWatermarkEstimator& watermark, Emit<Timestamp> emit) const {
    const auto at = [&](int64_t i) {
      return period.start + Duration::Millis(i * period.interval.millis);
    };
    for (int64_t i = tracker.restriction().from;; ++i) {
      watermark.SetWatermark(at(i));
      if (at(i) < period.stop && at(i) > tracker.processing_time()) {
        return ProcessContinuation::Resume(at(i) - tracker.processing_time());
      }
      if (!tracker.TryClaim(i)) return ProcessContinuation::Stop();
      emit(at(i), at(i));
    }
  }
};

}  // namespace

PCollection<Timestamp> PeriodicImpulse::Expand(const Pipeline& pipeline) const {
  if (interval_.millis <= 0) pipeline.builder().AddFault("has an interval that is not positive");
  const auto fired = pipeline | Create<Period>({{start_, stop_, interval_}}) | ParDo(Fire());
  if (!windowed_) return fired;
  return fired | WindowInto(FixedWindows(interval_, start_ - Timestamp::Millis(0)));
}

}  // namespace joist
