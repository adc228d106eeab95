// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#ifndef JOIST_BASE_UNNAMED_FILE_H_
#define JOIST_BASE_UNNAMED_FILE_H_

#include <string>

namespace joist {

/// A temporary file in `directory`, for reading and writing by its owner. It has no name, so that
/// the system removes it with the process, however that ends. Its descriptor, which the caller
/// closes; negative, with errno, where there can be none.
int OpenUnnamedFile(const std::string& directory);

}  // namespace joist

#endif  // JOIST_BASE_UNNAMED_FILE_H_
