// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/graph_to_proto.h"

#include <gtest/gtest.h>
#include <org/apache/beam/model/pipeline/v1/beam_runner_api.pb.h>

#include <set>

#include "joist/portability/pipeline_check.h"
#include "joist/portability/step_code.h"
#include "joist/portability/urns.h"
#include "joist/sdk/testing/passert.h"
#include "joist/sdk/testing/test_pipeline.h"
#include "joist/sdk/testing/test_stream.h"

namespace joist::portability {

struct GraphWord {
  std::string text;
  int64_t count = 0;
};
JOIST_ROW(GraphWord, text, count)

struct GraphLonger {
  int64_t than = 0;
  bool operator()(const GraphWord& word) const {
    return static_cast<int64_t>(word.text.size()) > than;
  }
};
JOIST_ROW(GraphLonger, than)

struct GraphShow {
  std::string operator()(const GraphWord& word) const {
    return word.text + " " + std::to_string(word.count);
  }
};

namespace {

/// A composite with display data, whose steps have every kind but a stream's.
struct CountLong : Transform {
  static constexpr std::string_view kKind = "CountLong";
  auto Expand(const PCollection<std::string>& words) const {
    return words | "Count" >> Count::PerElement() |
           "Row" >> Map([](const KV<std::string, int64_t>& count) {
             return GraphWord{count.key, count.value};
           }) |
           "Long" >> Filter(GraphLonger{2});
  }
};

/// What both of a test's pipelines are checked by.
void Build(Pipeline& p) {
  auto words = p | "Words" >> Create({"one", "two", "is", "three", "two"});
  auto more = p | "More" >> Create({"three", "four"});
  auto counts = Flatten("Both", words, more) | "CountLong" >> CountLong();
  auto windowed = words | "Windows" >> WindowInto(FixedWindows(Duration::Hours(1)));
  auto grouped = windowed | "Key" >> Map([](const std::string& word) {
                              return KV<std::string, std::string>{word, word};
                            }) |
                 "Group" >> GroupByKey();
  auto sizes = grouped | "Sizes" >> Map([](const KV<std::string, Iterable<std::string>>& group) {
                           int64_t size = 0;
                           for ([[maybe_unused]] const auto& value : group.value) ++size;
                           return group.key + ":" + std::to_string(size);
                         });
  auto total = words | "Total" >> Count::Globally();
  auto shown = counts | "Show" >> Map(GraphShow());
  auto against = words | "Against" >> Map(
                                          [](const std::string& word, SideInput<int64_t> total) {
                                            return word + "/" + std::to_string(*total);
                                          },
                                          AsSingleton(total));
  PAssert::That(shown).ContainsInAnyOrder({"one 1", "two 2", "three 2", "four 1"});
  PAssert::That(sizes).ContainsInAnyOrder({"one:1", "two:2", "is:1", "three:1"});
  PAssert::That(against).ContainsInAnyOrder({"one/5", "two/5", "is/5", "three/5", "two/5"});
}

pipeline::Pipeline ProtoOf(const Graph& graph) {
  pipeline::Pipeline proto;
  const Status status = GraphToProto(graph, &proto);
  EXPECT_TRUE(status.ok()) << status.message();
  return proto;
}

TEST(GraphProto, ComesBackAsItWas) {
  Pipeline p;
  Build(p);
  pipeline::Pipeline parsed;
  ASSERT_TRUE(parsed.ParseFromString(ProtoOf(p.graph()).SerializeAsString()));
  const Result<Graph> back = GraphFromProto(parsed);
  ASSERT_TRUE(back.ok()) << back.status().message();
  EXPECT_EQ(back->Fingerprint(), p.graph().Fingerprint());
  ASSERT_EQ(back->collections().size(), p.graph().collections().size());
  for (size_t i = 0; i < back->collections().size(); ++i) {
    EXPECT_EQ(back->collections()[i].windowing, p.graph().collections()[i].windowing);
    EXPECT_EQ(back->collections()[i].type, p.graph().collections()[i].type);
    EXPECT_EQ(back->collections()[i].is_bounded, p.graph().collections()[i].is_bounded);
  }
  EXPECT_EQ(ProtoOf(*back).SerializeAsString().size(),
            ProtoOf(p.graph()).SerializeAsString().size());
}

RunSettings Settings() {
  RunSettings settings;
  settings.threads = 2;
  return settings;
}

TEST(GraphProto, RunsToTheSameResult) {
  if (getenv("JOIST_TEST_SECOND_PROCESS") != nullptr) GTEST_SKIP() << "runs the graph here";
  Pipeline p;
  Build(p);
  const Result<Graph> back = GraphFromProto(ProtoOf(p.graph()));
  ASSERT_TRUE(back.ok()) << back.status().message();
  for (const Graph* graph : {&p.graph(), &*back}) {
    const JobRequests requests;
    const JobOutcome outcome = RunEmbedded(*graph, Settings(), requests);
    EXPECT_TRUE(outcome.status.ok()) << outcome.status.message();
  }
  // The assertions are in what has travelled.
  Pipeline wrong;
  PAssert::That(wrong | Create({"a"})).ContainsInAnyOrder({"b"});
  const Result<Graph> wrong_back = GraphFromProto(ProtoOf(wrong.graph()));
  ASSERT_TRUE(wrong_back.ok());
  const JobRequests requests;
  EXPECT_FALSE(RunEmbedded(*wrong_back, Settings(), requests).status.ok());
}

TEST(GraphProto, StreamsComeBack) {
  Pipeline p;
  p |
      TestStream<std::string>()
          .AddElements({{"a", Timestamp::Seconds(1)}})
          .AdvanceWatermarkTo(Timestamp::Seconds(5)) |
      WindowInto(Sessions(Duration::Minutes(1)))
          .Triggering(Trigger::AfterWatermark(Trigger::AfterCount(2), Trigger::Always()))
          .DiscardingFiredPanes()
          .WithAllowedLateness(Duration::Hours(1)) |
      Count::PerElement();
  const pipeline::Pipeline proto = ProtoOf(p.graph());
  size_t unbounded = 0;
  for (const auto& [id, collection] : proto.components().pcollections()) {
    unbounded += collection.is_bounded() == pipeline::IsBounded::UNBOUNDED ? 1 : 0;
  }
  EXPECT_GT(unbounded, 2U);
  const Result<Graph> back = GraphFromProto(proto);
  ASSERT_TRUE(back.ok()) << back.status().message();
  EXPECT_EQ(back->Fingerprint(), p.graph().Fingerprint());
  EXPECT_TRUE(back->has_unbounded());
}

const pipeline::PTransform* Find(const pipeline::Pipeline& proto, std::string_view name) {
  for (const auto& [id, transform] : proto.components().transforms()) {
    if (transform.unique_name() == name) return &transform;
  }
  ADD_FAILURE() << "there is no " << name;
  return &pipeline::PTransform::default_instance();
}

TEST(GraphProto, IsBeamsForm) {
  Pipeline p;
  Build(p);
  const pipeline::Pipeline proto = ProtoOf(p.graph());
  ASSERT_TRUE(CheckPipeline(proto).ok());
  const pipeline::PTransform* composite = Find(proto, "CountLong");
  EXPECT_EQ(composite->inputs_size(), 1);
  EXPECT_EQ(composite->outputs_size(), 1);
  EXPECT_EQ(composite->subtransforms_size(), 3);
  EXPECT_EQ(Find(proto, "Both")->spec().urn(), kFlattenUrn);
  EXPECT_EQ(Find(proto, "Words")->subtransforms_size(), 2);
  EXPECT_EQ(Find(proto, "Words/Impulse")->spec().urn(), kImpulseUrn);
  EXPECT_EQ(Find(proto, "CountLong/Long")->spec().urn(), kParDoUrn);
  const pipeline::PTransform* group = Find(proto, "Group");
  EXPECT_EQ(group->spec().urn(), kGroupByKeyUrn);
  pipeline::ParDoPayload payload;
  ASSERT_TRUE(payload.ParseFromString(Find(proto, "Against/Step")->spec().payload()));
  EXPECT_EQ(payload.side_inputs_size(), 1);
  // Views are no collections.
  std::set<std::string> outputs;
  for (const auto& [id, transform] : proto.components().transforms()) {
    for (const auto& [tag, collection] : transform.outputs()) outputs.insert(collection);
  }
  EXPECT_EQ(outputs.size(), static_cast<size_t>(proto.components().pcollections_size()));
  for (const auto& [id, collection] : proto.components().pcollections()) {
    const auto& coder = proto.components().coders().at(collection.coder_id());
    if (collection.unique_name() == "Group.0") {
      EXPECT_EQ(coder.spec().urn(), kKvCoder);
    } else if (collection.unique_name() == "CountLong/Row.0") {
      EXPECT_EQ(coder.spec().urn(), kRowCoder);
    }
  }
}

TEST(GraphProto, DisplayDataTravels) {
  Pipeline p;
  Build(p);
  Graph graph = p.graph();
  const std::vector<DisplayItem> items = {
      {.key = "pattern", .label = "Pattern", .value = "*.txt"},
      {.key = "size", .label = "Size", .value = "-7", .type = DisplayItem::Type::kInteger},
      {.key = "share", .label = "Share", .value = "0.25", .type = DisplayItem::Type::kDouble},
      {.key = "fast", .label = "Fast", .value = "true", .type = DisplayItem::Type::kBoolean}};
  graph.SetDisplayData("CountLong", items);
  graph.SetDisplayData("CountLong/Long", {items[1]});
  const Result<Graph> back = GraphFromProto(ProtoOf(graph));
  ASSERT_TRUE(back.ok());
  ASSERT_NE(back->display_data("CountLong"), nullptr);
  EXPECT_EQ(*back->display_data("CountLong"), items);
  EXPECT_EQ(*back->display_data("CountLong/Long"), std::vector<DisplayItem>{items[1]});
}

TEST(GraphProto, WhatCannotTravelIsRefused) {
  Pipeline p;
  const int64_t captured = 3;
  p | Create<int64_t>({1}) | "Add" >> Map([captured](int64_t n) { return n + captured; });
  pipeline::Pipeline proto;
  const Status status = GraphToProto(p.graph(), &proto);
  EXPECT_EQ(status.code(), StatusCode::kFailedPrecondition);
  EXPECT_TRUE(status.message().starts_with("step \"Add\" at graph_to_proto_test.cc:"))
      << status.message();
}

std::string Fault(const pipeline::Pipeline& proto) {
  const Result<Graph> graph = GraphFromProto(proto);
  EXPECT_FALSE(graph.ok());
  return graph.ok() ? "" : graph.status().message();
}

TEST(GraphProto, OthersPipelinesAreRefused) {
  Pipeline p;
  p | "Words" >> Create({"a"}) | "Upper" >> Map([](const std::string& word) { return word; });
  const pipeline::Pipeline proto = ProtoOf(p.graph());
  const auto spoilt = [&proto](const std::string& id, const auto& spoil) {
    pipeline::Pipeline copy = proto;
    spoil(copy.mutable_components()->mutable_transforms()->at(id));
    return Fault(copy);
  };
  const auto with_code = [](const StepCode& code) {
    return [code](pipeline::PTransform& transform) {
      pipeline::ParDoPayload payload;
      payload.mutable_do_fn()->set_urn(std::string(kStepUrn));
      payload.mutable_do_fn()->set_payload(code.Encode());
      transform.mutable_spec()->set_payload(payload.SerializeAsString());
    };
  };
  const StepCode code = *StepCode::Of(p.graph(), 1);
  EXPECT_EQ(spoilt("step_1",
                   [](pipeline::PTransform& transform) {
                     transform.mutable_spec()->set_urn("someone:map:v1");
                   }),
            "the transform \"Upper\", \"someone:map:v1\", is no step of this program");
  StepCode other = code;
  other.index = 0;
  EXPECT_EQ(spoilt("step_1", with_code(other)), "the pipeline has its step 0 twice");
  other.index = 7;
  EXPECT_EQ(spoilt("step_1", with_code(other)), "the pipeline lacks its step 1");
  other = code;
  other.key = "gone";
  EXPECT_NE(spoilt("step_1", with_code(other)).find("gone"), std::string::npos);
  other = code;
  other.kind = StepKind::kGroup;
  EXPECT_EQ(spoilt("step_1", with_code(other)), "the step \"Upper\" is malformed");
  other = code;
  other.state = "more";
  EXPECT_EQ(spoilt("step_1", with_code(other)), "the step \"Upper\" is malformed");
  EXPECT_EQ(spoilt("step_1",
                   [](pipeline::PTransform& transform) {
                     (*transform.mutable_outputs())["other"] = transform.outputs().at("out0");
                     transform.mutable_outputs()->erase("out0");
                   }),
            "the step \"Upper\" lacks its output 0");
}

}  // namespace
}  // namespace joist::portability
