// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// ScratchFolder: an empty folder for a test, removed at its end.

#ifndef JOIST_STORE_LOG_TESTING_SCRATCH_FOLDER_H_
#define JOIST_STORE_LOG_TESTING_SCRATCH_FOLDER_H_

#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <string>
#include <system_error>

namespace joist::store {

class ScratchFolder {
 public:
  ScratchFolder() {
    static std::atomic<int> count = 0;
    path_ = (std::filesystem::temp_directory_path() /
             ("joist-log-" + std::to_string(getpid()) + "-" + std::to_string(count++)))
                .string();
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }
  ~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace joist::store

#endif  // JOIST_STORE_LOG_TESTING_SCRATCH_FOLDER_H_
