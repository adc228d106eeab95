// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/shared_bundle.h"

#include <utility>

namespace joist::portability {

std::optional<BundleSplit> SharedBundle::TakeSplit() {
  const std::lock_guard lock(mutex_);
  return std::exchange(offer_, std::nullopt);
}

bool SharedBundle::is_asked_for() const {
  if (!is_asked_for_) return false;
  const std::lock_guard lock(mutex_);
  return !offer_.has_value();
}

void SharedBundle::Offer(BundleSplit split) {
  const std::lock_guard lock(mutex_);
  is_asked_for_ = false;
  offer_ = std::move(split);
}

}  // namespace joist::portability
