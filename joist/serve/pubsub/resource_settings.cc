// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/serve/pubsub/resource_settings.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/util/field_mask_util.h>

#include <algorithm>
#include <map>

namespace joist::serve {
namespace {

namespace v1 = google::pubsub::v1;
using google::protobuf::util::FieldMaskUtil;
using store::kMicrosPerSecond;

constexpr int64_t kMinute = 60;
constexpr int64_t kDay = 24 * 60 * kMinute;
constexpr int64_t kLeastAckDeadlineSeconds = 10;
constexpr int64_t kMostAckDeadlineSeconds = 600;
constexpr int64_t kMostBackoff = 600;
constexpr int64_t kDefaultMinBackoff = 10;
constexpr int64_t kDefaultRetention = 7 * kDay;
constexpr int64_t kDefaultExpiration = 31 * kDay;
constexpr size_t kMostLabels = 64;
constexpr size_t kMostLabelBytes = 63;

int64_t MicrosOfDuration(const google::protobuf::Duration& duration) {
  // Beyond what any field may be; so nothing overflows below.
  constexpr int64_t kMostSeconds = 100LL * 365 * kDay;
  return std::clamp(duration.seconds(), -kMostSeconds, kMostSeconds) * kMicrosPerSecond +
         duration.nanos() / 1000;
}

Status CheckRange(const char* what, int64_t micros, int64_t least_seconds, int64_t most_seconds) {
  if (micros >= least_seconds * kMicrosPerSecond && micros <= most_seconds * kMicrosPerSecond) {
    return OkStatus();
  }
  return InvalidArgument(std::string(what) + " is " + std::to_string(micros / kMicrosPerSecond) +
                         " seconds; it must be " + std::to_string(least_seconds) + " to " +
                         std::to_string(most_seconds));
}

Status CheckLabels(const google::protobuf::Map<std::string, std::string>& labels) {
  if (labels.size() > kMostLabels) return InvalidArgument("there are more than 64 labels");
  const auto is_label = [](const std::string& text) {
    return text.size() <= kMostLabelBytes &&
           std::all_of(text.begin(), text.end(), [](unsigned char c) {
             return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
                    c >= 0x80;
           });
  };
  for (const auto& [name, value] : labels) {
    if (name.empty() || !is_label(name) || !is_label(value)) {
      return InvalidArgument("the label \"" + name + "\" = \"" + value +
                             "\" has other characters than lower-case letters, digits, _ and -, or "
                             "more than 63");
    }
  }
  return OkStatus();
}

std::map<std::string, std::string> LabelsOf(
    const google::protobuf::Map<std::string, std::string>& labels) {
  return {labels.begin(), labels.end()};
}

Status Unimplemented(const std::string& what) {
  return {StatusCode::kUnimplemented, what + " is not supported by this server"};
}

Status CheckSupported(const v1::Subscription& subscription) {
  if (subscription.has_bigquery_config()) return Unimplemented("bigquery_config");
  if (subscription.has_cloud_storage_config()) return Unimplemented("cloud_storage_config");
  if (subscription.has_bigtable_config()) return Unimplemented("bigtable_config");
  if (subscription.message_transforms_size() > 0) return Unimplemented("message_transforms");
  const std::string& endpoint = subscription.push_config().push_endpoint();
  if (endpoint.starts_with("https://")) return Unimplemented("pushing over TLS (https://)");
  if (!endpoint.empty() && !endpoint.starts_with("http://")) {
    return InvalidArgument("push_endpoint is no URL: " + endpoint);
  }
  return OkStatus();
}

Status SetDeadLetters(const v1::DeadLetterPolicy& policy, store::SubscriptionSettings* settings) {
  JOIST_RETURN_IF_ERROR(CheckResourceName(policy.dead_letter_topic(), "topics"));
  if (policy.max_delivery_attempts() < 5 || policy.max_delivery_attempts() > 100) {
    return InvalidArgument("max_delivery_attempts is " +
                           std::to_string(policy.max_delivery_attempts()) +
                           "; it must be 5 to 100");
  }
  settings->dead_letter_topic = policy.dead_letter_topic();
  settings->max_delivery_attempts = policy.max_delivery_attempts();
  return OkStatus();
}

}  // namespace

Status CheckResourceName(std::string_view name, std::string_view kind) {
  Status wrong = InvalidArgument("Invalid [" + std::string(kind) +
                                 "] name: (name=" + std::string(name.substr(0, 300)) + ")");
  const std::string infix = "/" + std::string(kind) + "/";
  const size_t at = name.find(infix);
  if (!name.starts_with("projects/") || at == std::string_view::npos || at <= 9 ||
      name.substr(9, at - 9).find('/') != std::string_view::npos) {
    return wrong;
  }
  const std::string_view id = name.substr(at + infix.size());
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  const bool is_plain = std::all_of(id.begin(), id.end(), [&](char c) {
    return is_letter(c) || (c >= '0' && c <= '9') ||
           std::string_view("-_.~+%").find(c) != std::string_view::npos;
  });
  if (id.size() < 3 || id.size() > 255 || !is_letter(id[0]) || !is_plain ||
      id.starts_with("goog")) {
    return wrong;
  }
  return OkStatus();
}

std::string_view ProjectOf(std::string_view name) {
  const size_t slash = name.find('/');
  if (slash == std::string_view::npos) return name;
  return name.substr(0, name.find('/', slash + 1));
}

Result<store::TopicSettings> SettingsOf(const v1::Topic& topic) {
  JOIST_RETURN_IF_ERROR(CheckResourceName(topic.name(), "topics"));
  JOIST_RETURN_IF_ERROR(CheckLabels(topic.labels()));
  if (topic.has_schema_settings()) return Unimplemented("schema_settings");
  if (topic.has_ingestion_data_source_settings()) {
    return Unimplemented("ingestion_data_source_settings");
  }
  if (topic.message_transforms_size() > 0) return Unimplemented("message_transforms");
  store::TopicSettings settings;
  settings.labels = LabelsOf(topic.labels());
  if (topic.has_message_retention_duration()) {
    settings.retention_micros = MicrosOfDuration(topic.message_retention_duration());
    JOIST_RETURN_IF_ERROR(CheckRange("message_retention_duration", settings.retention_micros,
                                     10 * kMinute, 31 * kDay));
  }
  settings.front = topic.SerializeAsString();
  return settings;
}

v1::Topic TopicOf(const store::TopicDescription& description) {
  v1::Topic topic;
  if (description.settings.front.empty() || !topic.ParseFromString(description.settings.front)) {
    topic.Clear();
    topic.mutable_labels()->insert(description.settings.labels.begin(),
                                   description.settings.labels.end());
    if (const int64_t micros = description.settings.retention_micros; micros > 0) {
      topic.mutable_message_retention_duration()->set_seconds(micros / kMicrosPerSecond);
    }
  }
  topic.set_name(description.name);
  return topic;
}

void FillDefaults(v1::Subscription* subscription) {
  if (subscription->ack_deadline_seconds() == 0) {
    subscription->set_ack_deadline_seconds(kLeastAckDeadlineSeconds);
  }
  subscription->mutable_push_config();
  if (!subscription->has_message_retention_duration()) {
    subscription->mutable_message_retention_duration()->set_seconds(kDefaultRetention);
  }
  if (!subscription->has_expiration_policy()) {
    subscription->mutable_expiration_policy()->mutable_ttl()->set_seconds(kDefaultExpiration);
  }
  if (subscription->has_retry_policy()) {
    v1::RetryPolicy* retry = subscription->mutable_retry_policy();
    if (!retry->has_minimum_backoff()) {
      retry->mutable_minimum_backoff()->set_seconds(kDefaultMinBackoff);
    }
    if (!retry->has_maximum_backoff()) retry->mutable_maximum_backoff()->set_seconds(kMostBackoff);
  }
  if (subscription->has_dead_letter_policy() &&
      subscription->dead_letter_policy().max_delivery_attempts() == 0) {
    subscription->mutable_dead_letter_policy()->set_max_delivery_attempts(5);
  }
  subscription->set_state(v1::Subscription::ACTIVE);
}

Result<store::SubscriptionSettings> SettingsOf(const v1::Subscription& subscription) {
  JOIST_RETURN_IF_ERROR(CheckResourceName(subscription.name(), "subscriptions"));
  JOIST_RETURN_IF_ERROR(CheckLabels(subscription.labels()));
  JOIST_RETURN_IF_ERROR(CheckSupported(subscription));
  store::SubscriptionSettings settings;
  settings.topic = subscription.topic();
  settings.labels = LabelsOf(subscription.labels());
  settings.ack_deadline_micros = subscription.ack_deadline_seconds() * kMicrosPerSecond;
  JOIST_RETURN_IF_ERROR(CheckRange("ack_deadline_seconds", settings.ack_deadline_micros,
                                   kLeastAckDeadlineSeconds, kMostAckDeadlineSeconds));
  settings.retention_micros = MicrosOfDuration(subscription.message_retention_duration());
  JOIST_RETURN_IF_ERROR(
      CheckRange("message_retention_duration", settings.retention_micros, 10 * kMinute, 31 * kDay));
  settings.expiration_micros = MicrosOfDuration(subscription.expiration_policy().ttl());
  if (subscription.expiration_policy().has_ttl()) {
    JOIST_RETURN_IF_ERROR(
        CheckRange("expiration_policy.ttl", settings.expiration_micros, kDay, 100 * 365 * kDay));
  }
  settings.retain_acked = subscription.retain_acked_messages();
  settings.is_ordered = subscription.enable_message_ordering();
  settings.is_exactly_once = subscription.enable_exactly_once_delivery();
  settings.filter = subscription.filter();
  if (subscription.has_dead_letter_policy() &&
      !subscription.dead_letter_policy().dead_letter_topic().empty()) {
    JOIST_RETURN_IF_ERROR(SetDeadLetters(subscription.dead_letter_policy(), &settings));
  }
  if (subscription.has_retry_policy()) {
    settings.min_backoff_micros = MicrosOfDuration(subscription.retry_policy().minimum_backoff());
    settings.max_backoff_micros = MicrosOfDuration(subscription.retry_policy().maximum_backoff());
    JOIST_RETURN_IF_ERROR(
        CheckRange("retry_policy.minimum_backoff", settings.min_backoff_micros, 0, kMostBackoff));
    JOIST_RETURN_IF_ERROR(CheckRange("retry_policy.maximum_backoff", settings.max_backoff_micros,
                                     settings.min_backoff_micros / kMicrosPerSecond, kMostBackoff));
  }
  settings.front = subscription.SerializeAsString();
  return settings;
}

v1::Subscription SubscriptionOf(const store::SubscriptionDescription& description) {
  const store::SubscriptionSettings& settings = description.settings;
  v1::Subscription subscription;
  if (settings.front.empty() || !subscription.ParseFromString(settings.front)) {
    subscription.Clear();
    subscription.mutable_labels()->insert(settings.labels.begin(), settings.labels.end());
    subscription.set_ack_deadline_seconds(
        static_cast<int32_t>(settings.ack_deadline_micros / kMicrosPerSecond));
    subscription.mutable_message_retention_duration()->set_seconds(settings.retention_micros /
                                                                   kMicrosPerSecond);
    subscription.set_retain_acked_messages(settings.retain_acked);
    subscription.set_enable_message_ordering(settings.is_ordered);
    subscription.set_enable_exactly_once_delivery(settings.is_exactly_once);
    subscription.set_filter(settings.filter);
    if (!settings.dead_letter_topic.empty()) {
      subscription.mutable_dead_letter_policy()->set_dead_letter_topic(settings.dead_letter_topic);
      subscription.mutable_dead_letter_policy()->set_max_delivery_attempts(
          settings.max_delivery_attempts);
    }
    FillDefaults(&subscription);
  }
  subscription.set_name(description.name);
  subscription.set_topic(settings.topic);
  subscription.set_detached(settings.is_detached);
  return subscription;
}

v1::Snapshot SnapshotOf(const store::SnapshotDescription& description) {
  v1::Snapshot snapshot;
  if (!snapshot.ParseFromString(description.front)) snapshot.Clear();
  snapshot.set_name(description.name);
  snapshot.set_topic(description.topic);
  SetMicros(description.expires_micros, snapshot.mutable_expire_time());
  return snapshot;
}

Status ApplyMask(const google::protobuf::FieldMask& mask, std::string_view changeable,
                 const google::protobuf::Message& source, google::protobuf::Message* target) {
  const std::string type = target->GetDescriptor()->name();
  if (mask.paths_size() == 0) {
    return InvalidArgument("The update_mask in the Update" + type +
                           "Request must be set, and must contain a non-empty paths list.");
  }
  const std::string listed = "," + std::string(changeable) + ",";
  google::protobuf::FieldMask fields;
  for (const std::string& path : mask.paths()) {
    const std::string field = path.substr(0, path.find('.'));
    if (target->GetDescriptor()->FindFieldByName(field) == nullptr) {
      return InvalidArgument("Invalid update_mask provided in the Update" + type + "Request: '" +
                             path + "' is not a known " + type + " field.");
    }
    if (listed.find("," + field + ",") == std::string::npos) {
      return InvalidArgument("Invalid update_mask provided in the Update" + type +
                             "Request: the '" + field + "' field in the " + type +
                             " is not mutable.");
    }
    fields.add_paths(field);
  }
  FieldMaskUtil::MergeOptions options;
  options.set_replace_message_fields(true);
  options.set_replace_repeated_fields(true);
  FieldMaskUtil::MergeMessageTo(source, fields, options, target);
  return OkStatus();
}

int64_t MicrosOf(const google::protobuf::Timestamp& time) {
  // From the year 1 to 9999, as the protocol has it.
  return std::clamp<int64_t>(time.seconds(), -62'135'596'800, 253'402'300'799) * kMicrosPerSecond +
         time.nanos() / 1000;
}

void SetMicros(int64_t micros, google::protobuf::Timestamp* time) {
  time->set_seconds(micros / kMicrosPerSecond);
  time->set_nanos(static_cast<int32_t>(micros % kMicrosPerSecond * 1000));
}

}  // namespace joist::serve
