// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Registry: which topics and subscriptions there are, as the catalog has them, and where their
// messages lie. Thread-safe. Settings are durable when the calls that change them return.

#ifndef JOIST_STORE_LOG_REGISTRY_H_
#define JOIST_STORE_LOG_REGISTRY_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "joist/base/status.h"
#include "joist/store/log/catalog.h"
#include "joist/store/log/message_log.h"
#include "joist/store/log/topic.h"

namespace joist::store {

/// Those of names that nothing, or something already, has; and of names that cannot be.
Status NoSuchName(const std::string& name);
Status NameIsTaken(const std::string& name);
Status CheckName(const std::string& name);

class Registry {
 public:
  /// A subscription and the topic that it is, or was, of.
  struct Subscribed {
    std::shared_ptr<Subscription> subscription = {};
    std::shared_ptr<Topic> topic = {};
  };
  using NamedSubscription = std::pair<std::string, Subscribed>;

  /// `catalog` must outlive it.
  Registry(const MessageLogOptions& options, std::function<int64_t()> now, Catalog* catalog)
      : options_(options), now_(std::move(now)), catalog_(catalog) {}

  /// Once, before anything else: opens what the catalog has. DATA_LOSS where files are missing.
  Status Load();

  Status CreateTopic(const std::string& name, TopicSettings settings);
  Status UpdateTopic(const std::string& name, TopicSettings settings);
  Status DeleteTopic(const std::string& name);
  Result<TopicDescription> GetTopic(const std::string& name) const;
  std::vector<TopicDescription> ListTopics(std::string_view prefix, std::string_view after,
                                           size_t limit) const;
  std::vector<std::string> SubscriptionsOf(const std::string& topic) const;

  Status CreateSubscription(const std::string& name, SubscriptionSettings settings);
  Status UpdateSubscription(const std::string& name, SubscriptionSettings settings);
  Status DeleteSubscription(const std::string& name);
  Status DetachSubscription(const std::string& name);
  Result<SubscriptionDescription> GetSubscription(const std::string& name) const;
  std::vector<SubscriptionDescription> ListSubscriptions(std::string_view prefix,
                                                         std::string_view after,
                                                         size_t limit) const;

  /// Null where there is none.
  std::shared_ptr<Topic> FindTopic(const std::string& name) const;
  Result<Subscribed> FindSubscription(const std::string& name) const;
  /// By name.
  std::shared_ptr<const std::vector<NamedSubscription>> AllSubscriptions() const;
  /// With those that were deleted and are kept for their subscriptions.
  std::vector<std::shared_ptr<Topic>> AllTopics() const;
  TopicSettings SettingsOf(const Topic& topic) const;
  /// kDeletedTopic where nothing has it any more.
  std::string NameOfTopic(uint64_t number) const;

 private:
  using TopicsByNumber = std::unordered_map<uint64_t, std::shared_ptr<Topic>>;

  Status LoadTopics(TopicsByNumber* topics);
  Status LoadSubscriptions(const TopicsByNumber& topics);
  Status RemoveOrphans(const TopicsByNumber& topics) const;
  std::string FolderOf(uint64_t topic) const;
  Result<std::shared_ptr<Topic>> MakeTopic(uint64_t number, const std::string& name) const;
  std::shared_ptr<Subscription> MakeSubscription(uint64_t number, SubscriptionSettings settings,
                                                 Filter filter, const Topic& topic,
                                                 OffsetRanges acked, AttemptTable attempts) const;
  Status StoreSettings(const Subscribed& subscribed, SubscriptionSettings settings);
  void DropIfUnused(const std::shared_ptr<Topic>& topic);
  static SubscriptionSettings DescribedSettings(const Subscribed& subscribed);

  const MessageLogOptions& options_;
  const std::function<int64_t()> now_;
  Catalog* const catalog_;

  std::mutex change_;  // Held by who changes what there is; before mutex_.
  mutable std::shared_mutex mutex_;
  std::map<std::string, std::shared_ptr<Topic>, std::less<>> topics_;
  std::map<std::string, Subscribed, std::less<>> subscriptions_;
  mutable std::shared_ptr<const std::vector<NamedSubscription>> all_;  // Null after a change.
  std::vector<std::shared_ptr<Topic>> deleted_topics_;
};

}  // namespace joist::store

#endif  // JOIST_STORE_LOG_REGISTRY_H_
