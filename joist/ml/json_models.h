// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Handlers of two kinds of models that need no library: linear ones and ensembles of trees. Both
// predict a number from numbers and are read from a JSON file, as tools/train_model.py writes it:
//
//   {"kind": "linear", "features": ["x", "y"], "intercept": 1.5, "coefficients": [2, 3]}
//   {"kind": "trees", "features": ["x"], "base": 0.5, "trees": [{"nodes": [
//     {"feature": 0, "threshold": 2.5, "left": 1, "right": 2, "value": 0},
//     {"feature": -1, "threshold": 0, "left": 0, "right": 0, "value": 7}, …]}]}
//
// A tree begins at its first node; an example goes left where its feature is at most the threshold
// (so not with a NaN), and a node whose feature is -1 is a leaf. The prediction is base plus the
// values of the leaves. An example is as many numbers as there are features, in their order.

#ifndef JOIST_ML_JSON_MODELS_H_
#define JOIST_ML_JSON_MODELS_H_

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "joist/base/status.h"
#include "joist/ml/run_inference.h"
#include "joist/model/row.h"

namespace joist {

struct LinearModel {
  std::string kind;
  std::vector<std::string> features;
  double intercept = 0;
  std::vector<double> coefficients;
};
JOIST_ROW(LinearModel, kind, features, intercept, coefficients)

struct TreeNode {
  int32_t feature = -1;
  double threshold = 0;
  int32_t left = 0;
  int32_t right = 0;
  double value = 0;
};
JOIST_ROW(TreeNode, feature, threshold, left, right, value)

struct Tree {
  std::vector<TreeNode> nodes;
};
JOIST_ROW(Tree, nodes)

struct TreeEnsemble {
  std::string kind;
  std::vector<std::string> features;
  double base = 0;
  std::vector<Tree> trees;
};
JOIST_ROW(TreeEnsemble, kind, features, base, trees)

/// Files of models are at most so large.
inline constexpr int64_t kLargestModelFile = 256 << 20;

/// The predictions of a linear model.
struct LinearModelHandler {
  using Example = std::vector<double>;
  using Inference = double;
  using Model = LinearModel;

  LinearModelHandler() = default;
  explicit LinearModelHandler(std::string path) : path(std::move(path)) {}

  Result<LinearModel> LoadModel() const;
  Result<std::vector<double>> RunInference(std::span<const Example> batch,
                                           const LinearModel& model) const;
  void DisplayData(joist::DisplayData& data) const;

  std::string path;
};
JOIST_ROW(LinearModelHandler, path)

/// The predictions of an ensemble of trees.
struct TreeEnsembleHandler {
  using Example = std::vector<double>;
  using Inference = double;
  using Model = TreeEnsemble;

  TreeEnsembleHandler() = default;
  explicit TreeEnsembleHandler(std::string path) : path(std::move(path)) {}

  /// Refuses trees whose nodes don't lead forward, so that each walk ends.
  Result<TreeEnsemble> LoadModel() const;
  Result<std::vector<double>> RunInference(std::span<const Example> batch,
                                           const TreeEnsemble& model) const;
  void DisplayData(joist::DisplayData& data) const;

  std::string path;
};
JOIST_ROW(TreeEnsembleHandler, path)

}  // namespace joist

#endif  // JOIST_ML_JSON_MODELS_H_
