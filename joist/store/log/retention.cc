// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/store/log/retention.h"

#include <algorithm>

#include "joist/store/log/offset_ranges.h"

namespace joist::store {

void DropOld(const Topic& topic, const TopicSettings& settings,
             std::span<const Catalog::Snapshot> snapshots, int64_t now) {
  TopicFiles& files = *topic.files;
  uint64_t needed = files.end();
  for (const Catalog::Snapshot& snapshot : snapshots) {
    const auto acked = OffsetRanges::Decode(snapshot.acked);
    needed = std::min(needed, acked.ok() ? acked.value().floor() : files.begin());
  }
  if (settings.retention_micros > 0) {
    const auto oldest = files.OffsetAt(now - settings.retention_micros);
    needed = std::min(needed, oldest.ok() ? *oldest : files.begin());
  }
  const auto all = topic.subscriptions();
  for (const auto& one : *all) {
    const SubscriptionSettings of_one = one.subscription->settings();
    if (of_one.is_detached) continue;
    const auto oldest = files.OffsetAt(now - of_one.retention_micros);
    if (!oldest.ok()) return;
    if (one.subscription->acked().floor() < *oldest) {
      one.subscription->AcknowledgeBefore(now, *oldest);
    }
    needed = std::min(needed, of_one.retain_acked ? *oldest : one.subscription->acked().floor());
  }
  // A file that cannot be removed now is listed, and removed, at the next start.
  (void)files.DropBefore(needed);
}

}  // namespace joist::store
