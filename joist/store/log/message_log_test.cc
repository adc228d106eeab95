// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/store/log/message_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <future>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "joist/store/log/testing/scratch_folder.h"

namespace joist::store {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Attributes = std::map<std::string, std::string>;

constexpr const char* kTopic = "projects/p/topics/t";
constexpr const char* kSub = "projects/p/subscriptions/s";

/// A log whose clock the test has charge of.
class MessageLogTest : public ::testing::Test {
 protected:
  MessageLogTest() { Open(); }

  void Open() {
    log_.reset();
    MessageLogOptions options;
    options.folder = folder_.path();
    options.segment_bytes = segment_bytes_;
    options.now = [this] { return now_.load(); };
    options.has_keeper = false;
    auto log = MessageLog::Open(options);
    ASSERT_TRUE(log.ok()) << log.status().message();
    log_ = std::move(*log);
  }
  void Make(SubscriptionSettings settings) {
    ASSERT_TRUE(log_->CreateTopic(kTopic, topic_settings_).ok());
    settings.topic = kTopic;
    const Status status = log_->CreateSubscription(kSub, settings);
    ASSERT_TRUE(status.ok()) << status.message();
  }
  Result<uint64_t> PublishBatchOf(const std::string& topic, PublishBatch batch) {
    std::promise<Result<uint64_t>> first;
    const Status status = log_->Publish(topic, std::move(batch), [&](Result<uint64_t> offset) {
      first.set_value(std::move(offset));
    });
    if (!status.ok()) return status;
    return first.get_future().get();
  }
  uint64_t PublishOne(const std::string& data, const std::string& key = "",
                      const Attributes& attributes = {}) {
    PublishBatch batch;
    EXPECT_TRUE(batch.Add(data, attributes, key).ok());
    const auto first = PublishBatchOf(kTopic, std::move(batch));
    EXPECT_TRUE(first.ok()) << first.status().message();
    return first.ok() ? first.value() : UINT64_MAX;
  }
  std::vector<std::string> Pull(size_t most = 1000, const std::string& subscription = kSub) {
    auto pulled = log_->Pull(subscription, {.messages = most});
    EXPECT_TRUE(pulled.ok()) << pulled.status().message();
    last_.clear();
    std::vector<std::string> texts;
    for (const Delivery& delivery : pulled.value().messages) {
      texts.emplace_back(delivery.message.data);
      last_.push_back(delivery.id);
      attempts_ = delivery.attempts;
    }
    return texts;
  }
  void Ack(const std::vector<AckId>& ids, const std::string& subscription = kSub) {
    EXPECT_TRUE(log_->Acknowledge(subscription, ids, nullptr).ok());
  }
  void Nack(const std::vector<AckId>& ids) {
    EXPECT_TRUE(log_->ModifyAckDeadline(kSub, ids, 0).ok());
  }
  void Pass(int64_t seconds) {
    now_ += seconds * kMicrosPerSecond;
    log_->Tick();
  }
  SubscriptionFigures Figures() { return log_->FiguresOfSubscription(kSub).value(); }

  ScratchFolder folder_;
  size_t segment_bytes_ = TopicFiles::kSegmentBytes;
  TopicSettings topic_settings_;
  std::atomic<int64_t> now_ = 1'700'000'000 * kMicrosPerSecond;
  std::unique_ptr<MessageLog> log_;
  std::vector<AckId> last_;
  uint32_t attempts_ = 0;
};

TEST_F(MessageLogTest, PublishesPullsAndAcknowledges) {
  Make({});
  EXPECT_EQ(PublishOne("a"), 0u);
  EXPECT_EQ(PublishOne("b", "", {{"k", "v"}}), 1u);
  EXPECT_THAT(Pull(), ElementsAre("a", "b"));
  EXPECT_THAT(Pull(), IsEmpty());
  EXPECT_EQ(Figures().outstanding, 2u);
  EXPECT_EQ(Figures().unacked, 2u);
  Ack(last_ = {{0, 0}, {1, 0}});
  EXPECT_EQ(Figures().unacked, 0u);
  EXPECT_EQ(Figures().outstanding, 0u);
  EXPECT_EQ(Figures().acks, 2u);
}

TEST_F(MessageLogTest, ExpiredLeasesAreHandedOutAgainAndExtendedOnesAreNot) {
  Make({.ack_deadline_micros = 10 * kMicrosPerSecond});
  PublishOne("a");
  PublishOne("b");
  EXPECT_THAT(Pull(), ElementsAre("a", "b"));
  const auto first = last_;
  EXPECT_TRUE(log_->ModifyAckDeadline(kSub, {&first[0], 1}, 60 * kMicrosPerSecond).value().empty());
  Pass(11);
  EXPECT_THAT(Pull(), ElementsAre("b"));
  EXPECT_EQ(attempts_, 2u);
  EXPECT_EQ(Figures().expired, 1u);
  // The lease that is over can be neither extended nor ended; a late acknowledgement counts.
  EXPECT_EQ(log_->ModifyAckDeadline(kSub, {&first[1], 1}, 0).value().size(), 1u);
  Ack({first[1]});
  Pass(70);
  EXPECT_THAT(Pull(), ElementsAre("a"));
}

TEST_F(MessageLogTest, NackHandsOutAtOnceOrAfterTheBackoff) {
  Make({.min_backoff_micros = 10 * kMicrosPerSecond, .max_backoff_micros = 15 * kMicrosPerSecond});
  PublishOne("a");
  EXPECT_THAT(Pull(), ElementsAre("a"));
  Nack(last_);
  Pass(9);
  EXPECT_THAT(Pull(), IsEmpty());
  Pass(1);
  EXPECT_THAT(Pull(), ElementsAre("a"));
  Nack(last_);
  Pass(14);  // 20 seconds are more than the most.
  EXPECT_THAT(Pull(), IsEmpty());
  Pass(1);
  EXPECT_THAT(Pull(), ElementsAre("a"));
  EXPECT_EQ(attempts_, 3u);
}

TEST_F(MessageLogTest, WhatWasAcknowledgedStaysSoAfterARestart) {
  Make({});
  for (const char* text : {"a", "b", "c", "d"}) PublishOne(text);
  EXPECT_THAT(Pull(), ElementsAre("a", "b", "c", "d"));
  Ack({last_[0], last_[2]});
  Open();
  EXPECT_EQ(Figures().unacked, 2u);
  EXPECT_THAT(Pull(), ElementsAre("b", "d"));
  EXPECT_EQ(PublishOne("e"), 4u);
  EXPECT_THAT(Pull(), ElementsAre("e"));
}

TEST_F(MessageLogTest, OrderingKeysWaitForWhatIsBeforeThem) {
  Make({.is_ordered = true});
  for (const char* text : {"k1", "k2", "k3"}) PublishOne(text, "k");
  PublishOne("l1", "l");
  PublishOne("none");
  EXPECT_THAT(Pull(2), ElementsAre("k1", "k2"));
  const auto leased = last_;
  EXPECT_THAT(Pull(), ElementsAre("l1", "none"));
  Ack(last_);
  Ack({leased[0]});
  EXPECT_THAT(Pull(), IsEmpty());
  Ack({leased[1]});
  EXPECT_THAT(Pull(), ElementsAre("k3"));
}

TEST_F(MessageLogTest, ANackOfAKeyHandsOutAgainWhatIsBehindIt) {
  Make({.is_ordered = true});
  for (const char* text : {"k1", "k2", "k3"}) PublishOne(text, "k");
  EXPECT_THAT(Pull(), ElementsAre("k1", "k2", "k3"));
  Ack({last_[2]});
  Nack({last_[1]});
  EXPECT_THAT(Pull(), IsEmpty());  // k1 is still leased.
  Ack({{0, 0}});
  EXPECT_THAT(Pull(), ElementsAre("k2", "k3"));
}

TEST_F(MessageLogTest, FiltersHandOutWhatMatches) {
  Make({.filter = "attributes.color = \"red\""});
  PublishOne("a", "", {{"color", "red"}});
  PublishOne("b", "", {{"color", "blue"}});
  PublishOne("c");
  PublishOne("d", "", {{"color", "red"}});
  EXPECT_THAT(Pull(), ElementsAre("a", "d"));
  EXPECT_EQ(Figures().unacked, 2u);
  EXPECT_EQ(Figures().filtered, 2u);
}

TEST_F(MessageLogTest, DeadLettersGoToTheirTopicWithWhereTheyCameFrom) {
  ASSERT_TRUE(log_->CreateTopic("dead", {}).ok());
  ASSERT_TRUE(log_->CreateSubscription("dead-sub", {.topic = "dead"}).ok());
  Make({.dead_letter_topic = "dead", .max_delivery_attempts = 2});
  PublishOne("a", "", {{"k", "v"}});
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(Pull(), ElementsAre("a"));
    Nack(last_);
  }
  EXPECT_THAT(Pull(), IsEmpty());
  log_->Tick();
  // The writer answers by its own thread.
  for (int i = 0; i < 500 && Figures().dead_lettered == 0; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_EQ(Figures().dead_lettered, 1u);
  EXPECT_EQ(Figures().unacked, 0u);
  const auto letters = log_->Pull("dead-sub", {});
  ASSERT_EQ(letters.value().messages.size(), 1u);
  Attributes attributes;
  letters.value().messages[0].message.attributes.ForEach(
      [&](std::string_view name, std::string_view value) { attributes.emplace(name, value); });
  EXPECT_EQ(attributes["CloudPubSubDeadLetterSourceSubscription"], "s");
  EXPECT_EQ(attributes["CloudPubSubDeadLetterSourceSubscriptionProject"], "p");
  EXPECT_EQ(attributes["CloudPubSubDeadLetterSourceDeliveryCount"], "2");
  EXPECT_EQ(attributes["CloudPubSubDeadLetterSourceTopicPublishTime"],
            "2023-11-14T22:13:20.000000Z");
  EXPECT_EQ(attributes["k"], "v");
}

/// A message that nobody can work with, and a server that ends while it is out.
class PoisonTest : public MessageLogTest {
 protected:
  static constexpr uint32_t kAttempts = 5;

  void MakePoison(const std::string& key) {
    ASSERT_TRUE(log_->CreateTopic("dead", {}).ok());
    ASSERT_TRUE(log_->CreateSubscription("dead-sub", {.topic = "dead"}).ok());
    Make({.is_ordered = true, .dead_letter_topic = "dead", .max_delivery_attempts = kAttempts});
    PublishOne("poison", key);
  }
  void DeliverWithRestarts() {
    for (uint32_t attempt = 1; attempt <= kAttempts; ++attempt) {
      ASSERT_THAT(Pull(1), ElementsAre("poison"));
      ASSERT_EQ(attempts_, attempt);
      if (attempt % 2 == 0) Nack(last_);
      Open();
    }
  }
  void ExpectOneDeadLetter() {
    for (int i = 0; i < 500 && Figures().dead_lettered == 0; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    const auto letters = log_->Pull("dead-sub", {});
    ASSERT_EQ(letters.value().messages.size(), 1u);
    const MessageView& letter = letters.value().messages[0].message;
    EXPECT_EQ(letter.data, "poison");
    EXPECT_EQ(letter.attributes.Find("CloudPubSubDeadLetterSourceDeliveryCount"), "5");
  }
};

TEST_F(PoisonTest, AttemptsAreCountedOverRestarts) {
  MakePoison("");
  DeliverWithRestarts();
  EXPECT_THAT(Pull(), IsEmpty());
  EXPECT_EQ(Figures().outstanding, 1u);
  Pass(11);
  ExpectOneDeadLetter();
  EXPECT_EQ(Figures().unacked, 0u);
}

TEST_F(PoisonTest, WhatIsBehindItInItsKeyWaitsOverRestarts) {
  MakePoison("key");
  PublishOne("next", "key");
  DeliverWithRestarts();
  EXPECT_THAT(Pull(), IsEmpty());
  Pass(11);
  ExpectOneDeadLetter();
  EXPECT_THAT(Pull(), ElementsAre("next"));
}

TEST_F(PoisonTest, WhoHasTheLastDeliveryMayAcknowledgeItAfterARestart) {
  MakePoison("");
  DeliverWithRestarts();
  EXPECT_THAT(Pull(), IsEmpty());
  Ack({{0, 0}});
  Pass(11);
  EXPECT_EQ(Figures().unacked, 0u);
  EXPECT_EQ(Figures().outstanding, 0u);
  EXPECT_THAT(Pull(1000, "dead-sub"), IsEmpty());
}

TEST_F(PoisonTest, AttemptsThatFailedSurviveAKill) {
  MakePoison("");
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(Pull(), ElementsAre("poison"));
    Nack(last_);
  }
  Pass(1);
  // The files as they are, without what closing would write.
  const ScratchFolder copy;
  std::filesystem::copy(folder_.path(), copy.path(), std::filesystem::copy_options::recursive);
  MessageLogOptions options;
  options.folder = copy.path();
  const auto killed = std::move(*MessageLog::Open(options));
  const auto pulled = killed->Pull(kSub, {});
  ASSERT_EQ(pulled.value().messages.size(), 1u);
  EXPECT_EQ(pulled.value().messages[0].attempts, 3u);
}

TEST_F(PoisonTest, AttemptsAreForgottenWithTheirMessages) {
  MakePoison("");
  EXPECT_THAT(Pull(), ElementsAre("poison"));
  Nack(last_);
  EXPECT_THAT(Pull(), ElementsAre("poison"));
  ASSERT_TRUE(log_->SeekToTime(kSub, 0).ok());
  Open();
  EXPECT_THAT(Pull(), ElementsAre("poison"));
  EXPECT_EQ(attempts_, 1u);
}

TEST(AttemptTable, HasSoManyAndNoMoreAndComesBack) {
  AttemptTable table;
  for (uint64_t i = 0; i < AttemptTable::kMost + 5; ++i) table.Set(7 * i, 1 + i % 300);
  EXPECT_EQ(table.Of(7), 2u);
  EXPECT_EQ(table.Of(7 * AttemptTable::kMost), 0u);
  table.Remove(7);
  table.RemoveBefore(7);
  const auto back = AttemptTable::Decode(table.Encode());
  ASSERT_TRUE(back.ok()) << back.status().message();
  EXPECT_EQ(back.value().Of(0), 0u);
  EXPECT_EQ(back.value().Of(7), 0u);
  EXPECT_EQ(back.value().Of(14), 3u);
  EXPECT_EQ(back.value().Of(7 * (AttemptTable::kMost - 1)),
            table.Of(7 * (AttemptTable::kMost - 1)));
  EXPECT_EQ(AttemptTable::Decode("\x05").status().code(), StatusCode::kDataLoss);
}

TEST_F(MessageLogTest, SeeksForwardAlwaysAndBackToWhatIsRetained) {
  Make({.retain_acked = true});
  const int64_t before = now_;
  PublishOne("a");
  Pass(60);
  const int64_t between = now_;
  PublishOne("b");
  EXPECT_THAT(Pull(), ElementsAre("a", "b"));
  Ack(last_);
  ASSERT_TRUE(log_->SeekToTime(kSub, between).ok());
  EXPECT_THAT(Pull(), ElementsAre("b"));
  ASSERT_TRUE(log_->SeekToTime(kSub, before).ok());
  EXPECT_EQ(Figures().unacked, 2u);
  EXPECT_THAT(Pull(), ElementsAre("a", "b"));
  ASSERT_TRUE(log_->SeekToTime(kSub, now_ + 1).ok());
  EXPECT_EQ(Figures().unacked, 0u);
  EXPECT_THAT(Pull(), IsEmpty());
}

TEST_F(MessageLogTest, WithoutRetentionASeekBackBringsNothingBack) {
  Make({});
  const int64_t before = now_;
  PublishOne("a");
  PublishOne("b");
  EXPECT_THAT(Pull(1), ElementsAre("a"));
  Ack(last_);
  ASSERT_TRUE(log_->SeekToTime(kSub, before).ok());
  EXPECT_THAT(Pull(), ElementsAre("b"));
}

TEST_F(MessageLogTest, SnapshotsBringBackWhatWasNotAcknowledged) {
  Make({});
  PublishOne("a");
  PublishOne("b");
  EXPECT_THAT(Pull(1), ElementsAre("a"));
  Ack(last_);
  ASSERT_TRUE(log_->CreateSnapshot("snap", kSub, now_ + 3600 * kMicrosPerSecond, "").ok());
  EXPECT_THAT(Pull(), ElementsAre("b"));
  Ack(last_);
  Pass(60);
  Open();
  ASSERT_TRUE(log_->SeekToSnapshot(kSub, "snap").ok());
  EXPECT_THAT(Pull(), ElementsAre("b"));
  EXPECT_EQ(log_->GetSnapshot("snap").value().topic, kTopic);
  Pass(3600);
  EXPECT_EQ(log_->SeekToSnapshot(kSub, "snap").code(), StatusCode::kNotFound);
}

TEST_F(MessageLogTest, SegmentsThatNobodyNeedsAreDropped) {
  segment_bytes_ = 1000;
  Open();
  Make({});
  const std::string text(400, 'x');
  for (int i = 0; i < 20; ++i) PublishOne(text);
  Pass(60);
  EXPECT_EQ(log_->FiguresOfTopic(kTopic).value().begin, 0u);
  Pull();
  Ack({last_.begin(), last_.begin() + 10});
  Pass(60);
  const uint64_t begin = log_->FiguresOfTopic(kTopic).value().begin;
  EXPECT_GT(begin, 5u);
  EXPECT_LE(begin, 10u);
  Open();
  EXPECT_EQ(Pull().size(), 10u);
  // What is not acknowledged within the retention is lost, and counted no more.
  Pass(8 * 24 * 3600);
  EXPECT_EQ(Figures().unacked, 0u);
}

TEST_F(MessageLogTest, WaitersAreCalledWhenThereIsSomething) {
  Make({});
  std::promise<void> called;
  const auto waiter = std::make_shared<const std::function<void()>>([&] { called.set_value(); });
  ASSERT_TRUE(log_->Pull(kSub, {}, waiter).value().messages.empty());
  PublishOne("a");
  EXPECT_EQ(called.get_future().wait_for(std::chrono::seconds(10)), std::future_status::ready);
  EXPECT_THAT(Pull(), ElementsAre("a"));
  int expired = 0;
  const auto again = std::make_shared<const std::function<void()>>([&] { ++expired; });
  ASSERT_TRUE(log_->Pull(kSub, {}, again).value().messages.empty());
  Pass(11);
  EXPECT_EQ(expired, 1);
}

TEST_F(MessageLogTest, ExactlyOnceRefusesLeasesThatAreOver) {
  Make({.is_exactly_once = true});
  PublishOne("a");
  Pull();
  const auto old = last_;
  Pass(11);
  EXPECT_THAT(Pull(), ElementsAre("a"));
  std::vector<std::vector<AckId>> refused;
  const auto done = [&](const Status& status, std::vector<AckId> ids) {
    EXPECT_TRUE(status.ok()) << status.message();
    refused.push_back(std::move(ids));
  };
  ASSERT_TRUE(log_->Acknowledge(kSub, old, done).ok());
  ASSERT_TRUE(log_->Acknowledge(kSub, last_, done).ok());
  EXPECT_TRUE(refused.empty());  // Not on disk yet.
  log_->Tick();
  ASSERT_EQ(refused.size(), 2u);
  EXPECT_EQ(refused[0], old);
  EXPECT_TRUE(refused[1].empty());
}

TEST_F(MessageLogTest, DetachedAndDeletedOnesSaySo) {
  Make({});
  ASSERT_TRUE(log_->DetachSubscription(kSub).ok());
  EXPECT_EQ(log_->Pull(kSub, {}).status().code(), StatusCode::kFailedPrecondition);
  EXPECT_THAT(log_->SubscriptionsOf(kTopic), IsEmpty());
  ASSERT_TRUE(log_->DeleteSubscription(kSub).ok());
  EXPECT_EQ(log_->Pull(kSub, {}).status().message(),
            "Resource not found (resource=projects/p/subscriptions/s).");
}

TEST_F(MessageLogTest, ADeletedTopicLivesOnForItsSubscriptions) {
  Make({});
  PublishOne("a");
  ASSERT_TRUE(log_->DeleteTopic(kTopic).ok());
  Open();
  EXPECT_EQ(log_->GetSubscription(kSub).value().settings.topic,
            SubscriptionSettings::kDeletedTopic);
  EXPECT_THAT(Pull(), ElementsAre("a"));
  ASSERT_TRUE(log_->CreateTopic(kTopic, {}).ok());  // Another one.
  PublishOne("b");
  EXPECT_THAT(Pull(), IsEmpty());
  ASSERT_TRUE(log_->DeleteSubscription(kSub).ok());
  EXPECT_FALSE(std::filesystem::exists(folder_.path() + "/topics/1"));
  EXPECT_TRUE(std::filesystem::exists(folder_.path() + "/topics/2"));
}

TEST_F(MessageLogTest, SettingsSurvive) {
  SubscriptionSettings settings;
  settings.labels = {{"team", "a"}, {"env", "b"}};
  settings.dead_letter_topic = "dead";
  settings.max_delivery_attempts = 7;
  settings.min_backoff_micros = 5;
  settings.max_backoff_micros = 6;
  settings.retain_acked = true;
  settings.front = std::string("\0front", 6);
  topic_settings_.labels = {{"l", "m"}};
  topic_settings_.retention_micros = 77;
  Make(settings);
  Open();
  const SubscriptionSettings got = log_->GetSubscription(kSub).value().settings;
  EXPECT_EQ(got.topic, kTopic);
  EXPECT_EQ(got.labels, settings.labels);
  EXPECT_EQ(got.max_delivery_attempts, 7);
  EXPECT_EQ(got.min_backoff_micros, 5);
  EXPECT_EQ(got.max_backoff_micros, 6);
  EXPECT_TRUE(got.retain_acked);
  EXPECT_EQ(got.front, settings.front);
  EXPECT_EQ(log_->GetTopic(kTopic).value().settings.labels, topic_settings_.labels);
  EXPECT_EQ(log_->GetTopic(kTopic).value().settings.retention_micros, 77);
}

TEST_F(MessageLogTest, OnlyOneProcessHasTheFolder) {
  MessageLogOptions options;
  options.folder = folder_.path();
  const auto second = MessageLog::Open(options);
  EXPECT_EQ(second.status().code(), StatusCode::kUnavailable);
  EXPECT_THAT(second.status().message(), HasSubstr("in use"));
}

TEST_F(MessageLogTest, ACatalogThatIsNoneIsRefused) {
  log_.reset();
  std::ofstream(folder_.path() + "/catalog.sqlite") << std::string(4096, 'x');
  MessageLogOptions options;
  options.folder = folder_.path();
  EXPECT_EQ(MessageLog::Open(options).status().code(), StatusCode::kDataLoss);
}

TEST_F(MessageLogTest, MessagesOfACatalogThatWasLostAreKept) {
  Make({});
  PublishOne("a");
  log_.reset();
  for (const char* suffix : {"", "-wal", "-shm"}) {
    std::filesystem::remove(folder_.path() + "/catalog.sqlite" + suffix);
  }
  MessageLogOptions options;
  options.folder = folder_.path();
  const auto opened = MessageLog::Open(options);
  EXPECT_EQ(opened.status().code(), StatusCode::kDataLoss);
  EXPECT_THAT(opened.status().message(), HasSubstr("restore the catalog"));
  EXPECT_TRUE(std::filesystem::exists(folder_.path() + "/topics/1"));
}

TEST_F(MessageLogTest, MessagesThatWereLostAreNoticed) {
  Make({});
  PublishOne("a");
  Pull();
  Ack(last_);
  log_.reset();
  std::filesystem::remove_all(folder_.path() + "/topics/1");
  MessageLogOptions options;
  options.folder = folder_.path();
  const auto opened = MessageLog::Open(options);
  EXPECT_EQ(opened.status().code(), StatusCode::kDataLoss);
  EXPECT_THAT(opened.status().message(), HasSubstr("restore that folder"));
}

TEST_F(MessageLogTest, WhatARemovedTopicLeftIsRemoved) {
  Make({});
  ASSERT_TRUE(log_->CreateTopic("other", {}).ok());
  ASSERT_TRUE(log_->DeleteTopic("other").ok());
  log_.reset();
  std::filesystem::create_directories(folder_.path() + "/topics/2");
  Open();
  EXPECT_FALSE(std::filesystem::exists(folder_.path() + "/topics/2"));
}

TEST_F(MessageLogTest, ABlockedKeyHoldsSoManyMessagesAndNoMore) {
  log_.reset();
  MessageLogOptions options;
  options.folder = folder_.path();
  options.now = [this] { return now_.load(); };
  options.has_keeper = false;
  options.most_leases = 10;
  log_ = std::move(*MessageLog::Open(options));
  Make({.is_ordered = true});
  for (int i = 0; i < 30; ++i) PublishOne(std::to_string(i), "k");
  EXPECT_EQ(Pull(1).size(), 1u);
  auto held = last_;
  EXPECT_THAT(Pull(), IsEmpty());
  Ack(held);
  for (size_t got = 1; got < 30;) {
    const auto texts = Pull();
    ASSERT_FALSE(texts.empty());
    ASSERT_LE(texts.size(), 10u);
    for (const std::string& text : texts) EXPECT_EQ(text, std::to_string(got++));
    Ack(last_);
  }
  EXPECT_EQ(Figures().unacked, 0u);
}

TEST_F(MessageLogTest, BlockedKeysHoldUpNobodyElse) {
  log_.reset();
  MessageLogOptions options;
  options.folder = folder_.path();
  options.now = [this] { return now_.load(); };
  options.has_keeper = false;
  options.most_leases = 100;
  options.most_waiting_of_key = 10;
  log_ = std::move(*MessageLog::Open(options));
  Make({.ack_deadline_micros = 600 * kMicrosPerSecond, .is_ordered = true});
  constexpr int kKeys = 20;
  constexpr int kOfKey = 50;
  for (int i = 0; i < kOfKey; ++i) {
    for (int key = 0; key < kKeys; ++key) {
      PublishBatch batch;
      ASSERT_TRUE(
          batch
              .Add(std::to_string(key) + " " + std::to_string(i), Attributes(), std::to_string(key))
              .ok());
      ASSERT_TRUE(log_->Publish(kTopic, std::move(batch), nullptr).ok());
    }
  }
  PublishOne("free");
  // The first of each key is handed out, and blocks the others.
  EXPECT_EQ(Pull(kKeys).size(), static_cast<size_t>(kKeys));
  std::vector<AckId> held = last_;
  EXPECT_THAT(Pull(), ElementsAre("free"));
  Ack(last_);
  PublishOne("other", "another key");
  EXPECT_THAT(Pull(), ElementsAre("other"));
  Ack(last_);
  EXPECT_THAT(Pull(), IsEmpty());
  EXPECT_EQ(Figures().unacked, static_cast<uint64_t>(kKeys * kOfKey));
  // All come, each key in order.
  Ack(held);
  std::map<int, int> next;
  for (int key = 0; key < kKeys; ++key) next[key] = 1;
  for (int got = kKeys; got < kKeys * kOfKey;) {
    const auto texts = Pull(7);
    ASSERT_FALSE(texts.empty()) << "after " << got;
    for (const std::string& text : texts) {
      const int key = std::stoi(text);
      ASSERT_EQ(text, std::to_string(key) + " " + std::to_string(next[key]++));
      ++got;
    }
    Ack(last_);
  }
  EXPECT_THAT(Pull(), IsEmpty());
  EXPECT_EQ(Figures().unacked, 0u);
}

TEST_F(MessageLogTest, RefusesMoreThanMayWaitForTheDisk) {
  log_.reset();
  MessageLogOptions options;
  options.folder = folder_.path();
  options.most_bytes_in_flight = 1000;
  log_ = std::move(*MessageLog::Open(options));
  ASSERT_TRUE(log_->CreateTopic(kTopic, {}).ok());
  PublishBatch batch;
  ASSERT_TRUE(batch.Add(std::string(1000, 'x')).ok());
  EXPECT_EQ(PublishBatchOf(kTopic, std::move(batch)).status().code(),
            StatusCode::kResourceExhausted);
  PublishOne("small");
}

TEST_F(MessageLogTest, AFullDiskFailsAPublishAndLaterOnesSucceed) {
  Make({});
  PublishOne("a");
  rlimit old = {};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &old), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit full = old;
  full.rlim_cur = 600;
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &full), 0);
  PublishBatch batch;
  ASSERT_TRUE(batch.Add(std::string(4000, 'x')).ok());
  const auto failed = PublishBatchOf(kTopic, std::move(batch));
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &old), 0);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(failed.status().code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(PublishOne("b"), 1u);
  Open();
  EXPECT_THAT(Pull(), ElementsAre("a", "b"));
}

}  // namespace
}  // namespace joist::store
