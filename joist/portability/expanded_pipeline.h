// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// ExpandedPipeline: a pipeline as a runner executes it: without composites, in topological order;
// combiners lifted where their trigger allows it, splittable functions in their steps, coders with
// the lengths that a runner needs. Pure.

#ifndef JOIST_PORTABILITY_EXPANDED_PIPELINE_H_
#define JOIST_PORTABILITY_EXPANDED_PIPELINE_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "joist/base/status.h"
#include "joist/portability/beam_names.h"
#include "joist/portability/runner_coders.h"

namespace joist::portability {

/// A side input of a transform.
struct SideInputUse {
  std::string tag;
  std::string collection;
  std::string access;  ///< URN.
};

/// A transform that is executed.
struct ExpandedTransform {
  std::string id;    ///< In the components.
  std::string name;  ///< Unique; for people.
  std::string urn;
  std::string environment;          ///< Empty: the runner's own.
  std::string main_input;           ///< Empty where it has none, or several (a Flatten).
  std::vector<std::string> inputs;  ///< Collections, side inputs left out.
  std::vector<SideInputUse> side_inputs;
  std::vector<std::string> outputs;  ///< Collections.
  bool is_stateful = false;          ///< Has state or timers.
  bool needs_time_order = false;
  bool needs_stable_input = false;
  bool finalizes = false;  ///< Wants to hear when what it has output is safe.
};

struct ExpandedPipeline {
  ExpandedPipeline();
  ~ExpandedPipeline();
  ExpandedPipeline(ExpandedPipeline&&) noexcept;
  ExpandedPipeline& operator=(ExpandedPipeline&&) noexcept;

  std::unique_ptr<pipeline::Components> components;
  std::unique_ptr<RunnerCoders> coders;
  std::vector<ExpandedTransform> transforms;  ///< Each after those whose outputs it reads.
  std::map<std::string, size_t> producers;    ///< Which transform makes a collection.
};

/// INVALID_ARGUMENT where the pipeline makes no sense, UNIMPLEMENTED for what cannot be run, naming
/// the step and its URN.
Result<ExpandedPipeline> ExpandPipeline(const pipeline::Pipeline& from);

}  // namespace joist::portability

#endif  // JOIST_PORTABILITY_EXPANDED_PIPELINE_H_
