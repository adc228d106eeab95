// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/stage_shares.h"

#include <algorithm>
#include <cstddef>

namespace joist::portability {

int StageShares::TakeNumber() {
  const std::lock_guard lock(mutex_);
  const auto free = std::find(is_taken_.begin(), is_taken_.end(), false);
  const auto number = free - is_taken_.begin();
  if (free == is_taken_.end()) is_taken_.push_back(false);
  is_taken_[static_cast<size_t>(number)] = true;
  return static_cast<int>(number);
}

void StageShares::ReturnNumber(int number) {
  const std::lock_guard lock(mutex_);
  is_taken_[static_cast<size_t>(number)] = false;
}

}  // namespace joist::portability
