// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// KeyedState: what a stage of SDK code keeps for each key and window: the states that the SDK asks
// for and the timers that it sets.
//
// For elements: Enter each before it is sent, TakeTimers of what the SDK sends back. When a clock
// has moved on, for each domain:
//
//   while (true) {
//     for (any = false; state.NextTimers(domain, &fired); any = true) Send(fired);
//     if (!any) break;
//     …                   // The SDK runs them: Handle, TakeTimers.
//     state.EndTimers();  // It has.
//   }
//
// Of a key and window one timer is with the SDK at a time, so that what it does about the next one
// is heeded: timers of a key and window fire in the order of their times, whatever they set.
//
// Of bounded input all elements of a key come one after the other. When those of a key, or of a
// few, are done, time runs to its end: EndTime, timers as above, until next_due() says that there
// are none, BeginNextKeys.
//
// Timers in processing time are ignored once their window has expired, as Beam says. Where that is
// for all input having ended, however, a window waits for those that are set, and for what they set
// in turn, before it expires.

#ifndef JOIST_PORTABILITY_KEYED_STATE_H_
#define JOIST_PORTABILITY_KEYED_STATE_H_

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "joist/base/status.h"
#include "joist/exec/keyed_cells.h"
#include "joist/portability/beam_names.h"
#include "joist/portability/keyed_state_spec.h"
#include "joist/portability/timer_codec.h"
#include "joist/portability/user_state.h"

namespace joist::portability {

/// A timer for the SDK.
struct FiredTimer {
  const TimerFamilySpec* family = nullptr;
  std::string bytes = {};
};

/// Handle may be called while another thread calls Enter, TakeTimers, NextTimers and EndTimers;
/// all else belongs to that thread, with no bundle at work. Throws StatusException.
class KeyedState final : public KeyedCells {
 public:
  KeyedState(const OperatorContext& context, KeyedStateSpec spec);
  ~KeyedState() override;

  /// An element of `key` (encoded) is to be processed; false if its window has expired.
  bool Enter(std::string_view key, const Window& window, Timestamp element);
  bool IsOfThisLane(std::string_view key) const;

  void set_watermark(Timestamp watermark) {
    KeyedCells::set_watermark(watermark);
    clocks_[static_cast<size_t>(TimeDomain::kEvent)] = watermark;
  }
  void set_processing_time(Timestamp now) {
    if (is_draining_) now = Timestamp::Max();
    KeyedCells::set_processing_time(now);
    clocks_[static_cast<size_t>(TimeDomain::kProcessing)] = now;
  }
  /// From now on processing time is at its end: what is set fires at once. One that is set by a
  /// timer is not heeded, as it may be set for ever.
  void Drain() { is_draining_ = true; }
  /// When the next timer in processing time fires; Max() if there is none.
  Timestamp next_due() const;

  /// Answers requests for user state. Of what has expired there is nothing, and nothing is kept.
  /// kInvalidArgument, kUnimplemented; whatever befalls the reading of what is on disk.
  Status Handle(const fn::StateRequest& request, fn::StateResponse* response);
  /// The bundle is done in which it was asked for.
  void EndRequests();
  /// For WorkerBundles: a token under which the one SDK worker that uses this state may keep what
  /// it knows of it. No other KeyedState has it, so what a bundle did that is tried again is
  /// forgotten.
  const std::string& cache_token() const { return cache_token_; }

  /// Timers that the SDK has set or cleared, one after the other. What is set for a time after a
  /// window's expiration fires then, unless that is where it was set. kInvalidArgument.
  Status TakeTimers(std::string_view transform_id, std::string_view timer_family_id,
                    std::string_view bytes);
  /// The next timers that fire, in the order of time, of one key and window; false if all that is
  /// left has to wait for EndTimers.
  bool NextTimers(TimeDomain domain, std::vector<FiredTimer>* fired);
  /// What NextTimers gave is processed.
  void EndTimers();

  // Bounded input.

  void EndTime();
  /// After the time of some keys has run. They do not come again.
  void BeginNextKeys() { RestartClocks(); }

 private:
  using States = std::vector<UserState>;
  /// A timer that is with the SDK, or an expiration.
  struct WithSdk {
    Timestamp time;  ///< Event time; Min() of a timer in processing time.
    bool expires = false;
  };

  void MakeStates(uint32_t cell) override;
  void DropStates(uint32_t cell) override;
  void SaveStates(uint32_t cell, std::string* out) const override;
  bool RestoreStates(uint32_t cell, ByteReader* in) override;
  void PrefetchStates(uint32_t cell) const override;
  size_t BytesOfStates(uint32_t cell) const override;

  Status HandleOf(const fn::StateRequest& request, fn::StateResponse* response);
  /// `window` will be with the SDK.
  void Remember(const Window& window);
  /// The window of a state request.
  Result<Window> WindowOf(const std::string& bytes) const;
  /// The cell, with its states in memory; none if it has expired.
  std::optional<uint32_t> FindCell(std::string_view key, const Window& window);
  bool IsKey(std::string_view key) const;
  Timestamp ExpirationOf(const Window& window) const;
  void SetTimer(const WireTimer& timer, uint32_t family, uint32_t cell);
  std::optional<KeyedTimers::Fired> Pop(TimeDomain domain);
  /// What an SDK means by a processing time, by the clock that timers go by.
  Timestamp ByClock(Timestamp of_sdk) const;
  void PutBackAside();
  void Emit(const KeyedTimers::Fired& fired, uint32_t family, std::vector<FiredTimer>* out);

  const KeyedStateSpec spec_;
  Duration lateness_;
  Timestamp clocks_[2] = {Timestamp::Min(), Timestamp::Min()};  ///< By domain.
  std::string cache_token_;
  std::mutex mutex_;
  /// Windows of the SDK's own type that are with it, by the encodings of their own coder: so Java's
  /// SDK names them in state requests, as Python's and Go's don't.
  std::unordered_map<std::string, Window> own_windows_;
  std::optional<Window> remembered_;                ///< The last of them.
  std::vector<std::unique_ptr<States>> states_;     ///< By cell; null where they are not in memory.
  std::unordered_map<uint32_t, WithSdk> with_sdk_;  ///< By cell.
  /// Taken out, to wait for EndTimers.
  std::vector<KeyedTimers::Fired> aside_;
  TimeDomain aside_domain_ = TimeDomain::kEvent;
  std::optional<KeyedTimers::Fired> expiration_;
  // Expirations at the end of all input.
  std::unordered_map<uint32_t, KeyedTimers::Fired> kept_;  ///< Wait for timers; by cell.
  std::vector<KeyedTimers::Fired> released_;               ///< Have waited.
  bool is_draining_ = false;
};

}  // namespace joist::portability

#endif  // JOIST_PORTABILITY_KEYED_STATE_H_
