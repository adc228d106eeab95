// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// FolderLock: a file "lock" of a folder that one process at a time has locked, until the object is
// gone. Belongs to one thread.

#ifndef JOIST_STORE_LOG_FOLDER_LOCK_H_
#define JOIST_STORE_LOG_FOLDER_LOCK_H_

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "joist/base/status.h"

namespace joist::store {

class FolderLock {
 public:
  FolderLock() = default;
  ~FolderLock() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

  /// UNAVAILABLE where another process has it.
  Status Take(const std::string& folder) {
    const std::string path = folder + "/lock";
    descriptor_ = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (descriptor_ < 0) return FromErrno(errno, "cannot open " + path);
    if (flock(descriptor_, LOCK_EX | LOCK_NB) == 0) return OkStatus();
    if (errno != EWOULDBLOCK) return FromErrno(errno, "cannot lock " + path);
    return {StatusCode::kUnavailable, folder + " is in use by another process; end that first"};
  }

 private:
  int descriptor_ = -1;
};

}  // namespace joist::store

#endif  // JOIST_STORE_LOG_FOLDER_LOCK_H_
