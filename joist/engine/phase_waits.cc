// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/engine/phase_waits.h"

#include <algorithm>

namespace joist {

PhaseWaits::PhaseWaits(int lanes, size_t nodes)
    : lanes_(static_cast<size_t>(lanes)), blocked_(nodes) {}

void PhaseWaits::Begin(int lane, const std::vector<int>& nodes, const std::vector<StepStats>& stats,
                       uint64_t now) {
  Lane& own = lanes_[static_cast<size_t>(lane)];
  own.before.resize(nodes.size());
  for (size_t i = 0; i < nodes.size(); ++i) {
    own.before[i] = stats[static_cast<size_t>(nodes[i])].ticks;
  }
  own.began = now;
}

void PhaseWaits::End(int lane, const std::vector<int>& nodes, const std::vector<StepStats>& stats,
                     uint64_t now) {
  Lane& own = lanes_[static_cast<size_t>(lane)];
  own.span = now > own.began ? now - own.began : 0;  // Counters of processors may differ.
  own.longest = -1;
  uint64_t most = 0;
  for (size_t i = 0; i < nodes.size(); ++i) {
    const uint64_t ticks = stats[static_cast<size_t>(nodes[i])].ticks - own.before[i];
    if (own.longest >= 0 && ticks <= most) continue;
    most = ticks;
    own.longest = nodes[i];
  }
}

void PhaseWaits::Charge() {
  const Lane& last = *std::max_element(
      lanes_.begin(), lanes_.end(), [](const Lane& a, const Lane& b) { return a.span < b.span; });
  if (last.longest < 0) return;
  for (const Lane& lane : lanes_) {
    blocked_[static_cast<size_t>(last.longest)] += last.span - lane.span;
  }
}

}  // namespace joist
