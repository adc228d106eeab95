// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// OnnxModelHandler with models that OnnxWriter makes: linear ones predict what LinearModelHandler
// does, others what is computed here.

#include "joist/ml/onnx/onnx_model_handler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "joist/ml/json_models.h"
#include "joist/ml/onnx/testing/onnx_writer.h"
#include "joist/sdk/testing/test_pipeline.h"

namespace joist {
namespace {

using Floats = std::vector<float>;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr OnnxType kFloat = OnnxType::kFloat;

/// A folder, the same in every process that runs this test, so that a second one finds its files.
class OnnxTest : public testing::Test {
 protected:
  OnnxTest()
      : folder_(std::filesystem::temp_directory_path() /
                (std::string("joist_onnx_") +
                 testing::UnitTest::GetInstance()->current_test_info()->name())) {
    std::filesystem::create_directories(folder_);
  }
  ~OnnxTest() override {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  std::string Write(const std::string& name, const std::string& bytes) const {
    std::ofstream((folder_ / name).string(), std::ios::binary) << bytes;
    return (folder_ / name).string();
  }
  std::string Write(const OnnxWriter& model) const { return Write("model.onnx", model.Bytes()); }

  const std::filesystem::path folder_;
};

/// y = 2 a - 3 b + c / 2 + 7: a model of the shapes [batch, 3] and [batch, 1].
OnnxWriter Linear(int64_t batch = -1) {
  return OnnxWriter()
      .Input("x", kFloat, {batch, 3})
      .Constant("w", {3, 1}, {2, -3, 0.5F})
      .Constant("b", {1}, {7})
      .Node("MatMul", {"x", "w"}, {"product"})
      .Node("Add", {"product", "b"}, {"y"})
      .Output("y", kFloat, {batch, 1});
}
float LinearOf(const Floats& x) { return 2 * x[0] - 3 * x[1] + x[2] / 2 + 7; }

/// A model that gives what it takes.
OnnxWriter Same(OnnxType type, const OnnxWriter::Ints& shape) {
  return OnnxWriter()
      .Input("x", type, shape)
      .Node("Identity", {"x"}, {"y"})
      .Output("y", type, shape);
}

/// The predictions for a batch; without any, if it fails, which ends the test as a failure.
template <class H>
std::vector<typename H::Inference> Predict(const H& handler,
                                           const std::vector<typename H::Example>& batch) {
  const Result<typename H::Model> model = handler.LoadModel();
  EXPECT_TRUE(model.ok()) << model.status().message();
  if (!model.ok()) return {};
  auto inferences = handler.RunInference(batch, *model);
  EXPECT_TRUE(inferences.ok()) << inferences.status().message();
  return inferences.ok() ? *inferences : std::vector<typename H::Inference>();
}

template <class H>
std::string LoadError(const H& handler) {
  const auto model = handler.LoadModel();
  EXPECT_FALSE(model.ok());
  return model.ok() ? "" : model.status().message();
}

template <class H>
std::string RunError(const H& handler, const std::vector<typename H::Example>& batch) {
  const auto model = handler.LoadModel();
  EXPECT_TRUE(model.ok()) << model.status().message();
  if (!model.ok()) return "";
  const auto inferences = handler.RunInference(batch, *model);
  EXPECT_FALSE(inferences.ok());
  return inferences.ok() ? "" : inferences.status().message();
}

/// Numbers that a float and a double hold exactly, and their products too.
std::vector<Floats> RandomExamples(size_t count) {
  std::mt19937 random(count);
  std::vector<Floats> examples(count, Floats(3));
  for (Floats& example : examples) {
    for (float& x : example) x = static_cast<float>(random() % 1000) / 8 - 60;
  }
  return examples;
}

TEST_F(OnnxTest, LinearModelsPredictWhatTheLinearHandlerDoes) {
  const std::vector<Floats> examples = RandomExamples(5000);
  std::vector<std::vector<double>> doubles;
  for (const Floats& example : examples) doubles.emplace_back(example.begin(), example.end());
  const std::vector<double> linear = Predict(
      LinearModelHandler(Write("linear.json", R"({"kind": "linear", "features": ["a", "b", "c"],
          "intercept": 7, "coefficients": [2, -3, 0.5]})")),
      doubles);
  std::vector<PredictionResult<Floats, float>> expected;
  for (size_t i = 0; i < examples.size(); ++i) {
    expected.push_back({examples[i], static_cast<float>(linear[i])});
  }
  for (const int threads : {1, 4}) {
    TestPipeline p;
    p.set_threads(threads);
    PAssert::That(p | Create(examples) |
                  RunInference(OnnxModelHandler<Floats, float>(Write(Linear()))))
        .ContainsInAnyOrder(expected);
    const JobOutcome outcome = p.RunToEnd();
    ASSERT_TRUE(outcome.status.ok()) << outcome.status.message();
    EXPECT_EQ(outcome.metrics.CounterValue("BeamML", "num_inferences"), 5000);
  }
}

TEST_F(OnnxTest, BatchesAreWithinTheLimitsAndKeysGoAlong) {
  using Handler = OnnxModelHandler<>;
  const std::string path = Write(Linear());
  TestPipeline p;
  std::vector<KV<int64_t, Floats>> examples;
  std::vector<KV<int64_t, PredictionResult<Floats, Floats>>> expected;
  for (const Floats& example : RandomExamples(100)) {
    const auto key = static_cast<int64_t>(examples.size());
    examples.push_back({key, example});
    expected.push_back({key, {example, {LinearOf(example)}}});
  }
  PAssert::That(p | Create(examples) |
                RunInference(KeyedModelHandler<int64_t, Handler>{
                    Handler(path, {.batches = {.min_batch_size = 2, .max_batch_size = 7}})}))
      .ContainsInAnyOrder(expected);
  PAssert::That(p | "None" >> Create(std::vector<Floats>()) | RunInference(OnnxModelHandler(path)))
      .IsEmpty();
  const JobOutcome outcome = p.RunToEnd();
  ASSERT_TRUE(outcome.status.ok()) << outcome.status.message();
  EXPECT_EQ(
      outcome.metrics.Value(MetricKind::kDistribution, "BeamML", "inference_request_batch_size")
          .max,
      7);
  EXPECT_NE(p.graph().display_data("RunInference"), nullptr);
}

TEST_F(OnnxTest, OneModelServesManyThreads) {
  const OnnxModelHandler<Floats, float> handler(Write(Linear()), {.intra_op_threads = 2});
  const auto model = handler.LoadModel().value();
  std::vector<std::thread> threads;
  std::vector<int> wrong(4, 0);
  for (int& count : wrong) {
    threads.emplace_back([&handler, &model, &count] {
      for (size_t size = 1; size < 300; ++size) {
        const std::vector<Floats> batch = RandomExamples(size);
        const std::vector<float> got = handler.RunInference(batch, model).value();
        for (size_t i = 0; i < size; ++i) count += got[i] == LinearOf(batch[i]) ? 0 : 1;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(wrong, ElementsAre(0, 0, 0, 0));
}

TEST_F(OnnxTest, ANetworkOfTwoLayers) {
  const Floats w1 = {0.5F, -1, 2, 1, 0.25F, -0.5F};  // 2 rows of 3.
  const Floats b1 = {0.1F, 0.2F, 0.3F};
  const Floats w2 = {1, -2, 0.5F};
  const OnnxModelHandler<Floats, float> handler(Write(OnnxWriter()
                                                          .Input("x", kFloat, {-1, 2})
                                                          .Constant("w1", {2, 3}, w1)
                                                          .Constant("b1", {3}, b1)
                                                          .Constant("w2", {3, 1}, w2)
                                                          .Node("Gemm", {"x", "w1", "b1"}, {"h"})
                                                          .Node("Relu", {"h"}, {"r"})
                                                          .Node("Gemm", {"r", "w2"}, {"o"})
                                                          .Node("Sigmoid", {"o"}, {"y"})
                                                          .Output("y", kFloat, {-1, 1})));
  const std::vector<Floats> batch = {{1, 2}, {-3, 0.5F}, {0, 0}};
  const std::vector<float> got = Predict(handler, batch);
  ASSERT_EQ(got.size(), batch.size());
  for (size_t i = 0; i < batch.size(); ++i) {
    float sum = 0;
    for (size_t j = 0; j < 3; ++j) {
      const float h = batch[i][0] * w1[j] + batch[i][1] * w1[3 + j] + b1[j];
      sum += std::max(h, 0.0F) * w2[j];
    }
    EXPECT_NEAR(got[i], 1 / (1 + std::exp(-sum)), 1e-6);
  }
}

struct Prediction {
  int64_t label = 0;
  Floats probabilities;
};
JOIST_ROW(Prediction, label, probabilities)
struct Label {
  int64_t label = 0;
};
JOIST_ROW(Label, label)

/// Class 10 where x0 <= 0.5, else 20 where x1 <= 2, else 30; as scikit-learn's converter has it.
OnnxWriter Classifier() {
  using Ints = OnnxWriter::Ints;
  return OnnxWriter()
      .Input("x", kFloat, {-1, 2})
      .Node(
          "TreeEnsembleClassifier", {"x"}, {"label", "probabilities"},
          {{"nodes_treeids", Ints{0, 0, 0, 0, 0}},
           {"nodes_nodeids", Ints{0, 1, 2, 3, 4}},
           {"nodes_featureids", Ints{0, 0, 1, 0, 0}},
           {"nodes_values", Floats{0.5F, 0, 2, 0, 0}},
           {"nodes_modes", OnnxWriter::Strings{"BRANCH_LEQ", "LEAF", "BRANCH_LEQ", "LEAF", "LEAF"}},
           {"nodes_truenodeids", Ints{1, 0, 3, 0, 0}},
           {"nodes_falsenodeids", Ints{2, 0, 4, 0, 0}},
           {"class_treeids", Ints{0, 0, 0, 0, 0, 0, 0, 0, 0}},
           {"class_nodeids", Ints{1, 1, 1, 3, 3, 3, 4, 4, 4}},
           {"class_ids", Ints{0, 1, 2, 0, 1, 2, 0, 1, 2}},
           {"class_weights", Floats{0.75F, 0.25F, 0, 0, 1, 0, 0.25F, 0.125F, 0.625F}},
           {"classlabels_int64s", Ints{10, 20, 30}},
           {"post_transform", std::string("NONE")}},
          "ai.onnx.ml")
      .Output("label", OnnxType::kInt64, {-1})
      .Output("probabilities", kFloat, {-1, 3});
}

TEST_F(OnnxTest, AClassifierGivesLabelsAndProbabilities) {
  const std::string path = Write(Classifier());
  TestPipeline p;
  using Predicted = PredictionResult<Floats, Prediction>;
  PAssert::That(p | Create(std::vector<Floats>{{0.5F, 0}, {1, 2}, {1, 3}}) |
                RunInference(OnnxModelHandler<Floats, Prediction>(path)))
      .ContainsInAnyOrder(std::vector<Predicted>{{{0.5F, 0}, {10, {0.75F, 0.25F, 0}}},
                                                 {{1, 2}, {20, {0, 1, 0}}},
                                                 {{1, 3}, {30, {0.25F, 0.125F, 0.625F}}}});
  EXPECT_TRUE(p.RunOk());
  const auto labels = Predict(OnnxModelHandler<Floats, Label>(path), {{0, 0}, {9, 9}});
  ASSERT_EQ(labels.size(), 2);
  EXPECT_EQ(labels[0].label, 10);
  EXPECT_EQ(labels[1].label, 30);
}

struct Scaled {
  int64_t factor = 0;  // Not the order of the model.
  Floats x;
};
JOIST_ROW(Scaled, factor, x)
struct Products {
  Floats product;
  int64_t twice = 0;
};
JOIST_ROW(Products, product, twice)

/// product = x * factor for each example, twice = factor + factor.
OnnxWriter Scaling() {
  return OnnxWriter()
      .Input("x", kFloat, {-1, 2})
      .Input("factor", OnnxType::kInt64, {-1, 1})
      .Node("Cast", {"factor"}, {"f"}, {{"to", int64_t{1}}})
      .Node("Mul", {"x", "f"}, {"product"})
      .Node("Add", {"factor", "factor"}, {"twice"})
      .Output("twice", OnnxType::kInt64, {-1, 1})
      .Output("product", kFloat, {-1, 2});
}

TEST_F(OnnxTest, InputsAndOutputsGoByName) {
  const auto got =
      Predict(OnnxModelHandler<Scaled, Products>(Write(Scaling())), {{3, {1, 2}}, {-1, {4, 5}}});
  ASSERT_EQ(got.size(), 2);
  EXPECT_THAT(got[0].product, ElementsAre(3, 6));
  EXPECT_EQ(got[0].twice, 6);
  EXPECT_THAT(got[1].product, ElementsAre(-4, -5));
  EXPECT_EQ(got[1].twice, -2);
}

TEST_F(OnnxTest, TypesAreThoseOfTheModel) {
  const auto same = [&]<class T>(OnnxType type, const std::vector<T>& values) {
    const std::vector<std::vector<T>> batch = {values, {values.rbegin(), values.rend()}};
    EXPECT_EQ((Predict(OnnxModelHandler<std::vector<T>, std::vector<T>>(Write(Same(type, {-1, 2}))),
                       batch)),
              batch);
    EXPECT_EQ((Predict(OnnxModelHandler<T, T>(Write(Same(type, {-1}))), values)), values);
  };
  same(OnnxType::kFloat, Floats{1.5F, -0.0F});
  same(OnnxType::kDouble, std::vector<double>{0.1, 1e300});
  same(OnnxType::kInt32, std::vector<int32_t>{INT32_MIN, INT32_MAX});
  same(OnnxType::kInt64, std::vector<int64_t>{INT64_MIN, INT64_MAX});
}

TEST_F(OnnxTest, BatchesOfOneAndOfNone) {
  const OnnxModelHandler<> handler(Write(Linear()));
  EXPECT_EQ(Predict(handler, {{1, 2, 4}}), (std::vector<Floats>{{5}}));
  EXPECT_EQ(Predict(handler, {}), std::vector<Floats>());
}

TEST_F(OnnxTest, ABatchThatIsFixedToOneTakesExamplesOneByOne) {
  EXPECT_EQ(Predict(OnnxModelHandler<Floats, float>(Write(Linear(1))), {{1, 2, 4}, {0, 0, 0}}),
            (std::vector<float>{5, 7}));
  // Outputs that lack the batch are the one example's.
  EXPECT_EQ(Predict(OnnxModelHandler<>(Write(OnnxWriter()
                                                 .Input("x", kFloat, {1, 3})
                                                 .Node("Squeeze", {"x"}, {"y"})
                                                 .Output("y", kFloat, {3}))),
                    {{1, 2, 4}, {0, 0, 9}}),
            (std::vector<Floats>{{1, 2, 4}, {0, 0, 9}}));
}

TEST_F(OnnxTest, AnOpenDimensionTakesExamplesOfSeveralSizes) {
  const std::vector<Floats> batch = {{1, 2}, {3, 4}, {5, 6, 7, 8}, {9, 10}};
  EXPECT_EQ(Predict(OnnxModelHandler<>(Write(Same(kFloat, {-1, -1, 2}))), batch), batch);
  EXPECT_EQ(Predict(OnnxModelHandler<>(Write(Same(kFloat, {1, 2, -1}))), batch), batch);
  // An output may have no values for an example.
  EXPECT_EQ(Predict(OnnxModelHandler<>(Write(OnnxWriter()
                                                 .Input("x", kFloat, {-1, 3})
                                                 .Constant("none", {3, 0}, {})
                                                 .Node("MatMul", {"x", "none"}, {"y"})
                                                 .Output("y", kFloat, {-1, 0}))),
                    {{1, 2, 3}}),
            (std::vector<Floats>{{}}));
}

TEST_F(OnnxTest, FilesThatAreNoModelAreRefused) {
  const std::string path = Write(Linear());
  EXPECT_THAT(LoadError(OnnxModelHandler(path, {.intra_op_threads = 0})),
              HasSubstr("intra_op_threads of an OnnxModelHandler is 0; it takes 1 to 1024"));
  EXPECT_THAT(LoadError(OnnxModelHandler(path, {.intra_op_threads = 1025})), HasSubstr("is 1025"));
  EXPECT_THAT(LoadError(OnnxModelHandler(folder_ / "none.onnx")),
              AllOf(HasSubstr("cannot open the model"), HasSubstr("No such file")));
  EXPECT_THAT(LoadError(OnnxModelHandler(folder_.string())),
              AllOf(HasSubstr("cannot open the model"), HasSubstr("Is a directory")));
  const auto size = static_cast<int64_t>(std::filesystem::file_size(path));
  EXPECT_TRUE(OnnxModelHandler(path, {.largest_file = size}).LoadModel().ok());
  EXPECT_THAT(LoadError(OnnxModelHandler(path, {.largest_file = size - 1})),
              HasSubstr(" bytes; the limit is " + std::to_string(size - 1)));
  EXPECT_THAT(LoadError(OnnxModelHandler(Write("text.onnx", "This is a text.\n"))),
              HasSubstr("text.onnx is not an ONNX file"));
  EXPECT_THAT(LoadError(OnnxModelHandler(Write("empty.onnx", ""))), HasSubstr("cannot be loaded"));
  // A fault in the graph has the library's words, in one line.
  EXPECT_THAT(
      LoadError(OnnxModelHandler(Write(OnnxWriter()
                                           .Input("x", kFloat, {-1, 3})
                                           .Node("Nonsense", {"x"}, {"y"})
                                           .Output("y", kFloat, {-1, 3})))),
      AllOf(HasSubstr("cannot be loaded"), HasSubstr("Nonsense"), testing::Not(HasSubstr("\n"))));
}

/// A file that is cut off or damaged somewhere is refused, or is another model; it ends no process.
TEST_F(OnnxTest, DamagedFilesDoNoHarm) {
  const std::string bytes = Scaling().Bytes();
  std::mt19937 random(1);
  for (size_t i = 0; i < bytes.size(); ++i) {
    std::string damaged = bytes;
    damaged[i] = static_cast<char>(random());
    for (const std::string& text : {damaged, bytes.substr(0, i)}) {
      const OnnxModelHandler<Scaled, Products> handler(Write("damaged.onnx", text));
      const auto model = handler.LoadModel();
      if (!model.ok()) continue;
      const auto ignored = handler.RunInference(std::vector<Scaled>{{3, {1, 2}}}, *model);
    }
  }
}

TEST_F(OnnxTest, ModelsOfOtherInputsAreRefused) {
  const auto error_of_shape = [&](const OnnxWriter::Ints& shape) {
    return LoadError(OnnxModelHandler<>(Write(Same(kFloat, shape))));
  };
  EXPECT_THAT(error_of_shape({}), AllOf(HasSubstr("the input \"x\" of the model "),
                                        HasSubstr("has the shape [], without a dimension")));
  EXPECT_THAT(error_of_shape({8, 3}), HasSubstr("has the shape [8, 3], whose batch is fixed"));
  EXPECT_THAT(error_of_shape({0, 3}), HasSubstr("has the shape [0, 3], whose batch is fixed"));
  EXPECT_THAT(error_of_shape({-1, -1, 3, -1}),
              HasSubstr("[?, ?, 3, ?], in which more than one dimension is open"));
  EXPECT_THAT(error_of_shape({-1, 0}), HasSubstr("[?, 0], which no example can have"));
  EXPECT_THAT(error_of_shape({-1, int64_t{1} << 40, int64_t{1} << 40}),
              HasSubstr("which no example can have"));

  const std::string scaling = Write("scaling.onnx", Scaling().Bytes());
  EXPECT_THAT(LoadError(OnnxModelHandler<Floats, Products>(scaling)),
              HasSubstr("has the inputs \"x\", \"factor\"; its examples must be rows"));
  EXPECT_THAT(LoadError(OnnxModelHandler<Prediction, Products>(scaling)),
              HasSubstr("has no input \"label\", but \"x\", \"factor\""));
  EXPECT_THAT(LoadError(OnnxModelHandler<Label, Products>(Write(Same(OnnxType::kInt64, {-1})))),
              HasSubstr("has no input \"label\", but \"x\""));
}

struct OnlyX {
  Floats x;
};
JOIST_ROW(OnlyX, x)
struct OnlyY {
  int64_t y = 0;
};
JOIST_ROW(OnlyY, y)

TEST_F(OnnxTest, WhatTheProgramLacksIsNamed) {
  EXPECT_THAT(LoadError(OnnxModelHandler<OnlyX, Products>(Write(Scaling()))),
              AllOf(HasSubstr("the input \"factor\" of the model "),
                    HasSubstr("has no field in the examples")));
  EXPECT_THAT(LoadError(OnnxModelHandler<Scaled, Floats>(Write(Scaling()))),
              HasSubstr("has the outputs \"twice\", \"product\"; its inferences must be rows"));
  EXPECT_THAT(LoadError(OnnxModelHandler<Scaled, OnlyY>(Write(Scaling()))),
              HasSubstr("has no output \"y\", but \"twice\", \"product\""));
  EXPECT_THAT(LoadError(OnnxModelHandler<std::vector<int64_t>, Floats>(Write(Linear()))),
              HasSubstr("is of float; the program has int64"));
  EXPECT_THAT(LoadError(OnnxModelHandler<Floats, OnlyY>(Write(Linear()))),
              AllOf(HasSubstr("the output \"y\" of the model "),
                    HasSubstr("is of float; the program has int64")));
  EXPECT_THAT(
      LoadError(OnnxModelHandler<>(
          Write(OnnxWriter()
                    .Input("x", kFloat, {-1, 2})
                    .Node("ZipMap", {"x"}, {"maps"},
                          {{"classlabels_int64s", OnnxWriter::Ints{1, 2}}}, "ai.onnx.ml")
                    .OutputOfMaps("maps")))),
      AllOf(HasSubstr("the output \"maps\" of the model "), HasSubstr("with zipmap=False")));
  const auto cast_to = [&](int64_t number) {
    return LoadError(
        OnnxModelHandler<>(Write(OnnxWriter()
                                     .Input("x", kFloat, {-1, 2})
                                     .Node("Cast", {"x"}, {"y"}, {{"to", number}})
                                     .Output("y", static_cast<OnnxType>(number), {-1, 2}))));
  };
  EXPECT_THAT(cast_to(9), HasSubstr("is of bool; the program has float"));
  EXPECT_THAT(cast_to(16), HasSubstr("is of the type 16 of ONNX; the program has float"));
}

TEST_F(OnnxTest, WrongExamplesFail) {
  EXPECT_THAT(RunError(OnnxModelHandler<>(Write(Linear())), {{1, 2, 3}, {1, 2}}),
              AllOf(HasSubstr("an example has 2 values for the input \"x\" of the model "),
                    HasSubstr("which takes 3")));
  const OnnxModelHandler<> open(Write("open.onnx", Same(kFloat, {-1, -1, 2}).Bytes()));
  EXPECT_THAT(RunError(open, {{1, 2, 3}}), HasSubstr("takes a multiple of 2"));
  EXPECT_THAT(RunError(open, {{}}), HasSubstr("an example has 0 values"));
  // The shape says nothing of it, so it is found when the model runs.
  EXPECT_THAT(
      RunError(OnnxModelHandler<>(Write(OnnxWriter()
                                            .Input("x", kFloat, {-1, -1})
                                            .Constant("w", {3, 1}, {1, 2, 3})
                                            .Node("MatMul", {"x", "w"}, {"y"})
                                            .Output("y", kFloat, {-1, 1}))),
               {{1, 2}}),
      AllOf(HasSubstr("model.onnx failed: "), HasSubstr("MatMul"), testing::Not(HasSubstr("\n"))));
  TestPipeline p;
  p | Create(std::vector<Floats>{{1, 2}}) | RunInference(OnnxModelHandler(Write(Linear())));
  EXPECT_THAT(p.RunToEnd().status.message(), HasSubstr("an example has 2 values"));
}

TEST_F(OnnxTest, OutputsThatAreNotOnePerExampleFail) {
  EXPECT_THAT(RunError(OnnxModelHandler<>(Write(OnnxWriter()
                                                    .Input("x", kFloat, {-1, 3})
                                                    .Node("Transpose", {"x"}, {"y"})
                                                    .Output("y", kFloat, {3, -1}))),
                       {{1, 2, 3}, {4, 5, 6}}),
              HasSubstr("has the shape [3, 2] for 2 examples; its first dimension must be"));
  EXPECT_THAT(RunError(OnnxModelHandler<Floats, float>(Write(Same(kFloat, {-1, 3}))), {{1, 2, 3}}),
              HasSubstr("has 3 values for an example; the program takes one, not a vector"));
}

}  // namespace
}  // namespace joist
