// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/shared_bundle.h"

#include <utility>

namespace joist::portability {

void SharedBundle::Ask() {
  const std::lock_guard lock(mutex_);
  is_asked_for_ = true;
}

std::optional<BundleSplit> SharedBundle::TakeSplit() {
  const std::lock_guard lock(mutex_);
  return std::exchange(offer_, std::nullopt);
}

bool SharedBundle::is_asked_for() const {
  const std::lock_guard lock(mutex_);
  return is_asked_for_ && !offer_.has_value() && !has_ended_;
}

void SharedBundle::Offer(BundleSplit split) {
  const std::lock_guard lock(mutex_);
  is_asked_for_ = false;
  offer_ = std::move(split);
}

std::vector<std::string> SharedBundle::End() {
  const std::lock_guard lock(mutex_);
  has_ended_ = true;
  std::optional<BundleSplit> offer = std::exchange(offer_, std::nullopt);
  return offer.has_value() ? std::move(offer->rest) : std::vector<std::string>();
}

}  // namespace joist::portability
