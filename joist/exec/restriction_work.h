// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// RestrictionWork<R>: what is to be done of one element: a restriction, and how far time has come
// in it. Between steps it travels as the value of a KV whose key is the element.
//
// WorkControl<R>: what whoever gave a piece of work to a function hears of it: the rests that the
// function leaves, and those that it is asked for.

#ifndef JOIST_EXEC_RESTRICTION_WORK_H_
#define JOIST_EXEC_RESTRICTION_WORK_H_

#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "joist/exec/bundle_limits.h"
#include "joist/exec/restriction_tracker.h"
#include "joist/exec/wall_time.h"
#include "joist/model/coder.h"
#include "joist/model/describe.h"

namespace joist {

template <class R>
class WorkControl;

template <class R>
struct RestrictionWork {
  R restriction{};
  Timestamp watermark = Timestamp::Min();
  WorkControl<R>* control = nullptr;  ///< Of the call; does not travel.

  std::string ToString() const { return ToDescription(restriction); }
};

template <class R>
struct Coder<RestrictionWork<R>> {
  static constexpr bool kDeterministic = false;
  static CoderSpec Spec() { return Coder<KV<R, Timestamp>>::Spec(); }
  static void Encode(const RestrictionWork<R>& work, std::string* out, bool nested) {
    Coder<R>::Encode(work.restriction, out, true);
    Coder<Timestamp>::Encode(work.watermark, out, nested);
  }
  static bool Decode(ByteReader* in, RestrictionWork<R>* work, bool nested) {
    return Coder<R>::Decode(in, &work->restriction, true) &&
           Coder<Timestamp>::Decode(in, &work->watermark, nested);
  }
};

/// What is left for later.
template <class R>
struct RestOfWork {
  RestrictionWork<R> work;
  Duration delay;  ///< Not before it has passed.
};

/// How long a function of a stream goes on claiming before others have their turn.
struct WorkTurn {
  SteadyTimePoint end;
  int64_t claims;
  BundleLimits* limits;
  int next_look = 1;  ///< After so many claims.
  SteadyTimePoint last_look = SteadyTime();

  /// After those claims. Looks often where they are slow.
  bool IsOver() {
    constexpr BundleLimits::Time kBetweenLooks{100};
    claims -= next_look;
    const SteadyTimePoint now = SteadyTime();
    const bool is_slow = now - std::exchange(last_look, now) > kBetweenLooks;
    next_look = is_slow ? std::max(next_look / 2, 1) : std::min(next_look * 2, kMostBetweenLooks);
    if (now < end) return claims <= 0 || limits->is_full();
    limits->NoteTimeIsUp();
    return true;
  }
  static constexpr int kMostBetweenLooks = 16;
};

template <class R>
class WorkControl : public ClaimWatch {
 public:
  /// What the function has been asked for and has given, while it went on with the `primary` part.
  struct Shared {
    R primary;
    RestrictionWork<R> rest;
  };

  /// `cancelled` may be null.
  explicit WorkControl(const std::atomic<bool>* cancelled) : cancelled_(cancelled) {}

  // Whoever gives work to a function calls these; but Ask and TakeShared any thread.

  /// Before each call. If it has a `turn` the function is stopped at its end.
  void Begin(Timestamp now, std::optional<WorkTurn> turn) {
    now_ = now;
    turn_ = turn;
    LookAfter(1 + NextLook());  // Something is claimed in any case.
  }
  /// Whether the function is to cut what it is given: the job is being drained.
  void set_truncates(bool truncates) { truncates_ = truncates; }
  std::vector<RestOfWork<R>> TakeRests() { return std::exchange(rests_, {}); }
  /// Wants a part of what isn't claimed yet.
  void Ask() { wanted_.store(true, std::memory_order_relaxed); }
  /// Nobody asks any more, and whoever has asked and was not heard gets nothing.
  void EndAsking() { wanted_.store(false, std::memory_order_relaxed); }
  std::optional<Shared> TakeShared() {
    const std::lock_guard lock(mutex_);
    return std::exchange(shared_, std::nullopt);
  }

  // The function's side.

  Timestamp now() const { return now_; }
  bool truncates() const { return truncates_; }
  bool cancelled() const {
    return cancelled_ != nullptr && cancelled_->load(std::memory_order_relaxed);
  }
  /// Splits what `tracker` has, if that is wanted. False where the job is to end.
  bool Look(typename R::Tracker& tracker, Timestamp watermark) {
    const bool is_over = turn_.has_value() && turn_->IsOver();
    LookAfter(NextLook());
    if (cancelled()) return false;
    if (is_over) {
      turn_.reset();
      Leave(tracker, watermark, {});
    } else if (wanted_.exchange(false, std::memory_order_relaxed)) {
      const std::lock_guard lock(mutex_);
      if (shared_.has_value()) return true;
      if (std::optional<R> rest = tracker.TrySplit(0.5)) {
        shared_ = Shared{tracker.restriction(), {std::move(*rest), watermark}};
      }
    }
    return true;
  }
  /// What isn't claimed is for later.
  void Leave(typename R::Tracker& tracker, Timestamp watermark, Duration delay) {
    if (std::optional<R> rest = tracker.TrySplit(0)) {
      rests_.push_back({{std::move(*rest), watermark}, delay});
    }
  }

 private:
  int NextLook() const {
    return turn_.has_value() ? turn_->next_look : WorkTurn::kMostBetweenLooks;
  }

  const std::atomic<bool>* cancelled_;
  Timestamp now_;
  bool truncates_ = false;
  std::optional<WorkTurn> turn_;
  std::vector<RestOfWork<R>> rests_;
  std::mutex mutex_;
  std::optional<Shared> shared_;
};

}  // namespace joist

#endif  // JOIST_EXEC_RESTRICTION_WORK_H_
