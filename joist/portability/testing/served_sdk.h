// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// FnServerTest: a server with one worker (fake_sdk.h).

#ifndef JOIST_PORTABILITY_TESTING_SERVED_SDK_H_
#define JOIST_PORTABILITY_TESTING_SERVED_SDK_H_

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "joist/portability/fn_server.h"
#include "joist/portability/testing/fake_sdk.h"

namespace joist::portability {

/// How long a test waits for what must come.
inline constexpr std::chrono::milliseconds kLong{30'000};

class FnServerTest : public testing::Test {
 protected:
  FnServerTest() {
    auto server = FnServer::Start("localhost", 0);
    EXPECT_TRUE(server.ok()) << server.status().message();
    server_ = *std::move(server);
  }

  void Expect(WorkerSetup setup = {}) {
    setup.id = "w1";
    worker_ = server_->Expect(std::move(setup));
    worker_->AddDescriptor(Descriptor());
    sdk_ = std::make_unique<FakeSdk>(server_->endpoint(), "w1");
  }
  void Connect() {
    sdk_->Connect();
    sdk_->ConnectData();
    ASSERT_EQ(worker_->WaitUntilConnected(kLong), OkStatus());
  }
  // All output by "transform family"; the bundle's end is in `response`.
  static std::map<std::string, std::string> Drain(WorkerBundle* bundle) {
    std::map<std::string, std::string> all;
    const auto deadline = std::chrono::steady_clock::now() + kLong;
    while (true) {
      BundleOutput output;
      const bool is_done = bundle->is_done();
      while (bundle->TryTake(&output)) {
        all[output.transform_id + " " + output.timer_family_id] += output.bytes;
      }
      if (is_done) return all;
      if (std::chrono::steady_clock::now() > deadline) {
        ADD_FAILURE() << "the bundle does not end";
        return all;
      }
      bundle->Wait(std::chrono::milliseconds(100));
    }
  }
  static bool Until(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + kLong;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return true;
  }

  // For tests whose SDK's functions refer to what they declare before this.
  class SdkEnd {
   public:
    explicit SdkEnd(FnServerTest* test) : test_(*test) {}
    ~SdkEnd() { test_.sdk_->Stop(); }

   private:
    FnServerTest& test_;
  };

  std::unique_ptr<FnServer> server_;
  std::shared_ptr<SdkWorker> worker_;
  std::unique_ptr<FakeSdk> sdk_;
};

}  // namespace joist::portability

#endif  // JOIST_PORTABILITY_TESTING_SERVED_SDK_H_
