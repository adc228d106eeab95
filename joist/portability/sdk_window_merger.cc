// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/sdk_window_merger.h"

#include <org/apache/beam/model/fn_execution/v1/beam_fn_api.pb.h>
#include <org/apache/beam/model/pipeline/v1/beam_runner_api.pb.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <mutex>
#include <string_view>
#include <utility>
#include <vector>

#include "joist/model/pane.h"
#include "joist/model/standard_coder.h"
#include "joist/model/value.h"
#include "joist/portability/components_builder.h"
#include "joist/portability/model_proto.h"
#include "joist/portability/urns.h"

namespace joist::portability {
namespace {

constexpr char kSource[] = "read";
constexpr char kMerge[] = "merge";
constexpr char kSink[] = "write";

/// What travels: a key that means nothing and windows; such a key, what is left of the windows, and
/// each new window with those that became it.
struct WireElements {
  explicit WireElements(const CoderSpec& window) {
    const CoderSpec key = MakeCoderSpec(kBytesCoder);
    const CoderSpec windows = MakeCoderSpec(kIterableCoder, {window});
    const CoderSpec merged =
        MakeCoderSpec(kIterableCoder, {MakeCoderSpec(kKvCoder, {window, windows})});
    question = MakeCoderSpec(kKvCoder, {key, windows});
    answer = MakeCoderSpec(kKvCoder, {key, MakeCoderSpec(kKvCoder, {windows, merged})});
  }
  CoderSpec question;
  CoderSpec answer;
};

CoderSpec InGlobalWindow(const CoderSpec& element) {
  return MakeCoderSpec(kWindowedValueCoder, {element, MakeCoderSpec(kGlobalWindowCoder)});
}

const Value* FieldOf(const Value* value, std::string_view name) {
  const Value::Record* record = value == nullptr ? nullptr : value->As<Value::Record>();
  return record == nullptr ? nullptr : record->Find(name);
}

/// An iterable as windows.
Result<std::vector<Window>> WindowsOf(const Value* value, const WindowCode& code) {
  const Value::List* list = value == nullptr ? nullptr : value->As<Value::List>();
  if (list == nullptr) return DataLoss("the SDK has answered with no windows");
  std::vector<Window> windows;
  for (const Value& one : *list) {
    JOIST_ASSIGN_OR_RETURN(const Window window, code.FromValue(one));
    windows.push_back(window);
  }
  return windows;
}

class SdkWindowMerger final : public WindowMergingWorker {
 public:
  SdkWindowMerger(SdkWindowMergerSetup setup, fn::ProcessBundleDescriptor descriptor,
                  StandardCoder question, StandardCoder answer)
      : setup_(std::move(setup)),
        descriptor_(std::move(descriptor)),
        question_(std::move(question)),
        answer_(std::move(answer)) {}

  Result<std::vector<MergedWindows>> Merge(std::span<const Window> windows) override {
    const std::vector<Window> asked(windows.begin(), windows.end());
    {
      const std::lock_guard lock(mutex_);
      const auto known = known_.find(asked);
      if (known != known_.end() && AreKnown(known->second)) return known->second;
    }
    JOIST_ASSIGN_OR_RETURN(std::vector<MergedWindows> merged, AskFor(windows));
    if (asked.size() <= kMostKnownWindows) {
      const std::lock_guard lock(mutex_);
      if (known_.size() >= kMostKnown) known_.clear();
      known_.insert_or_assign(asked, merged);
    }
    return merged;
  }

 private:
  /// Answers that are kept, for other keys with the same windows, and how many windows each is of.
  static constexpr size_t kMostKnown = 1000;
  static constexpr size_t kMostKnownWindows = 64;

  /// Windows that have been forgotten since come again with the answer.
  bool AreKnown(const std::vector<MergedWindows>& merged) const {
    return std::all_of(merged.begin(), merged.end(),
                       [this](const MergedWindows& one) { return setup_.code->Knows(one.to); });
  }

  Result<std::vector<MergedWindows>> AskFor(std::span<const Window> windows) {
    Value::List list;
    for (const Window& window : windows) {
      JOIST_ASSIGN_OR_RETURN(Value value, setup_.code->ToValue(window));
      list.push_back(std::move(value));
    }
    JOIST_ASSIGN_OR_RETURN(const std::string question,
                           question_.EncodeToString(Question(std::move(list)), /*nested=*/true));
    JOIST_ASSIGN_OR_RETURN(const std::string answer, Ask(question));
    JOIST_ASSIGN_OR_RETURN(const Value value, answer_.DecodeFromString(answer, /*nested=*/true));
    return ReadAnswer(value);
  }

  static Value Question(Value::List windows) {
    return Value::Record{{{"value", KvValue(Bytes(), std::move(windows))},
                          {"timestamp", Timestamp::Min()},
                          {"windows", Value::List{Window::Global()}},
                          {"pane", PaneInfo::NoFiring()}}};
  }

  Result<std::string> Ask(const std::string& question) {
    constexpr std::chrono::milliseconds kPatience(1000);
    JOIST_ASSIGN_OR_RETURN(const std::shared_ptr<SdkWorker> worker, setup_.worker());
    worker->AddDescriptor(descriptor_);
    const std::unique_ptr<WorkerBundle> bundle = worker->MakeBundle(descriptor_.id(), nullptr);
    JOIST_RETURN_IF_ERROR(bundle->Send(kSource, question));
    JOIST_RETURN_IF_ERROR(bundle->EndInput());
    std::string answer;
    while (true) {
      const bool is_done = bundle->is_done();
      for (BundleOutput output; bundle->TryTake(&output);) {
        if (output.transform_id == kSink) answer += output.bytes;
      }
      if (is_done) break;
      bundle->Wait(kPatience);
    }
    if (const auto response = bundle->response(); !response.ok()) return response.status();
    return answer;
  }

  /// What is left as it was, and what has become of the others and of which.
  Result<std::vector<MergedWindows>> ReadAnswer(const Value& answer) const {
    const Value* parts = FieldOf(FieldOf(&answer, "value"), "value");
    const Value* merged = FieldOf(parts, "value");
    const Value::List* list = merged == nullptr ? nullptr : merged->As<Value::List>();
    if (list == nullptr) return DataLoss("the SDK has answered with no merged windows");
    std::vector<MergedWindows> result;
    for (const Value& one : *list) {
      const Value* to = FieldOf(&one, "key");
      if (to == nullptr) return DataLoss("the SDK has answered with no merged windows");
      MergedWindows windows;
      JOIST_ASSIGN_OR_RETURN(windows.to, setup_.code->FromValue(*to));
      JOIST_ASSIGN_OR_RETURN(windows.from, WindowsOf(FieldOf(&one, "value"), *setup_.code));
      result.push_back(std::move(windows));
    }
    return result;
  }

  const SdkWindowMergerSetup setup_;
  const fn::ProcessBundleDescriptor descriptor_;
  const StandardCoder question_;
  const StandardCoder answer_;
  std::mutex mutex_;
  std::map<std::vector<Window>, std::vector<MergedWindows>> known_;
};

/// A transform that reads data from the runner, or writes it there.
void SetPort(std::string_view urn, const std::string& endpoint, const std::string& coder_id,
             pipeline::PTransform* transform) {
  fn::RemoteGrpcPort port;
  port.mutable_api_service_descriptor()->set_url(endpoint);
  port.set_coder_id(coder_id);
  transform->mutable_spec()->set_urn(std::string(urn));
  transform->mutable_spec()->set_payload(port.SerializeAsString());
}

}  // namespace

Result<std::shared_ptr<WindowMergingWorker>> MakeSdkWindowMerger(
    const pipeline::WindowingStrategy& windowing, const pipeline::Components& components,
    SdkWindowMergerSetup setup) {
  const WireElements elements(setup.code->wire_coder());
  pipeline::Components own;
  ComponentsBuilder builder(&own);
  const std::string question_id = builder.AddCoder(elements.question);
  const std::string answer_id = builder.AddCoder(elements.answer);
  const std::string windowed_question_id = builder.AddCoder(InGlobalWindow(elements.question));
  const std::string windowed_answer_id = builder.AddCoder(InGlobalWindow(elements.answer));
  JOIST_ASSIGN_OR_RETURN(const std::string windowing_id, builder.AddWindowing({}));

  fn::ProcessBundleDescriptor descriptor;
  descriptor.set_id(setup.descriptor_id);
  *descriptor.mutable_coders() = own.coders();
  *descriptor.mutable_windowing_strategies() = own.windowing_strategies();
  *descriptor.mutable_environments() = components.environments();
  for (const auto& [id, coder_id] : {std::pair("question", question_id), {"answer", answer_id}}) {
    pipeline::PCollection& collection = (*descriptor.mutable_pcollections())[id];
    collection.set_unique_name(id);
    collection.set_coder_id(coder_id);
    collection.set_windowing_strategy_id(windowing_id);
    collection.set_is_bounded(pipeline::IsBounded::BOUNDED);
  }
  const auto add = [&descriptor](const char* id) {
    pipeline::PTransform* transform = &(*descriptor.mutable_transforms())[id];
    transform->set_unique_name(std::string("MergeWindows/") + id);
    return transform;
  };
  pipeline::PTransform* source = add(kSource);
  SetPort(kDataSourceUrn, setup.endpoint, windowed_question_id, source);
  (*source->mutable_outputs())["output"] = "question";
  pipeline::PTransform* merge = add(kMerge);
  merge->mutable_spec()->set_urn(std::string(kMergeWindowsUrn));
  merge->mutable_spec()->set_payload(windowing.window_fn().SerializeAsString());
  merge->set_environment_id(windowing.environment_id());
  (*merge->mutable_inputs())["input"] = "question";
  (*merge->mutable_outputs())["output"] = "answer";
  pipeline::PTransform* sink = add(kSink);
  SetPort(kDataSinkUrn, setup.endpoint, windowed_answer_id, sink);
  (*sink->mutable_inputs())["input"] = "answer";

  const WireElements read(setup.code->runner_coder());
  JOIST_ASSIGN_OR_RETURN(StandardCoder question_coder,
                         StandardCoder::Make(InGlobalWindow(read.question)));
  JOIST_ASSIGN_OR_RETURN(StandardCoder answer_coder,
                         StandardCoder::Make(InGlobalWindow(read.answer)));
  return std::shared_ptr<WindowMergingWorker>(std::make_shared<SdkWindowMerger>(
      std::move(setup), std::move(descriptor), std::move(question_coder), std::move(answer_coder)));
}

}  // namespace joist::portability
