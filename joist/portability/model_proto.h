// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Coders and windowing strategies of Beam's Runner API (beam_runner_api.proto) as Joist's own
// values. The inverse is ComponentsBuilder. Pure functions.
//
// Nothing is trusted: ids that are not there, circles, and values that the protocol does not have
// are refused with one line.

#ifndef JOIST_PORTABILITY_MODEL_PROTO_H_
#define JOIST_PORTABILITY_MODEL_PROTO_H_

#include <functional>
#include <memory>
#include <string>

#include "joist/base/status.h"
#include "joist/model/coder_spec.h"
#include "joist/model/windowing.h"
#include "joist/portability/beam_names.h"

namespace joist::portability {

/// How deep coders and triggers nest, and how many parts one coder has when it is spelled out.
inline constexpr int kMostCoderDepth = 64;
inline constexpr int kMostCoderParts = 10'000;
inline constexpr int kMostTriggerDepth = 64;

/// The coder `coder_id` of `components`, spelled out. One whose URN is unknown keeps URN, payload
/// and components. kInvalidArgument where an id is missing or the coder is its own part.
Result<CoderSpec> CoderFromProto(const std::string& coder_id,
                                 const pipeline::Components& components);

/// Makes what a window function that is none of the standard ones stands for; may be asked several
/// times for one.
using CustomWindowsMaker = std::function<Result<std::shared_ptr<const CustomWindowFn>>(
    const pipeline::WindowingStrategy& proto)>;

/// Joist's own functions, by their names in this program; refuses any other.
Result<std::shared_ptr<const CustomWindowFn>> FindCustomWindows(
    const pipeline::WindowingStrategy& proto);

/// A value that `proto` leaves unspecified is Beam's default. Times that are no whole milliseconds
/// are refused. Where the windows are merged already says `windows_are_merged`.
Result<WindowingStrategy> WindowingFromProto(const pipeline::WindowingStrategy& proto,
                                             const pipeline::Components& components,
                                             const CustomWindowsMaker& custom = FindCustomWindows);

}  // namespace joist::portability

#endif  // JOIST_PORTABILITY_MODEL_PROTO_H_
