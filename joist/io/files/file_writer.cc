// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/files/file_writer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>

#include "joist/io/files/glob.h"

namespace joist::files {
namespace {

// Some file systems have nothing to sync, and say so.
bool SyncFailed(int result) {
  return result != 0 && errno != EINVAL && errno != ENOTSUP && errno != EROFS;
}

}  // namespace

Result<FileWriter> FileWriter::Create(std::string path, std::string result, Compression compression,
                                      size_t buffer_bytes) {
  FileWriter writer;
  writer.result_ = std::move(result);
  writer.descriptor_ = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (writer.descriptor_ < 0) return FromErrno(errno, "cannot write " + writer.result_);
  writer.path_ = std::move(path);
  writer.buffer_ = std::make_unique_for_overwrite<char[]>(buffer_bytes);
  writer.capacity_ = buffer_bytes;
  writer.compressor_ = Compressor::Create(ResolveCompression(compression, writer.path_));
  return writer;
}

FileWriter::FileWriter(FileWriter&& other) noexcept { *this = std::move(other); }

FileWriter& FileWriter::operator=(FileWriter&& other) noexcept {
  path_.swap(other.path_);
  result_.swap(other.result_);
  std::swap(descriptor_, other.descriptor_);
  buffer_.swap(other.buffer_);
  std::swap(size_, other.size_);
  std::swap(capacity_, other.capacity_);
  compressor_.swap(other.compressor_);
  return *this;
}

FileWriter::~FileWriter() {
  if (descriptor_ < 0) return;
  close(descriptor_);
  unlink(path_.c_str());
}

Status FileWriter::Write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = write(descriptor_, bytes.data(), bytes.size());
    if (count < 0) {
      if (errno == EINTR) continue;
      return FromErrno(errno, "cannot write " + result_);
    }
    bytes.remove_prefix(static_cast<size_t>(count));
  }
  return OkStatus();
}

Status FileWriter::Flush(bool at_end) {
  const std::string_view plain(buffer_.get(), size_);
  size_ = 0;
  if (compressor_ == nullptr) return Write(plain);
  if (plain.empty() && !at_end) return OkStatus();
  std::string compressed;
  JOIST_RETURN_IF_ERROR(compressor_->Run(plain, at_end, &compressed));
  return Write(compressed);
}

Status FileWriter::AppendSlow(std::string_view bytes) {
  JOIST_RETURN_IF_ERROR(Flush(false));
  while (bytes.size() > capacity_) {
    std::memcpy(buffer_.get(), bytes.data(), capacity_);
    size_ = capacity_;
    bytes.remove_prefix(capacity_);
    JOIST_RETURN_IF_ERROR(Flush(false));
  }
  return Append(bytes);
}

Status FileWriter::AppendFile(const std::string& path) {
  JOIST_CHECK(compressor_ == nullptr);
  JOIST_RETURN_IF_ERROR(Flush(false));
  const int from = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (from < 0) return FromErrno(errno, "cannot write " + result_ + ": a part of it is gone");
  Status status;
  for (;;) {
    const ssize_t count = read(from, buffer_.get(), capacity_);
    if (count == 0) break;
    if (count < 0) {
      if (errno == EINTR) continue;
      status = FromErrno(errno, "cannot write " + result_ + ": a part of it is unreadable");
      break;
    }
    status = Write({buffer_.get(), static_cast<size_t>(count)});
    if (!status.ok()) break;
  }
  close(from);
  return status;
}

Status FileWriter::Close() {
  JOIST_RETURN_IF_ERROR(Flush(true));
  if (SyncFailed(fdatasync(descriptor_))) return FromErrno(errno, "cannot write " + result_);
  const int closed = close(descriptor_);
  descriptor_ = -1;
  if (closed != 0) {
    const int error = errno;
    unlink(path_.c_str());
    return FromErrno(error, "cannot write " + result_);
  }
  return OkStatus();
}

std::string ShardName(std::string_view prefix, std::string_view suffix, size_t shard, size_t shards,
                      bool without_sharding) {
  std::string name(prefix);
  if (!without_sharding) {
    char number[64];
    std::snprintf(number, sizeof(number), "-%05zu-of-%05zu", shard, shards);
    name += number;
  }
  return name.append(suffix);
}

std::string FolderOf(std::string_view path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return ".";
  return std::string(path.substr(0, slash == 0 ? 1 : slash));
}

Result<std::string> MakeTemporaryFolder(std::string_view prefix, std::string_view id) {
  const std::string folder = FolderOf(prefix);
  std::string hidden = folder + (folder.ends_with('/') ? "" : "/");
  hidden.append(kTemporaryPrefix).append(id);
  if (mkdir(hidden.c_str(), 0777) == 0) return hidden;
  int error = errno;
  struct stat info;
  if (error == EEXIST && stat(hidden.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) return hidden;
  if (error == ENOENT) {
    return NotFound("cannot write " + std::string(prefix) + ": there is no folder " + folder);
  }
  return FromErrno(error, "cannot write " + std::string(prefix) + " into folder " + folder);
}

Status CheckName(const std::string& to) {
  struct stat info;
  if (stat(to.c_str(), &info) != 0) {
    return errno == ENOENT ? OkStatus() : FromErrno(errno, "cannot write " + to);
  }
  return S_ISDIR(info.st_mode) ? FromErrno(EISDIR, "cannot write " + to) : OkStatus();
}

Status MakeFolders(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(FolderOf(path), error);
  return error ? FromErrno(error.value(), "cannot write " + path) : OkStatus();
}

Status Publish(const std::string& from, const std::string& to) {
  if (rename(from.c_str(), to.c_str()) == 0) return OkStatus();
  const int error = errno;
  struct stat info;
  const bool done_before = stat(from.c_str(), &info) != 0 && stat(to.c_str(), &info) == 0;
  return done_before ? OkStatus() : FromErrno(error, "cannot write " + to);
}

Status SyncFolder(const std::string& folder) {
  const int descriptor = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return FromErrno(errno, "cannot write into folder " + folder);
  const bool failed = SyncFailed(fsync(descriptor));
  const int error = errno;
  close(descriptor);
  return failed ? FromErrno(error, "cannot write into folder " + folder) : OkStatus();
}

void Remove(const std::string& path) {
  std::error_code ignored;
  std::filesystem::remove_all(path, ignored);
}

std::string UniqueName() {
  static std::atomic<uint64_t> count = 0;
  const auto now = std::chrono::system_clock::now().time_since_epoch().count();
  return std::to_string(now) + "-" + std::to_string(getpid()) + "-" + std::to_string(++count);
}

Status CheckPrefix(const std::string& prefix) {
  if (prefix.empty() || prefix.ends_with('/')) {
    return InvalidArgument("cannot write \"" + prefix +
                           "\": a prefix ends with the beginning of the files' names");
  }
  const std::string folder = FolderOf(prefix);
  struct stat info;
  if (stat(folder.c_str(), &info) != 0) {
    return FromErrno(errno, "cannot write " + prefix + ": folder " + folder);
  }
  if (!S_ISDIR(info.st_mode)) {
    return InvalidArgument("cannot write " + prefix + ": " + folder + " is no folder");
  }
  if (access(folder.c_str(), W_OK | X_OK) != 0) {
    return FromErrno(errno, "cannot write " + prefix + ": folder " + folder);
  }
  return OkStatus();
}

}  // namespace joist::files
