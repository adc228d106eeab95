// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/store/log/message_log.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <ctime>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <thread>
#include <unordered_map>
#include <utility>

#include "joist/store/log/batch_writer.h"
#include "joist/store/log/catalog.h"

namespace joist::store {
namespace {

constexpr int64_t kTickMicros = 20'000;
constexpr int64_t kFlushMicros = 100'000;
constexpr int64_t kDropMicros = 10 * kMicrosPerSecond;
// So many bytes of acknowledged ranges are written every kFlushMicros, more less often.
constexpr size_t kFlushBytes = 256 << 10;
constexpr size_t kMostNameBytes = 1024;
constexpr size_t kMostSnapshots = 5000;

Status NoSuch(const std::string& name) {
  return NotFound("Resource not found (resource=" + name + ").");
}

Status Already(const std::string& name) {
  return {StatusCode::kAlreadyExists,
          "Resource already exists in the project (resource=" + name + ")."};
}

Status CheckName(const std::string& name) {
  if (!name.empty() && name.size() <= kMostNameBytes) return OkStatus();
  return InvalidArgument("a name has 1 to " + std::to_string(kMostNameBytes) + " bytes");
}

int64_t SystemMicros() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

/// 2026-01-31T12:00:00.123456Z.
std::string Rfc3339(int64_t micros) {
  const time_t seconds = micros / kMicrosPerSecond;
  tm parts = {};
  gmtime_r(&seconds, &parts);
  std::array<char, 32> text = {};
  const size_t size = strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  const std::string fraction = std::to_string(kMicrosPerSecond + micros % kMicrosPerSecond);
  return std::string(text.data(), size) + "." + fraction.substr(1) + "Z";
}

/// A file that only one process has locked.
class FolderLock {
 public:
  FolderLock() = default;
  ~FolderLock() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

  Status Take(const std::string& folder) {
    const std::string path = folder + "/lock";
    descriptor_ = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (descriptor_ < 0) return FromErrno(errno, "cannot open " + path);
    if (flock(descriptor_, LOCK_EX | LOCK_NB) == 0) return OkStatus();
    if (errno != EWOULDBLOCK) return FromErrno(errno, "cannot lock " + path);
    return {StatusCode::kUnavailable, folder + " is in use by another process; end that first"};
  }

 private:
  int descriptor_ = -1;
};

struct SubscriptionOfTopic {
  uint64_t number = 0;
  std::string name;
  std::shared_ptr<Subscription> subscription;
};

class Topic final : public BatchTarget {
 public:
  Topic(uint64_t number, std::string name, std::shared_ptr<TopicFiles> files,
        std::function<int64_t()> now)
      : number(number), name(std::move(name)), files(std::move(files)), now_(std::move(now)) {}

  Result<uint64_t> Append(std::span<PublishBatch* const> batches) override {
    auto first = files->Append(batches, now_());
    if (!first.ok()) return first;
    for (const PublishBatch* batch : batches) {
      messages.fetch_add(batch->count(), std::memory_order_relaxed);
      bytes.fetch_add(batch->size(), std::memory_order_relaxed);
    }
    return first;
  }
  void Appended() override {
    const auto all = subscriptions();
    for (const auto& one : *all) one.subscription->Published();
  }

  std::shared_ptr<const std::vector<SubscriptionOfTopic>> subscriptions() const {
    const std::lock_guard lock(mutex_);
    return subscriptions_;
  }
  void Add(SubscriptionOfTopic subscription) {
    const std::lock_guard lock(mutex_);
    auto changed = std::make_shared<std::vector<SubscriptionOfTopic>>(*subscriptions_);
    changed->push_back(std::move(subscription));
    subscriptions_ = std::move(changed);
  }
  void Remove(uint64_t subscription) {
    const std::lock_guard lock(mutex_);
    auto changed = std::make_shared<std::vector<SubscriptionOfTopic>>(*subscriptions_);
    std::erase_if(*changed, [&](const auto& other) { return other.number == subscription; });
    subscriptions_ = std::move(changed);
  }

  const uint64_t number;
  const std::string name;  // "" where it was deleted before the log was opened.
  const std::shared_ptr<TopicFiles> files;
  std::atomic<uint64_t> messages = 0;
  std::atomic<uint64_t> bytes = 0;
  // Below: by who has the log's admin lock.
  TopicSettings settings;
  bool is_deleted = false;

 private:
  const std::function<int64_t()> now_;
  mutable std::mutex mutex_;
  std::shared_ptr<const std::vector<SubscriptionOfTopic>> subscriptions_ =
      std::make_shared<const std::vector<SubscriptionOfTopic>>();
};

/// An acknowledgement with exactly-once delivery, which is answered when it is on disk.
struct PendingAnswer {
  MessageLog::Acknowledged done;
  std::vector<AckId> refused;
};

class FileLog final : public MessageLog {
 public:
  explicit FileLog(MessageLogOptions options) : options_(std::move(options)) {
    now_ = options_.now ? options_.now : SystemMicros;
  }
  ~FileLog() override;

  Status Start();

  Status CreateTopic(const std::string& name, TopicSettings settings) override;
  Status UpdateTopic(const std::string& name, TopicSettings settings) override;
  Status DeleteTopic(const std::string& name) override;
  Result<TopicDescription> GetTopic(const std::string& name) override;
  std::vector<TopicDescription> ListTopics(std::string_view prefix, std::string_view after,
                                           size_t limit) override;
  std::vector<std::string> SubscriptionsOf(const std::string& topic) override;
  Status CreateSubscription(const std::string& name, SubscriptionSettings settings) override;
  Status UpdateSubscription(const std::string& name, SubscriptionSettings settings) override;
  Status DeleteSubscription(const std::string& name) override;
  Status DetachSubscription(const std::string& name) override;
  Result<SubscriptionDescription> GetSubscription(const std::string& name) override;
  std::vector<SubscriptionDescription> ListSubscriptions(std::string_view prefix,
                                                         std::string_view after,
                                                         size_t limit) override;
  Status CreateSnapshot(const std::string& name, const std::string& subscription,
                        int64_t expires_micros, std::string front) override;
  Status UpdateSnapshot(const SnapshotDescription& snapshot) override;
  Status DeleteSnapshot(const std::string& name) override;
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
  struct Subscribed {
    std::shared_ptr<Subscription> subscription;
    std::shared_ptr<Topic> topic;
  };
  using NamedSubscription = std::pair<std::string, Subscribed>;

  Status Load();
  Status LoadTopics(std::unordered_map<uint64_t, std::shared_ptr<Topic>>* topics);
  Status RemoveOrphans(const std::unordered_map<uint64_t, std::shared_ptr<Topic>>& topics);
  Result<std::shared_ptr<Topic>> MakeTopic(uint64_t number, const std::string& name);
  std::shared_ptr<Subscription> MakeSubscription(uint64_t number, SubscriptionSettings settings,
                                                 Filter filter, const Topic& topic,
                                                 OffsetRanges acked);
  std::string FolderOf(uint64_t topic) const {
    return options_.folder + "/topics/" + std::to_string(topic);
  }
  std::shared_ptr<Topic> FindTopic(const std::string& name) const;
  Subscribed FindSubscription(const std::string& name) const;
  SubscriptionSettings SettingsOf(const Subscribed& subscribed) const;
  SnapshotDescription Describe(const Catalog::Snapshot& snapshot) const;
  std::shared_ptr<const std::vector<NamedSubscription>> AllSubscriptions() const;
  Status StoreSubscription(const Subscribed& subscribed, SubscriptionSettings settings);
  void DropIfUnused(const std::shared_ptr<Topic>& topic);

  void Keep();
  void Forward(const std::string& name, const Subscribed& subscribed);
  void FlushAcked(bool is_last);
  void DropOld();
  void DropOldOf(const std::shared_ptr<Topic>& topic);
  Status ExpireSnapshots();

  const MessageLogOptions options_;
  std::function<int64_t()> now_;
  FolderLock lock_;
  std::unique_ptr<Catalog> catalog_;

  std::mutex admin_;  // Held by who changes what there is; before registry_.
  mutable std::shared_mutex registry_;
  std::map<std::string, std::shared_ptr<Topic>, std::less<>> topics_;
  std::map<std::string, Subscribed, std::less<>> subscriptions_;
  mutable std::shared_ptr<const std::vector<NamedSubscription>> all_;  // Null after a change.
  std::vector<std::shared_ptr<Topic>> deleted_topics_;
  std::map<std::string, Catalog::Snapshot, std::less<>> snapshots_;

  std::mutex tick_mutex_;   // One Tick at a time.
  std::mutex flush_mutex_;  // Later ranges are written later.
  std::atomic<int64_t> next_flush_ = 0;
  int64_t next_drop_ = 0;

  std::mutex keeper_mutex_;
  std::condition_variable keeper_wake_;
  std::vector<PendingAnswer> pending_;
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
  if (catalog_ != nullptr) FlushAcked(true);
}

Status FileLog::Start() {
  std::error_code error;
  std::filesystem::create_directories(options_.folder, error);
  if (error) return FromErrno(error.value(), "cannot create " + options_.folder);
  JOIST_RETURN_IF_ERROR(lock_.Take(options_.folder));
  JOIST_ASSIGN_OR_RETURN(catalog_, Catalog::Open(options_.folder + "/catalog.sqlite"));
  JOIST_RETURN_IF_ERROR(Load());
  writer_ = std::make_unique<BatchWriter>(options_.most_bytes_in_flight);
  if (options_.has_keeper) keeper_ = std::thread([this] { Keep(); });
  return OkStatus();
}

Result<std::shared_ptr<Topic>> FileLog::MakeTopic(uint64_t number, const std::string& name) {
  JOIST_ASSIGN_OR_RETURN(auto files, TopicFiles::Open(FolderOf(number), options_.segment_bytes));
  return std::make_shared<Topic>(number, name, std::move(files), now_);
}

std::shared_ptr<Subscription> FileLog::MakeSubscription(uint64_t number,
                                                        SubscriptionSettings settings,
                                                        Filter filter, const Topic& topic,
                                                        OffsetRanges acked) {
  // Ids of this process's leases are beyond those of earlier ones, which had less than one each
  // microsecond.
  return std::make_shared<Subscription>(number, std::move(settings), std::move(filter), topic.files,
                                        std::move(acked), static_cast<uint64_t>(SystemMicros()),
                                        options_.most_leases);
}

Status FileLog::LoadTopics(std::unordered_map<uint64_t, std::shared_ptr<Topic>>* topics) {
  JOIST_ASSIGN_OR_RETURN(const auto stored, catalog_->Topics());
  for (const Catalog::Topic& one : stored) {
    JOIST_ASSIGN_OR_RETURN(auto topic, MakeTopic(one.number, one.name));
    topic->settings = one.settings;
    topic->is_deleted = one.name.empty();
    topics->emplace(one.number, topic);
    if (topic->is_deleted) {
      deleted_topics_.push_back(topic);
    } else {
      topics_.emplace(one.name, std::move(topic));
    }
  }
  return RemoveOrphans(*topics);
}

Status FileLog::RemoveOrphans(const std::unordered_map<uint64_t, std::shared_ptr<Topic>>& topics) {
  JOIST_ASSIGN_OR_RETURN(const uint64_t largest, catalog_->LargestTopicNumber());
  std::error_code error;
  for (const auto& entry :
       std::filesystem::directory_iterator(options_.folder + "/topics", error)) {
    const std::string name = entry.path().filename();
    uint64_t number = 0;
    std::from_chars(name.data(), name.data() + name.size(), number);
    if (std::to_string(number) != name || number > largest) {
      return DataLoss("the catalog of " + options_.folder + " does not know " +
                      entry.path().string() + "; restore the catalog, or move the folder away");
    }
    // The topic was being removed when the process ended.
    if (!topics.contains(number)) std::filesystem::remove_all(entry.path(), error);
  }
  return OkStatus();
}

Status FileLog::Load() {
  std::unordered_map<uint64_t, std::shared_ptr<Topic>> topics;
  JOIST_RETURN_IF_ERROR(LoadTopics(&topics));
  JOIST_ASSIGN_OR_RETURN(auto stored, catalog_->Subscriptions());
  for (Catalog::Subscription& one : stored) {
    const auto topic = topics.find(one.topic);
    if (topic == topics.end()) {
      return DataLoss("the catalog has a subscription " + one.name + " without its topic");
    }
    JOIST_ASSIGN_OR_RETURN(OffsetRanges acked, OffsetRanges::Decode(one.acked));
    if (acked.floor() > topic->second->files->end()) {
      return DataLoss("messages that " + one.name + " has acknowledged are not in " +
                      FolderOf(one.topic) + "; restore that folder");
    }
    JOIST_ASSIGN_OR_RETURN(Filter filter, Filter::Parse(one.settings.filter));
    auto subscription = MakeSubscription(one.number, std::move(one.settings), std::move(filter),
                                         *topic->second, std::move(acked));
    topic->second->Add({one.number, one.name, subscription});
    subscriptions_.emplace(one.name, Subscribed{std::move(subscription), topic->second});
  }
  JOIST_ASSIGN_OR_RETURN(auto snapshots, catalog_->Snapshots());
  for (Catalog::Snapshot& snapshot : snapshots) {
    std::string name = snapshot.name;
    snapshots_.emplace(std::move(name), std::move(snapshot));
  }
  for (const auto& topic : std::vector(deleted_topics_)) DropIfUnused(topic);
  return OkStatus();
}

std::shared_ptr<Topic> FileLog::FindTopic(const std::string& name) const {
  const std::shared_lock lock(registry_);
  const auto found = topics_.find(name);
  return found == topics_.end() ? nullptr : found->second;
}

FileLog::Subscribed FileLog::FindSubscription(const std::string& name) const {
  const std::shared_lock lock(registry_);
  const auto found = subscriptions_.find(name);
  return found == subscriptions_.end() ? Subscribed() : found->second;
}

std::shared_ptr<const std::vector<FileLog::NamedSubscription>> FileLog::AllSubscriptions() const {
  {
    const std::shared_lock lock(registry_);
    if (all_ != nullptr) return all_;
  }
  const std::unique_lock lock(registry_);
  all_ = std::make_shared<const std::vector<NamedSubscription>>(subscriptions_.begin(),
                                                                subscriptions_.end());
  return all_;
}

// ---- topics

Status FileLog::CreateTopic(const std::string& name, TopicSettings settings) {
  JOIST_RETURN_IF_ERROR(CheckName(name));
  const std::lock_guard admin(admin_);
  if (FindTopic(name) != nullptr) return Already(name);
  if (topics_.size() + deleted_topics_.size() >= options_.most_topics) {
    return {StatusCode::kResourceExhausted,
            "there are " + std::to_string(options_.most_topics) + " topics already; delete some"};
  }
  JOIST_ASSIGN_OR_RETURN(const uint64_t number, catalog_->AddTopic(name, settings));
  auto topic = MakeTopic(number, name);
  if (!topic.ok()) {
    (void)catalog_->RemoveTopic(number);
    return topic.status();
  }
  topic.value()->settings = std::move(settings);
  const std::unique_lock lock(registry_);
  topics_.emplace(name, std::move(*topic));
  return OkStatus();
}

Status FileLog::UpdateTopic(const std::string& name, TopicSettings settings) {
  const std::lock_guard admin(admin_);
  const auto topic = FindTopic(name);
  if (topic == nullptr) return NoSuch(name);
  JOIST_RETURN_IF_ERROR(catalog_->SetTopic({topic->number, name, settings}));
  const std::unique_lock lock(registry_);
  topic->settings = std::move(settings);
  return OkStatus();
}

Status FileLog::DeleteTopic(const std::string& name) {
  const std::lock_guard admin(admin_);
  const auto topic = FindTopic(name);
  if (topic == nullptr) return NoSuch(name);
  JOIST_RETURN_IF_ERROR(catalog_->SetTopic({topic->number, "", topic->settings}));
  {
    const std::unique_lock lock(registry_);
    topics_.erase(name);
    topic->is_deleted = true;
    deleted_topics_.push_back(topic);
  }
  DropIfUnused(topic);
  return OkStatus();
}

void FileLog::DropIfUnused(const std::shared_ptr<Topic>& topic) {
  if (!topic->is_deleted || !topic->subscriptions()->empty()) return;
  // If it fails the next start tries again.
  if (!catalog_->RemoveTopic(topic->number).ok()) return;
  {
    const std::unique_lock lock(registry_);
    std::erase(deleted_topics_, topic);
  }
  topic->files->Remove();
}

Result<TopicDescription> FileLog::GetTopic(const std::string& name) {
  const std::shared_lock lock(registry_);
  const auto found = topics_.find(name);
  if (found == topics_.end()) return NoSuch(name);
  return TopicDescription{name, found->second->settings};
}

std::vector<TopicDescription> FileLog::ListTopics(std::string_view prefix, std::string_view after,
                                                  size_t limit) {
  std::vector<TopicDescription> listed;
  const std::shared_lock lock(registry_);
  auto at = after < prefix ? topics_.lower_bound(prefix) : topics_.upper_bound(after);
  for (; at != topics_.end() && at->first.starts_with(prefix) && listed.size() < limit; ++at) {
    listed.push_back({at->first, at->second->settings});
  }
  return listed;
}

std::vector<std::string> FileLog::SubscriptionsOf(const std::string& topic) {
  std::vector<std::string> names;
  if (const auto found = FindTopic(topic); found != nullptr) {
    const auto all = found->subscriptions();
    for (const auto& one : *all) {
      if (!one.subscription->settings().is_detached) names.push_back(one.name);
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

// ---- subscriptions

Status FileLog::CreateSubscription(const std::string& name, SubscriptionSettings settings) {
  JOIST_RETURN_IF_ERROR(CheckName(name));
  JOIST_ASSIGN_OR_RETURN(Filter filter, Filter::Parse(settings.filter));
  const std::lock_guard admin(admin_);
  if (FindSubscription(name).subscription != nullptr) return Already(name);
  const auto topic = FindTopic(settings.topic);
  if (topic == nullptr) return NoSuch(settings.topic);
  if (subscriptions_.size() >= options_.most_subscriptions) {
    return {StatusCode::kResourceExhausted, "there are " +
                                                std::to_string(options_.most_subscriptions) +
                                                " subscriptions already; delete some"};
  }
  OffsetRanges acked(topic->files->end());
  JOIST_ASSIGN_OR_RETURN(
      const uint64_t number,
      catalog_->AddSubscription(
          {.name = name, .topic = topic->number, .settings = settings, .acked = acked.Encode()}));
  auto subscription =
      MakeSubscription(number, std::move(settings), std::move(filter), *topic, std::move(acked));
  topic->Add({number, name, subscription});
  const std::unique_lock lock(registry_);
  subscriptions_.emplace(name, Subscribed{std::move(subscription), topic});
  all_.reset();
  return OkStatus();
}

Status FileLog::StoreSubscription(const Subscribed& subscribed, SubscriptionSettings settings) {
  JOIST_RETURN_IF_ERROR(catalog_->SetSubscription(
      {.number = subscribed.subscription->number(), .settings = settings}));
  subscribed.subscription->SetSettings(std::move(settings));
  return OkStatus();
}

Status FileLog::UpdateSubscription(const std::string& name, SubscriptionSettings settings) {
  const std::lock_guard admin(admin_);
  const Subscribed subscribed = FindSubscription(name);
  if (subscribed.subscription == nullptr) return NoSuch(name);
  SubscriptionSettings old = subscribed.subscription->settings();
  settings.topic = old.topic;
  settings.filter = old.filter;
  settings.is_ordered = old.is_ordered;
  settings.is_detached = old.is_detached;
  return StoreSubscription(subscribed, std::move(settings));
}

Status FileLog::DeleteSubscription(const std::string& name) {
  const std::lock_guard admin(admin_);
  const Subscribed subscribed = FindSubscription(name);
  if (subscribed.subscription == nullptr) return NoSuch(name);
  JOIST_RETURN_IF_ERROR(catalog_->RemoveSubscription(subscribed.subscription->number()));
  {
    const std::unique_lock lock(registry_);
    subscriptions_.erase(name);
    all_.reset();
  }
  subscribed.topic->Remove(subscribed.subscription->number());
  // Who waits for messages learns that there will be none.
  SubscriptionSettings settings = subscribed.subscription->settings();
  settings.is_detached = true;
  subscribed.subscription->SetSettings(std::move(settings));
  DropIfUnused(subscribed.topic);
  return OkStatus();
}

Status FileLog::DetachSubscription(const std::string& name) {
  const std::lock_guard admin(admin_);
  const Subscribed subscribed = FindSubscription(name);
  if (subscribed.subscription == nullptr) return NoSuch(name);
  SubscriptionSettings settings = subscribed.subscription->settings();
  settings.is_detached = true;
  return StoreSubscription(subscribed, std::move(settings));
}

SubscriptionSettings FileLog::SettingsOf(const Subscribed& subscribed) const {
  SubscriptionSettings settings = subscribed.subscription->settings();
  settings.topic =
      subscribed.topic->is_deleted ? SubscriptionSettings::kDeletedTopic : subscribed.topic->name;
  return settings;
}

Result<SubscriptionDescription> FileLog::GetSubscription(const std::string& name) {
  const std::shared_lock lock(registry_);
  const auto found = subscriptions_.find(name);
  if (found == subscriptions_.end()) return NoSuch(name);
  return SubscriptionDescription{name, SettingsOf(found->second)};
}

std::vector<SubscriptionDescription> FileLog::ListSubscriptions(std::string_view prefix,
                                                                std::string_view after,
                                                                size_t limit) {
  std::vector<SubscriptionDescription> listed;
  const std::shared_lock lock(registry_);
  auto at = after < prefix ? subscriptions_.lower_bound(prefix) : subscriptions_.upper_bound(after);
  for (; at != subscriptions_.end() && at->first.starts_with(prefix) && listed.size() < limit;
       ++at) {
    listed.push_back({at->first, SettingsOf(at->second)});
  }
  return listed;
}

// ---- snapshots

Status FileLog::CreateSnapshot(const std::string& name, const std::string& subscription,
                               int64_t expires_micros, std::string front) {
  JOIST_RETURN_IF_ERROR(CheckName(name));
  const std::lock_guard admin(admin_);
  const Subscribed subscribed = FindSubscription(subscription);
  if (subscribed.subscription == nullptr) return NoSuch(subscription);
  if (snapshots_.contains(name)) return Already(name);
  if (snapshots_.size() >= kMostSnapshots) {
    return {StatusCode::kResourceExhausted,
            "there are " + std::to_string(kMostSnapshots) + " snapshots already; delete some"};
  }
  Catalog::Snapshot snapshot = {.name = name,
                                .topic = subscribed.topic->number,
                                .expires_micros = expires_micros,
                                .front = std::move(front),
                                .acked = subscribed.subscription->acked().Encode()};
  JOIST_RETURN_IF_ERROR(catalog_->PutSnapshot(snapshot));
  const std::unique_lock lock(registry_);
  snapshots_.emplace(name, std::move(snapshot));
  return OkStatus();
}

Status FileLog::UpdateSnapshot(const SnapshotDescription& snapshot) {
  const std::lock_guard admin(admin_);
  const auto found = snapshots_.find(snapshot.name);
  if (found == snapshots_.end()) return NoSuch(snapshot.name);
  Catalog::Snapshot changed = found->second;
  changed.expires_micros = snapshot.expires_micros;
  changed.front = snapshot.front;
  JOIST_RETURN_IF_ERROR(catalog_->PutSnapshot(changed));
  const std::unique_lock lock(registry_);
  found->second = std::move(changed);
  return OkStatus();
}

Status FileLog::DeleteSnapshot(const std::string& name) {
  const std::lock_guard admin(admin_);
  if (!snapshots_.contains(name)) return NoSuch(name);
  JOIST_RETURN_IF_ERROR(catalog_->RemoveSnapshot(name));
  const std::unique_lock lock(registry_);
  snapshots_.erase(name);
  return OkStatus();
}

SnapshotDescription FileLog::Describe(const Catalog::Snapshot& snapshot) const {
  std::string topic = SubscriptionSettings::kDeletedTopic;
  for (const auto& [name, one] : topics_) {
    if (one->number == snapshot.topic) topic = name;
  }
  return {snapshot.name, std::move(topic), snapshot.expires_micros, snapshot.front};
}

Result<SnapshotDescription> FileLog::GetSnapshot(const std::string& name) {
  const std::shared_lock lock(registry_);
  const auto found = snapshots_.find(name);
  if (found == snapshots_.end()) return NoSuch(name);
  return Describe(found->second);
}

std::vector<SnapshotDescription> FileLog::ListSnapshots(std::string_view prefix,
                                                        std::string_view after, size_t limit) {
  std::vector<SnapshotDescription> listed;
  const std::shared_lock lock(registry_);
  auto at = after < prefix ? snapshots_.lower_bound(prefix) : snapshots_.upper_bound(after);
  for (; at != snapshots_.end() && at->first.starts_with(prefix) && listed.size() < limit; ++at) {
    listed.push_back(Describe(at->second));
  }
  return listed;
}

Status FileLog::ExpireSnapshots() {
  std::vector<std::string> expired;
  {
    const std::shared_lock lock(registry_);
    for (const auto& [name, snapshot] : snapshots_) {
      if (snapshot.expires_micros <= now_()) expired.push_back(name);
    }
  }
  for (const std::string& name : expired) JOIST_RETURN_IF_ERROR(DeleteSnapshot(name));
  return OkStatus();
}

// ---- messages

Status FileLog::Publish(const std::string& name, PublishBatch batch, Published done) {
  if (batch.count() == 0) return InvalidArgument("a batch has one message at least");
  auto topic = FindTopic(name);
  if (topic == nullptr) return NoSuch(name);
  return writer_->Write(std::move(topic), std::move(batch), std::move(done));
}

Result<Deliveries> FileLog::Pull(const std::string& name, const PullLimits& limits,
                                 const Waiter& waiter) {
  const Subscribed subscribed = FindSubscription(name);
  if (subscribed.subscription == nullptr) return NoSuch(name);
  return subscribed.subscription->Pull(now_(), limits, waiter);
}

Status FileLog::Wait(const std::string& name, const Waiter& waiter) {
  const Subscribed subscribed = FindSubscription(name);
  if (subscribed.subscription == nullptr) return NoSuch(name);
  subscribed.subscription->Wait(waiter);
  return OkStatus();
}

Status FileLog::Acknowledge(const std::string& name, std::span<const AckId> ids,
                            Acknowledged done) {
  const Subscribed subscribed = FindSubscription(name);
  if (subscribed.subscription == nullptr) return NoSuch(name);
  std::vector<AckId> refused = subscribed.subscription->Acknowledge(now_(), ids);
  if (!done) return OkStatus();
  if (!subscribed.subscription->settings().is_exactly_once) {
    done(OkStatus(), std::move(refused));
    return OkStatus();
  }
  {
    const std::lock_guard lock(keeper_mutex_);
    pending_.push_back({std::move(done), std::move(refused)});
  }
  keeper_wake_.notify_one();
  return OkStatus();
}

Result<std::vector<AckId>> FileLog::ModifyAckDeadline(const std::string& name,
                                                      std::span<const AckId> ids, int64_t micros) {
  const Subscribed subscribed = FindSubscription(name);
  if (subscribed.subscription == nullptr) return NoSuch(name);
  return subscribed.subscription->ModifyAckDeadline(now_(), ids, micros);
}

Status FileLog::SeekToTime(const std::string& name, int64_t micros) {
  const std::lock_guard admin(admin_);
  const Subscribed subscribed = FindSubscription(name);
  if (subscribed.subscription == nullptr) return NoSuch(name);
  const SubscriptionSettings settings = subscribed.subscription->settings();
  const int64_t now = now_();
  JOIST_ASSIGN_OR_RETURN(const uint64_t target, subscribed.topic->files->OffsetAt(micros));
  int64_t retained_micros = subscribed.topic->settings.retention_micros;
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
  FlushAcked(false);
  return OkStatus();
}

Status FileLog::SeekToSnapshot(const std::string& name, const std::string& snapshot_name) {
  const std::lock_guard admin(admin_);
  const Subscribed subscribed = FindSubscription(name);
  if (subscribed.subscription == nullptr) return NoSuch(name);
  const auto found = snapshots_.find(snapshot_name);
  if (found == snapshots_.end()) return NoSuch(snapshot_name);
  if (found->second.topic != subscribed.topic->number) {
    return InvalidArgument("the snapshot " + snapshot_name + " is of another topic than " + name);
  }
  JOIST_ASSIGN_OR_RETURN(OffsetRanges acked, OffsetRanges::Decode(found->second.acked));
  subscribed.subscription->Reset(std::move(acked));
  FlushAcked(false);
  return OkStatus();
}

Result<TopicFigures> FileLog::FiguresOfTopic(const std::string& name) {
  const auto topic = FindTopic(name);
  if (topic == nullptr) return NoSuch(name);
  return TopicFigures{.messages = topic->messages.load(std::memory_order_relaxed),
                      .bytes = topic->bytes.load(std::memory_order_relaxed),
                      .stored_bytes = topic->files->bytes(),
                      .begin = topic->files->begin(),
                      .end = topic->files->end()};
}

Result<SubscriptionFigures> FileLog::FiguresOfSubscription(const std::string& name) {
  const Subscribed subscribed = FindSubscription(name);
  if (subscribed.subscription == nullptr) return NoSuch(name);
  return subscribed.subscription->figures();
}

// ---- the keeper

void FileLog::Keep() {
  while (true) {
    {
      std::unique_lock lock(keeper_mutex_);
      keeper_wake_.wait_for(lock, std::chrono::microseconds(kTickMicros),
                            [this] { return is_ending_ || !pending_.empty(); });
      if (is_ending_) return;
    }
    Tick();
  }
}

void FileLog::Tick() {
  const std::lock_guard one(tick_mutex_);
  const int64_t now = now_();
  const auto all = AllSubscriptions();
  for (const auto& [name, subscribed] : *all) {
    subscribed.subscription->Expire(now);
    Forward(name, subscribed);
  }
  bool is_asked = false;
  {
    const std::lock_guard lock(keeper_mutex_);
    is_asked = !pending_.empty();
  }
  if (is_asked || now >= next_flush_) FlushAcked(false);
  if (now >= next_drop_) {
    next_drop_ = now + kDropMicros;
    DropOld();
  }
}

void FileLog::Forward(const std::string& name, const Subscribed& subscribed) {
  const auto& subscription = subscribed.subscription;
  const int64_t now = now_();
  const Deliveries letters = subscription->TakeForwards(now);
  if (letters.messages.empty()) return;
  const std::string target = subscription->settings().dead_letter_topic;
  // Names are those of the front: projects/PROJECT/subscriptions/NAME.
  const size_t project_begin = name.find('/') + 1;
  const size_t project_end = std::min(name.find('/', project_begin), name.size());
  const size_t short_begin = name.rfind('/') + 1;
  for (const Delivery& letter : letters.messages) {
    const std::string attempts = std::to_string(letter.attempts);
    const std::string time = Rfc3339(letter.publish_micros);
    std::vector<std::pair<std::string_view, std::string_view>> attributes;
    letter.message.attributes.ForEach([&](std::string_view attribute, std::string_view value) {
      if (!attribute.starts_with("CloudPubSubDeadLetterSource")) {
        attributes.emplace_back(attribute, value);
      }
    });
    const std::string_view whole = name;
    attributes.emplace_back("CloudPubSubDeadLetterSourceSubscription", whole.substr(short_begin));
    attributes.emplace_back("CloudPubSubDeadLetterSourceSubscriptionProject",
                            whole.substr(project_begin, project_end - project_begin));
    attributes.emplace_back("CloudPubSubDeadLetterSourceDeliveryCount", attempts);
    attributes.emplace_back("CloudPubSubDeadLetterSourceTopicPublishTime", time);
    const uint64_t offset = letter.id.offset;
    PublishBatch batch;
    Status status = batch.Add(letter.message.data, attributes, letter.message.ordering_key);
    if (status.ok()) {
      status = Publish(target, std::move(batch), [this, subscription, offset](const auto& first) {
        subscription->Forwarded(now_(), {&offset, 1}, first.ok());
      });
    }
    if (!status.ok()) subscription->Forwarded(now, {&offset, 1}, false);
  }
}

void FileLog::FlushAcked(bool is_last) {
  std::vector<PendingAnswer> answers;
  const Status status = [&] {
    const std::lock_guard one(flush_mutex_);
    {
      const std::lock_guard lock(keeper_mutex_);
      answers.swap(pending_);
    }
    std::vector<Catalog::Acked> changed;
    std::vector<std::shared_ptr<Subscription>> subscriptions;
    size_t bytes = 0;
    bool is_synchronous = is_last;
    const auto all = AllSubscriptions();
    for (const auto& [name, subscribed] : *all) {
      auto ranges = subscribed.subscription->TakeChanged();
      if (!ranges) continue;
      is_synchronous |= subscribed.subscription->settings().is_exactly_once;
      bytes += ranges->size();
      changed.push_back({subscribed.subscription->number(), std::move(*ranges)});
      subscriptions.push_back(subscribed.subscription);
    }
    next_flush_ = now_() + kFlushMicros * static_cast<int64_t>(1 + bytes / kFlushBytes);
    if (changed.empty()) return OkStatus();
    Status written = catalog_->SetAcked(changed, is_synchronous);
    if (written.ok()) return written;
    for (const auto& subscription : subscriptions) subscription->MarkChanged();
    return Status(StatusCode::kUnavailable, written.message());
  }();
  for (PendingAnswer& answer : answers) answer.done(status, std::move(answer.refused));
}

void FileLog::DropOld() {
  (void)ExpireSnapshots();  // The next round tries again.
  std::vector<std::shared_ptr<Topic>> topics;
  {
    const std::shared_lock lock(registry_);
    for (const auto& [name, topic] : topics_) topics.push_back(topic);
    topics.insert(topics.end(), deleted_topics_.begin(), deleted_topics_.end());
  }
  for (const auto& topic : topics) DropOldOf(topic);
}

void FileLog::DropOldOf(const std::shared_ptr<Topic>& topic) {
  const int64_t now = now_();
  TopicFiles& files = *topic->files;
  uint64_t needed = files.end();
  const auto need_since = [&](int64_t retention) {
    const auto offset = files.OffsetAt(now - retention);
    needed = std::min(needed, offset.ok() ? *offset : files.begin());
  };
  int64_t retention = 0;
  {
    const std::shared_lock lock(registry_);
    retention = topic->settings.retention_micros;
    for (const auto& [name, snapshot] : snapshots_) {
      if (snapshot.topic != topic->number) continue;
      const auto acked = OffsetRanges::Decode(snapshot.acked);
      needed = std::min(needed, acked.ok() ? acked.value().floor() : files.begin());
    }
  }
  if (retention > 0) need_since(retention);
  const auto all = topic->subscriptions();
  for (const auto& one : *all) {
    const SubscriptionSettings settings = one.subscription->settings();
    if (settings.is_detached) continue;
    const auto oldest = files.OffsetAt(now - settings.retention_micros);
    if (!oldest.ok()) return;
    if (one.subscription->acked().floor() < *oldest) {
      one.subscription->AcknowledgeBefore(now, *oldest);
    }
    needed = std::min(needed, settings.retain_acked ? *oldest : one.subscription->acked().floor());
  }
  // A file that cannot be removed now is listed, and removed, at the next start.
  (void)files.DropBefore(needed);
}

}  // namespace

Result<std::unique_ptr<MessageLog>> MessageLog::Open(MessageLogOptions options) {
  auto log = std::make_unique<FileLog>(std::move(options));
  JOIST_RETURN_IF_ERROR(log->Start());
  return std::unique_ptr<MessageLog>(std::move(log));
}

}  // namespace joist::store
