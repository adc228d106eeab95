// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/store/log/dead_letters.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <ctime>
#include <string>
#include <utility>
#include <vector>

#include "joist/store/log/settings.h"

namespace joist::store {
namespace {

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

}  // namespace

Result<PublishBatch> DeadLetterOf(std::string_view subscription, const Delivery& delivery) {
  const size_t project_begin = subscription.find('/') + 1;
  const size_t project_end = std::min(subscription.find('/', project_begin), subscription.size());
  const size_t short_begin = subscription.rfind('/') + 1;
  const std::string attempts = std::to_string(delivery.attempts);
  const std::string time = Rfc3339(delivery.publish_micros);
  std::vector<std::pair<std::string_view, std::string_view>> attributes;
  delivery.message.attributes.ForEach([&](std::string_view name, std::string_view value) {
    if (!name.starts_with("CloudPubSubDeadLetterSource")) attributes.emplace_back(name, value);
  });
  attributes.emplace_back("CloudPubSubDeadLetterSourceSubscription",
                          subscription.substr(short_begin));
  attributes.emplace_back("CloudPubSubDeadLetterSourceSubscriptionProject",
                          subscription.substr(project_begin, project_end - project_begin));
  attributes.emplace_back("CloudPubSubDeadLetterSourceDeliveryCount", attempts);
  attributes.emplace_back("CloudPubSubDeadLetterSourceTopicPublishTime", time);
  PublishBatch batch;
  JOIST_RETURN_IF_ERROR(
      batch.Add(delivery.message.data, attributes, delivery.message.ordering_key));
  return batch;
}

}  // namespace joist::store
