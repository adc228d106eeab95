// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/encoded_test_stream.h"

#include <gtest/gtest.h>
#include <org/apache/beam/model/pipeline/v1/beam_runner_api.pb.h>

#include "joist/sdk/testing/passert.h"
#include "joist/sdk/testing/test_pipeline.h"

namespace joist::portability {
namespace {

constexpr Timestamp At(int64_t seconds) { return Timestamp::Seconds(seconds); }

/// A payload, event by event; texts in their outer encoding.
struct Script {
  pipeline::TestStreamPayload payload = {};

  Script Elements(std::vector<std::pair<std::string, Timestamp>> elements,
                  const std::string& tag = "") && {
    auto* event = payload.add_events()->mutable_element_event();
    event->set_tag(tag);
    for (const auto& [text, timestamp] : elements) {
      auto* element = event->add_elements();
      element->set_encoded_element(text);
      element->set_timestamp(timestamp.millis);
    }
    return std::move(*this);
  }
  Script Watermark(Timestamp to, const std::string& tag = "") && {
    auto* event = payload.add_events()->mutable_watermark_event();
    event->set_new_watermark(to.millis);
    event->set_tag(tag);
    return std::move(*this);
  }
  Script ProcessingTime(Duration by) && {
    payload.add_events()->mutable_processing_time_event()->set_advance_duration(by.millis);
    return std::move(*this);
  }
};

Result<std::vector<std::shared_ptr<const Step>>> StepsOf(const Script& script,
                                                         const std::vector<std::string>& outputs) {
  return MakeEncodedTestStream(script.payload, outputs, [](std::string_view outer) {
    std::string wire;
    PutBytes(outer, &wire, /*nested=*/true);
    return wire;
  });
}

/// The collections of a script's outputs; each must stand on its own when it travels.
std::vector<PCollection<std::string>> Collections(Pipeline& p, const Script& script,
                                                  const std::vector<std::string>& outputs) {
  Result<std::vector<std::shared_ptr<const Step>>> steps = StepsOf(script, outputs);
  EXPECT_TRUE(steps.ok()) << steps.status().message();
  std::vector<PCollection<std::string>> collections;
  for (size_t i = 0; i < steps->size(); ++i) {
    const std::string name = "TestStream." + outputs[i];
    const PipelineBuilder::Scope scope(&p.builder(), name, "TestStream", nullptr);
    collections.push_back(AddRoot<std::string>(p.builder(), (*steps)[i]));
  }
  return collections;
}

/// "word count [start, end) pane", in seconds; of the word without its length..
auto CountEach() {
  return Map([](const KV<std::string, int64_t>& count, Window window, PaneInfo pane) {
    return count.key.substr(1) + " " + std::to_string(count.value) + " [" +
           std::to_string(window.start.millis / 1000) + ", " +
           std::to_string(window.end.millis / 1000) + ") " + std::to_string(pane.index);
  });
}

TEST(EncodedTestStream, FollowsTheScript) {
  TestPipeline p;
  const auto words = Collections(p,
                                 Script()
                                     .Elements({{"a", At(1)}, {"a", At(2)}, {"", At(3)}})
                                     .Watermark(At(10))
                                     .Elements({{"late", At(4)}, {"b", At(12)}})
                                     .Watermark(Timestamp::Max()),
                                 {"None"});
  PAssert::That(words[0] | WindowInto(FixedWindows(Duration::Seconds(10))) | Count::PerElement() |
                CountEach())
      .ContainsInAnyOrder({"a 2 [0, 10) 0", " 1 [0, 10) 0", "b 1 [10, 20) 0"});
  EXPECT_TRUE(p.RunOk());
}

TEST(EncodedTestStream, ElementsKeepTheirBytesAndTimes) {
  TestPipeline p;
  const auto words =
      Collections(p, Script().Elements({{std::string("\0\xff", 2), At(7)}}), {"out"});
  PAssert::That(words[0] | Map([](const std::string& wire, Timestamp t, Window window) {
                  return wire + (window.is_global() ? "@" : "?") + std::to_string(t.millis);
                }))
      .ContainsInAnyOrder({std::string("\x02\0\xff", 3) + "@7000"});
  EXPECT_TRUE(p.RunOk());
}

TEST(EncodedTestStream, ProcessingTimeFiresTriggers) {
  TestPipeline p;
  const auto words = Collections(p,
                                 Script()
                                     .Elements({{"a", At(1)}})
                                     .ProcessingTime(Duration::Seconds(5))
                                     .Elements({{"a", At(2)}, {"a", At(3)}})
                                     .ProcessingTime(Duration::Seconds(5))
                                     .Elements({{"a", At(4)}}),
                                 {""});
  auto windows = WindowInto(FixedWindows(Duration::Seconds(10)))
                     .Triggering(Trigger::AfterWatermark(
                         Trigger::AfterProcessingTime(Duration::Seconds(4)), Trigger::Never()))
                     .DiscardingFiredPanes();
  PAssert::That(words[0] | windows | Count::PerElement() | CountEach())
      .ContainsInAnyOrder({"a 1 [0, 10) 0", "a 2 [0, 10) 1", "a 1 [0, 10) 2"});
  EXPECT_TRUE(p.RunOk());
}

TEST(EncodedTestStream, OutputsHaveWatermarksOfTheirOwnAndOneOrder) {
  TestPipeline p;
  const auto words = Collections(p,
                                 Script()
                                     .Elements({{"a", At(1)}}, "left")
                                     .Watermark(At(20), "left")
                                     .Elements({{"b", At(2)}}, "right")  // Not late: its own.
                                     .Elements({{"c", At(3)}}, "left")   // Late.
                                     .Watermark(At(20), "right")
                                     .Elements({{"d", At(4)}}, "right"),  // Late.
                                 {"left", "right"});
  const auto count = [](const PCollection<std::string>& of) {
    return of | WindowInto(FixedWindows(Duration::Seconds(10))) | Count::PerElement() | CountEach();
  };
  PAssert::That(count(words[0])).ContainsInAnyOrder({"a 1 [0, 10) 0"});
  PAssert::That(count(words[1])).ContainsInAnyOrder({"b 1 [0, 10) 0"});
  // Both together: the watermark is the lower one, until the second one has moved.
  PAssert::That(count(Flatten(words)))
      .ContainsInAnyOrder({"a 1 [0, 10) 0", "b 1 [0, 10) 0", "c 1 [0, 10) 0"});
  EXPECT_TRUE(p.RunOk());
}

std::string Fault(const Script& script, const std::vector<std::string>& outputs) {
  const auto steps = StepsOf(script, outputs);
  EXPECT_FALSE(steps.ok());
  return steps.ok() ? "" : steps.status().message();
}

TEST(EncodedTestStream, MalformedScriptsAreRefused) {
  EXPECT_EQ(Fault(Script().Elements({}, "else"), {"out"}),
            "the test stream has no output \"else\"");
  EXPECT_EQ(Fault(Script().Elements({}), {"left", "right"}), "the test stream has no output \"\"");
  EXPECT_EQ(Fault(Script().Watermark(At(10)).Watermark(At(9)), {"out"}),
            "the test stream lets the watermark go back from 1970-01-01T00:00:10.000Z to "
            "1970-01-01T00:00:09.000Z");
  EXPECT_EQ(Fault(Script().ProcessingTime(Duration::Seconds(-1)), {"out"}),
            "the test stream lets processing time go back");
  Script unknown;
  unknown.payload.add_events();
  EXPECT_EQ(Fault(unknown, {"out"}), "the test stream has an event of no known kind");
  Script service;
  service.payload.mutable_endpoint()->set_url("localhost:1");
  EXPECT_EQ(Fault(service, {"out"}),
            "a test stream that asks a service for its events cannot be run");
  const auto malformed = MakeEncodedTestStream(
      Script().Elements({{"x", At(1)}}).payload, {"out"},
      [](std::string_view) -> Result<std::string> { return InvalidArgument("no value"); });
  EXPECT_EQ(malformed.status().message(), "the test stream: no value");
}

}  // namespace
}  // namespace joist::portability
