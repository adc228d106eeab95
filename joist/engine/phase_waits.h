// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// PhaseWaits: for which steps the lanes of a stream wait for each other. Where one lane is at work
// in a phase for longer than the others, these are blocked; that time is put down to the step in
// which that lane was longest. What it takes to wake a thread is nobody's.

#ifndef JOIST_ENGINE_PHASE_WAITS_H_
#define JOIST_ENGINE_PHASE_WAITS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "joist/exec/metrics.h"

namespace joist {

/// Begin and End are called by a lane's thread, the others between phases.
class PhaseWaits {
 public:
  PhaseWaits(int lanes, size_t nodes);

  /// `nodes` are those of the phase, `stats` the lane's by node. `now`, as `ticks` there, in
  /// Ticks().
  void Begin(int lane, const std::vector<int>& nodes, const std::vector<StepStats>& stats,
             uint64_t now);
  void End(int lane, const std::vector<int>& nodes, const std::vector<StepStats>& stats,
           uint64_t now);
  /// All lanes have ended the phase.
  void Charge();

  /// Ticks that lanes have waited for the step, all together.
  uint64_t blocked(size_t node) const { return blocked_[node]; }

 private:
  struct alignas(64) Lane {
    uint64_t began = 0;
    uint64_t span = 0;
    int longest = -1;              ///< The node; -1 in a phase of none.
    std::vector<uint64_t> before;  ///< By node of the phase: ticks.
  };
  std::vector<Lane> lanes_;
  std::vector<uint64_t> blocked_;  ///< By node.
};

}  // namespace joist

#endif  // JOIST_ENGINE_PHASE_WAITS_H_
