// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Which messages of a topic nobody needs any more: those that all its subscriptions have
// acknowledged or that are too old for them, that no snapshot has, and that the topic's own
// retention does not keep.

#ifndef JOIST_STORE_LOG_RETENTION_H_
#define JOIST_STORE_LOG_RETENTION_H_

#include <cstdint>
#include <span>

#include "joist/store/log/catalog.h"
#include "joist/store/log/topic.h"

namespace joist::store {

/// Acknowledges what is too old for its subscription, and drops the segments that nobody needs.
/// Thread-safe; what fails is left to the next call.
void DropOld(const Topic& topic, const TopicSettings& settings,
             std::span<const Catalog::Snapshot> snapshots, int64_t now);

}  // namespace joist::store

#endif  // JOIST_STORE_LOG_RETENTION_H_
