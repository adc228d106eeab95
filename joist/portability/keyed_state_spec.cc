// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/keyed_state_spec.h"

#include <org/apache/beam/model/pipeline/v1/beam_runner_api.pb.h>

#include <map>
#include <string_view>
#include <utility>

#include "joist/model/schema.h"
#include "joist/portability/model_proto.h"
#include "joist/portability/quoted.h"

namespace joist::portability {
namespace {

/// What a state is made of.
struct StateKind {
  std::string_view name;
  std::vector<std::string> coder_ids;
  bool has_values = false;  ///< The last coder is of a multimap's values.
};
std::optional<StateKind> KindOf(const pipeline::StateSpec& state) {
  switch (state.spec_case()) {
    case pipeline::StateSpec::kReadModifyWriteSpec:
      return StateKind{"value", {state.read_modify_write_spec().coder_id()}};
    case pipeline::StateSpec::kBagSpec:
      return StateKind{"bag", {state.bag_spec().element_coder_id()}};
    case pipeline::StateSpec::kCombiningSpec:
      return StateKind{"combining", {state.combining_spec().accumulator_coder_id()}};
    case pipeline::StateSpec::kMapSpec:
      return StateKind{
          "map", {state.map_spec().key_coder_id(), state.map_spec().value_coder_id()}, true};
    case pipeline::StateSpec::kSetSpec:
      return StateKind{"set", {state.set_spec().element_coder_id()}};
    case pipeline::StateSpec::kOrderedListSpec:
      return StateKind{"ordered_list", {state.ordered_list_spec().element_coder_id()}};
    case pipeline::StateSpec::kMultimapSpec:
      return StateKind{
          "multimap",
          {state.multimap_spec().key_coder_id(), state.multimap_spec().value_coder_id()},
          true};
    default: return std::nullopt;
  }
}

/// An SDK writes the payload of a coder of its own anew with each program that it starts, and not
/// always the same. Of those that are known only schemas say something about the bytes.
CoderSpec WithoutPayloads(CoderSpec coder) {
  if (coder.urn != kRowCoder || !Schema::Parse(coder.payload).ok()) coder.payload.clear();
  for (CoderSpec& component : coder.components) component = WithoutPayloads(std::move(component));
  return coder;
}

/// Entries of a protocol's map, which has no order, by their names.
template <class Map>
auto ByName(const Map& map) {
  return std::map<std::string, typename Map::mapped_type>(map.begin(), map.end());
}

}  // namespace

Status AddStatesAndTimers(const std::string& transform_id, const std::string& par_do_payload,
                          const pipeline::Components& components, KeyedStateSpec* spec) {
  const std::string whose = "transform " + Quoted(transform_id);
  pipeline::ParDoPayload payload;
  if (!payload.ParseFromString(par_do_payload)) {
    return InvalidArgument(whose + " has a payload that is no ParDoPayload");
  }
  for (const auto& [name, state] : ByName(payload.state_specs())) {
    UserStateSpec user_state{.transform_id = transform_id, .user_state_id = name};
    const std::optional<StateKind> kind = KindOf(state);
    if (!kind.has_value()) {
      return InvalidArgument(whose + " has a state " + Quoted(name) + " of an unknown kind");
    }
    std::vector<CoderSpec> coders;
    for (const std::string& coder_id : kind->coder_ids) {
      Result<CoderSpec> coder = CoderFromProto(coder_id, components);
      if (!coder.ok()) {
        return InvalidArgument(whose + ", state " + Quoted(name) + ": " + coder.status().message());
      }
      coders.push_back(std::move(*coder));
    }
    if (kind->has_values) {
      Result<WireCoder> values = WireCoder::Of(coders.back());
      if (values.ok()) user_state.values = std::move(*values);
    }
    user_state.coder = WithoutPayloads(
        MakeCoderSpec("joist:user_state:" + std::string(kind->name), std::move(coders)));
    spec->states.push_back(std::move(user_state));
  }
  const std::string& expiration = payload.on_window_expiration_timer_family_spec();
  auto families = ByName(payload.timer_family_specs());
  if (!expiration.empty()) {
    families[expiration].set_time_domain(pipeline::TimeDomain_Enum_EVENT_TIME);
  }
  for (const auto& [name, family] : families) {
    if (family.time_domain() != pipeline::TimeDomain_Enum_EVENT_TIME &&
        family.time_domain() != pipeline::TimeDomain_Enum_PROCESSING_TIME) {
      return InvalidArgument(whose + " has timers " + Quoted(name) +
                             " that are neither of event time nor of processing time");
    }
    spec->timers.push_back({.transform_id = transform_id,
                            .timer_family_id = name,
                            .domain = family.time_domain() == pipeline::TimeDomain_Enum_EVENT_TIME
                                          ? TimeDomain::kEvent
                                          : TimeDomain::kProcessing,
                            .is_expiration = !expiration.empty() && name == expiration});
  }
  return OkStatus();
}

std::vector<StateCell> StateCellsOf(const KeyedStateSpec& spec) {
  std::vector<StateCell> cells;
  for (const UserStateSpec& state : spec.states) {
    cells.push_back({"state " + state.user_state_id + " of " + state.transform_id, state.coder});
  }
  for (const TimerFamilySpec& family : spec.timers) {
    const bool is_event = family.domain == TimeDomain::kEvent;
    cells.push_back({"timers " + family.timer_family_id + " of " + family.transform_id,
                     MakeCoderSpec(is_event ? "joist:timers:event" : "joist:timers:processing")});
  }
  return cells;
}

}  // namespace joist::portability
