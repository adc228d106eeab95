// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// What becomes of a message that was handed out too often: it is published again, in the
// dead-letter topic, with attributes that say where it came from.

#ifndef JOIST_STORE_LOG_DEAD_LETTERS_H_
#define JOIST_STORE_LOG_DEAD_LETTERS_H_

#include <string_view>

#include "joist/base/status.h"
#include "joist/store/log/publish_batch.h"
#include "joist/store/log/subscription.h"

namespace joist::store {

/// The message with the attributes that Pub/Sub gives to dead letters. A name without
/// "projects/PROJECT/subscriptions/" before it is its own short name.
Result<PublishBatch> DeadLetterOf(std::string_view subscription, const Delivery& delivery);

}  // namespace joist::store

#endif  // JOIST_STORE_LOG_DEAD_LETTERS_H_
