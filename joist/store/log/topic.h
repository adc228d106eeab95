// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Topic: where batches of a topic go, and who is told. Thread-safe but for what is guarded by the
// Registry.

#ifndef JOIST_STORE_LOG_TOPIC_H_
#define JOIST_STORE_LOG_TOPIC_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "joist/base/status.h"
#include "joist/store/log/batch_writer.h"
#include "joist/store/log/publish_batch.h"
#include "joist/store/log/settings.h"
#include "joist/store/log/subscription.h"
#include "joist/store/log/topic_files.h"

namespace joist::store {

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
  // Below: guarded by the Registry.
  TopicSettings settings;
  bool is_deleted = false;

 private:
  const std::function<int64_t()> now_;
  mutable std::mutex mutex_;
  std::shared_ptr<const std::vector<SubscriptionOfTopic>> subscriptions_ =
      std::make_shared<const std::vector<SubscriptionOfTopic>>();
};

}  // namespace joist::store

#endif  // JOIST_STORE_LOG_TOPIC_H_
