// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/descriptor_coders.h"

#include <org/apache/beam/model/fn_execution/v1/beam_fn_api.pb.h>
#include <org/apache/beam/model/pipeline/v1/beam_runner_api.pb.h>

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "joist/portability/urns.h"

namespace joist::portability {
namespace {

bool IsOneOf(std::string_view urn, std::initializer_list<std::string_view> of) {
  for (const std::string_view one : of) {
    if (urn == one) return true;
  }
  return false;
}

class CoderAdder {
 public:
  CoderAdder(const pipeline::Components& components, fn::ProcessBundleDescriptor* descriptor)
      : components_(components), descriptor_(*descriptor) {}

  void AddNamed() {
    for (const auto& [id, collection] : descriptor_.pcollections()) Name(collection.coder_id());
    for (const auto& [id, windowing] : descriptor_.windowing_strategies()) {
      Name(windowing.window_coder_id());
    }
    for (const auto& [id, transform] : descriptor_.transforms()) {
      if (NameThoseOf(transform.spec())) continue;
      *descriptor_.mutable_coders() = components_.coders();
      return;
    }
    auto& coders = *descriptor_.mutable_coders();
    while (!open_.empty()) {
      const std::string id = std::move(open_.back());
      open_.pop_back();
      const auto found = components_.coders().find(id);
      if (found == components_.coders().end() || coders.contains(id)) continue;
      for (const std::string& part : found->second.component_coder_ids()) Name(part);
      coders[id] = found->second;
    }
  }

 private:
  void Name(const std::string& id) {
    if (!id.empty()) open_.push_back(id);
  }

  /// False where it isn't known which a payload names.
  bool NameThoseOf(const pipeline::FunctionSpec& spec) {
    const std::string_view urn = spec.urn();
    if (IsOneOf(urn, {kDataSourceUrn, kDataSinkUrn})) {
      fn::RemoteGrpcPort port;
      if (!port.ParseFromString(spec.payload())) return false;
      Name(port.coder_id());
      return true;
    }
    if (IsOneOf(urn, {kPrecombineUrn, kMergeAccumulatorsUrn, kExtractOutputsUrn})) {
      pipeline::CombinePayload combine;
      if (!combine.ParseFromString(spec.payload())) return false;
      Name(combine.accumulator_coder_id());
      return true;
    }
    if (IsOneOf(urn, {kParDoUrn, kPairWithRestrictionUrn, kSplitAndSizeUrn, kTruncateUrn,
                      kProcessSizedUrn})) {
      pipeline::ParDoPayload pardo;
      if (!pardo.ParseFromString(spec.payload())) return false;
      NameThoseOf(pardo);
      return true;
    }
    return IsOneOf(urn, {kFlattenUrn, kAssignWindowsUrn});
  }

  void NameThoseOf(const pipeline::ParDoPayload& pardo) {
    Name(pardo.restriction_coder_id());
    for (const auto& [id, timers] : pardo.timer_family_specs()) {
      Name(timers.timer_family_coder_id());
    }
    for (const auto& [id, state] : pardo.state_specs()) {
      Name(state.read_modify_write_spec().coder_id());
      Name(state.bag_spec().element_coder_id());
      Name(state.combining_spec().accumulator_coder_id());
      Name(state.map_spec().key_coder_id());
      Name(state.map_spec().value_coder_id());
      Name(state.multimap_spec().key_coder_id());
      Name(state.multimap_spec().value_coder_id());
      Name(state.set_spec().element_coder_id());
      Name(state.ordered_list_spec().element_coder_id());
    }
  }

  const pipeline::Components& components_;
  fn::ProcessBundleDescriptor& descriptor_;
  std::vector<std::string> open_;  ///< Ids that are named, and not looked at yet.
};

}  // namespace

void AddCoders(const pipeline::Components& components, fn::ProcessBundleDescriptor* descriptor) {
  CoderAdder(components, descriptor).AddNamed();
}

}  // namespace joist::portability
