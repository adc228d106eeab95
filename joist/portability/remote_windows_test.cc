// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/remote_windows.h"

#include <gtest/gtest.h>
#include <org/apache/beam/model/fn_execution/v1/beam_fn_api.pb.h>
#include <org/apache/beam/model/pipeline/v1/beam_runner_api.pb.h>

#include <algorithm>

#include "joist/model/standard_coder.h"
#include "joist/portability/components_builder.h"
#include "joist/portability/model_proto.h"
#include "joist/portability/sdk_window_merger.h"
#include "joist/portability/testing/answering_worker.h"
#include "joist/sdk/testing/passert.h"
#include "joist/sdk/testing/test_pipeline.h"
#include "joist/sdk/testing/test_stream.h"

namespace joist::portability {

/// Windows of ten seconds and a color.
struct ColoredWindows {
  Window AssignWindow(Timestamp t) const {
    static OpaqueWindows table;
    const int64_t seconds = t.millis / 1000;
    const Timestamp end = Timestamp::Seconds(seconds - seconds % 10 + 10);
    return *table.Intern(end - Duration::Millis(1), seconds % 2 == 0 ? "black" : "red");
  }
};

/// Puts each element where an SDK's own step would, into windows of a thousand seconds.
struct SdkAssigns {
  Window AssignWindow(Timestamp t) const { return {t, t + Duration::Seconds(1000)}; }
  void MergeWindows(WindowMerger& merger) const;
};

namespace {

constexpr Timestamp Sec(int64_t seconds) { return Timestamp::Seconds(seconds); }
constexpr Window Of(int64_t start, int64_t end) { return {Sec(start), Sec(end)}; }

TEST(OpaqueWindows, EncodingsAreTheirIdentity) {
  OpaqueWindows windows;
  const Window red = *windows.Intern(Sec(10), "red");
  const Window black = *windows.Intern(Sec(10), "black");
  EXPECT_NE(red, black);
  EXPECT_EQ(*windows.Intern(Sec(10), "red"), red);
  EXPECT_EQ(red.max_timestamp(), Sec(10));
  EXPECT_EQ(black.max_timestamp(), Sec(10));
  EXPECT_NE(*windows.Intern(Sec(10), "rod"), red);
  EXPECT_NE(*windows.Intern(Sec(20), "red"), red);
  EXPECT_EQ(windows.EncodingOf(red), "red");
  EXPECT_EQ(windows.EncodingOf(black), "black");
  EXPECT_EQ(windows.EncodingOf(Of(0, 10)), std::nullopt);
  EXPECT_LT(red, *windows.Intern(Sec(11), ""));
}

TEST(OpaqueWindows, AreTheSameElsewhere) {
  OpaqueWindows here;
  const Window red = *here.Intern(Sec(10), "red");
  const Window last = *here.Intern(Window::Global().max_timestamp(), "");
  EXPECT_FALSE(last.is_global());
  std::string saved;
  here.Save(&saved);
  OpaqueWindows there;
  EXPECT_EQ(*there.Intern(Sec(10), "red"), red);
  ByteReader in(saved);
  ASSERT_TRUE(there.Restore(&in));
  EXPECT_EQ(in.remaining(), 0U);
  EXPECT_EQ(there.EncodingOf(last), "");
  EXPECT_EQ(there.size(), 2U);
  for (size_t length = 0; length < saved.size(); ++length) {
    ByteReader part(std::string_view(saved).substr(0, length));
    EXPECT_FALSE(OpaqueWindows().Restore(&part)) << length;
  }
}

TEST(OpaqueWindows, TheOldAreForgotten) {
  OpaqueWindows windows;
  const Window red = *windows.Intern(Sec(10), "red");
  const Window black = *windows.Intern(Sec(20), "black");
  const auto forget = [&](int times) {
    for (; times > 0; --times) windows.Forget();
    return windows.size();
  };
  EXPECT_EQ(forget(5), 2U);  // Nobody has said what is needed.
  const int slow = 0;
  const int fast = 0;
  windows.Hold(&slow, Timestamp::Min());
  windows.Hold(&fast, Sec(100));
  EXPECT_EQ(forget(5), 2U);
  windows.Hold(&slow, Sec(20));
  EXPECT_EQ(forget(1), 1U);
  EXPECT_EQ(windows.EncodingOf(red), std::nullopt);
  EXPECT_EQ(windows.EncodingOf(black), "black");
  windows.Release(&slow);
  EXPECT_EQ(forget(1), 0U);
}

TEST(OpaqueWindows, WhatComesLateIsKeptForAWhile) {
  OpaqueWindows windows;
  const int holder = 0;
  windows.Hold(&holder, Sec(100));
  for (int times = 0; times < 2; ++times) {
    const Window late = *windows.Intern(Sec(10), "late");
    windows.Forget();
    windows.Forget();
    EXPECT_EQ(windows.EncodingOf(late), "late");
  }
  windows.Forget();
  EXPECT_EQ(windows.size(), 0U);
}

TEST(OpaqueWindows, GroupElementsAsIntervalsDo) {
  for (const bool is_stream : {false, true}) {
    TestPipeline p;
    const auto numbers = [&]() -> PCollection<int64_t> {
      if (!is_stream) return p | Create<int64_t>({1, 2, 100, 101, 102});
      return p | TestStream<int64_t>()
                     .AddElements({{1, Sec(1)}, {2, Sec(2)}})
                     .AdvanceWatermarkTo(Sec(20))
                     .AddElements({{100, Sec(100)}, {101, Sec(101)}, {102, Sec(102)}});
    };
    auto sums = numbers() | WithTimestamps([](int64_t n) { return Sec(n); }) |
                WindowInto(CustomWindows(ColoredWindows())) |
                Map([](int64_t n) { return KV<std::string, int64_t>{"k", n}; }) | Sum::PerKey() |
                Map([](const KV<std::string, int64_t>& sum, Timestamp t) {
                  return std::to_string(sum.value) + " @" + std::to_string(t.millis);
                });
    PAssert::That(sums).ContainsInAnyOrder({"1 @9999", "2 @9999", "202 @109999", "101 @109999"});
    EXPECT_TRUE(p.RunOk());
  }
}

TEST(WindowCode, WritesWhatBeamsCodersDo) {
  const auto table = std::make_shared<OpaqueWindows>();
  const CoderSpec colored = MakeCoderSpec("someone:colored:v1");
  const Window red = *table->Intern(Sec(10), "red");
  const std::pair<CoderSpec, Window> cases[] = {
      {MakeCoderSpec(kGlobalWindowCoder), Window::Global()},
      {MakeCoderSpec(kIntervalWindowCoder), Of(5, 10)},
      {colored, red}};
  for (const auto& [coder, window] : cases) {
    const WindowCode code(coder, table);
    std::string bytes;
    ASSERT_TRUE(code.Put(window, &bytes).ok());
    const Result<StandardCoder> standard = StandardCoder::Make(code.runner_coder());
    ASSERT_TRUE(standard.ok());
    EXPECT_EQ(bytes, *standard->EncodeToString(*code.ToValue(window), /*nested=*/true));
    EXPECT_EQ(*code.FromValue(*code.ToValue(window)), window);
    ByteReader in(bytes);
    Window back;
    ASSERT_TRUE(code.Take(&in, &back));
    EXPECT_EQ(back, window);
    EXPECT_EQ(in.remaining(), 0U);
    for (size_t length = 0; length < bytes.size(); ++length) {
      ByteReader part(std::string_view(bytes).substr(0, length));
      EXPECT_FALSE(code.Take(&part, &back));
    }
  }
  EXPECT_EQ(WindowCode(colored, table).wire_coder(),
            MakeCoderSpec(kCustomWindowCoder, {MakeCoderSpec(kLengthPrefixCoder, {colored})}));
  std::string bytes;
  EXPECT_EQ(WindowCode(colored, table).Put(Of(0, 10), &bytes).message(),
            "a window that ends at 1970-01-01T00:00:10.000Z is not known any more");
}

/// Makes one what begins at even seconds, as an SDK would.
class EvenMerger final : public WindowMergingWorker {
 public:
  Result<std::vector<MergedWindows>> Merge(std::span<const Window> windows) override {
    MergedWindows merged;
    for (const Window& window : windows) {
      if (window.start.millis % 2000 != 0) continue;
      merged.to = merged.from.empty() ? window
                                      : Window{std::min(merged.to.start, window.start),
                                               std::max(merged.to.end, window.end)};
      merged.from.push_back(window);
    }
    if (merged.from.empty()) return std::vector<MergedWindows>();
    return std::vector<MergedWindows>{merged};
  }
};

pipeline::WindowingStrategy StrangeWindows(pipeline::MergeStatus::Enum status) {
  pipeline::WindowingStrategy proto;
  proto.mutable_window_fn()->set_urn("beam:window_fn:pickled_python:v1");
  proto.mutable_window_fn()->set_payload("pickled");
  proto.mutable_trigger()->mutable_default_();
  proto.set_merge_status(status);
  proto.set_environment_id("env");
  return proto;
}

}  // namespace

void SdkAssigns::MergeWindows(WindowMerger& merger) const {
  static const RemoteWindowFn fn(StrangeWindows(pipeline::MergeStatus::NEEDS_MERGE),
                                 std::make_shared<EvenMerger>());
  fn.Merge(merger);
}

namespace {

TEST(RemoteWindowFn, MergesByItsWorker) {
  const RemoteWindowFn fn(StrangeWindows(pipeline::MergeStatus::NEEDS_MERGE),
                          std::make_shared<EvenMerger>());
  EXPECT_TRUE(fn.is_merging());
  EXPECT_TRUE(fn.Validate().ok());
  const std::vector<Window> windows = {Of(1, 101), Of(2, 102), Of(3, 103), Of(100, 200)};
  WindowMerger merger(windows);
  fn.Merge(merger);
  EXPECT_EQ(merger.became(), (std::vector<Window>{Of(1, 101), Of(2, 200), Of(3, 103), Of(2, 200)}));
}

TEST(RemoteWindowFn, GroupsByMergedWindows) {
  TestPipeline p;
  auto sums =
      p | Create<int64_t>({1, 2, 100, 101, 102}) |
      WithTimestamps([](int64_t n) { return Sec(n); }) | WindowInto(CustomWindows(SdkAssigns())) |
      Map([](int64_t n) { return KV<std::string, int64_t>{"k", n}; }) | Sum::PerKey() | Values();
  PAssert::That(sums).ContainsInAnyOrder({1, 101, 204});
  EXPECT_TRUE(p.RunOk());
}

TEST(RemoteWindowFn, SaysWhatTheProtoSays) {
  const auto maker = [](const pipeline::WindowingStrategy& proto)
      -> Result<std::shared_ptr<const CustomWindowFn>> {
    return std::shared_ptr<const CustomWindowFn>(new RemoteWindowFn(proto, nullptr));
  };
  const auto plain =
      WindowingFromProto(StrangeWindows(pipeline::MergeStatus::NON_MERGING), {}, maker);
  ASSERT_TRUE(plain.ok()) << plain.status().message();
  EXPECT_FALSE(plain->merges());
  EXPECT_FALSE(plain->window_fn.is_of_time());
  EXPECT_EQ(plain->ToString(), "WindowFn(beam:window_fn:pickled_python:v1)");
  const auto merging =
      WindowingFromProto(StrangeWindows(pipeline::MergeStatus::NEEDS_MERGE), {}, maker);
  ASSERT_FALSE(merging.ok());
  EXPECT_EQ(merging.status().message(),
            "WindowFn(beam:window_fn:pickled_python:v1) merges windows, for which there is no "
            "worker");
  std::vector<Window> windows;
  EXPECT_THROW(plain->window_fn.custom->Assign(nullptr, Sec(0), &windows), StatusException);
}

/// A worker that answers what merge_windows would, by EvenMerger.
class EvenWorker final : public AnsweringWorker {
 public:
  explicit EvenWorker(const WindowCode* code) : code_(code) {}

  std::string fails_with;

 private:
  Result<std::string> Answer(const std::string& input) override {
    if (!fails_with.empty()) return InvalidArgument(fails_with);
    const Value question = *PortCoder("read").DecodeFromString(input, true);
    const Value::Record& pair = *question.As<Value::Record>()->Find("value")->As<Value::Record>();
    std::vector<Window> windows;
    for (const Value& window : *pair.Find("value")->As<Value::List>()) {
      windows.push_back(*code_->FromValue(window));
    }
    Value::List merged;
    const auto all = *EvenMerger().Merge(windows);
    for (const MergedWindows& one : all) {
      Value::List from;
      for (const Window& window : one.from) from.push_back(*code_->ToValue(window));
      merged.push_back(KvValue(*code_->ToValue(one.to), std::move(from)));
    }
    Value answer = question;
    *answer.As<Value::Record>() = *question.As<Value::Record>();
    for (auto& [name, value] : answer.As<Value::Record>()->fields) {
      if (name == "value") {
        value = KvValue(*pair.Find("key"), KvValue(Value::List(), std::move(merged)));
      }
    }
    return PortCoder("write").EncodeToString(answer, true);
  }

  /// Follows the descriptor as a harness does: which coder the transform's port has.
  StandardCoder PortCoder(const std::string& transform) const {
    fn::RemoteGrpcPort port;
    EXPECT_TRUE(port.ParseFromString(descriptor().transforms().at(transform).spec().payload()));
    EXPECT_EQ(port.api_service_descriptor().url(), "localhost:1");
    pipeline::Components components;
    *components.mutable_coders() = descriptor().coders();
    return *StandardCoder::Make(*CoderFromProto(port.coder_id(), components));
  }

  const WindowCode* code_;
};

TEST(SdkWindowMerger, AsksItsWorker) {
  const auto code = std::make_shared<WindowCode>(MakeCoderSpec(kIntervalWindowCoder),
                                                 std::make_shared<OpaqueWindows>());
  const auto worker = std::make_shared<EvenWorker>(code.get());
  pipeline::Components components;
  (*components.mutable_environments())["env"].set_urn("beam:env:external:v1");
  const auto merger = MakeSdkWindowMerger(
      StrangeWindows(pipeline::MergeStatus::NEEDS_MERGE), components,
      {.worker = [&]() -> Result<std::shared_ptr<SdkWorker>> { return {worker}; },
       .endpoint = "localhost:1",
       .descriptor_id = "merge-1",
       .code = code});
  ASSERT_TRUE(merger.ok());
  const std::vector<Window> windows = {Of(1, 101), Of(2, 102), Of(100, 200)};
  const auto merged = (*merger)->Merge(windows);
  ASSERT_TRUE(merged.ok()) << merged.status().message();
  ASSERT_EQ(merged->size(), 1U);
  EXPECT_EQ((*merged)[0].to, Of(2, 200));
  EXPECT_EQ((*merged)[0].from, (std::vector<Window>{Of(2, 102), Of(100, 200)}));
  const pipeline::PTransform& merge = worker->descriptor().transforms().at("merge");
  EXPECT_EQ(merge.spec().urn(), "beam:transform:merge_windows:v1");
  EXPECT_EQ(merge.environment_id(), "env");
  pipeline::FunctionSpec spec;
  ASSERT_TRUE(spec.ParseFromString(merge.spec().payload()));
  EXPECT_EQ(spec.payload(), "pickled");
  EXPECT_TRUE(worker->descriptor().environments().contains("env"));

  // What was asked before is known; nothing else is.
  worker->fails_with = "ValueError: no";
  EXPECT_EQ((*(*merger)->Merge(windows))[0].to, Of(2, 200));
  EXPECT_EQ((*merger)->Merge(std::span(windows).first(2)).status().message(), "ValueError: no");
}

}  // namespace
}  // namespace joist::portability
