// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// PeriodicImpulse: a timestamp each interval, at the time that it says: to poll something, and to
// read anew what a side input has.
//
//   auto rates = pipeline | joist::PeriodicImpulse(now, joist::Duration::Minutes(5))
//                         | joist::Map([](joist::Timestamp) { return LoadRates(); });

#ifndef JOIST_TRANSFORMS_PERIODIC_IMPULSE_H_
#define JOIST_TRANSFORMS_PERIODIC_IMPULSE_H_

#include <source_location>

#include "joist/model/timestamp.h"
#include "joist/sdk/pipeline.h"

namespace joist {

class PeriodicImpulse : public Transform {
 public:
  static constexpr std::string_view kKind = "PeriodicImpulse";
  /// From `start` on; what is before the job's own start comes at once. `interval` is positive.
  PeriodicImpulse(Timestamp start, Duration interval,
                  std::source_location where = std::source_location::current())
      : Transform(where), start_(start), interval_(interval) {}
  /// None at `stop` or later.
  PeriodicImpulse Until(Timestamp stop) && {
    stop_ = stop;
    return *this;
  }
  /// Each in a window of its own, [timestamp, timestamp + interval).
  PeriodicImpulse ApplyWindowing() && {
    windowed_ = true;
    return *this;
  }

  /// A collection without end, even where it has a `stop`, as in Beam.
  PCollection<Timestamp> Expand(const Pipeline& pipeline) const;

 private:
  Timestamp start_;
  Timestamp stop_ = Timestamp::Max();
  Duration interval_;
  bool windowed_ = false;
};

}  // namespace joist

#endif  // JOIST_TRANSFORMS_PERIODIC_IMPULSE_H_
