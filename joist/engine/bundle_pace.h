// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// BundlePace: how much time the sources of a stream have in its next bundle, so that the whole
// bundle takes about as long as it may.
//
// What a bundle takes is mostly not its sources' time but that of the steps behind them, which
// nobody knows beforehand: a step may find all its state in memory, or fetch each piece from disk,
// and one that writes to a service takes its time however little there is. So a bundle is thought
// to take f + s x where sources have x; f and s are those of a line through the last bundles (least
// squares, older ones counting less). Where f alone is most of what a bundle may take, sources have
// as much time as makes s x equal to it.

#ifndef JOIST_ENGINE_BUNDLE_PACE_H_
#define JOIST_ENGINE_BUNDLE_PACE_H_

#include "joist/exec/bundle_limits.h"

namespace joist {

/// Belongs to one thread.
class BundlePace {
 public:
  using Time = BundleLimits::Time;

  /// `most`: that a bundle takes.
  explicit BundlePace(Time most);
  /// Of the sources in the next bundle. It begins with little.
  Time time() const { return time_; }
  /// A bundle took `took`. Whether its sources were stopped by their time: those that wait for
  /// something have not shown that there is time for more.
  void Note(Time took, bool was_time_up);

 private:
  const Time most_;
  Time time_;
  // Sums over the bundles, in microseconds.
  double count_ = 0;
  double x_ = 0;
  double y_ = 0;
  double xx_ = 0;
  double xy_ = 0;
  double fixed_ = 0;     ///< What a bundle takes in any case, as of the last line.
  double expected_ = 0;  ///< What the next one takes, in microseconds.
};

}  // namespace joist

#endif  // JOIST_ENGINE_BUNDLE_PACE_H_
