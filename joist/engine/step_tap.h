// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// StepTap: what stands in front of an operator whose step has failed before, and records what it is
// given (exec/bundle_record.h).

#ifndef JOIST_ENGINE_STEP_TAP_H_
#define JOIST_ENGINE_STEP_TAP_H_

#include <memory>

#include "joist/exec/bundle_record.h"
#include "joist/exec/step.h"
#include "joist/model/graph.h"

namespace joist {

/// Belongs to the operator's thread; outlives the operator.
class StepTap {
 public:
  /// Why what comes to `node` cannot be given to it again, if it cannot.
  static Status Check(const Graph& graph, int node);

  /// Of a node that was checked; one of so many that the job may have at a time.
  StepTap(const Graph& graph, int node, int taps);
  StepTap(const StepTap&) = delete;
  StepTap& operator=(const StepTap&) = delete;

  int node() const { return node_; }
  BundleRecord* record() { return &record_; }
  /// Where batches go instead of `input`, the operator's.
  Receiver* Before(Receiver* input);
  /// The operator begins a bundle.
  void Begin(Operator& op);

 private:
  const ElementTape& tape_;
  const int node_;
  BundleRecord record_;
  std::unique_ptr<Receiver> tap_;
};

}  // namespace joist

#endif  // JOIST_ENGINE_STEP_TAP_H_
