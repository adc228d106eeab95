// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Any bytes as what strangers send: a Pipeline message, which is checked, read and, where it is one
// of Joist's, made a graph; or a test stream's payload. What is read must come back the same; and
// what the check has passed must be readable but for windows that only an SDK knows.

#include <google/protobuf/stubs/logging.h>
#include <org/apache/beam/model/pipeline/v1/beam_runner_api.pb.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "joist/portability/components_builder.h"
#include "joist/portability/encoded_test_stream.h"
#include "joist/portability/graph_to_proto.h"
#include "joist/portability/model_proto.h"
#include "joist/portability/opaque_windows.h"
#include "joist/portability/pipeline_check.h"
#include "joist/portability/step_code.h"

namespace joist::portability {
namespace {

void CheckMessage(const Status& status) {
  JOIST_CHECK(!status.message().empty());
  JOIST_CHECK(status.message().find('\n') == std::string::npos);
}

void RunComponents(const pipeline::Components& components, bool is_checked) {
  pipeline::Components again;
  ComponentsBuilder builder(&again);
  for (const auto& [id, coder] : components.coders()) {
    const Result<CoderSpec> read = CoderFromProto(id, components);
    JOIST_CHECK(read.ok() || !is_checked);
    if (!read.ok()) {
      CheckMessage(read.status());
      continue;
    }
    const Result<CoderSpec> back = CoderFromProto(builder.AddCoder(*read), again);
    JOIST_CHECK(back.ok() && *back == *read);
  }
  for (const auto& [id, windowing] : components.windowing_strategies()) {
    const Result<WindowingStrategy> read = WindowingFromProto(windowing, components);
    if (!read.ok()) {
      CheckMessage(read.status());
      continue;
    }
    const Result<std::string> back_id = builder.AddWindowing(*read);
    JOIST_CHECK(back_id.ok());
    const auto back = WindowingFromProto(again.windowing_strategies().at(*back_id), again);
    JOIST_CHECK(back.ok() && *back == *read);
  }
}

void RunPipeline(std::string_view bytes) {
  pipeline::Pipeline proto;
  if (!proto.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return;
  const auto order = CheckPipeline(proto);
  if (!order.ok()) CheckMessage(order.status());
  RunComponents(proto.components(), order.ok());
  const Result<Graph> graph = GraphFromProto(proto);
  if (!graph.ok()) CheckMessage(graph.status());
}

void RunTestStream(std::string_view bytes) {
  pipeline::TestStreamPayload payload;
  if (!payload.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return;
  const auto same = [](std::string_view outer) { return Result<std::string>(std::string(outer)); };
  for (const std::vector<std::string>& outputs : {std::vector<std::string>{"out"}, {"a", "None"}}) {
    const auto steps = MakeEncodedTestStream(payload, outputs, same);
    if (!steps.ok()) CheckMessage(steps.status());
    JOIST_CHECK(!steps.ok() || steps->size() == outputs.size());
  }
}

void RunStep(std::string_view bytes) {
  const Result<StepCode> code = StepCode::Decode(bytes);
  if (!code.ok()) return CheckMessage(code.status());
  JOIST_CHECK(StepCode::Decode(code->Encode()).ok());
  ByteReader in(bytes);
  OpaqueWindows windows;
  if (!windows.Restore(&in)) return;
  std::string saved;
  windows.Save(&saved);
  ByteReader again(saved);
  JOIST_CHECK(OpaqueWindows().Restore(&again));
}

void RunOne(std::string_view input) {
  // It says of every text that it is no UTF-8.
  static const auto before = ::google::protobuf::SetLogHandler(nullptr);
  (void)before;
  if (input.empty()) return;
  const std::string_view rest = input.substr(1);
  switch (input[0] % 4) {
    case 0: return RunTestStream(rest);
    case 1: return RunStep(rest);
    default: return RunPipeline(rest);
  }
}

}  // namespace
}  // namespace joist::portability

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  joist::portability::RunOne({reinterpret_cast<const char*>(data), size});
  return 0;
}
