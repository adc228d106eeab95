// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/cli/pipeline.h"

namespace joist::cli {
namespace {
constinit const NamedPipeline* first = nullptr;
}  // namespace

NamedPipeline::NamedPipeline(const char* name, const char* summary, Build build)
    : name_(name), summary_(summary), build_(build), next_(first) {
  first = this;
}

const NamedPipeline* NamedPipeline::First() { return first; }

}  // namespace joist::cli
