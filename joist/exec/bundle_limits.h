// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// BundleLimits: when a bundle of a stream is large enough. Splittable functions are stopped then,
// and what they were given goes through the rest of the graph.
//
// What a bundle takes is mostly not the functions' time but that of the steps behind them, which
// nobody knows beforehand: a step may find all its state in memory, or fetch each piece from disk.
// So the engine times whole bundles, and gives the functions of the next one as much less, or more,
// as the last one took too long, or could have taken longer. It begins with little.

#ifndef JOIST_EXEC_BUNDLE_LIMITS_H_
#define JOIST_EXEC_BUNDLE_LIMITS_H_

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>

namespace joist {

/// Of one run, shared by its lanes. Begin and End are called between bundles, the others in one by
/// any thread.
class BundleLimits {
 public:
  using Time = std::chrono::microseconds;

  struct Most {
    int64_t elements;  ///< That the functions of one lane claim.
    Time time;         ///< From the bundle's begin to its end.
    int64_t bytes;     ///< On their way from one lane to others, of each step.
  };

  explicit BundleLimits(const Most& most) : most_(most), time_(std::min(kFirstTime, most.time)) {}

  void Begin() {
    is_full_.store(false, std::memory_order_relaxed);
    is_used_up_.store(false, std::memory_order_relaxed);
  }
  /// After a bundle that took `took`.
  void End(Time took) {
    const double ratio = std::chrono::duration<double>(most_.time) /
                         std::chrono::duration<double>(std::max(took, Time(1)));
    // Functions that wait for something have not shown that there is time for more.
    if (ratio > 1 && !is_used_up_.load(std::memory_order_relaxed)) return;
    const auto next = Time(
        static_cast<int64_t>(static_cast<double>(time_.count()) * std::min(ratio, kFastestGrowth)));
    time_ = std::clamp(next, std::min(kLeastTime, most_.time), most_.time);
  }

  const Most& most() const { return most_; }
  /// What all functions of a lane have, together, in this bundle.
  Time time() const { return time_; }
  void NoteTimeIsUp() { is_used_up_.store(true, std::memory_order_relaxed); }
  /// Nothing more is to be claimed in this bundle, which has the most bytes.
  void Fill() { is_full_.store(true, std::memory_order_relaxed); }
  bool is_full() const { return is_full_.load(std::memory_order_relaxed); }

 private:
  static constexpr Time kFirstTime{1'000};
  static constexpr Time kLeastTime{50};
  static constexpr double kFastestGrowth = 2;

  const Most most_;
  Time time_;
  std::atomic<bool> is_full_{false};
  std::atomic<bool> is_used_up_{false};
};

}  // namespace joist

#endif  // JOIST_EXEC_BUNDLE_LIMITS_H_
