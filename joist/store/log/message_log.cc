// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/store/log/message_log.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "joist/store/log/acknowledgement_writer.h"
#include "joist/store/log/batch_writer.h"
#include "joist/store/log/catalog.h"
#include "joist/store/log/dead_letters.h"
#include "joist/store/log/folder_lock.h"
#include "joist/store/log/registry.h"
#include "joist/store/log/retention.h"
#include "joist/store/log/snapshot_table.h"

namespace joist::store {
namespace {

constexpr int64_t kTickMicros = 20'000;
constexpr int64_t kDropMicros = 10 * kMicrosPerSecond;

int64_t SystemMicros() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

/// What MessageLog consists of, put together, and the keeper's thread.
class FileLog final : public MessageLog {
 public:
  explicit FileLog(MessageLogOptions options)
      : options_(std::move(options)), now_(options_.now ? options_.now : SystemMicros) {}
  ~FileLog() override;

  Status Start();

  Status CreateTopic(const std::string& name, TopicSettings settings) override {
    return registry_->CreateTopic(name, std::move(settings));
  }
  Status UpdateTopic(const std::string& name, TopicSettings settings) override {
    return registry_->UpdateTopic(name, std::move(settings));
  }
  Status DeleteTopic(const std::string& name) override { return registry_->DeleteTopic(name); }
  Result<TopicDescription> GetTopic(const std::string& name) override {
    return registry_->GetTopic(name);
  }
  std::vector<TopicDescription> ListTopics(std::string_view prefix, std::string_view after,
                                           size_t limit) override {
    return registry_->ListTopics(prefix, after, limit);
  }
  std::vector<std::string> SubscriptionsOf(const std::string& topic) override {
    return registry_->SubscriptionsOf(topic);
  }

  Status CreateSubscription(const std::string& name, SubscriptionSettings settings) override {
    return registry_->CreateSubscription(name, std::move(settings));
  }
  Status UpdateSubscription(const std::string& name, SubscriptionSettings settings) override {
    return registry_->UpdateSubscription(name, std::move(settings));
  }
  Status DeleteSubscription(const std::string& name) override {
    return registry_->DeleteSubscription(name);
  }
  Status DetachSubscription(const std::string& name) override {
    return registry_->DetachSubscription(name);
  }
  Result<SubscriptionDescription> GetSubscription(const std::string& name) override {
    return registry_->GetSubscription(name);
  }
  std::vector<SubscriptionDescription> ListSubscriptions(std::string_view prefix,
                                                         std::string_view after,
                                                         size_t limit) override {
    return registry_->ListSubscriptions(prefix, after, limit);
  }

  Status CreateSnapshot(const std::string& name, const std::string& subscription,
                        int64_t expires_micros, std::string front) override;
  Status UpdateSnapshot(const SnapshotDescription& snapshot) override {
    return snapshots_->Update(snapshot.name, snapshot.expires_micros, snapshot.front);
  }
  Status DeleteSnapshot(const std::string& name) override { return snapshots_->Delete(name); }
  Result<SnapshotDescription> GetSnapshot(const std::string& name) override;
  std::vector<SnapshotDescription> ListSnapshots(std::string_view prefix, std::string_view after,
                                                 size_t limit) override;

  Status Publish(const std::string& topic, PublishBatch batch, Published done) override;
  Result<Deliveries> Pull(const std::string& subscription, const PullLimits& limits,
                          const Waiter& waiter) override;
  Status Wait(const std::string& subscription, const Waiter& waiter) override;
  Status Acknowledge(const std::string& subscription, std::span<const AckId> ids,
                     Acknowledged done) override;
  Result<std::vector<AckId>> ModifyAckDeadline(const std::string& subscription,
                                               std::span<const AckId> ids, int64_t micros) override;
  Status SeekToTime(const std::string& subscription, int64_t micros) override;
  Status SeekToSnapshot(const std::string& subscription, const std::string& snapshot) override;
  Result<TopicFigures> FiguresOfTopic(const std::string& topic) override;
  Result<SubscriptionFigures> FiguresOfSubscription(const std::string& subscription) override;
  void Tick() override;

 private:
  SnapshotDescription Describe(Catalog::Snapshot snapshot) const;
  void WriteAcknowledged(bool is_last);
  void Keep();
  void Forward(const Registry::NamedSubscription& named);
  void DropOldOfAll(int64_t now);

  const MessageLogOptions options_;
  const std::function<int64_t()> now_;
  FolderLock lock_;
  std::unique_ptr<Catalog> catalog_;
  std::unique_ptr<Registry> registry_;
  std::unique_ptr<SnapshotTable> snapshots_;
  std::unique_ptr<AcknowledgementWriter> acknowledgements_;

  std::mutex seek_mutex_;  // One seek at a time.
  std::mutex tick_mutex_;  // One Tick at a time.
  int64_t next_drop_ = 0;

  std::mutex keeper_mutex_;
  std::condition_variable keeper_wake_;
  bool is_ending_ = false;
  std::thread keeper_;
  std::unique_ptr<BatchWriter> writer_;
};

FileLog::~FileLog() {
  {
    const std::lock_guard lock(keeper_mutex_);
    is_ending_ = true;
  }
  keeper_wake_.notify_all();
  if (keeper_.joinable()) keeper_.join();
  writer_.reset();
  if (acknowledgements_ != nullptr) WriteAcknowledged(true);
}

Status FileLog::Start() {
  std::error_code error;
  std::filesystem::create_directories(options_.folder, error);
  if (error) return FromErrno(error.value(), "cannot create " + options_.folder);
  JOIST_RETURN_IF_ERROR(lock_.Take(options_.folder));
  JOIST_ASSIGN_OR_RETURN(catalog_, Catalog::Open(options_.folder + "/catalog.sqlite"));
  registry_ = std::make_unique<Registry>(options_, now_, catalog_.get());
  JOIST_RETURN_IF_ERROR(registry_->Load());
  snapshots_ = std::make_unique<SnapshotTable>(catalog_.get());
  JOIST_RETURN_IF_ERROR(snapshots_->Load());
  acknowledgements_ = std::make_unique<AcknowledgementWriter>(catalog_.get());
  writer_ = std::make_unique<BatchWriter>(options_.most_bytes_in_flight);
  if (options_.has_keeper) keeper_ = std::thread([this] { Keep(); });
  return OkStatus();
}

// ---- snapshots

Status FileLog::CreateSnapshot(const std::string& name, const std::string& subscription,
                               int64_t expires_micros, std::string front) {
  JOIST_ASSIGN_OR_RETURN(const auto subscribed, registry_->FindSubscription(subscription));
  return snapshots_->Create({.name = name,
                             .topic = subscribed.topic->number,
                             .expires_micros = expires_micros,
                             .front = std::move(front),
                             .acked = subscribed.subscription->acked().Encode()});
}

SnapshotDescription FileLog::Describe(Catalog::Snapshot snapshot) const {
  return {std::move(snapshot.name), registry_->NameOfTopic(snapshot.topic), snapshot.expires_micros,
          std::move(snapshot.front)};
}

Result<SnapshotDescription> FileLog::GetSnapshot(const std::string& name) {
  JOIST_ASSIGN_OR_RETURN(auto snapshot, snapshots_->Get(name));
  return Describe(std::move(snapshot));
}

std::vector<SnapshotDescription> FileLog::ListSnapshots(std::string_view prefix,
                                                        std::string_view after, size_t limit) {
  std::vector<SnapshotDescription> listed;
  for (auto& snapshot : snapshots_->List(prefix, after, limit)) {
    listed.push_back(Describe(std::move(snapshot)));
  }
  return listed;
}

// ---- messages

Status FileLog::Publish(const std::string& name, PublishBatch batch, Published done) {
  if (batch.count() == 0) return InvalidArgument("a batch has one message at least");
  auto topic = registry_->FindTopic(name);
  if (topic == nullptr) return NoSuchName(name);
  return writer_->Write(std::move(topic), std::move(batch), std::move(done));
}

Result<Deliveries> FileLog::Pull(const std::string& name, const PullLimits& limits,
                                 const Waiter& waiter) {
  JOIST_ASSIGN_OR_RETURN(const auto subscribed, registry_->FindSubscription(name));
  return subscribed.subscription->Pull(now_(), limits, waiter);
}

Status FileLog::Wait(const std::string& name, const Waiter& waiter) {
  JOIST_ASSIGN_OR_RETURN(const auto subscribed, registry_->FindSubscription(name));
  subscribed.subscription->Wait(waiter);
  return OkStatus();
}

Status FileLog::Acknowledge(const std::string& name, std::span<const AckId> ids,
                            Acknowledged done) {
  JOIST_ASSIGN_OR_RETURN(const auto subscribed, registry_->FindSubscription(name));
  std::vector<AckId> refused = subscribed.subscription->Acknowledge(now_(), ids);
  if (!done) return OkStatus();
  if (!subscribed.subscription->settings().is_exactly_once) {
    done(OkStatus(), std::move(refused));
    return OkStatus();
  }
  {
    const std::lock_guard lock(keeper_mutex_);
    acknowledgements_->AnswerWhenWritten(std::move(done), std::move(refused));
  }
  keeper_wake_.notify_one();
  return OkStatus();
}

Result<std::vector<AckId>> FileLog::ModifyAckDeadline(const std::string& name,
                                                      std::span<const AckId> ids, int64_t micros) {
  JOIST_ASSIGN_OR_RETURN(const auto subscribed, registry_->FindSubscription(name));
  return subscribed.subscription->ModifyAckDeadline(now_(), ids, micros);
}

Status FileLog::SeekToTime(const std::string& name, int64_t micros) {
  const std::lock_guard one(seek_mutex_);
  JOIST_ASSIGN_OR_RETURN(const auto subscribed, registry_->FindSubscription(name));
  const SubscriptionSettings settings = subscribed.subscription->settings();
  const int64_t now = now_();
  JOIST_ASSIGN_OR_RETURN(const uint64_t target, subscribed.topic->files->OffsetAt(micros));
  int64_t retained_micros = registry_->SettingsOf(*subscribed.topic).retention_micros;
  if (settings.retain_acked) retained_micros = std::max(retained_micros, settings.retention_micros);
  OffsetRanges acked = subscribed.subscription->acked();
  acked.Add(acked.floor(), target);
  // What was acknowledged and is not retained stays acknowledged.
  if (retained_micros > 0) {
    JOIST_ASSIGN_OR_RETURN(const uint64_t retained,
                           subscribed.topic->files->OffsetAt(now - retained_micros));
    acked.RemoveFrom(std::max(target, retained));
  }
  subscribed.subscription->Reset(std::move(acked));
  WriteAcknowledged(false);
  return OkStatus();
}

Status FileLog::SeekToSnapshot(const std::string& name, const std::string& snapshot_name) {
  const std::lock_guard one(seek_mutex_);
  JOIST_ASSIGN_OR_RETURN(const auto subscribed, registry_->FindSubscription(name));
  JOIST_ASSIGN_OR_RETURN(const auto snapshot, snapshots_->Get(snapshot_name));
  if (snapshot.topic != subscribed.topic->number) {
    return InvalidArgument("the snapshot " + snapshot_name + " is of another topic than " + name);
  }
  JOIST_ASSIGN_OR_RETURN(OffsetRanges acked, OffsetRanges::Decode(snapshot.acked));
  subscribed.subscription->Reset(std::move(acked));
  WriteAcknowledged(false);
  return OkStatus();
}

Result<TopicFigures> FileLog::FiguresOfTopic(const std::string& name) {
  const auto topic = registry_->FindTopic(name);
  if (topic == nullptr) return NoSuchName(name);
  return TopicFigures{.messages = topic->messages.load(std::memory_order_relaxed),
                      .bytes = topic->bytes.load(std::memory_order_relaxed),
                      .stored_bytes = topic->files->bytes(),
                      .begin = topic->files->begin(),
                      .end = topic->files->end()};
}

Result<SubscriptionFigures> FileLog::FiguresOfSubscription(const std::string& name) {
  JOIST_ASSIGN_OR_RETURN(const auto subscribed, registry_->FindSubscription(name));
  return subscribed.subscription->figures();
}

// ---- the keeper

void FileLog::Keep() {
  while (true) {
    {
      std::unique_lock lock(keeper_mutex_);
      keeper_wake_.wait_for(lock, std::chrono::microseconds(kTickMicros),
                            [this] { return is_ending_ || acknowledgements_->IsAsked(); });
      if (is_ending_) return;
    }
    Tick();
  }
}

void FileLog::Tick() {
  const std::lock_guard one(tick_mutex_);
  const int64_t now = now_();
  const auto all = registry_->AllSubscriptions();
  for (const auto& named : *all) {
    named.second.subscription->Expire(now);
    Forward(named);
  }
  if (acknowledgements_->IsDue(now)) WriteAcknowledged(false);
  if (now < next_drop_) return;
  next_drop_ = now + kDropMicros;
  DropOldOfAll(now);
}

void FileLog::Forward(const Registry::NamedSubscription& named) {
  const auto& subscription = named.second.subscription;
  const int64_t now = now_();
  const Deliveries letters = subscription->TakeForwards(now);
  if (letters.messages.empty()) return;
  const std::string target = subscription->settings().dead_letter_topic;
  for (const Delivery& letter : letters.messages) {
    const uint64_t offset = letter.id.offset;
    auto batch = DeadLetterOf(named.first, letter);
    Status status = batch.status();
    if (status.ok()) {
      status = Publish(target, std::move(*batch), [this, subscription, offset](const auto& first) {
        subscription->Forwarded(now_(), {&offset, 1}, first.ok());
      });
    }
    if (!status.ok()) subscription->Forwarded(now, {&offset, 1}, false);
  }
}

void FileLog::WriteAcknowledged(bool is_last) {
  std::vector<std::shared_ptr<Subscription>> subscriptions;
  const auto all = registry_->AllSubscriptions();
  subscriptions.reserve(all->size());
  for (const auto& [name, subscribed] : *all) {
    if (is_last) subscribed.subscription->RememberAttempts();
    subscriptions.push_back(subscribed.subscription);
  }
  acknowledgements_->Write(subscriptions, now_(), is_last);
}

void FileLog::DropOldOfAll(int64_t now) {
  (void)snapshots_->Expire(now);  // The next round tries again.
  for (const auto& topic : registry_->AllTopics()) {
    DropOld(*topic, registry_->SettingsOf(*topic), snapshots_->OfTopic(topic->number), now);
  }
}

}  // namespace

Result<std::unique_ptr<MessageLog>> MessageLog::Open(MessageLogOptions options) {
  auto log = std::make_unique<FileLog>(std::move(options));
  JOIST_RETURN_IF_ERROR(log->Start());
  return std::unique_ptr<MessageLog>(std::move(log));
}

}  // namespace joist::store
