// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/job_workers.h"

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <org/apache/beam/model/fn_execution/v1/beam_fn_api.grpc.pb.h>
#include <org/apache/beam/model/fn_execution/v1/beam_provision_api.grpc.pb.h>
#include <org/apache/beam/model/pipeline/v1/beam_runner_api.pb.h>

#include <atomic>
#include <chrono>
#include <future>
#include <thread>

namespace joist::portability {
namespace {

using std::chrono::seconds;
using std::chrono::steady_clock;

class SilentListener final : public JobListener {
 public:
  void Message(Importance, std::string_view) override {}
  void Metrics(std::vector<std::string>, std::vector<std::string>) override {}
};

/// Starts workers that never call.
class IdleStarter final : public WorkerStarter {
 public:
  Status Check(const pipeline::Environment&) const override { return OkStatus(); }
  Result<std::unique_ptr<StartedWorker>> Start(const pipeline::Environment&, const std::string&,
                                               const std::string&) override {
    started.set_value();
    return std::unique_ptr<StartedWorker>(std::make_unique<Idle>());
  }

  std::promise<void> started;

 private:
  class Idle final : public StartedWorker {
   public:
    Status status() const override { return OkStatus(); }
  };
};

/// A worker that calls, and does nothing else.
class CallingWorker final : public StartedWorker {
 public:
  CallingWorker(const std::string& id, const std::string& endpoint)
      : stub_(fn::BeamFnControl::NewStub(
            ::grpc::CreateChannel(endpoint, ::grpc::InsecureChannelCredentials()))) {
    context_.AddMetadata("worker_id", id);
    control_ = stub_->Control(&context_);
  }
  ~CallingWorker() override { context_.TryCancel(); }
  Status status() const override { return OkStatus(); }

 private:
  const std::unique_ptr<fn::BeamFnControl::Stub> stub_;
  ::grpc::ClientContext context_;
  std::unique_ptr<::grpc::ClientReaderWriter<fn::InstructionResponse, fn::InstructionRequest>>
      control_;
};

/// Starts workers that call; those of the environment "slow" when they are let, and as far as
/// `outcome` says.
class GatedStarter final : public WorkerStarter {
 public:
  Status Check(const pipeline::Environment&) const override { return OkStatus(); }
  Result<std::unique_ptr<StartedWorker>> Start(const pipeline::Environment& of,
                                               const std::string& id,
                                               const std::string& endpoint) override {
    if (of.urn() == "slow") {
      if (starts.fetch_add(1) == 0) begun.set_value();
      let.wait();
      JOIST_RETURN_IF_ERROR(outcome);
    }
    return std::unique_ptr<StartedWorker>(std::make_unique<CallingWorker>(id, endpoint));
  }

  std::atomic<int> starts = 0;
  std::promise<void> begun;
  std::promise<void> gate;
  std::shared_future<void> let = gate.get_future().share();
  Status outcome;
};

class GatedWorkers : public testing::Test {
 protected:
  GatedWorkers() {
    for (const char* id : {"slow", "quick"}) {
      (*components_.mutable_environments())[id].set_urn(id);
    }
    server_ = *FnServer::Start("localhost", 0);
    workers_ = std::make_unique<JobWorkers>(
        server_.get(), &starter_, &listener_, &components_,
        JobWorkers::Settings{.job_id = "job", .provision_info = Info()});
  }
  static std::string Info() {
    fn::ProvisionInfo info;
    info.set_retrieval_token("token");
    return info.SerializeAsString();
  }
  std::future<Result<std::shared_ptr<SdkWorker>>> AskForSlow(int share) {
    return std::async(std::launch::async, [this, share] { return workers_->Get("slow", share); });
  }

  GatedStarter starter_;
  SilentListener listener_;
  pipeline::Components components_;
  std::unique_ptr<FnServer> server_;
  std::unique_ptr<JobWorkers> workers_;
};

// The boot programs in Beam's images fetch what they are told of, and nothing else.
TEST_F(GatedWorkers, AreToldWhatTheirEnvironmentDependsOn) {
  components_.mutable_environments()->at("quick").add_dependencies()->set_role_urn("program");
  components_.mutable_environments()->at("slow").add_dependencies()->set_role_urn("another's");
  ASSERT_TRUE(workers_->Get("quick", 0).ok());
  ::grpc::ClientContext context;
  context.AddMetadata("worker_id", "job-worker-1");
  fn::GetProvisionInfoResponse response;
  const auto stub = fn::ProvisionService::NewStub(
      ::grpc::CreateChannel(server_->endpoint(), ::grpc::InsecureChannelCredentials()));
  ASSERT_TRUE(stub->GetProvisionInfo(&context, {}, &response).ok());
  const fn::ProvisionInfo& info = response.info();
  EXPECT_EQ(info.retrieval_token(), "token");
  ASSERT_EQ(info.dependencies_size(), 1);
  EXPECT_EQ(info.dependencies(0).role_urn(), "program");
}

TEST_F(GatedWorkers, OthersDoNotWaitForOneThatStarts) {
  auto slow = AskForSlow(0);
  starter_.begun.get_future().wait();
  EXPECT_TRUE(workers_->Get("quick", 0).ok());
  // It knows what was added meanwhile.
  fn::ProcessBundleDescriptor descriptor;
  descriptor.set_id("late");
  workers_->AddDescriptor("slow", descriptor);
  starter_.gate.set_value();
  const auto started = slow.get();
  ASSERT_TRUE(started.ok()) << started.status().message();
  EXPECT_EQ((*started)->MakeBundle("late", nullptr)->Flush(), OkStatus());
  EXPECT_EQ(workers_->Get("slow", 1).value(), *started);
}

TEST_F(GatedWorkers, WhoStopsDoesNotWaitForOneThatStarts) {
  auto slow = AskForSlow(0);
  starter_.begun.get_future().wait();
  auto waiting = AskForSlow(1);
  workers_->Stop("the job was cancelled");
  EXPECT_EQ(waiting.get().status().code(), StatusCode::kCancelled);
  starter_.gate.set_value();
  EXPECT_EQ(slow.get().status().code(), StatusCode::kCancelled);
}

TEST_F(GatedWorkers, WhoWaitsForOneThatCannotStartHearsWhy) {
  starter_.outcome = Internal("no room");
  auto slow = AskForSlow(0);
  starter_.begun.get_future().wait();
  auto waiting = AskForSlow(1);
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  starter_.gate.set_value();
  EXPECT_EQ(slow.get().status().message(), "no room");
  EXPECT_EQ(waiting.get().status().message(), "no room");
  EXPECT_EQ(starter_.starts, 1);
}

TEST(JobWorkers, WhoStopsDoesNotWaitForWorkersThatNeverCall) {
  auto server = FnServer::Start("localhost", 0);
  ASSERT_TRUE(server.ok()) << server.status().message();
  IdleStarter starter;
  SilentListener listener;
  pipeline::Components components;
  (*components.mutable_environments())["env"].set_urn("beam:env:external:v1");
  JobWorkers workers(server->get(), &starter, &listener, &components,
                     {.job_id = "job", .provision_info = {}});
  auto got = std::async(std::launch::async, [&] { return workers.Get("env", 0).status(); });
  starter.started.get_future().wait();
  const auto begin = steady_clock::now();
  workers.Stop("the job was cancelled");
  EXPECT_EQ(got.get().code(), StatusCode::kCancelled);
  EXPECT_LT(steady_clock::now() - begin, seconds(20));
  EXPECT_EQ(workers.Get("env", 0).status().message(), "the job was cancelled");
}

}  // namespace
}  // namespace joist::portability
