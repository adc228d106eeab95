// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/job_workers.h"

#include <gtest/gtest.h>
#include <org/apache/beam/model/pipeline/v1/beam_runner_api.pb.h>

#include <chrono>
#include <future>

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
