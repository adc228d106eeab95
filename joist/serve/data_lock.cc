// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/serve/data_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

namespace joist::serve {
namespace {

/// What the file says of its owner: digits, or "" where it has not said it yet.
std::string OwnerOf(int file) {
  char text[16];
  const ssize_t size = pread(file, text, sizeof(text), 0);
  std::string owner;
  for (ssize_t i = 0; i < size && text[i] >= '0' && text[i] <= '9'; ++i) owner += text[i];
  return owner;
}

}  // namespace

Result<DataLock> DataLock::Take(const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return FromErrno(error.value(), "cannot make the folder of data " + folder);
  const std::string path = folder + "/LOCK";
  const int file = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (file < 0) return FromErrno(errno, "cannot open " + path);
  DataLock lock(file);
  if (flock(file, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return FromErrno(errno, "cannot lock " + path);
    const std::string owner = OwnerOf(file);
    return Status(StatusCode::kUnavailable, folder + " is in use by process " +
                                                (owner.empty() ? "?" : owner) +
                                                "; stop it or choose another folder of data");
  }
  const std::string owner = std::to_string(getpid()) + "\n";
  if (ftruncate(file, 0) != 0 ||
      pwrite(file, owner.data(), owner.size(), 0) != static_cast<ssize_t>(owner.size())) {
    return FromErrno(errno, "cannot write " + path);
  }
  return lock;
}

DataLock::DataLock(DataLock&& other) noexcept : file_(std::exchange(other.file_, -1)) {}

DataLock& DataLock::operator=(DataLock&& other) noexcept {
  std::swap(file_, other.file_);
  return *this;
}

DataLock::~DataLock() {
  if (file_ >= 0) close(file_);
}

}  // namespace joist::serve
