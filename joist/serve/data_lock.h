// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#ifndef JOIST_SERVE_DATA_LOCK_H_
#define JOIST_SERVE_DATA_LOCK_H_

#include <string>

#include "joist/base/status.h"

namespace joist::serve {

/// A folder of data as this process' own, until the object goes or the process ends, however.
class DataLock {
 public:
  /// Makes the folder if need be. UNAVAILABLE where another process has it, which is named.
  static Result<DataLock> Take(const std::string& folder);
  DataLock(DataLock&& other) noexcept;
  DataLock& operator=(DataLock&& other) noexcept;
  ~DataLock();

 private:
  explicit DataLock(int file) : file_(file) {}

  int file_ = -1;
};

}  // namespace joist::serve

#endif  // JOIST_SERVE_DATA_LOCK_H_
