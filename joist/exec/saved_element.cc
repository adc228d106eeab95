// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/exec/saved_element.h"

namespace joist {

void RefuseToSave(std::string_view type) {
  throw StatusException(Status(StatusCode::kFailedPrecondition,
                               "a " + std::string(type) +
                                   " has no coder, so it cannot be kept in a checkpoint; give its "
                                   "type JOIST_ROW, or a Coder"));
}

}  // namespace joist
