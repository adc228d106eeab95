// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// KeyedStateSpec: which states and timers the ParDos of a stage have. Values.

#ifndef JOIST_PORTABILITY_KEYED_STATE_SPEC_H_
#define JOIST_PORTABILITY_KEYED_STATE_SPEC_H_

#include <optional>
#include <string>
#include <vector>

#include "joist/base/status.h"
#include "joist/exec/keyed_timers.h"
#include "joist/exec/step.h"
#include "joist/model/coder_spec.h"
#include "joist/portability/beam_names.h"
#include "joist/portability/window_codec.h"
#include "joist/portability/wire_coder.h"

namespace joist::portability {

struct UserStateSpec {
  std::string transform_id = {};
  std::string user_state_id = {};
  std::optional<WireCoder> values = {};  ///< Of a multimap, where a runner can follow them.
  CoderSpec coder = {};  ///< Its kind, of the coders that it has, without payloads but schemas'.
};

struct TimerFamilySpec {
  std::string transform_id = {};
  std::string timer_family_id = {};
  TimeDomain domain = TimeDomain::kEvent;
  /// ParDoPayload.on_window_expiration_timer_family_spec: fires by itself when a window expires.
  bool is_expiration = false;
};

/// States and families keep their order in checkpoints.
struct KeyedStateSpec {
  WireCoder key = {};
  WindowCodec windows = WindowCodec::ForGlobal();
  std::vector<UserStateSpec> states = {};
  std::vector<TimerFamilySpec> timers = {};
  /// A test stream has charge of processing time, which SDKs take from the clock on the wall.
  bool has_script = false;
};

/// Adds those of a transform, in the order of their names. `par_do_payload` is its
/// FunctionSpec.payload, a ParDoPayload whose coders are in `components`. kInvalidArgument.
Status AddStatesAndTimers(const std::string& transform_id, const std::string& par_do_payload,
                          const pipeline::Components& components, KeyedStateSpec* spec);

/// For Step::state_cells: by which a pipeline that has changed is told whether it understands what
/// its states were.
std::vector<StateCell> StateCellsOf(const KeyedStateSpec& spec);

}  // namespace joist::portability

#endif  // JOIST_PORTABILITY_KEYED_STATE_SPEC_H_
