// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Topics and subscriptions of Pub/Sub's protocol, checked and as the log's settings, and back.
// Limits and defaults are Google's. Pure functions, thread-safe.

#ifndef JOIST_SERVE_PUBSUB_RESOURCE_SETTINGS_H_
#define JOIST_SERVE_PUBSUB_RESOURCE_SETTINGS_H_

#include <google/protobuf/field_mask.pb.h>
#include <google/protobuf/timestamp.pb.h>
#include <google/pubsub/v1/pubsub.pb.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "joist/base/status.h"
#include "joist/store/log/message_log.h"

namespace joist::serve {

/// INVALID_ARGUMENT unless it is projects/PROJECT/KIND/ID with an id as Google allows it.
Status CheckResourceName(std::string_view name, std::string_view kind);
/// "projects/P" of "projects/P/topics/T".
std::string_view ProjectOf(std::string_view name);

/// INVALID_ARGUMENT, or UNIMPLEMENTED for what there is no such thing here as.
Result<store::TopicSettings> SettingsOf(const google::pubsub::v1::Topic& topic);
google::pubsub::v1::Topic TopicOf(const store::TopicDescription& description);

/// Fills in the defaults of what isn't set, as Google's answers have them.
void FillDefaults(google::pubsub::v1::Subscription* subscription);
Result<store::SubscriptionSettings> SettingsOf(
    const google::pubsub::v1::Subscription& subscription);
google::pubsub::v1::Subscription SubscriptionOf(const store::SubscriptionDescription& description);

google::pubsub::v1::Snapshot SnapshotOf(const store::SnapshotDescription& description);

/// Sets the fields of `target` that the mask names to what they are in `source`.
/// INVALID_ARGUMENT where it is empty, names none of them, or one that is not in `changeable`,
/// names with commas between.
Status ApplyMask(const google::protobuf::FieldMask& mask, std::string_view changeable,
                 const google::protobuf::Message& source, google::protobuf::Message* target);

int64_t MicrosOf(const google::protobuf::Timestamp& time);
void SetMicros(int64_t micros, google::protobuf::Timestamp* time);

}  // namespace joist::serve

#endif  // JOIST_SERVE_PUBSUB_RESOURCE_SETTINGS_H_
