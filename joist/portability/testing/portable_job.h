// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// PortableRunnerTest: whole jobs on workers of a few lines (tiny_sdk.h), built transform by
// transform.

#ifndef JOIST_PORTABILITY_TESTING_PORTABLE_JOB_H_
#define JOIST_PORTABILITY_TESTING_PORTABLE_JOB_H_

#include <google/protobuf/struct.pb.h>
#include <gtest/gtest.h>
#include <org/apache/beam/model/pipeline/v1/beam_runner_api.pb.h>
#include <org/apache/beam/model/pipeline/v1/metrics.pb.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "joist/model/coder.h"
#include "joist/portability/components_builder.h"
#include "joist/portability/job_runner.h"
#include "joist/portability/portable_runner.h"
#include "joist/portability/runner_coders.h"
#include "joist/portability/testing/state_requests.h"
#include "joist/portability/testing/tiny_sdk.h"
#include "joist/portability/urns.h"

namespace joist::portability {

class Listener final : public JobListener {
 public:
  void Message(Importance, std::string_view) override {}
  void Metrics(std::vector<std::string> attempted, std::vector<std::string> committed) override {
    const std::lock_guard lock(mutex_);
    attempted_ = std::move(attempted);
    committed_ = std::move(committed);
  }
  /// Of the only counter.
  int64_t committed() const {
    const std::lock_guard lock(mutex_);
    EXPECT_EQ(committed_.size(), 1U);
    EXPECT_EQ(attempted_.size(), 1U);
    pipeline::MonitoringInfo info;
    if (committed_.empty() || !info.ParseFromString(committed_[0])) return -1;
    ByteReader in(info.payload());
    int64_t number = -1;
    EXPECT_TRUE(Coder<int64_t>::Decode(&in, &number, /*nested=*/true));
    return number;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> attempted_, committed_;
};

/// Pipeline options: one.
inline std::string WithOption(const std::string& name, const std::string& value) {
  ::google::protobuf::Struct options;
  (*options.mutable_fields())[name].set_string_value(value);
  return options.SerializeAsString();
}

/// A KV of byte strings.
inline std::string Pair(const std::string& key, const std::string& value) {
  return Nested(key) + Nested(value);
}

class PortableRunnerTest : public testing::Test {
 protected:
  PortableRunnerTest() {
    ComponentsBuilder builder(components());
    bytes_ = builder.AddCoder(MakeCoderSpec(kBytesCoder));
    kv_ = builder.AddCoder(
        MakeCoderSpec(kKvCoder, {MakeCoderSpec(kBytesCoder), MakeCoderSpec(kBytesCoder)}));
    groups_ = builder.AddCoder(MakeCoderSpec(
        kKvCoder,
        {MakeCoderSpec(kBytesCoder), MakeCoderSpec(kIterableCoder, {MakeCoderSpec(kBytesCoder)})}));
    windowing_ = *builder.AddWindowing({});
    (*components()->mutable_environments())["sdk"].set_urn("my:environment");
  }

  pipeline::Components* components() { return pipeline_->mutable_components(); }
  /// Reads the collection of `from`, and makes that of its own id.
  pipeline::PTransform& Put(const std::string& id, std::string_view urn, const std::string& from,
                            const std::string& coder) {
    pipeline_->add_root_transform_ids(id);
    pipeline::PCollection& made = (*components()->mutable_pcollections())[id];
    made.set_unique_name(id);
    made.set_coder_id(coder);
    made.set_windowing_strategy_id(windowing_);
    made.set_is_bounded(pipeline::IsBounded::BOUNDED);
    pipeline::PTransform& transform = (*components()->mutable_transforms())[id];
    transform.set_unique_name(id);
    transform.mutable_spec()->set_urn(std::string(urn));
    if (!from.empty()) (*transform.mutable_inputs())["i"] = from;
    (*transform.mutable_outputs())["o"] = id;
    return transform;
  }
  void ParDo(const std::string& id, const std::string& from, const std::string& coder,
             const std::function<void(Call*)>& function,
             const pipeline::ParDoPayload& payload = {}) {
    pipeline::PTransform& transform = Put(id, kParDoUrn, from, coder);
    transform.set_environment_id("sdk");
    transform.mutable_spec()->set_payload(payload.SerializeAsString());
    sdk_.functions[id] = function;
  }
  /// What comes of `from` is in recorded().
  void Record(const std::string& from) { ParDo("record", from, bytes_, {}); }

  SubmittedJob Job() const {
    SubmittedJob job;
    job.id = "job";
    job.graph = pipeline_;
    job.options = options_.SerializeAsString();
    return job;
  }
  Status Check() { return MakePortableRunner(settings_, &starter_)->Check(Job()); }
  JobOutcome Run() {
    const auto runner = MakePortableRunner(settings_, &starter_);
    const Status checked = runner->Check(Job());
    EXPECT_TRUE(checked.ok()) << checked.message();
    return runner->Run(Job(), &listener_, requests_);
  }
  void RunToEnd() {
    const JobOutcome outcome = Run();
    EXPECT_EQ(outcome.state, JobState::kDone) << outcome.status.message();
  }
  std::vector<std::string> recorded() {
    std::sort(sdk_.recorded.begin(), sdk_.recorded.end());
    return sdk_.recorded;
  }

  std::shared_ptr<pipeline::Pipeline> pipeline_ = std::make_shared<pipeline::Pipeline>();
  std::string bytes_, kv_, groups_, windowing_;
  TinySdk sdk_;
  TinyStarter starter_{&sdk_};
  PortableRunnerSettings settings_ = {.memory = int64_t{64} << 20, .threads = 2};
  Listener listener_;
  JobRequests requests_;
  ::google::protobuf::Struct options_;
};

inline std::string Group(const std::string& key, std::vector<std::string> values) {
  std::string bytes = Nested(key);
  PutBigEndian32(static_cast<uint32_t>(values.size()), &bytes);
  for (const std::string& value : values) bytes += Nested(value);
  return bytes;
}

}  // namespace joist::portability

#endif  // JOIST_PORTABILITY_TESTING_PORTABLE_JOB_H_
