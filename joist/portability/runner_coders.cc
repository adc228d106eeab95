// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/runner_coders.h"

#include <org/apache/beam/model/pipeline/v1/beam_runner_api.pb.h>

#include <algorithm>

#include "joist/portability/model_proto.h"
#include "joist/portability/quoted.h"

namespace joist::portability {
namespace {

/// Coders that every SDK must know: those of impulses, groups, restrictions and of what is sent.
constexpr std::string_view kRequired[] = {
    kBytesCoder,        kKvCoder,           kIterableCoder,      kDoubleCoder,
    kLengthPrefixCoder, kGlobalWindowCoder, kIntervalWindowCoder};
/// Those that a runner can follow and an SDK may know.
constexpr std::string_view kOptional[] = {kBoolCoder, kStringCoder, kVarintCoder, kNullableCoder};

const pipeline::Coder* FindCoder(const pipeline::Components& components, const std::string& id) {
  const auto found = components.coders().find(id);
  return found == components.coders().end() ? nullptr : &found->second;
}

/// Whether two coders are of one structure, and have the same payloads where those count.
bool AreAlike(const pipeline::Components& components, const std::string& a, const std::string& b,
              bool with_payloads) {
  if (a == b) return true;
  const pipeline::Coder* const of_a = FindCoder(components, a);
  const pipeline::Coder* const of_b = FindCoder(components, b);
  if (of_a == nullptr || of_b == nullptr) return false;
  const auto& parts_a = of_a->component_coder_ids();
  const auto& parts_b = of_b->component_coder_ids();
  return of_a->spec().urn() == of_b->spec().urn() &&
         (!with_payloads || of_a->spec().payload() == of_b->spec().payload()) &&
         std::equal(parts_a.begin(), parts_a.end(), parts_b.begin(), parts_b.end(),
                    [&](const auto& x, const auto& y) {
                      return AreAlike(components, x, y, with_payloads);
                    });
}

}  // namespace

RunnerCoders::RunnerCoders(pipeline::Components* components)
    : components_(components), known_(std::begin(kRequired), std::end(kRequired)) {
  for (const std::string_view urn : kOptional) {
    const bool all_know = std::all_of(
        components->environments().begin(), components->environments().end(), [&](const auto& of) {
          const auto& capabilities = of.second.capabilities();
          return std::find(capabilities.begin(), capabilities.end(), urn) != capabilities.end();
        });
    if (all_know) known_.emplace(urn);
  }
  for (const auto& [id, coder] : components->coders()) {
    if (!coder.spec().payload().empty()) continue;
    const auto [at, is_new] = made_of_.emplace(
        MadeOf(coder.spec().urn(),
               {coder.component_coder_ids().begin(), coder.component_coder_ids().end()}),
        id);
    // Messages' maps have no order, and what is made of a pipeline is to be the same each time.
    if (!is_new && id < at->second) at->second = id;
  }
}

std::vector<std::string> RunnerCoders::MadeOf(std::string_view urn,
                                              std::vector<std::string> components) {
  components.emplace_back(urn);
  return components;
}

Result<std::string> RunnerCoders::WithLengths(const std::string& coder_id) {
  return AddLengths(coder_id, 0);
}

Result<std::string> RunnerCoders::AddLengths(const std::string& coder_id, int depth) {
  if (const auto found = with_lengths_.find(coder_id); found != with_lengths_.end()) {
    return found->second;
  }
  const auto coder = components_->coders().find(coder_id);
  if (coder == components_->coders().end()) {
    return InvalidArgument("the pipeline has no coder " + Quoted(coder_id));
  }
  if (depth > WireCoder::kMostDepth) return InvalidArgument("a coder is nested too deeply");
  const pipeline::Coder is = coder->second;
  std::string with = coder_id;
  if (known_.count(is.spec().urn()) == 0) {
    with = Make(kLengthPrefixCoder, {coder_id});
  } else if (is.spec().urn() != kLengthPrefixCoder) {
    std::vector<std::string> parts;
    for (const std::string& part : is.component_coder_ids()) {
      JOIST_ASSIGN_OR_RETURN(std::string part_with, AddLengths(part, depth + 1));
      parts.push_back(std::move(part_with));
    }
    if (!std::equal(parts.begin(), parts.end(), is.component_coder_ids().begin())) {
      with = Make(is.spec().urn(), parts);
    }
  }
  with_lengths_[coder_id] = with;
  with_lengths_[with] = with;
  return with;
}

Result<std::string> RunnerCoders::WindowWithLengths(const std::string& coder_id) {
  const auto coder = components_->coders().find(coder_id);
  if (coder != components_->coders().end() && (coder->second.spec().urn() == kGlobalWindowCoder ||
                                               coder->second.spec().urn() == kIntervalWindowCoder ||
                                               coder->second.spec().urn() == kCustomWindowCoder)) {
    return coder_id;
  }
  JOIST_ASSIGN_OR_RETURN(const std::string with, WithLengths(coder_id));
  return Make(kCustomWindowCoder, {with});
}

std::string RunnerCoders::Make(std::string_view urn, const std::vector<std::string>& components) {
  std::string& made = made_of_[MadeOf(urn, components)];
  if (!made.empty()) return made;
  pipeline::Coder coder;
  coder.mutable_spec()->set_urn(std::string(urn));
  for (const std::string& component : components) coder.add_component_coder_ids(component);
  std::string id = "joist_" + std::string(urn.substr(urn.find(':', 5) + 1));
  for (const std::string& component : components) id += "," + component;
  std::replace(id.begin(), id.end(), ':', '_');
  if (id.size() > 100) id = "joist_coder_" + std::to_string(made_++);
  while (components_->coders().count(id) > 0) id += "_";
  (*components_->mutable_coders())[id] = std::move(coder);
  return made = id;
}

Result<WireCoder> RunnerCoders::Wire(const std::string& coder_id) const {
  JOIST_ASSIGN_OR_RETURN(const CoderSpec spec, CoderFromProto(coder_id, *components_));
  return WireCoder::Of(spec);
}

bool RunnerCoders::AreGroupsOf(const std::string& kvs, const std::string& groups) const {
  const auto is = [](const pipeline::Coder* coder, std::string_view urn, int parts) {
    return coder != nullptr && coder->spec().urn() == urn &&
           coder->component_coder_ids_size() == parts;
  };
  const pipeline::Coder* const kv = FindCoder(*components_, kvs);
  const pipeline::Coder* const group = FindCoder(*components_, groups);
  if (!is(kv, kKvCoder, 2) || !is(group, kKvCoder, 2)) return false;
  const pipeline::Coder* const values = FindCoder(*components_, group->component_coder_ids(1));
  return is(values, kIterableCoder, 1) &&
         AreAlike(*components_, kv->component_coder_ids(0), group->component_coder_ids(0), false) &&
         AreAlike(*components_, kv->component_coder_ids(1), values->component_coder_ids(0), false);
}

bool RunnerCoders::AreSame(const std::string& a, const std::string& b) const {
  return AreAlike(*components_, a, b, true);
}

}  // namespace joist::portability
