// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/output_queue.h"

#include <unistd.h>

#include <cerrno>
#include <string_view>
#include <utility>

#include "joist/base/unnamed_file.h"

namespace joist::portability {
namespace {

/// That an output takes in memory, about.
size_t BytesOf(const BundleOutput& output) {
  return sizeof output + output.transform_id.size() + output.timer_family_id.size() +
         output.bytes.size();
}

}  // namespace

/// What stands before an output in the file.
struct OutputQueue::Sizes {
  uint64_t transform_id;
  uint64_t timer_family_id;
  uint64_t bytes;
};

OutputQueue::~OutputQueue() {
  Clear();
  if (file_ >= 0) close(file_);
}

void OutputQueue::Clear() {
  for (const BundleOutput& output : waiting_) {
    if (memory_ != nullptr) memory_->GiveBack(BytesOf(output));
  }
  waiting_.clear();
  read_ = written_;
}

Status OutputQueue::Put(BundleOutput output) {
  const bool is_file_empty = read_ == written_;
  if (memory_ == nullptr || (is_file_empty && memory_->Take(BytesOf(output)))) {
    waiting_.push_back(std::move(output));
    return OkStatus();
  }
  if (is_file_empty && written_ > 0) {
    if (ftruncate(file_, 0) != 0) return FileError(errno, "cannot empty");
    read_ = written_ = 0;
  }
  return Write(output);
}

Status OutputQueue::Write(const BundleOutput& output) {
  if (file_ < 0) file_ = OpenUnnamedFile(memory_->directory());
  if (file_ < 0) return FileError(errno, "cannot make");
  const uint64_t begin = written_;
  const Sizes sizes = {output.transform_id.size(), output.timer_family_id.size(),
                       output.bytes.size()};
  Status status = WriteBytes(&sizes, sizeof sizes);
  for (const std::string* part : {&output.transform_id, &output.timer_family_id, &output.bytes}) {
    if (status.ok()) status = WriteBytes(part->data(), part->size());
  }
  if (!status.ok()) written_ = begin;
  return status;
}

Result<BundleOutput> OutputQueue::Take() {
  BundleOutput output;
  if (!waiting_.empty()) {
    output = std::move(waiting_.front());
    waiting_.pop_front();
    if (memory_ != nullptr) memory_->GiveBack(BytesOf(output));
    return output;
  }
  Sizes sizes = {};
  JOIST_RETURN_IF_ERROR(ReadBytes(&sizes, sizeof sizes));
  for (const auto& [part, size] : {std::pair(&output.transform_id, sizes.transform_id),
                                   {&output.timer_family_id, sizes.timer_family_id},
                                   {&output.bytes, sizes.bytes}}) {
    part->resize(size);
    JOIST_RETURN_IF_ERROR(ReadBytes(part->data(), size));
  }
  return output;
}

Status OutputQueue::FileError(int error_number, const char* what) const {
  return FromErrno(error_number,
                   "what a bundle has output exceeds the memory for it, and the server " +
                       std::string(what) + " a temporary file in " + memory_->directory());
}

Status OutputQueue::WriteBytes(const void* bytes, size_t size) {
  for (size_t done = 0; done < size;) {
    const ssize_t wrote = pwrite(file_, static_cast<const char*>(bytes) + done, size - done,
                                 static_cast<off_t>(written_));
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) return FileError(wrote == 0 ? ENOSPC : errno, "cannot write");
    done += static_cast<size_t>(wrote);
    written_ += static_cast<uint64_t>(wrote);
  }
  return OkStatus();
}

Status OutputQueue::ReadBytes(void* bytes, size_t size) {
  for (size_t done = 0; done < size;) {
    const ssize_t got =
        pread(file_, static_cast<char*>(bytes) + done, size - done, static_cast<off_t>(read_));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return FileError(got == 0 ? EIO : errno, "cannot read");
    done += static_cast<size_t>(got);
    read_ += static_cast<uint64_t>(got);
  }
  return OkStatus();
}

}  // namespace joist::portability
