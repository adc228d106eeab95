// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/sdk/read.h"

namespace joist {
namespace {

PCollection<Bytes> AddEmptyElement(PipelineBuilder& builder) {
  return AddRoot<Bytes>(builder, MakeStep<CreateStep<Bytes>>(std::vector<Bytes>(1)));
}

}  // namespace

PCollection<Bytes> Impulse::Expand(const Pipeline& pipeline) const {
  return AddEmptyElement(pipeline.builder());
}

PCollection<Bytes> AddImpulse(PipelineBuilder& builder) {
  const PipelineBuilder::Scope scope(&builder, "Impulse", "", nullptr);
  return AddEmptyElement(builder);
}

}  // namespace joist
