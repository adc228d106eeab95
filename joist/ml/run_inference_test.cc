// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// RunInference with models that tools/train_model.py makes: predictions are those of the script.

#include "joist/ml/run_inference.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "joist/ml/json_models.h"
#include "joist/sdk/testing/test_pipeline.h"

namespace joist {
namespace {

using Example = std::vector<double>;
using Predicted = PredictionResult<Example, double>;

/// A folder, the same in every process that runs this test, so that a second one finds its files.
class RunInferenceTest : public testing::Test {
 protected:
  RunInferenceTest()
      : folder_(std::filesystem::temp_directory_path() /
                (std::string("joist_ml_") +
                 testing::UnitTest::GetInstance()->current_test_info()->name())) {
    std::filesystem::create_directories(folder_);
  }
  ~RunInferenceTest() override {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  std::string Path(const std::string& name) const { return (folder_ / name).string(); }

  std::string Write(const std::string& name, const std::string& text) const {
    std::ofstream(Path(name)) << text;
    return Path(name);
  }

  /// What the script prints.
  static std::string Script(const std::string& arguments) {
    const std::string command = std::string(JOIST_TRAIN_MODEL) + " " + arguments;
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> pipe(popen(command.c_str(), "r"), pclose);
    EXPECT_NE(pipe, nullptr);
    std::string text;
    char block[4096];
    size_t size = 0;
    while ((size = std::fread(block, 1, sizeof(block), pipe.get())) > 0) text.append(block, size);
    return text;
  }

  const std::filesystem::path folder_;
};

/// Three features and the example's number.
std::vector<Example> RandomExamples(size_t count) {
  std::mt19937 random(count);
  std::vector<Example> examples;
  for (size_t i = 0; i < count; ++i) {
    examples.push_back({static_cast<double>(random() % 1000) / 100 - 5,
                        static_cast<double>(random() % 7),
                        static_cast<double>(random() % 1000) / 1000, static_cast<double>(i)});
  }
  return examples;
}

std::string CsvOf(const std::vector<Example>& examples) {
  std::string csv = "a,b,c,number,target\n";
  for (const Example& e : examples) {
    for (double x : e) csv += std::to_string(x) + ",";
    csv += std::to_string(3 * e[0] - e[1] * e[1] + std::sin(6 * e[2])) + "\n";
  }
  return csv;
}

/// Whether the predictions are those that the script printed, one a line.
struct AreThose {
  std::string printed;
  bool operator()(const IterableView<Predicted>& results) const {
    std::map<double, double> got;
    for (const auto& view : results) {
      const Predicted result = Own<Predicted>(view);
      got[result.example.at(3)] = result.inference;
    }
    const char* at = printed.c_str();
    for (const auto& [number, inference] : got) {
      char* end = nullptr;
      const double want = std::strtod(at, &end);
      if (end == at || std::abs(want - inference) > 1e-9 * (1 + std::abs(want))) return false;
      at = end;
    }
    return std::string_view(at) == "\n";
  }
};

TEST_F(RunInferenceTest, LinearModelsPredictWhatTheScriptDoes) {
  const std::vector<Example> examples = RandomExamples(3000);
  const std::string csv = Write("data.csv", CsvOf(examples));
  Script("linear " + csv + " --target=target --output=" + Path("model.json"));
  TestPipeline p;
  PAssert::That(p | Create(examples) | RunInference(LinearModelHandler(Path("model.json"))))
      .Satisfies(AreThose{Script("predict " + Path("model.json") + " " + csv)});
  EXPECT_TRUE(p.RunOk());
}

TEST_F(RunInferenceTest, TreesPredictWhatTheScriptDoes) {
  const std::vector<Example> examples = RandomExamples(300);
  const std::string csv = Write("data.csv", CsvOf(examples));
  Script("trees " + csv + " --target=target --trees=10 --output=" + Path("model.json"));
  const TreeEnsembleHandler handler(Path("model.json"));
  // The model is one that has learned: better than the mean by far.
  const TreeEnsemble model = handler.LoadModel().value();
  double error = 0;
  double spread = 0;
  for (const Example& e : examples) {
    const double target = 3 * e[0] - e[1] * e[1] + std::sin(6 * e[2]);
    const double prediction = handler.RunInference(std::span(&e, 1), model).value()[0];
    error += (target - prediction) * (target - prediction);
    spread += (target - model.base) * (target - model.base);
  }
  EXPECT_LT(error, spread / 3);
  TestPipeline p;
  PAssert::That(p | Create(examples) | RunInference(handler))
      .Satisfies(AreThose{Script("predict " + Path("model.json") + " " + csv)});
  EXPECT_TRUE(p.RunOk());
}

/// Doubles numbers; batches of 2 to 5.
struct Doubling {
  using Example = int64_t;
  using Inference = int64_t;
  using Model = int64_t;
  int64_t lost = 0;  // Inferences that it forgets.
  Result<int64_t> LoadModel() const { return 2; }
  Result<std::vector<int64_t>> RunInference(std::span<const int64_t> batch,
                                            const int64_t& model) const {
    std::vector<int64_t> inferences;
    for (int64_t example : batch) inferences.push_back(model * example);
    inferences.resize(inferences.size() - static_cast<size_t>(lost));
    return inferences;
  }
  BatchElementsKwargs BatchElements() const { return {2, 5, Duration::Millis(1000)}; }
};
JOIST_ROW(Doubling, lost)

TEST(RunInference, BatchesAreWithinTheLimits) {
  TestPipeline p;
  std::vector<int64_t> examples;
  std::vector<PredictionResult<int64_t, int64_t>> expected;
  for (int64_t i = 0; i < 3000; ++i) {
    examples.push_back(i);
    expected.push_back({i, 2 * i});
  }
  PAssert::That(p | Create(examples) | RunInference(Doubling())).ContainsInAnyOrder(expected);
  const JobOutcome outcome = p.RunToEnd();
  ASSERT_TRUE(outcome.status.ok()) << outcome.status.message();
  EXPECT_EQ(outcome.metrics.CounterValue("BeamML", "num_inferences"), 3000);
  const MetricCell sizes =
      outcome.metrics.Value(MetricKind::kDistribution, "BeamML", "inference_request_batch_size");
  EXPECT_EQ(sizes.max, 5);
  EXPECT_EQ(sizes.sum, 3000);
}

TEST(RunInference, KeysGoAlong) {
  TestPipeline p;
  auto results = p | Create(std::vector<KV<std::string, int64_t>>{{"a", 1}, {"b", 2}, {"a", 1}}) |
                 RunInference(KeyedModelHandler<std::string, Doubling>{});
  using Result = KV<std::string, PredictionResult<int64_t, int64_t>>;
  PAssert::That(results).ContainsInAnyOrder(
      std::vector<Result>{{"a", {1, 2}}, {"b", {2, 4}}, {"a", {1, 2}}});
  PAssert::That(p | "None" >> Create(std::vector<int64_t>()) | RunInference(Doubling())).IsEmpty();
  EXPECT_TRUE(p.RunOk());
  EXPECT_NE(p.graph().display_data("RunInference"), nullptr);
}

TEST(RunInference, AHandlerThatLosesInferencesFails) {
  TestPipeline p;
  p | Create(std::vector<int64_t>{1, 2, 3}) | RunInference(Doubling{1});
  const JobOutcome outcome = p.RunToEnd();
  EXPECT_NE(outcome.status.message().find("inferences for"), std::string::npos)
      << outcome.status.message();
}

TEST_F(RunInferenceTest, WrongModelsAreRefused) {
  const auto message = [&](const auto& handler) {
    const auto model = handler.LoadModel();
    EXPECT_FALSE(model.ok());
    return model.ok() ? "" : model.status().message();
  };
  const auto expect = [](const std::string& text, const std::string& part) {
    EXPECT_NE(text.find(part), std::string::npos) << text;
  };
  expect(message(LinearModelHandler(Path("none.json"))), "cannot open the model");
  expect(message(LinearModelHandler(Write("a.json", "{"))), "cannot be read");
  expect(message(LinearModelHandler(Write("b.json", R"({"kind": "trees", "features": [],
      "intercept": 0, "coefficients": []})"))),
         "expected \"linear\"");
  expect(message(LinearModelHandler(Write("c.json", R"({"kind": "linear", "features": ["x"],
      "intercept": 0, "coefficients": []})"))),
         "0 coefficients for 1 features");
  const auto trees = [&](const std::string& nodes) {
    return message(TreeEnsembleHandler(
        Write("d.json", R"({"kind": "trees", "features": ["x"], "base": 0, "trees": [{"nodes": [)" +
                            nodes + "]}]}")));
  };
  const auto node = [](int feature, int left, int right) {
    return "{\"feature\": " + std::to_string(feature) +
           ", \"threshold\": 0, \"left\": " + std::to_string(left) +
           ", \"right\": " + std::to_string(right) + ", \"value\": 0}";
  };
  expect(trees(""), "there is none");
  expect(trees(node(0, 0, 1) + "," + node(-1, 0, 0)), "tree 0, node 0: node 0 does not lie");
  expect(trees(node(0, 1, 2) + "," + node(-1, 0, 0)), "node 2 does not lie");
  expect(trees(node(1, 1, 1) + "," + node(-1, 0, 0)), "no feature has the number 1");
  expect(trees(node(-2, 1, 1)), "no feature has the number -2");
}

TEST_F(RunInferenceTest, WrongExamplesFailTheJob) {
  TestPipeline p;
  p | Create(std::vector<Example>{{1, 2}}) |
      RunInference(LinearModelHandler(Write("model.json", R"({"kind": "linear", "features": ["x"],
          "intercept": 0, "coefficients": [1]})")));
  EXPECT_NE(p.RunToEnd().status.message().find("2 numbers; the model has 1 feature"),
            std::string::npos);
}

}  // namespace
}  // namespace joist
