// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/store/log/registry.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <system_error>

namespace joist::store {
namespace {

constexpr size_t kMostNameBytes = 1024;

/// Ids of this process's leases are beyond those of earlier ones, which had less than one each
/// microsecond.
uint64_t FirstLeaseId() {
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(
                                   std::chrono::system_clock::now().time_since_epoch())
                                   .count());
}

}  // namespace

Status NoSuchName(const std::string& name) {
  return NotFound("Resource not found (resource=" + name + ").");
}

Status NameIsTaken(const std::string& name) {
  return {StatusCode::kAlreadyExists,
          "Resource already exists in the project (resource=" + name + ")."};
}

Status CheckName(const std::string& name) {
  if (!name.empty() && name.size() <= kMostNameBytes) return OkStatus();
  return InvalidArgument("a name has 1 to " + std::to_string(kMostNameBytes) + " bytes");
}

std::string Registry::FolderOf(uint64_t topic) const {
  return options_.folder + "/topics/" + std::to_string(topic);
}

Result<std::shared_ptr<Topic>> Registry::MakeTopic(uint64_t number, const std::string& name) const {
  JOIST_ASSIGN_OR_RETURN(auto files, TopicFiles::Open(FolderOf(number), options_.segment_bytes));
  return std::make_shared<Topic>(number, name, std::move(files), now_);
}

std::shared_ptr<Subscription> Registry::MakeSubscription(uint64_t number,
                                                         SubscriptionSettings settings,
                                                         Filter filter, const Topic& topic,
                                                         OffsetRanges acked,
                                                         AttemptTable attempts) const {
  return std::make_shared<Subscription>(number, std::move(settings), std::move(filter), topic.files,
                                        std::move(acked), std::move(attempts), FirstLeaseId(),
                                        options_.most_leases, options_.most_waiting_of_key);
}

Status Registry::LoadTopics(TopicsByNumber* topics) {
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

Status Registry::RemoveOrphans(const TopicsByNumber& topics) const {
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

Status Registry::LoadSubscriptions(const TopicsByNumber& topics) {
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
    JOIST_ASSIGN_OR_RETURN(AttemptTable attempts, AttemptTable::Decode(one.attempts));
    JOIST_ASSIGN_OR_RETURN(Filter filter, Filter::Parse(one.settings.filter));
    auto subscription = MakeSubscription(one.number, std::move(one.settings), std::move(filter),
                                         *topic->second, std::move(acked), std::move(attempts));
    topic->second->Add({one.number, one.name, subscription});
    subscriptions_.emplace(one.name, Subscribed{std::move(subscription), topic->second});
  }
  return OkStatus();
}

Status Registry::Load() {
  TopicsByNumber topics;
  JOIST_RETURN_IF_ERROR(LoadTopics(&topics));
  JOIST_RETURN_IF_ERROR(LoadSubscriptions(topics));
  for (const auto& topic : std::vector(deleted_topics_)) DropIfUnused(topic);
  return OkStatus();
}

std::shared_ptr<Topic> Registry::FindTopic(const std::string& name) const {
  const std::shared_lock lock(mutex_);
  const auto found = topics_.find(name);
  return found == topics_.end() ? nullptr : found->second;
}

Result<Registry::Subscribed> Registry::FindSubscription(const std::string& name) const {
  const std::shared_lock lock(mutex_);
  const auto found = subscriptions_.find(name);
  if (found == subscriptions_.end()) return NoSuchName(name);
  return found->second;
}

std::shared_ptr<const std::vector<Registry::NamedSubscription>> Registry::AllSubscriptions() const {
  {
    const std::shared_lock lock(mutex_);
    if (all_ != nullptr) return all_;
  }
  const std::unique_lock lock(mutex_);
  all_ = std::make_shared<const std::vector<NamedSubscription>>(subscriptions_.begin(),
                                                                subscriptions_.end());
  return all_;
}

std::vector<std::shared_ptr<Topic>> Registry::AllTopics() const {
  std::vector<std::shared_ptr<Topic>> topics;
  const std::shared_lock lock(mutex_);
  for (const auto& [name, topic] : topics_) topics.push_back(topic);
  topics.insert(topics.end(), deleted_topics_.begin(), deleted_topics_.end());
  return topics;
}

TopicSettings Registry::SettingsOf(const Topic& topic) const {
  const std::shared_lock lock(mutex_);
  return topic.settings;
}

std::string Registry::NameOfTopic(uint64_t number) const {
  const std::shared_lock lock(mutex_);
  for (const auto& [name, topic] : topics_) {
    if (topic->number == number) return name;
  }
  return SubscriptionSettings::kDeletedTopic;
}

// ---- topics

Status Registry::CreateTopic(const std::string& name, TopicSettings settings) {
  JOIST_RETURN_IF_ERROR(CheckName(name));
  const std::lock_guard change(change_);
  if (FindTopic(name) != nullptr) return NameIsTaken(name);
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
  const std::unique_lock lock(mutex_);
  topics_.emplace(name, std::move(*topic));
  return OkStatus();
}

Status Registry::UpdateTopic(const std::string& name, TopicSettings settings) {
  const std::lock_guard change(change_);
  const auto topic = FindTopic(name);
  if (topic == nullptr) return NoSuchName(name);
  JOIST_RETURN_IF_ERROR(catalog_->SetTopic({topic->number, name, settings}));
  const std::unique_lock lock(mutex_);
  topic->settings = std::move(settings);
  return OkStatus();
}

Status Registry::DeleteTopic(const std::string& name) {
  const std::lock_guard change(change_);
  const auto topic = FindTopic(name);
  if (topic == nullptr) return NoSuchName(name);
  JOIST_RETURN_IF_ERROR(catalog_->SetTopic({topic->number, "", topic->settings}));
  {
    const std::unique_lock lock(mutex_);
    topics_.erase(name);
    topic->is_deleted = true;
    deleted_topics_.push_back(topic);
  }
  DropIfUnused(topic);
  return OkStatus();
}

void Registry::DropIfUnused(const std::shared_ptr<Topic>& topic) {
  if (!topic->is_deleted || !topic->subscriptions()->empty()) return;
  // If it fails the next start tries again.
  if (!catalog_->RemoveTopic(topic->number).ok()) return;
  {
    const std::unique_lock lock(mutex_);
    std::erase(deleted_topics_, topic);
  }
  topic->files->Remove();
}

Result<TopicDescription> Registry::GetTopic(const std::string& name) const {
  const std::shared_lock lock(mutex_);
  const auto found = topics_.find(name);
  if (found == topics_.end()) return NoSuchName(name);
  return TopicDescription{name, found->second->settings};
}

std::vector<TopicDescription> Registry::ListTopics(std::string_view prefix, std::string_view after,
                                                   size_t limit) const {
  std::vector<TopicDescription> listed;
  const std::shared_lock lock(mutex_);
  auto at = after < prefix ? topics_.lower_bound(prefix) : topics_.upper_bound(after);
  for (; at != topics_.end() && at->first.starts_with(prefix) && listed.size() < limit; ++at) {
    listed.push_back({at->first, at->second->settings});
  }
  return listed;
}

std::vector<std::string> Registry::SubscriptionsOf(const std::string& topic) const {
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

Status Registry::CreateSubscription(const std::string& name, SubscriptionSettings settings) {
  JOIST_RETURN_IF_ERROR(CheckName(name));
  JOIST_ASSIGN_OR_RETURN(Filter filter, Filter::Parse(settings.filter));
  const std::lock_guard change(change_);
  if (FindSubscription(name).ok()) return NameIsTaken(name);
  const auto topic = FindTopic(settings.topic);
  if (topic == nullptr) return NoSuchName(settings.topic);
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
  auto subscription = MakeSubscription(number, std::move(settings), std::move(filter), *topic,
                                       std::move(acked), {});
  topic->Add({number, name, subscription});
  const std::unique_lock lock(mutex_);
  subscriptions_.emplace(name, Subscribed{std::move(subscription), topic});
  all_.reset();
  return OkStatus();
}

Status Registry::StoreSettings(const Subscribed& subscribed, SubscriptionSettings settings) {
  JOIST_RETURN_IF_ERROR(catalog_->SetSubscription(
      {.number = subscribed.subscription->number(), .settings = settings}));
  subscribed.subscription->SetSettings(std::move(settings));
  return OkStatus();
}

Status Registry::UpdateSubscription(const std::string& name, SubscriptionSettings settings) {
  const std::lock_guard change(change_);
  JOIST_ASSIGN_OR_RETURN(const Subscribed subscribed, FindSubscription(name));
  SubscriptionSettings old = subscribed.subscription->settings();
  settings.topic = old.topic;
  settings.filter = old.filter;
  settings.is_ordered = old.is_ordered;
  settings.is_detached = old.is_detached;
  return StoreSettings(subscribed, std::move(settings));
}

Status Registry::DeleteSubscription(const std::string& name) {
  const std::lock_guard change(change_);
  JOIST_ASSIGN_OR_RETURN(const Subscribed subscribed, FindSubscription(name));
  JOIST_RETURN_IF_ERROR(catalog_->RemoveSubscription(subscribed.subscription->number()));
  {
    const std::unique_lock lock(mutex_);
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

Status Registry::DetachSubscription(const std::string& name) {
  const std::lock_guard change(change_);
  JOIST_ASSIGN_OR_RETURN(const Subscribed subscribed, FindSubscription(name));
  SubscriptionSettings settings = subscribed.subscription->settings();
  settings.is_detached = true;
  return StoreSettings(subscribed, std::move(settings));
}

SubscriptionSettings Registry::DescribedSettings(const Subscribed& subscribed) {
  SubscriptionSettings settings = subscribed.subscription->settings();
  settings.topic =
      subscribed.topic->is_deleted ? SubscriptionSettings::kDeletedTopic : subscribed.topic->name;
  return settings;
}

Result<SubscriptionDescription> Registry::GetSubscription(const std::string& name) const {
  const std::shared_lock lock(mutex_);
  const auto found = subscriptions_.find(name);
  if (found == subscriptions_.end()) return NoSuchName(name);
  return SubscriptionDescription{name, DescribedSettings(found->second)};
}

std::vector<SubscriptionDescription> Registry::ListSubscriptions(std::string_view prefix,
                                                                 std::string_view after,
                                                                 size_t limit) const {
  std::vector<SubscriptionDescription> listed;
  const std::shared_lock lock(mutex_);
  auto at = after < prefix ? subscriptions_.lower_bound(prefix) : subscriptions_.upper_bound(after);
  for (; at != subscriptions_.end() && at->first.starts_with(prefix) && listed.size() < limit;
       ++at) {
    listed.push_back({at->first, DescribedSettings(at->second)});
  }
  return listed;
}

}  // namespace joist::store
