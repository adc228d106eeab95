// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// What the server holds for those who take output slowly, and what is left of bundles.

#include <gtest/gtest.h>

#include <fstream>
#include <memory>
#include <string>

#include "joist/portability/output_queue.h"
#include "joist/portability/testing/fake_sdk.h"
#include "joist/portability/testing/served_sdk.h"

namespace joist::portability {
namespace {

size_t ResidentBytes() {
  std::ifstream file("/proc/self/statm");
  size_t size = 0;
  size_t resident = 0;
  file >> size >> resident;
  return resident * 4096;
}

// Input is sent while all the output of it comes back and nobody takes it. What no memory is left
// for is on disk.
TEST_F(FnServerTest, NobodyWaitsForWhoTakesOutputSlowly) {
  Expect({.output_memory = std::make_shared<OutputMemory>(8 << 20, testing::TempDir())});
  sdk_->Echo();
  Connect();
  auto bundle = worker_->MakeBundle("stage", nullptr);
  constexpr size_t kBytes = 800 << 20;
  constexpr size_t kBlock = 100'000;
  const size_t before = ResidentBytes();
  size_t sent = 0;
  for (; sent < kBytes; sent += kBlock) {
    const auto letter = static_cast<char>('a' + sent / kBlock % 26);
    ASSERT_EQ(bundle->Send("source", std::string(kBlock, letter)), OkStatus());
  }
  ASSERT_EQ(bundle->EndInput(), OkStatus());
  ASSERT_TRUE(Until([&] { return bundle->is_done(); }));
  EXPECT_LT(ResidentBytes(), before + (500 << 20));
  size_t taken = 0;
  for (BundleOutput output; bundle->TryTake(&output);) {
    for (size_t i = 0; i < output.bytes.size(); i += kBlock, taken += kBlock) {
      ASSERT_EQ(output.bytes[i], static_cast<char>('a' + taken / kBlock % 26));
    }
  }
  EXPECT_EQ(taken, sent);
  EXPECT_TRUE(bundle->response().ok());
}

TEST_F(FnServerTest, OutputThatHasNoRoomAnywhereFailsItsBundle) {
  Expect({.output_memory = std::make_shared<OutputMemory>(1000, "/nowhere/at/all")});
  sdk_->Echo();
  Connect();
  auto bundle = worker_->MakeBundle("stage", nullptr);
  ASSERT_EQ(bundle->Send("source", std::string(100'000, 'x')), OkStatus());
  ASSERT_EQ(bundle->EndInput(), OkStatus());
  Drain(bundle.get());
  EXPECT_NE(bundle->response().status().message().find("exceeds the memory for it"),
            std::string::npos);
  bundle = worker_->MakeBundle("stage", nullptr);
  ASSERT_EQ(bundle->Send("source", "little"), OkStatus());
  ASSERT_EQ(bundle->EndInput(), OkStatus());
  EXPECT_EQ(Drain(bundle.get())["sink "], "little");
}

TEST_F(FnServerTest, TenThousandBundlesLeaveNothing) {
  Expect();
  sdk_->Echo();
  Connect();
  const std::string block(10'000, 'x');
  size_t before = 0;
  for (int i = 0; i < 10'000; ++i) {
    if (i == 2000) before = ResidentBytes();
    auto bundle = worker_->MakeBundle("stage", nullptr);
    ASSERT_EQ(bundle->Send("source", block), OkStatus());
    bundle->AskForProgress();
    ASSERT_EQ(bundle->EndInput(), OkStatus());
    if (i % 3 == 0) continue;  // Given up.
    ASSERT_EQ(Drain(bundle.get())["sink "].size(), block.size());
    worker_->Finalize(bundle->instruction_id());
  }
  // 80 MB have come and gone.
  EXPECT_LT(ResidentBytes(), before + (16 << 20));
}

}  // namespace
}  // namespace joist::portability
