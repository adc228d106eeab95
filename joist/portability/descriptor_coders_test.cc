// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/descriptor_coders.h"

#include <gtest/gtest.h>
#include <org/apache/beam/model/fn_execution/v1/beam_fn_api.pb.h>
#include <org/apache/beam/model/pipeline/v1/beam_runner_api.pb.h>

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "joist/portability/urns.h"

namespace joist::portability {
namespace {

using Ids = std::set<std::string>;

class DescriptorCodersTest : public testing::Test {
 protected:
  DescriptorCodersTest() {
    for (const char* id :
         {"collection", "window", "port", "part", "restriction", "accumulator", "timers", "cell",
          "bag", "sum", "key", "value", "keys", "values", "set", "list", "other"}) {
      (*components_.mutable_coders())[id].mutable_spec()->set_urn("my:coder");
    }
    components_.mutable_coders()->at("port").add_component_coder_ids("part");
    (*descriptor_.mutable_pcollections())["c"].set_coder_id("collection");
    (*descriptor_.mutable_windowing_strategies())["w"].set_window_coder_id("window");
  }
  void Put(const std::string& id, std::string_view urn, const std::string& payload) {
    pipeline::PTransform& transform = (*descriptor_.mutable_transforms())[id];
    transform.mutable_spec()->set_urn(std::string(urn));
    transform.mutable_spec()->set_payload(payload);
  }
  Ids Added() {
    descriptor_.clear_coders();
    AddCoders(components_, &descriptor_);
    Ids ids;
    for (const auto& [id, coder] : descriptor_.coders()) ids.insert(id);
    return ids;
  }

  pipeline::Components components_;
  fn::ProcessBundleDescriptor descriptor_;
};

TEST_F(DescriptorCodersTest, AreThoseThatAreNamedAndTheirParts) {
  fn::RemoteGrpcPort port;
  port.set_coder_id("port");
  Put("source", kDataSourceUrn, port.SerializeAsString());
  Put("flatten", kFlattenUrn, "");
  EXPECT_EQ(Added(), (Ids{"collection", "window", "port", "part"}));
  pipeline::CombinePayload combine;
  combine.set_accumulator_coder_id("accumulator");
  Put("merge", kMergeAccumulatorsUrn, combine.SerializeAsString());
  EXPECT_EQ(Added(), (Ids{"collection", "window", "port", "part", "accumulator"}));
}

TEST_F(DescriptorCodersTest, AreThoseOfStateTimersAndRestrictions) {
  pipeline::ParDoPayload pardo;
  pardo.set_restriction_coder_id("restriction");
  (*pardo.mutable_timer_family_specs())["t"].set_timer_family_coder_id("timers");
  auto& states = *pardo.mutable_state_specs();
  states["1"].mutable_read_modify_write_spec()->set_coder_id("cell");
  states["2"].mutable_bag_spec()->set_element_coder_id("bag");
  states["3"].mutable_combining_spec()->set_accumulator_coder_id("sum");
  states["4"].mutable_map_spec()->set_key_coder_id("key");
  states["4"].mutable_map_spec()->set_value_coder_id("value");
  states["5"].mutable_multimap_spec()->set_key_coder_id("keys");
  states["5"].mutable_multimap_spec()->set_value_coder_id("values");
  states["6"].mutable_set_spec()->set_element_coder_id("set");
  states["7"].mutable_ordered_list_spec()->set_element_coder_id("list");
  for (const std::string_view urn : {kParDoUrn, kProcessSizedUrn}) {
    Put("pardo", urn, pardo.SerializeAsString());
    EXPECT_EQ(Added(), (Ids{"collection", "window", "restriction", "timers", "cell", "bag", "sum",
                            "key", "value", "keys", "values", "set", "list"}));
  }
}

TEST_F(DescriptorCodersTest, AreAllWhereAPayloadMayNameAny) {
  Put("odd", "my:transform:v1", "");
  EXPECT_EQ(Added().size(), static_cast<size_t>(components_.coders_size()));
}

}  // namespace
}  // namespace joist::portability
