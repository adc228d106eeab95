// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/model/trigger_machine.h"

#include <algorithm>

namespace joist {
namespace {

constexpr size_t kEarly = 0;
constexpr size_t kLate = 1;
constexpr size_t kActual = 0;
constexpr size_t kUntil = 1;

bool EndOfWindowReached(const TriggerClock& clock) { return clock.watermark > clock.end_of_window; }

Timestamp Delayed(Timestamp time, const std::vector<Trigger::Delay>& delays) {
  for (const Trigger::Delay& delay : delays) {
    time = time + delay.delay;
    if (delay.period.millis > 0) {
      const int64_t past =
          FloorMod(SaturatingSubtract(time.millis, delay.offset.millis), delay.period.millis);
      if (past > 0) time = time + Duration::Millis(delay.period.millis - past);
    }
  }
  return time;
}

}  // namespace

struct TriggerMachine::Merging {
  std::span<const Part* const> states;

  bool FinishedInAny(size_t at) const {
    return std::any_of(states.begin(), states.end(),
                       [at](const Part* state) { return state[at].finished; });
  }
  bool FinishedInAll(size_t at) const {
    return std::all_of(states.begin(), states.end(),
                       [at](const Part* state) { return state[at].finished; });
  }
};

TriggerMachine::TriggerMachine(const Trigger& trigger, bool merging) : merging_(merging) {
  Add(trigger);
  has_delays_ = std::any_of(nodes_.begin(), nodes_.end(), [](const Node& node) {
    return node.kind == Trigger::Kind::kAfterProcessingTime ||
           node.kind == Trigger::Kind::kAfterSynchronizedProcessingTime;
  });
}

bool TriggerMachine::waits_for_end() const {
  const Node& root = nodes_[0];
  return root.kind == Trigger::Kind::kDefault ||
         (root.kind == Trigger::Kind::kAfterWatermark && !merging_ &&
          nodes_[root.children[kEarly]].kind == Trigger::Kind::kNever);
}

size_t TriggerMachine::Add(const Trigger& trigger) {
  const size_t at = nodes_.size();
  nodes_.push_back({trigger.kind, trigger.count, trigger.delays, {}, 0});
  for (const Trigger& child : trigger.children) {
    const size_t index = Add(child);
    nodes_[at].children.push_back(index);
  }
  nodes_[at].end = nodes_.size();
  return at;
}

void TriggerMachine::Clear(size_t at, Part* state) const {
  for (size_t i = at; i < nodes_[at].end; ++i) {
    state[i].count = 0;
    state[i].due = Timestamp::Max();
  }
}

void TriggerMachine::Reset(size_t at, Part* state) const {
  for (size_t i = at; i < nodes_[at].end; ++i) state[i] = Part();
}

const size_t* TriggerMachine::FirstUnfinished(const Node& node, const Part* state) const {
  const auto found = std::find_if(node.children.begin(), node.children.end(),
                                  [&](size_t child) { return !state[child].finished; });
  return found == node.children.end() ? nullptr : &*found;
}

bool TriggerMachine::IsLastAtEnd(const Node& node) const {
  return nodes_[node.children[kLate]].kind == Trigger::Kind::kNever;
}

bool TriggerMachine::AllFinished(const Node& node, const Part* state) const {
  return FirstUnfinished(node, state) == nullptr;
}

bool TriggerMachine::AnyFinished(const Node& node, const Part* state) const {
  return std::any_of(node.children.begin(), node.children.end(),
                     [&](size_t child) { return state[child].finished; });
}

Timestamp TriggerMachine::Due(const Part* state, Timestamp from) const {
  Timestamp due = Timestamp::Max();
  for (size_t i = 0; i < parts(); ++i) {
    if (state[i].due >= from) due = std::min(due, state[i].due);
  }
  return due;
}

void TriggerMachine::OnElement(size_t at, const TriggerClock& clock, Part* state) const {
  const Node& node = nodes_[at];
  Part& part = state[at];
  switch (node.kind) {
    case Trigger::Kind::kDefault:
    case Trigger::Kind::kAlways:
    case Trigger::Kind::kNever: return;
    case Trigger::Kind::kAfterCount: ++part.count; return;
    case Trigger::Kind::kAfterProcessingTime:
      if (part.due == Timestamp::Max()) part.due = Delayed(clock.processing_time, node.delays);
      return;
    case Trigger::Kind::kAfterSynchronizedProcessingTime:
      if (part.due == Timestamp::Max()) part.due = clock.synchronized_time;
      return;
    case Trigger::Kind::kAfterAll:
      for (const size_t child : node.children) {
        if (!state[child].finished) OnElement(child, clock, state);
      }
      return;
    case Trigger::Kind::kAfterWatermark:
    case Trigger::Kind::kAfterEach:
      if (!merging_) {
        if (const size_t* child = FirstUnfinished(node, state)) OnElement(*child, clock, state);
        return;
      }
      [[fallthrough]];  // Merging may wake those that have finished.
    case Trigger::Kind::kRepeatedly:
    case Trigger::Kind::kOrFinally:
    case Trigger::Kind::kAfterFirst:
      for (const size_t child : node.children) OnElement(child, clock, state);
      return;
  }
}

void TriggerMachine::Merge(std::span<const Part* const> merged, const Part* own,
                           const TriggerClock& clock, Part* result) const {
  Begin(result);
  if (own != nullptr) {
    for (size_t i = 0; i < parts(); ++i) result[i].finished = own[i].finished;
  }
  OnMerge(0, clock, Merging{merged}, result);
}

void TriggerMachine::OnMerge(size_t at, const TriggerClock& clock, const Merging& merging,
                             Part* state) const {
  const Node& node = nodes_[at];
  Part& part = state[at];
  switch (node.kind) {
    case Trigger::Kind::kDefault:
    case Trigger::Kind::kAlways:
    case Trigger::Kind::kNever: return;
    case Trigger::Kind::kAfterCount:
      part.finished = part.finished || merging.FinishedInAny(at);
      if (part.finished) return;
      for (const Part* from : merging.states) part.count += from[at].count;
      return;
    case Trigger::Kind::kAfterProcessingTime:
    case Trigger::Kind::kAfterSynchronizedProcessingTime:
      if (part.finished) return;
      for (const Part* from : merging.states) part.due = std::min(part.due, from[at].due);
      return;
    case Trigger::Kind::kAfterWatermark: {
      const size_t early = node.children[kEarly];
      const size_t late = node.children[kLate];
      if (merging.FinishedInAll(early) && EndOfWindowReached(clock)) {
        state[early].finished = true;
        OnMerge(late, clock, merging, state);
      } else {
        OnMerge(early, clock, merging, state);
        state[early].finished = false;
        state[late].finished = false;
      }
      part.finished = IsLastAtEnd(node) && state[early].finished;
      return;
    }
    case Trigger::Kind::kAfterEach:
      // Those behind one that has not finished begin anew.
      for (const size_t child : node.children) {
        OnMerge(child, clock, merging, state);
        if (!state[child].finished) break;
      }
      part.finished = AllFinished(node, state);
      return;
    case Trigger::Kind::kRepeatedly:
    case Trigger::Kind::kOrFinally:
    case Trigger::Kind::kAfterFirst:
    case Trigger::Kind::kAfterAll:
      for (const size_t child : node.children) OnMerge(child, clock, merging, state);
      if (node.kind == Trigger::Kind::kAfterAll) {
        part.finished = AllFinished(node, state);
      } else if (node.kind != Trigger::Kind::kRepeatedly) {
        part.finished = AnyFinished(node, state);
      }
      return;
  }
}

bool TriggerMachine::ShouldFire(size_t at, const TriggerClock& clock, const Part* state) const {
  const Node& node = nodes_[at];
  const Part& part = state[at];
  const auto should = [&](size_t child) { return ShouldFire(child, clock, state); };
  const auto is_ready = [&](size_t child) { return state[child].finished || should(child); };
  switch (node.kind) {
    case Trigger::Kind::kDefault: return EndOfWindowReached(clock);
    case Trigger::Kind::kAlways: return true;
    case Trigger::Kind::kNever: return false;
    case Trigger::Kind::kAfterCount: return part.count >= node.count;
    case Trigger::Kind::kAfterProcessingTime: return clock.processing_time > part.due;
    case Trigger::Kind::kAfterSynchronizedProcessingTime: return clock.synchronized_time > part.due;
    case Trigger::Kind::kAfterWatermark:
      if (state[node.children[kEarly]].finished) return should(node.children[kLate]);
      return EndOfWindowReached(clock) || should(node.children[kEarly]);
    case Trigger::Kind::kRepeatedly: return should(node.children[0]);
    case Trigger::Kind::kOrFinally:
      return should(node.children[kActual]) || should(node.children[kUntil]);
    case Trigger::Kind::kAfterEach: {
      const size_t* child = FirstUnfinished(node, state);
      return child != nullptr && should(*child);
    }
    case Trigger::Kind::kAfterFirst:
      return std::any_of(node.children.begin(), node.children.end(), is_ready);
    case Trigger::Kind::kAfterAll:
      return std::all_of(node.children.begin(), node.children.end(), is_ready);
  }
  return false;
}

void TriggerMachine::OnFire(size_t at, const TriggerClock& clock, Part* state) const {
  const Node& node = nodes_[at];
  Part& part = state[at];
  switch (node.kind) {
    case Trigger::Kind::kDefault:
    case Trigger::Kind::kAlways:
    case Trigger::Kind::kNever: return;
    case Trigger::Kind::kAfterCount:
    case Trigger::Kind::kAfterProcessingTime:
    case Trigger::Kind::kAfterSynchronizedProcessingTime:
      Clear(at, state);
      part.finished = true;
      return;
    case Trigger::Kind::kAfterWatermark: {
      const size_t early = node.children[kEarly];
      const size_t late = node.children[kLate];
      if (state[early].finished) {
        // Late ones repeat by themselves, as early ones do.
        Reset(late, state);
      } else if (!EndOfWindowReached(clock)) {
        Reset(early, state);
      } else {
        Reset(early, state);
        state[early].finished = true;
        // It has run beside in case windows merge.
        Reset(late, state);
        part.finished = IsLastAtEnd(node);
      }
      return;
    }
    case Trigger::Kind::kRepeatedly:
      OnFire(node.children[0], clock, state);
      if (state[node.children[0]].finished) Reset(node.children[0], state);
      return;
    case Trigger::Kind::kOrFinally:
      if (ShouldFire(node.children[kUntil], clock, state)) {
        OnFire(node.children[kUntil], clock, state);
        Clear(node.children[kActual], state);
      } else {
        // The other goes on counting across firings.
        OnFire(node.children[kActual], clock, state);
      }
      part.finished = AnyFinished(node, state);
      return;
    case Trigger::Kind::kAfterEach:
      if (const size_t* child = FirstUnfinished(node, state)) OnFire(*child, clock, state);
      if (merging_) {
        for (const size_t child : node.children) Clear(child, state);
      }
      part.finished = AllFinished(node, state);
      return;
    case Trigger::Kind::kAfterFirst:
      for (const size_t child : node.children) {
        if (ShouldFire(child, clock, state)) {
          OnFire(child, clock, state);
        } else {
          Clear(child, state);  // Its pane is gone.
        }
      }
      part.finished = true;
      return;
    case Trigger::Kind::kAfterAll:
      for (const size_t child : node.children) OnFire(child, clock, state);
      part.finished = true;
      return;
  }
}

}  // namespace joist
