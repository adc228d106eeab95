// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Everything at once from several threads, with small segments that are dropped meanwhile: for
// ThreadSanitizer, and whether each message comes.

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "joist/store/log/message_log.h"
#include "joist/store/log/testing/scratch_folder.h"

namespace joist::store {
namespace {

constexpr int kPublishers = 3;
constexpr int kBatches = 400;
constexpr int kBatchMessages = 20;
constexpr size_t kAll = size_t{kPublishers} * kBatches * kBatchMessages;

class LogThreadsTest : public ::testing::Test {
 protected:
  LogThreadsTest() : seen_(kAll) {
    MessageLogOptions options;
    options.folder = folder_.path();
    options.segment_bytes = 20'000;
    // Faster than real time, so that old segments are looked for all the time.
    options.now = [this] { return clock_.fetch_add(2000); };
    log_ = std::move(*MessageLog::Open(options));
    EXPECT_TRUE(log_->CreateTopic("t", {}).ok());
  }

  void PublishAll(int publisher) {
    for (int i = 0; i < kBatches; ++i) {
      PublishBatch batch;
      for (int message = 0; message < kBatchMessages; ++message) {
        const int number = (publisher * kBatches + i) * kBatchMessages + message;
        EXPECT_TRUE(batch
                        .Add(std::to_string(number),
                             std::vector<std::pair<std::string, std::string>>(),
                             "key" + std::to_string(number % 5))
                        .ok());
      }
      EXPECT_TRUE(log_->Publish("t", std::move(batch),
                                [this](const Result<uint64_t>& first) {
                                  if (first.ok()) published_ += kBatchMessages;
                                })
                      .ok());
    }
  }

  bool IsGoing() const {
    return (published_ < kAll || log_->FiguresOfSubscription("s").value().unacked > 0) &&
           std::chrono::steady_clock::now() < end_;
  }

  /// Until every message has been acknowledged.
  void Consume(uint32_t seed) {
    std::mt19937 random(seed);
    std::mutex mutex;
    std::condition_variable wake;
    bool is_woken = false;
    const auto waiter = std::make_shared<const std::function<void()>>([&] {
      const std::lock_guard lock(mutex);
      is_woken = true;
      wake.notify_one();
    });
    const auto holder = std::make_shared<Outstanding>();
    while (IsGoing()) {
      const auto pulled = log_->Pull("s", {.messages = 30, .holder = holder}, waiter);
      ASSERT_TRUE(pulled.ok()) << pulled.status().message();
      std::vector<AckId> done;
      for (const Delivery& delivery : pulled.value().messages) {
        if (random() % 20 == 0) {
          ASSERT_TRUE(log_->ModifyAckDeadline("s", {&delivery.id, 1}, 0).ok());
          continue;
        }
        const size_t number = std::stoul(std::string(delivery.message.data));
        if (!seen_[number].exchange(true)) ++seen_count_;
        done.push_back(delivery.id);
      }
      ASSERT_TRUE(log_->Acknowledge("s", done, nullptr).ok());
      if (!pulled.value().messages.empty()) continue;
      std::unique_lock lock(mutex);
      wake.wait_for(lock, std::chrono::milliseconds(20), [&] { return is_woken; });
      is_woken = false;
    }
  }

  void Disturb() {
    for (int i = 0; IsGoing(); ++i) {
      const std::string name = "other" + std::to_string(i);
      ASSERT_TRUE(log_->CreateTopic(name, {}).ok());
      ASSERT_TRUE(log_->CreateSubscription(name, {.topic = "t"}).ok());
      (void)log_->Pull(name, {.messages = 5});
      ASSERT_TRUE(log_->SeekToTime(name, clock_).ok());
      ASSERT_TRUE(log_->CreateSnapshot(name, name, INT64_MAX, "").ok());
      ASSERT_TRUE(log_->FiguresOfSubscription("s").ok());
      ASSERT_TRUE(log_->FiguresOfTopic("t").ok());
      ASSERT_TRUE(log_->DeleteSnapshot(name).ok());
      ASSERT_TRUE(log_->DeleteSubscription(name).ok());
      ASSERT_TRUE(log_->DeleteTopic(name).ok());
      (void)log_->ListSubscriptions("", "", 10);
    }
  }

  void Run(SubscriptionSettings settings) {
    settings.topic = "t";
    settings.ack_deadline_micros = 600 * kMicrosPerSecond;
    ASSERT_TRUE(log_->CreateSubscription("s", settings).ok());
    {
      std::vector<std::jthread> threads;
      for (int i = 0; i < kPublishers; ++i) threads.emplace_back([this, i] { PublishAll(i); });
      for (uint32_t i = 0; i < 2; ++i) threads.emplace_back([this, i] { Consume(i); });
      threads.emplace_back([this] { Disturb(); });
    }
    EXPECT_EQ(published_, kAll);
    EXPECT_EQ(seen_count_, kAll);
    const SubscriptionFigures figures = log_->FiguresOfSubscription("s").value();
    EXPECT_EQ(figures.unacked, 0u);
    EXPECT_EQ(figures.outstanding, 0u);
    EXPECT_EQ(log_->FiguresOfTopic("t").value().end, kAll);
  }

  ScratchFolder folder_;
  std::atomic<int64_t> clock_ = 1'700'000'000 * kMicrosPerSecond;
  std::vector<std::atomic<bool>> seen_;
  std::atomic<size_t> seen_count_ = 0;
  std::atomic<size_t> published_ = 0;
  const std::chrono::steady_clock::time_point end_ =
      std::chrono::steady_clock::now() + std::chrono::seconds(60);
  std::unique_ptr<MessageLog> log_;
};

TEST_F(LogThreadsTest, Plain) { Run({}); }

TEST_F(LogThreadsTest, Ordered) { Run({.is_ordered = true}); }

}  // namespace
}  // namespace joist::store
