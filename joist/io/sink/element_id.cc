// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/sink/element_id.h"

#include <random>

namespace joist::sink {

std::string_view ElementIds::Next() {
  if (giver_.empty()) {
    std::random_device random;
    for (int i = 0; i < 32; ++i) giver_ += "0123456789abcdef"[random() % 16];
  }
  id_ = giver_ + "-" + std::to_string(next_++);
  return id_;
}

}  // namespace joist::sink
