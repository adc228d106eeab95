// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/exec/wall_time.h"

#include <chrono>

namespace joist {

Timestamp WallTime() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return Timestamp::Millis(std::chrono::duration_cast<std::chrono::milliseconds>(since).count());
}

}  // namespace joist
