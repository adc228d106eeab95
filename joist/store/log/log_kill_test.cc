// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// A child publishes and acknowledges until it is killed; what it was told to be durable must be
// there, each message whole and at its offset.

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "joist/store/log/message_log.h"
#include "joist/store/log/testing/scratch_folder.h"

namespace joist::store {
namespace {

constexpr const char* kKillTopic = "t";
constexpr const char* kKillSub = "s";

/// What the child says through shared memory.
struct Progress {
  std::atomic<uint64_t> published = 0;     // All before it are durable.
  std::atomic<uint64_t> acknowledged = 0;  // The same, exactly once.
};

std::string TextOf(uint64_t offset) {
  return std::to_string(offset) + std::string(offset % 300, 'x');
}

/// Never returns.
[[noreturn]] void RunChild(const std::string& folder, Progress* progress) {
  MessageLogOptions options;
  options.folder = folder;
  options.segment_bytes = 200'000;
  auto opened = MessageLog::Open(options);
  if (!opened.ok()) _exit(2);
  MessageLog& log = **opened;
  if (progress->published == 0) {
    (void)log.CreateTopic(kKillTopic, {});
    (void)log.CreateSubscription(kKillSub, {.topic = kKillTopic, .is_exactly_once = true});
  }
  const std::jthread acknowledger([&] {
    while (true) {
      const auto pulled = log.Pull(kKillSub, {.messages = 50});
      if (!pulled.ok()) _exit(3);
      std::vector<AckId> ids;
      for (const Delivery& delivery : pulled.value().messages) ids.push_back(delivery.id);
      if (ids.empty()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      const uint64_t end = ids.empty() ? 0 : ids.back().offset + 1;
      (void)log.Acknowledge(kKillSub, ids, [=](const Status& status, const auto& refused) {
        if (status.ok() && refused.empty() && end > progress->acknowledged) {
          progress->acknowledged = end;
        }
      });
    }
  });
  for (uint64_t next = log.FiguresOfTopic(kKillTopic).value().end;; next += 10) {
    PublishBatch batch;
    for (uint64_t i = next; i < next + 10; ++i) {
      if (!batch.Add(TextOf(i)).ok()) _exit(4);
    }
    std::atomic<bool> is_done = false;
    const Status status =
        log.Publish(kKillTopic, std::move(batch), [&](const Result<uint64_t>& first) {
          if (!first.ok() || first.value() != next) _exit(5);
          progress->published = next + 10;
          is_done = true;
          is_done.notify_one();
        });
    if (!status.ok()) _exit(6);
    is_done.wait(false);
  }
}

TEST(LogKillTest, NothingThatWasAnsweredIsLost) {
  const ScratchFolder folder;
  void* const memory =
      mmap(nullptr, sizeof(Progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  auto* progress = new (memory) Progress;
  for (int round = 0; round < 8; ++round) {
    const uint64_t before = progress->published;
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) RunChild(folder.path(), progress);
    for (int wait = 0; wait < 2000 && progress->published < before + 200; ++wait) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(7 * round));
    ASSERT_EQ(kill(child, SIGKILL), 0);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the child ended by itself with " << WEXITSTATUS(status);
    ASSERT_GT(progress->published, before);
    // Half a frame at the end, as a crash of the machine leaves it.
    std::filesystem::path last;
    for (const auto& entry : std::filesystem::directory_iterator(folder.path() + "/topics/1")) {
      last = std::max(last, entry.path());
    }
    std::ofstream(last, std::ios::app | std::ios::binary) << std::string(30 + round, '\1');

    MessageLogOptions options;
    options.folder = folder.path();
    auto log = MessageLog::Open(options);
    ASSERT_TRUE(log.ok()) << log.status().message();
    const TopicFigures figures = log.value()->FiguresOfTopic(kKillTopic).value();
    EXPECT_GE(figures.end, progress->published);
    const auto pulled = log.value()->Pull(kKillSub, {.messages = 1'000'000, .bytes = SIZE_MAX});
    ASSERT_TRUE(pulled.ok()) << pulled.status().message();
    uint64_t next = UINT64_MAX;
    for (const Delivery& delivery : pulled.value().messages) {
      if (next == UINT64_MAX) next = delivery.id.offset;
      ASSERT_EQ(delivery.id.offset, next++);
      ASSERT_EQ(delivery.message.data, TextOf(delivery.id.offset));
      ASSERT_GE(delivery.id.offset, progress->acknowledged);
    }
    ASSERT_TRUE(next == UINT64_MAX || next == figures.end);
  }
  EXPECT_GT(progress->acknowledged, 0u);
  munmap(memory, sizeof(Progress));
}

}  // namespace
}  // namespace joist::store
