// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// An ONNX model for texts.
// expect: Joist: examples and inferences of an OnnxModelHandler are float, double, int32_t or

#include "joist/joist.h"
#include "joist/ml/onnx/onnx_model_handler.h"

void Build(joist::Pipeline& p) {
  p | joist::Create({"a", "b"}) |
      joist::RunInference(joist::OnnxModelHandler<std::string, float>("model.onnx"));
}
