// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// TriggerMachine: when a window gives its result. Pure functions of a trigger's state, what happens
// to the window, and the clocks; they follow Beam's (beam.apache.org/documentation/
// programming-guide, "Triggers"; where that is silent, what its Java runners do).

#ifndef JOIST_MODEL_TRIGGER_MACHINE_H_
#define JOIST_MODEL_TRIGGER_MACHINE_H_

#include <cstdint>
#include <span>
#include <vector>

#include "joist/model/timestamp.h"
#include "joist/model/windowing.h"

namespace joist {

/// What triggers look at.
struct TriggerClock {
  Timestamp end_of_window;  ///< The window's maximum timestamp.
  Timestamp watermark;      ///< Of the input.
  Timestamp processing_time;
  Timestamp synchronized_time;  ///< The least processing time of all that is upstream.
};

/// Immutable; may be used by many threads. The state of a window is an array of `parts()` Parts,
/// one for each trigger of the tree in preorder, which lies where its owner wants it.
class TriggerMachine {
 public:
  /// Of one trigger of the tree.
  struct Part {
    bool finished = false;
    int64_t count = 0;                 ///< AfterCount: elements since it began.
    Timestamp due = Timestamp::Max();  ///< AfterProcessingTime: when, Max() if no element came.
    friend bool operator==(const Part&, const Part&) = default;
  };
  /// `trigger` is valid. `merging`: windows may merge, which can wake what has finished.
  TriggerMachine(const Trigger& trigger, bool merging);

  size_t parts() const { return nodes_.size(); }
  /// Whether processing time alone can make it fire.
  bool has_delays() const { return has_delays_; }
  /// Whether OnElement does nothing, and ShouldFire is false, before the window's end.
  bool waits_for_end() const;

  void Begin(Part* state) const { Reset(0, state); }
  void OnElement(const TriggerClock& clock, Part* state) const { OnElement(0, clock, state); }
  /// Writes the state of the window that `merged` become, which are not empty. `own` is that of the
  /// result if there was such a window before (one of them), else null. `result` is none of them.
  void Merge(std::span<const Part* const> merged, const Part* own, const TriggerClock& clock,
             Part* result) const;
  bool ShouldFire(const TriggerClock& clock, const Part* state) const {
    return ShouldFire(0, clock, state);
  }
  /// After ShouldFire; the window fires.
  void OnFire(const TriggerClock& clock, Part* state) const { OnFire(0, clock, state); }
  /// Never fires again: what comes after is dropped.
  static bool IsFinished(const Part* state) { return state[0].finished; }
  /// The earliest processing time, `from` or later, after which ShouldFire may have become true by
  /// itself; Max() if there is none.
  Timestamp Due(const Part* state, Timestamp from = Timestamp::Min()) const;

 private:
  struct Node {
    Trigger::Kind kind;
    int64_t count;
    std::vector<Trigger::Delay> delays;
    std::vector<size_t> children;
    size_t end;  ///< Of its subtree in preorder.
  };
  struct Merging;

  size_t Add(const Trigger& trigger);
  void OnElement(size_t at, const TriggerClock& clock, Part* state) const;
  void OnMerge(size_t at, const TriggerClock& clock, const Merging& merging, Part* state) const;
  bool ShouldFire(size_t at, const TriggerClock& clock, const Part* state) const;
  void OnFire(size_t at, const TriggerClock& clock, Part* state) const;
  /// Forgets what the subtree has counted; Reset also that it has finished.
  void Clear(size_t at, Part* state) const;
  void Reset(size_t at, Part* state) const;
  /// The first child that has not finished, or null.
  const size_t* FirstUnfinished(const Node& node, const Part* state) const;
  /// Of an AfterWatermark: without late firings the one at the window's end is the last.
  bool IsLastAtEnd(const Node& node) const;
  bool AllFinished(const Node& node, const Part* state) const;
  bool AnyFinished(const Node& node, const Part* state) const;

  std::vector<Node> nodes_;
  bool merging_;
  bool has_delays_ = false;
};

}  // namespace joist

#endif  // JOIST_MODEL_TRIGGER_MACHINE_H_
