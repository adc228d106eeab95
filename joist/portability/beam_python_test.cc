// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// What Beam's Python SDK writes is understood, and it understands what is written here. The
// interpreter is JOIST_BEAM_PYTHON, else python3; without Beam in it the tests are skipped.

#include <gtest/gtest.h>
#include <org/apache/beam/model/fn_execution/v1/beam_fn_api.pb.h>
#include <org/apache/beam/model/pipeline/v1/beam_runner_api.pb.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "joist/portability/encoded_test_stream.h"
#include "joist/portability/graph_to_proto.h"
#include "joist/portability/model_proto.h"
#include "joist/portability/pipeline_check.h"
#include "joist/portability/sdk_window_merger.h"
#include "joist/portability/testing/answering_worker.h"
#include "joist/portability/urns.h"
#include "joist/sdk/testing/test_pipeline.h"

namespace joist::portability {

struct PythonSeen {
  std::string word;
  std::optional<double> share;
  std::vector<int64_t> counts;
};
JOIST_ROW(PythonSeen, word, share, counts)

namespace {

void WriteFile(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

std::string ReadFile(const std::filesystem::path& path) {
  std::ostringstream bytes;
  bytes << std::ifstream(path, std::ios::binary).rdbuf();
  return bytes.str();
}

class BeamPython : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    const char* named = getenv("JOIST_BEAM_PYTHON");
    python_ = named == nullptr ? "python3" : named;
    has_beam_ = std::system((python_ + " -c 'import apache_beam' 2>/dev/null").c_str()) == 0;
    if (!has_beam_) return;
    folder_ =
        std::filesystem::temp_directory_path() / ("joist_beam_python_" + std::to_string(getpid()));
    std::filesystem::create_directories(folder_);
    ASSERT_TRUE(Python("write", folder_.string())) << Errors();
  }
  static void TearDownTestSuite() {
    if (has_beam_) std::filesystem::remove_all(folder_);
  }
  void SetUp() override {
    if (!has_beam_) GTEST_SKIP() << python_ << " has no apache_beam";
  }

  /// Whether the script's `command` succeeds; what it prints is in "printed" and "errors".
  static bool Python(const std::string& command, const std::string& argument) {
    const std::string line = python_ + " " + JOIST_BEAM_PYTHON_SCRIPT + " " + command + " " +
                             argument + " >" + (folder_ / "printed").string() + " 2>" +
                             (folder_ / "errors").string();
    return std::system(line.c_str()) == 0;
  }
  static std::string Errors() { return ReadFile(folder_ / "errors"); }

  /// A pipeline that the script has written.
  static pipeline::Pipeline Written(const std::string& name) {
    pipeline::Pipeline proto;
    EXPECT_TRUE(proto.ParseFromString(ReadFile(folder_ / (name + ".pb"))));
    return proto;
  }

  static inline std::string python_;
  static inline bool has_beam_ = false;
  static inline std::filesystem::path folder_;
};

/// Merges nothing.
class NoMerger final : public WindowMergingWorker {
 public:
  Result<std::vector<MergedWindows>> Merge(std::span<const Window>) override {
    return std::vector<MergedWindows>();
  }
};

Result<std::shared_ptr<const CustomWindowFn>> MakeRemote(const pipeline::WindowingStrategy& proto) {
  return std::shared_ptr<const CustomWindowFn>(
      new RemoteWindowFn(proto, std::make_shared<NoMerger>()));
}

TEST_F(BeamPython, PipelinesAreUnderstood) {
  std::set<std::string> windowings;
  for (const char* name : {"batch", "stream"}) {
    const pipeline::Pipeline proto = Written(name);
    const auto order = CheckPipeline(proto);
    ASSERT_TRUE(order.ok()) << order.status().message();
    EXPECT_GT(order->size(), 8U);
    const pipeline::Components& components = proto.components();
    for (const auto& [id, coder] : components.coders()) {
      const auto read = CoderFromProto(id, components);
      EXPECT_TRUE(read.ok()) << read.status().message();
    }
    for (const auto& [id, windowing] : components.windowing_strategies()) {
      const auto read = WindowingFromProto(windowing, components, MakeRemote);
      ASSERT_TRUE(read.ok()) << read.status().message();
      windowings.insert(read->ToString());
    }
  }
  const std::string rest =
      ", AfterWatermark(early AfterFirst(AfterCount(3), AfterProcessingTime(5s)), late "
      "AfterCount(1)), accumulating, allowed lateness 1m, latest timestamp, closes with a pane "
      "always";
  for (const char* fn : {"FixedWindows(10s after 3s)", "SlidingWindows(10s every 2s500ms)",
                         "Sessions(gap 1s500ms)", "GlobalWindows"}) {
    EXPECT_TRUE(windowings.contains(fn + rest)) << fn << testing::PrintToString(windowings);
  }
}

TEST_F(BeamPython, TestStreamsAreUnderstood) {
  const pipeline::Pipeline proto = Written("stream");
  for (const auto& [id, transform] : proto.components().transforms()) {
    if (transform.spec().urn() != "beam:transform:teststream:v1") continue;
    pipeline::TestStreamPayload payload;
    ASSERT_TRUE(payload.ParseFromString(transform.spec().payload()));
    const auto steps =
        MakeEncodedTestStream(payload, {transform.outputs().begin()->first},
                              [](std::string_view element) { return std::string(element); });
    ASSERT_TRUE(steps.ok()) << steps.status().message();
    EXPECT_EQ(steps->size(), 1U);
    return;
  }
  FAIL() << "there is no test stream";
}

TEST_F(BeamPython, UnderstandsGraphs) {
  Pipeline p;
  auto words = p | Create({"a", "b", "a"});
  words | "Rows" >> Map([](const std::string& word) { return PythonSeen{word, 0.5, {1}}; }) |
      "Minutes" >> WindowInto(SlidingWindows(Duration::Minutes(1), Duration::Seconds(20)))
                       .Triggering(Trigger::AfterWatermark(Trigger::AfterCount(2),
                                                           Trigger::AfterProcessingTime()))
                       .AccumulatingFiredPanes()
                       .WithAllowedLateness(Duration::Hours(1));
  words | "Count" >> Count::PerElement();
  Graph graph = p.graph();
  graph.SetDisplayData("Count", {{.key = "k", .label = "Label", .value = "seen"}});
  pipeline::Pipeline proto;
  ASSERT_TRUE(GraphToProto(graph, &proto).ok());
  WriteFile(folder_ / "graph.pb", proto.SerializeAsString());
  ASSERT_TRUE(Python("read", (folder_ / "graph.pb").string())) << Errors();
  const std::string printed = ReadFile(folder_ / "printed");
  for (const char* part :
       {"coder beam:coder:string_utf8:v1 StrUtf8Coder", "coder beam:coder:row:v1 RowCoder",
        "coder beam:coder:kv:v1 TupleCoder[StrUtf8Coder, VarIntCoder]", "SlidingWindows object",
        "AfterWatermark(early=AfterCount(2)", "display Count k seen", "'Rows'"}) {
    EXPECT_NE(printed.find(part), std::string::npos) << part << " is not in\n" << printed;
  }
}

/// Its bundles are run by the script.
class ScriptWorker final : public AnsweringWorker {
 public:
  ScriptWorker(std::filesystem::path folder, std::function<bool()> run)
      : folder_(std::move(folder)), run_(std::move(run)) {}

 private:
  Result<std::string> Answer(const std::string& input) override {
    WriteFile(folder_ / "descriptor.pb", descriptor().SerializeAsString());
    WriteFile(folder_ / "input.bin", input);
    if (!run_()) return Internal("the script fails");
    return ReadFile(folder_ / "output.bin");
  }

  const std::filesystem::path folder_;
  const std::function<bool()> run_;
};

TEST_F(BeamPython, MergesWindowsOfItsOwnType) {
  const pipeline::Pipeline proto = Written("stream");
  const pipeline::Components& components = proto.components();
  const pipeline::WindowingStrategy* merging = nullptr;
  for (const auto& [id, windowing] : components.windowing_strategies()) {
    const bool is_own = !windowing.window_fn().urn().starts_with(kSessionWindowsUrn);
    if (is_own && windowing.merge_status() == pipeline::MergeStatus::NEEDS_MERGE) {
      merging = &windowing;
    }
  }
  ASSERT_NE(merging, nullptr);
  const auto table = std::make_shared<OpaqueWindows>();
  const auto code =
      std::make_shared<WindowCode>(*CoderFromProto(merging->window_coder_id(), components), table);
  ASSERT_TRUE(code->is_opaque());
  const auto worker =
      std::make_shared<ScriptWorker>(folder_, [] { return Python("merge", folder_.string()); });
  const auto merger = MakeSdkWindowMerger(
      *merging, components,
      {.worker = [&]() -> Result<std::shared_ptr<SdkWorker>> { return {worker}; },
       .endpoint = "localhost:1",
       .descriptor_id = "merge",
       .code = code});
  ASSERT_TRUE(merger.ok()) << merger.status().message();
  // A window as its coder has it: the end, in microseconds' place an instant, and the color.
  const auto window = [&](int64_t end, const std::string& color) {
    std::string encoded;
    PutInstant(end * 1000, &encoded);
    encoded += color;
    return *table->Intern(Timestamp::Millis(end * 1000 - 1), encoded);
  };
  std::vector<Window> windows = {window(10, "red"), window(20, "black"), window(30, "red")};
  std::sort(windows.begin(), windows.end(), StartsBefore);
  const RemoteWindowFn fn(*merging, *merger);
  WindowMerger all(windows);
  fn.Merge(all);
  std::map<Window, Window> became;
  for (size_t i = 0; i < windows.size(); ++i) became[windows[i]] = all.became()[i];
  EXPECT_EQ(became[window(10, "red")], window(30, "red")) << Errors();
  EXPECT_EQ(became[window(30, "red")], window(30, "red"));
  EXPECT_EQ(became[window(20, "black")], window(20, "black"));
}

}  // namespace
}  // namespace joist::portability
