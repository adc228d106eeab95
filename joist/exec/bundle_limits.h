// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// BundleLimits: when a bundle of a stream is large enough. Splittable functions are stopped then,
// and what they were given goes through the rest of the graph.

#ifndef JOIST_EXEC_BUNDLE_LIMITS_H_
#define JOIST_EXEC_BUNDLE_LIMITS_H_

#include <atomic>
#include <chrono>
#include <cstdint>

namespace joist {

/// Of one run, shared by its lanes. Begin is called between bundles, the others in one by any
/// thread.
class BundleLimits {
 public:
  using Time = std::chrono::microseconds;

  struct Most {
    int64_t elements;  ///< That the functions of one lane claim.
    Time time;         ///< From the bundle's begin to its end.
    int64_t bytes;     ///< On their way from one lane to others, of each step.
  };

  explicit BundleLimits(const Most& most) : most_(most), time_(most.time) {}

  /// A bundle begins in which all functions of a lane together have `time`.
  void Begin(Time time) {
    time_ = time;
    is_full_.store(false, std::memory_order_relaxed);
    is_used_up_.store(false, std::memory_order_relaxed);
  }

  const Most& most() const { return most_; }
  Time time() const { return time_; }
  /// A function was stopped because its time was over.
  void NoteTimeIsUp() { is_used_up_.store(true, std::memory_order_relaxed); }
  bool is_time_up() const { return is_used_up_.load(std::memory_order_relaxed); }
  /// Nothing more is to be claimed in this bundle, which has the most bytes.
  void Fill() { is_full_.store(true, std::memory_order_relaxed); }
  bool is_full() const { return is_full_.load(std::memory_order_relaxed); }

 private:
  const Most most_;
  Time time_;
  std::atomic<bool> is_full_{false};
  std::atomic<bool> is_used_up_{false};
};

}  // namespace joist

#endif  // JOIST_EXEC_BUNDLE_LIMITS_H_
