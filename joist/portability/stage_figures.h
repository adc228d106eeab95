// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// StageFigures: what a stage of SDK code does while it does it, over all of its threads. What is
// done again after a failure counts again. Counted by the batch.

#ifndef JOIST_PORTABILITY_STAGE_FIGURES_H_
#define JOIST_PORTABILITY_STAGE_FIGURES_H_

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace joist::portability {

/// Thread-safe.
struct StageFigures {
  std::atomic<uint64_t> elements_sent{
      0};                                ///< To workers; those that they have not begun wait there.
  std::atomic<uint64_t> elements_in{0};  ///< That workers have begun, as far as they have said so.
  std::atomic<uint64_t> elements_out{0};
  std::atomic<uint64_t> bundles{0};  ///< That the SDK has answered.
};

/// What one bundle adds to them. Belongs to its thread.
class BundleFigures {
 public:
  /// `of` outlives it.
  explicit BundleFigures(StageFigures* of) : of_(of) {}
  ~BundleFigures() { Begun(sent_); }
  BundleFigures(const BundleFigures&) = delete;
  BundleFigures& operator=(const BundleFigures&) = delete;

  void Sent(uint64_t elements) {
    sent_ += elements;
    of_->elements_sent.fetch_add(elements, std::memory_order_relaxed);
  }
  /// So many of those are another's now.
  void GivenAway(uint64_t elements) {
    sent_ -= elements;
    of_->elements_sent.fetch_sub(elements, std::memory_order_relaxed);
  }
  /// The worker says that it has begun so many.
  void Begun(uint64_t elements) { Raise(std::min(elements, sent_), &begun_, &of_->elements_in); }
  /// The worker says that it has output so many, of which all may not have come.
  void Made(uint64_t elements) { Raise(elements, &out_, &of_->elements_out); }
  void Came(uint64_t elements) {
    came_ += elements;
    Made(came_);
  }
  /// It is answered, and all has come.
  void End() {
    Begun(sent_);
    of_->bundles.fetch_add(1, std::memory_order_relaxed);
    sent_ = begun_ = out_ = came_ = 0;
  }

 private:
  static void Raise(uint64_t to, uint64_t* counted, std::atomic<uint64_t>* total) {
    if (to <= *counted) return;
    total->fetch_add(to - *counted, std::memory_order_relaxed);
    *counted = to;
  }

  StageFigures* const of_;
  uint64_t sent_ = 0;
  uint64_t begun_ = 0;
  uint64_t out_ = 0;
  uint64_t came_ = 0;
};

}  // namespace joist::portability

#endif  // JOIST_PORTABILITY_STAGE_FIGURES_H_
