// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// CheckPipeline: whether a Pipeline message that a stranger sends holds together: what it names is
// there, its transforms form trees, its data flows without circles. What is left to a runner is
// whether it knows the transforms. Pure; takes time in proportion to the message.

#ifndef JOIST_PORTABILITY_PIPELINE_CHECK_H_
#define JOIST_PORTABILITY_PIPELINE_CHECK_H_

#include <cstddef>
#include <string>
#include <vector>

#include "joist/base/status.h"
#include "joist/portability/beam_names.h"

namespace joist::portability {

/// How many transforms, collections, coders, windowing strategies and environments there may be, of
/// each; how deep transforms nest; how many inputs and outputs all transforms have together.
inline constexpr size_t kMostComponents = 100'000;
inline constexpr size_t kMostTransformDepth = 200;
inline constexpr size_t kMostEdges = 1'000'000;

/// The transforms without parts, from which everything flows, by id: each after those whose output
/// it takes, else as the message lists them. Those that only hand on their input are not among
/// them. kInvalidArgument, with one line, where the pipeline does not hold together.
Result<std::vector<std::string>> CheckPipeline(const pipeline::Pipeline& proto);

}  // namespace joist::portability

#endif  // JOIST_PORTABILITY_PIPELINE_CHECK_H_
