// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// What a splittable function works with: RestrictionTracker, by which it claims the parts of its
// restriction one after the other; watermark estimators, by which it says how far time has come;
// ProcessContinuation, by which it says that it will go on later. See joist/sdk/splittable.h.

#ifndef JOIST_EXEC_RESTRICTION_TRACKER_H_
#define JOIST_EXEC_RESTRICTION_TRACKER_H_

#include <algorithm>
#include <atomic>
#include <type_traits>
#include <utility>

#include "joist/base/function_ref.h"
#include "joist/model/timestamp.h"

namespace joist {

/// Whether a splittable function is done with what it has claimed, or with all.
class ProcessContinuation {
 public:
  /// All of the restriction was claimed.
  static ProcessContinuation Stop() { return ProcessContinuation(false, {}); }
  /// What is left of the restriction is to be tried again, not before `delay` has passed.
  static ProcessContinuation Resume(Duration delay = {}) {
    return ProcessContinuation(true, delay);
  }
  bool resumes() const { return resumes_; }
  Duration delay() const { return delay_; }

 private:
  ProcessContinuation(bool resumes, Duration delay) : resumes_(resumes), delay_(delay) {}
  bool resumes_;
  Duration delay_;
};

/// When a function that claims is looked after: is somebody waiting for a part of its restriction,
/// is it time for a pause? Written to by other threads; what is asked for each claim costs no lock.
class ClaimWatch {
 public:
  /// Whether it is time to look.
  bool MustLook() { return --claims_ <= 0 || wanted_.load(std::memory_order_relaxed); }

 protected:
  void LookAfter(int claims) { claims_ = claims; }
  std::atomic<bool> wanted_{false};

 private:
  int claims_ = 1;
};

/// The restriction R of one call. R::Tracker knows how to claim and split it:
///
///   using Position = …;
///   explicit Tracker(R);
///   bool TryClaim(const Position&);             // False: the restriction ends before it.
///   std::optional<R> TrySplit(double fraction); // Keeps that much of what is not yet claimed, and
///                                               // returns the rest. 0: keeps what is claimed.
///   Status CheckDone() const;                   // An error where something was left out.
///   const R& restriction() const;
///
/// It is only ever called by the thread that runs the function.
template <class R>
class RestrictionTracker {
 public:
  using Tracker = typename R::Tracker;
  using Position = typename Tracker::Position;
  using Look = FunctionRef<bool(Tracker&)>;

  /// `look` may split the tracker; false where nothing more is to be claimed.
  RestrictionTracker(R restriction, Timestamp now, ClaimWatch* watch, Look look)
      : tracker_(std::move(restriction)), now_(now), watch_(watch), look_(look) {}

  /// Whether `position` is this call's to work on. After a false it has nothing more to do.
  bool TryClaim(const Position& position) {
    if (watch_->MustLook() && !look_(tracker_)) [[unlikely]]
      return false;
    return tracker_.TryClaim(position);
  }
  /// What the call has, which may become less while it runs.
  const R& restriction() const { return tracker_.restriction(); }
  /// The engine's clock when the call began.
  Timestamp processing_time() const { return now_; }

 private:
  template <class F, class T, class Ordinary>
  friend class SplittableCall;
  Tracker tracker_;
  Timestamp now_;
  ClaimWatch* watch_;
  Look look_;
};

/// Base of watermark estimators. An estimator is made for each call from the watermark that the one
/// before it had, and the time of the engine's clock; its watermark never goes back.
class WatermarkEstimator {
 public:
  Timestamp watermark() const { return watermark_; }

 protected:
  explicit WatermarkEstimator(Timestamp watermark) : watermark_(watermark) {}
  void Advance(Timestamp to) { watermark_ = std::max(watermark_, to); }

 private:
  Timestamp watermark_;
};

/// Says nothing: the watermark stays at the element's timestamp until the function is done with it.
class NoWatermarkEstimator : public WatermarkEstimator {
 public:
  NoWatermarkEstimator(Timestamp watermark, Timestamp) : WatermarkEstimator(watermark) {}
};
/// Is told.
class ManualWatermarkEstimator : public WatermarkEstimator {
 public:
  ManualWatermarkEstimator(Timestamp watermark, Timestamp) : WatermarkEstimator(watermark) {}
  /// No element with an earlier timestamp will be emitted.
  void SetWatermark(Timestamp to) { Advance(to); }
};
/// The latest timestamp that was emitted, where timestamps don't go back.
class MonotonicallyIncreasingWatermarkEstimator : public WatermarkEstimator {
 public:
  MonotonicallyIncreasingWatermarkEstimator(Timestamp watermark, Timestamp)
      : WatermarkEstimator(watermark) {}
  void ObserveTimestamp(Timestamp emitted) { Advance(emitted); }
};
/// The engine's clock, where elements have the time at which they are emitted.
class WallTimeWatermarkEstimator : public WatermarkEstimator {
 public:
  WallTimeWatermarkEstimator(Timestamp watermark, Timestamp now) : WatermarkEstimator(watermark) {
    Advance(now);
  }
};

template <class P>
inline constexpr bool kIsWatermarkEstimator = std::is_base_of_v<WatermarkEstimator, P>;
template <class P>
inline constexpr bool kIsRestrictionTracker = false;
template <class R>
inline constexpr bool kIsRestrictionTracker<RestrictionTracker<R>> = true;

}  // namespace joist

#endif  // JOIST_EXEC_RESTRICTION_TRACKER_H_
