// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/files/file_reader.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace joist::files {

Result<FileReader> FileReader::Open(std::string path, Compression compression, uint64_t offset) {
  FileReader reader;
  reader.path_ = std::move(path);
  reader.compression_ = ResolveCompression(compression, reader.path_);
  reader.descriptor_ = open(reader.path_.c_str(), O_RDONLY | O_CLOEXEC);
  if (reader.descriptor_ < 0) return FromErrno(errno, "cannot open " + reader.path_);
  struct stat info;
  if (fstat(reader.descriptor_, &info) != 0) {
    return FromErrno(errno, "cannot read " + reader.path_);
  }
  if (S_ISDIR(info.st_mode)) return FromErrno(EISDIR, "cannot read " + reader.path_);
  reader.file_size_ = S_ISREG(info.st_mode) ? static_cast<uint64_t>(info.st_size) : 0;
  if (offset > 0) {
    JOIST_CHECK(reader.compression_ == Compression::kNone);
    if (lseek(reader.descriptor_, static_cast<off_t>(offset), SEEK_SET) < 0) {
      return FromErrno(errno, "cannot read " + reader.path_ + " at byte " + std::to_string(offset));
    }
  }
  reader.raw_offset_ = offset;
  // Doubles the kernel's read-ahead; no file system must know it.
  (void)posix_fadvise(reader.descriptor_, 0, 0, POSIX_FADV_SEQUENTIAL);
  reader.decompressor_ = Decompressor::Create(reader.compression_);
  if (reader.decompressor_ != nullptr) reader.input_ = std::make_unique<char[]>(kReadBlock);
  return reader;
}

FileReader::FileReader(FileReader&& other) noexcept { *this = std::move(other); }

FileReader& FileReader::operator=(FileReader&& other) noexcept {
  path_.swap(other.path_);
  std::swap(descriptor_, other.descriptor_);
  std::swap(compression_, other.compression_);
  std::swap(file_size_, other.file_size_);
  std::swap(raw_offset_, other.raw_offset_);
  decompressor_.swap(other.decompressor_);
  input_.swap(other.input_);
  std::swap(input_begin_, other.input_begin_);
  std::swap(input_end_, other.input_end_);
  return *this;
}

FileReader::~FileReader() {
  if (descriptor_ >= 0) close(descriptor_);
}

Result<size_t> FileReader::ReadRaw(char* buffer, size_t size) {
  for (;;) {
    const ssize_t count = read(descriptor_, buffer, size);
    if (count >= 0) {
      raw_offset_ += static_cast<uint64_t>(count);
      return static_cast<size_t>(count);
    }
    if (errno != EINTR) {
      return FromErrno(errno, "cannot read " + path_ + " at byte " + std::to_string(raw_offset_));
    }
  }
}

Status FileReader::Damaged(const std::string& phrase) const {
  const uint64_t at = raw_offset_ - (input_end_ - input_begin_);
  return DataLoss(path_ + " is damaged: " + std::string(CompressionName(compression_)) +
                  " data wrong near byte " + std::to_string(at) + ": " + phrase);
}

Result<size_t> FileReader::Read(char* buffer, size_t size) {
  size_t filled = 0;
  if (decompressor_ == nullptr) {
    while (filled < size) {
      JOIST_ASSIGN_OR_RETURN(const size_t count, ReadRaw(buffer + filled, size - filled));
      if (count == 0) break;
      filled += count;
    }
    return filled;
  }
  while (filled < size) {
    Result<Decompressor::Progress> progress = decompressor_->Run(
        input_.get() + input_begin_, input_end_ - input_begin_, buffer + filled, size - filled);
    if (!progress.ok()) return Damaged(progress.status().message());
    input_begin_ += progress->consumed;
    filled += progress->produced;
    if (progress->produced > 0 || progress->consumed > 0) continue;
    // It wants more.
    const size_t kept = input_end_ - input_begin_;
    std::copy_n(input_.get() + input_begin_, kept, input_.get());
    input_begin_ = 0;
    input_end_ = kept;
    JOIST_ASSIGN_OR_RETURN(const size_t count, ReadRaw(input_.get() + kept, kReadBlock - kept));
    if (count > 0) {
      input_end_ += count;
    } else if (!decompressor_->at_boundary()) {
      return Damaged("it ends too early");
    } else {
      break;
    }
  }
  return filled;
}

}  // namespace joist::files
