// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#ifndef JOIST_SERVE_GUNZIP_H_
#define JOIST_SERVE_GUNZIP_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "joist/base/status.h"

namespace joist::serve {

/// What a gzip file of one or several members holds. RESOURCE_EXHAUSTED where that is more than
/// `most_bytes`, of which no more are ever made; INVALID_ARGUMENT where it is damaged or cut short.
Result<std::string> Gunzip(std::string_view compressed, size_t most_bytes);

}  // namespace joist::serve

#endif  // JOIST_SERVE_GUNZIP_H_
