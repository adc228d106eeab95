// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/model/window.h"

namespace joist {

std::string Window::ToString() const {
  if (is_global()) return "global";
  return "[" + start.ToString() + ", " + end.ToString() + ")";
}

}  // namespace joist
