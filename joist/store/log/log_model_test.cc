// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// The log against a reference that keeps all in one vector and looks at all of it: random scripts
// of everything that can happen to a subscription, restarts included. What a pull gives must be
// deliverable, and where it gives less than was asked for nothing else may be.

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "joist/store/log/message_log.h"
#include "joist/store/log/testing/scratch_folder.h"

namespace joist::store {
namespace {

constexpr const char* kModelTopic = "t";
constexpr const char* kModelSub = "s";

struct ModelMessage {
  std::string key;
  bool matches = true;
  int64_t published = 0;
  bool is_acked = false;
  bool is_leased = false;
  bool is_done = false;  // Acknowledged, behind one of its key that is not.
  int64_t due = 0;       // Of the lease, or before which it is not handed out.
  uint64_t lease_id = 0;
  uint32_t attempts = 0;
};

class LogModel {
 public:
  LogModel(uint32_t seed, SubscriptionSettings settings, size_t most_waiting_of_key)
      : random_(seed), settings_(std::move(settings)), most_waiting_of_key_(most_waiting_of_key) {
    Open();
    EXPECT_TRUE(log_->CreateTopic(kModelTopic, {}).ok());
    settings_.topic = kModelTopic;
    EXPECT_TRUE(log_->CreateSubscription(kModelSub, settings_).ok());
  }

  void Run(int steps) {
    for (int step = 0; step < steps && !::testing::Test::HasFailure(); ++step) {
      switch (Below(12)) {
        case 0:
        case 1:
        case 2: Publish(); break;
        case 3:
        case 4:
        case 5: Pull(); break;
        case 6:
        case 7: Acknowledge(); break;
        case 8: ModifyDeadline(); break;
        case 9: Pass(Below(4) == 0 ? 30 : 3); break;
        case 10:
          if (Below(10) == 0) Restart();
          break;
        default:
          if (Below(10) == 0) Seek();
          break;
      }
      Compare();
    }
  }

 private:
  uint32_t Below(uint32_t limit) { return static_cast<uint32_t>(random_() % limit); }

  void Open() {
    log_.reset();
    MessageLogOptions options;
    options.folder = folder_.path();
    options.segment_bytes = 2000;
    options.most_waiting_of_key = most_waiting_of_key_;
    options.now = [this] { return now_.load(); };
    options.has_keeper = false;
    auto log = MessageLog::Open(options);
    ASSERT_TRUE(log.ok()) << log.status().message();
    log_ = std::move(*log);
  }

  void Publish() {
    PublishBatch batch;
    const uint32_t count = 1 + Below(6);
    for (uint32_t i = 0; i < count; ++i) {
      ModelMessage message;
      if (Below(3) != 0) message.key = std::string(1, static_cast<char>('a' + Below(3)));
      message.published = now_;
      const bool is_red = Below(2) == 0;
      message.matches = settings_.filter.empty() || is_red;
      const std::map<std::string, std::string> attributes = {{"color", is_red ? "red" : "blue"}};
      ASSERT_TRUE(batch.Add(std::to_string(messages_.size()), attributes, message.key).ok());
      messages_.push_back(message);
    }
    std::promise<void> done;
    ASSERT_TRUE(log_->Publish(kModelTopic, std::move(batch),
                              [&](const Result<uint64_t>& first) {
                                EXPECT_EQ(first.value() + count, messages_.size());
                                done.set_value();
                              })
                    .ok());
    done.get_future().wait();
  }

  int64_t Backoff(uint32_t attempts) const {
    int64_t backoff = settings_.min_backoff_micros;
    for (uint32_t i = 1; i < attempts; ++i) {
      backoff = std::min(2 * backoff, settings_.max_backoff_micros);
    }
    return backoff;
  }

  void Return(size_t offset) {
    ModelMessage& message = messages_[offset];
    message.is_leased = false;
    message.due = now_ + Backoff(message.attempts);
    if (!settings_.is_ordered || message.key.empty()) return;
    for (size_t later = offset + 1; later < messages_.size(); ++later) {
      ModelMessage& behind = messages_[later];
      if (behind.key != message.key || (!behind.is_leased && !behind.is_done)) continue;
      behind.is_leased = false;
      behind.is_done = false;
      behind.due = 0;
    }
  }

  void Expire() {
    for (size_t i = 0; i < messages_.size(); ++i) {
      if (messages_[i].is_leased && messages_[i].due <= now_) Return(i);
    }
  }

  bool IsDeliverable(size_t offset, const std::vector<bool>& in_this_pull) const {
    const ModelMessage& message = messages_[offset];
    if (message.is_acked || message.is_done || !message.matches || message.is_leased) return false;
    if (message.due > now_) return false;
    if (!settings_.is_ordered || message.key.empty()) return true;
    for (size_t i = 0; i < messages_.size(); ++i) {
      const ModelMessage& other = messages_[i];
      if (other.key != message.key || other.is_acked || !other.matches || in_this_pull[i]) continue;
      if (i < offset || other.is_leased) return false;
    }
    return true;
  }

  void Pull() {
    Expire();
    const size_t most = 1 + Below(8);
    const auto pulled = log_->Pull(kModelSub, {.messages = most});
    ASSERT_TRUE(pulled.ok()) << pulled.status().message();
    std::vector<bool> in_this_pull(messages_.size());
    for (const Delivery& delivery : pulled.value().messages) {
      const uint64_t offset = delivery.id.offset;
      ASSERT_EQ(delivery.message.data, std::to_string(offset));
      ASSERT_TRUE(IsDeliverable(offset, in_this_pull)) << "message " << offset;
      ModelMessage& message = messages_[offset];
      ASSERT_EQ(delivery.message.ordering_key, message.key);
      ASSERT_EQ(delivery.publish_micros, message.published);
      in_this_pull[offset] = true;
      message.is_leased = true;
      message.due = now_ + settings_.ack_deadline_micros;
      message.lease_id = delivery.id.lease_id;
      ASSERT_EQ(delivery.attempts, ++message.attempts);
    }
    if (pulled.value().messages.size() == most) return;
    for (size_t i = 0; i < messages_.size(); ++i) {
      ASSERT_FALSE(IsDeliverable(i, in_this_pull)) << "message " << i << " was not handed out";
    }
  }

  std::vector<AckId> SomeIds() {
    std::vector<AckId> ids;
    for (size_t i = 0; i < messages_.size(); ++i) {
      // Also of leases that are over.
      if (messages_[i].attempts > 0 && !messages_[i].is_acked && Below(3) == 0) {
        ids.push_back({i, messages_[i].lease_id});
      }
    }
    return ids;
  }

  void Acknowledge() {
    Expire();
    const auto ids = SomeIds();
    ASSERT_TRUE(log_->Acknowledge(kModelSub, ids, nullptr).ok());
    for (const AckId& id : ids) {
      ModelMessage& message = messages_[id.offset];
      if (!settings_.is_ordered || message.key.empty()) {
        message.is_acked = true;
        message.is_leased = false;
      } else if (message.is_leased) {
        message.is_leased = false;
        message.is_done = true;
        Settle(message.key);
      }
    }
  }

  void Settle(const std::string& key) {
    for (ModelMessage& message : messages_) {
      if (message.key != key || message.is_acked || !message.matches) continue;
      if (!message.is_done) return;
      message.is_done = false;
      message.is_acked = true;
    }
  }

  void ModifyDeadline() {
    Expire();
    const auto ids = SomeIds();
    const int64_t micros = Below(2) * 40 * kMicrosPerSecond;
    std::vector<AckId> refused;
    for (const AckId& id : ids) {
      ModelMessage& message = messages_[id.offset];
      if (!message.is_leased || message.lease_id != id.lease_id) {
        refused.push_back(id);
      } else if (micros > 0) {
        message.due = now_ + micros;
      } else {
        Return(id.offset);
      }
    }
    EXPECT_EQ(log_->ModifyAckDeadline(kModelSub, ids, micros).value(), refused);
  }

  void Pass(int64_t seconds) {
    now_ += seconds * kMicrosPerSecond;
    Expire();
    log_->Tick();
  }

  void ForgetLeases() {
    for (ModelMessage& message : messages_) {
      message.is_leased = false;
      message.is_done = false;
      message.due = 0;
      message.attempts = 0;
    }
  }

  void Restart() {
    Open();
    ForgetLeases();
  }

  void Seek() {
    const int64_t to =
        messages_.empty() ? now_.load() : messages_[Below(messages_.size())].published;
    ASSERT_TRUE(log_->SeekToTime(kModelSub, to).ok());
    ForgetLeases();
    for (ModelMessage& message : messages_) {
      if (message.published < to)
        message.is_acked = true;
      else if (settings_.retain_acked)
        message.is_acked = false;
    }
  }

  void Compare() {
    Expire();
    const SubscriptionFigures figures = log_->FiguresOfSubscription(kModelSub).value();
    if (!settings_.filter.empty()) return;  // Then it counts what is not read yet, too.
    uint64_t unacked = 0;
    int64_t oldest = 0;
    for (const ModelMessage& message : messages_) {
      if (message.is_acked) continue;
      if (unacked++ == 0) oldest = message.published;
    }
    ASSERT_EQ(figures.unacked, unacked);
    ASSERT_EQ(figures.oldest_unacked_micros, oldest);
  }

  ScratchFolder folder_;
  std::mt19937 random_;
  SubscriptionSettings settings_;
  const size_t most_waiting_of_key_;
  std::atomic<int64_t> now_ = 1'700'000'000 * kMicrosPerSecond;
  std::unique_ptr<MessageLog> log_;
  std::vector<ModelMessage> messages_;
};

void RunScripts(const SubscriptionSettings& settings,
                size_t most_waiting_of_key = Subscription::kMostWaitingOfKey) {
  for (uint32_t seed = 1; seed <= 5 && !::testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    LogModel(seed, settings, most_waiting_of_key).Run(300);
  }
}

TEST(LogModelTest, Plain) { RunScripts({}); }

TEST(LogModelTest, Retained) { RunScripts({.retain_acked = true}); }

TEST(LogModelTest, Ordered) { RunScripts({.retain_acked = true, .is_ordered = true}); }

TEST(LogModelTest, OrderedWithLittleRoom) {
  RunScripts({.retain_acked = true, .is_ordered = true}, 1);
  RunScripts({.is_ordered = true, .filter = "attributes.color = \"red\""}, 3);
  RunScripts({.is_ordered = true,
              .min_backoff_micros = 2 * kMicrosPerSecond,
              .max_backoff_micros = 9 * kMicrosPerSecond},
             2);
}

TEST(LogModelTest, Filtered) {
  RunScripts({.retain_acked = true, .is_ordered = true, .filter = "attributes.color = \"red\""});
}

TEST(LogModelTest, WithBackoff) {
  RunScripts(
      {.min_backoff_micros = 2 * kMicrosPerSecond, .max_backoff_micros = 9 * kMicrosPerSecond});
}

}  // namespace
}  // namespace joist::store
