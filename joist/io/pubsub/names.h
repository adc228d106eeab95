// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
#ifndef JOIST_IO_PUBSUB_NAMES_H_
#define JOIST_IO_PUBSUB_NAMES_H_

#include <string_view>

namespace joist::pubsub {

/// Whether `name` is "projects/P/KIND/N" with P and N of one part each.
bool IsNameOf(std::string_view kind, std::string_view name);

}  // namespace joist::pubsub

#endif  // JOIST_IO_PUBSUB_NAMES_H_
