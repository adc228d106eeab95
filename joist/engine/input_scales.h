// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// InputScales: what stands in front of operators to know how large their elements are, from a few
// of them (ElementTape::make_scale).

#ifndef JOIST_ENGINE_INPUT_SCALES_H_
#define JOIST_ENGINE_INPUT_SCALES_H_

#include <memory>
#include <vector>

#include "joist/engine/plan.h"
#include "joist/exec/element_tape.h"

namespace joist {

/// Belongs to the operators' thread; outlives them.
class InputScales {
 public:
  /// Where batches go instead of `input`, that of an operator whose stats are these.
  Receiver* Before(const Graph& graph, const Consumer& consumer, StepStats* stats,
                   Receiver* input) {
    const int collection = graph.nodes()[consumer.node].inputs[static_cast<size_t>(consumer.input)];
    const ElementTape* const tape = graph.collections()[collection].type->tape;
    if (tape == nullptr || tape->make_scale == nullptr) return input;
    scales_.push_back(tape->make_scale(stats, input));
    return scales_.back().get();
  }

 private:
  std::vector<std::unique_ptr<Receiver>> scales_;
};

}  // namespace joist

#endif  // JOIST_ENGINE_INPUT_SCALES_H_
