// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// A Graph as a Pipeline message of Beam's Runner API, and back. Any tool of Beam's reads the
// message: composites, collections with their coders and windowing, display data. What its
// functions do only a copy of this program knows: each step is kept by its key in the registry and
// its state, as graph_code.h has it. Pure functions.
//
//   a source      a composite: beam:transform:impulse:v1, then a ParDo
//   a ParDo       beam:transform:pardo:v1; side inputs are the collections that the views are made
//                 of, with the view's step as view_fn
//   a view        a composite of nothing, which hands on its input
//   a flatten     beam:transform:flatten:v1
//   a GroupByKey  beam:transform:group_by_key:v1
//   any other     joist:step:v1: combining, reshuffling, joining

#ifndef JOIST_PORTABILITY_GRAPH_TO_PROTO_H_
#define JOIST_PORTABILITY_GRAPH_TO_PROTO_H_

#include <string_view>

#include "joist/base/status.h"
#include "joist/model/graph.h"
#include "joist/portability/beam_names.h"

namespace joist::portability {

/// A step: the URN of its FunctionSpec, and of the annotation where a transform's spec is Beam's.
inline constexpr std::string_view kStepUrn = "joist:step:v1";
/// The coder of elements that have none: they never leave the program.
inline constexpr std::string_view kOpaqueCoder = "joist:coder:opaque:v1";
/// The environment of every step.
inline constexpr std::string_view kJoistEnvironment = "joist";

/// kFailedPrecondition where a step cannot travel (exec/graph_code.h); kInvalidArgument where the
/// graph is not valid, or its windowing has no form in the protocol.
Status GraphToProto(const Graph& graph, pipeline::Pipeline* proto);

/// The inverse, in a copy of the program that made `proto`: equal Fingerprint(), display data and
/// windowing; lines of code are gone. Refuses whatever else there is in `proto` with one line. That
/// steps fit together is believed: `proto` must be from someone who may run code here.
Result<Graph> GraphFromProto(const pipeline::Pipeline& proto);

}  // namespace joist::portability

#endif  // JOIST_PORTABILITY_GRAPH_TO_PROTO_H_
