// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/ml/json_models.h"

#include <cerrno>
#include <cstdio>
#include <memory>

#include "joist/model/json.h"

namespace joist {
namespace {

Result<std::string> ReadModelFile(const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "re"),
                                                             std::fclose);
  if (file == nullptr) return FromErrno(errno, "cannot open the model " + path);
  std::string text;
  char block[1 << 14];
  size_t size = 0;
  while ((size = std::fread(block, 1, sizeof(block), file.get())) > 0) {
    text.append(block, size);
    if (static_cast<int64_t>(text.size()) > kLargestModelFile) {
      return InvalidArgument("the model " + path + " has more than " +
                             std::to_string(kLargestModelFile) + " bytes");
    }
  }
  if (std::ferror(file.get()) != 0) return FromErrno(errno, "cannot read the model " + path);
  return text;
}

Status WrongModel(const std::string& path, const std::string& what) {
  return DataLoss("the model " + path + " " + what);
}

template <class Model>
Result<Model> Load(const std::string& path, std::string_view kind) {
  JOIST_ASSIGN_OR_RETURN(const std::string text, ReadModelFile(path));
  Result<Model> model = FromJson<Model>(text);
  if (!model.ok()) return WrongModel(path, "cannot be read: " + model.status().message());
  if (model->kind != kind) {
    return WrongModel(
        path, "is of the kind \"" + model->kind + "\"; expected \"" + std::string(kind) + "\"");
  }
  return model;
}

Status CheckExample(const std::vector<double>& example, size_t features) {
  if (example.size() == features) return OkStatus();
  return InvalidArgument("an example has " + std::to_string(example.size()) +
                         " numbers; the model has " + std::to_string(features) + " features");
}

double Walk(const Tree& tree, const std::vector<double>& example) {
  const TreeNode* node = tree.nodes.data();
  while (node->feature >= 0) {
    const bool left = example[static_cast<size_t>(node->feature)] <= node->threshold;
    node = &tree.nodes[static_cast<size_t>(left ? node->left : node->right)];
  }
  return node->value;
}

}  // namespace

Result<LinearModel> LinearModelHandler::LoadModel() const {
  JOIST_ASSIGN_OR_RETURN(LinearModel model, Load<LinearModel>(path, "linear"));
  if (model.coefficients.size() != model.features.size()) {
    return WrongModel(path, "has " + std::to_string(model.coefficients.size()) +
                                " coefficients for " + std::to_string(model.features.size()) +
                                " features");
  }
  return model;
}

Result<std::vector<double>> LinearModelHandler::RunInference(std::span<const Example> batch,
                                                             const LinearModel& model) const {
  std::vector<double> predictions;
  predictions.reserve(batch.size());
  for (const Example& example : batch) {
    JOIST_RETURN_IF_ERROR(CheckExample(example, model.coefficients.size()));
    double sum = model.intercept;
    for (size_t i = 0; i < example.size(); ++i) sum += model.coefficients[i] * example[i];
    predictions.push_back(sum);
  }
  return predictions;
}

void LinearModelHandler::DisplayData(joist::DisplayData& data) const {
  data.Add("model", "Linear model", path);
}

Result<TreeEnsemble> TreeEnsembleHandler::LoadModel() const {
  JOIST_ASSIGN_OR_RETURN(TreeEnsemble model, Load<TreeEnsemble>(path, "trees"));
  for (size_t t = 0; t < model.trees.size(); ++t) {
    const std::vector<TreeNode>& nodes = model.trees[t].nodes;
    const auto wrong = [&](size_t n, const std::string& what) {
      return WrongModel(path, "has a fault in tree " + std::to_string(t) + ", node " +
                                  std::to_string(n) + ": " + what);
    };
    if (nodes.empty()) return wrong(0, "there is none");
    for (size_t n = 0; n < nodes.size(); ++n) {
      const TreeNode& node = nodes[n];
      if (node.feature == -1) continue;
      if (node.feature < 0 || static_cast<size_t>(node.feature) >= model.features.size()) {
        return wrong(n, "no feature has the number " + std::to_string(node.feature));
      }
      for (const int32_t next : {node.left, node.right}) {
        if (next <= static_cast<int64_t>(n) || static_cast<size_t>(next) >= nodes.size()) {
          return wrong(n, "node " + std::to_string(next) + " does not lie behind it");
        }
      }
    }
  }
  return model;
}

Result<std::vector<double>> TreeEnsembleHandler::RunInference(std::span<const Example> batch,
                                                              const TreeEnsemble& model) const {
  for (const Example& example : batch) {
    JOIST_RETURN_IF_ERROR(CheckExample(example, model.features.size()));
  }
  std::vector<double> predictions(batch.size(), model.base);
  // Tree by tree, so that each is in the cache for the whole batch.
  for (const Tree& tree : model.trees) {
    for (size_t i = 0; i < batch.size(); ++i) predictions[i] += Walk(tree, batch[i]);
  }
  return predictions;
}

void TreeEnsembleHandler::DisplayData(joist::DisplayData& data) const {
  data.Add("model", "Ensemble of trees", path);
}

}  // namespace joist
