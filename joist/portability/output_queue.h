// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// OutputQueue: what a bundle has output and nobody has taken yet, in order; what OutputMemory has
// no room for waits in a temporary file. A worker is never kept waiting for room: what would make
// some may be behind its output, on the same stream.

#ifndef JOIST_PORTABILITY_OUTPUT_QUEUE_H_
#define JOIST_PORTABILITY_OUTPUT_QUEUE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>

#include "joist/base/status.h"
#include "joist/portability/fn_server.h"

namespace joist::portability {

/// Bytes of output that bundles of one job may have waiting in memory. Thread-safe.
class OutputMemory {
 public:
  /// What exceeds `limit` bytes goes into files in `directory`.
  OutputMemory(size_t limit, std::string directory)
      : limit_(limit), directory_(std::move(directory)) {}

  /// False, and nothing is taken, where so many are not left.
  bool Take(size_t bytes) {
    if (used_.fetch_add(bytes) + bytes <= limit_) return true;
    used_.fetch_sub(bytes);
    return false;
  }
  void GiveBack(size_t bytes) { used_.fetch_sub(bytes); }
  const std::string& directory() const { return directory_; }

 private:
  const size_t limit_;
  const std::string directory_;
  std::atomic<size_t> used_ = 0;
};

/// Belongs to one thread at a time.
class OutputQueue {
 public:
  /// Without `memory` all waits in memory, as much as it is.
  explicit OutputQueue(std::shared_ptr<OutputMemory> memory) : memory_(std::move(memory)) {}
  ~OutputQueue();
  OutputQueue(const OutputQueue&) = delete;
  OutputQueue& operator=(const OutputQueue&) = delete;

  bool empty() const { return waiting_.empty() && read_ == written_; }
  /// An error of the file's: what was to be put is lost.
  Status Put(BundleOutput output);
  /// The first; of a queue that is not empty. An error of the file's.
  Result<BundleOutput> Take();
  void Clear();

 private:
  struct Sizes;
  Status Write(const BundleOutput& output);
  Status FileError(int error_number, const char* what) const;
  Status WriteBytes(const void* bytes, size_t size);
  Status ReadBytes(void* bytes, size_t size);

  const std::shared_ptr<OutputMemory> memory_;
  std::deque<BundleOutput> waiting_;
  int file_ = -1;  ///< What comes after waiting_.
  uint64_t written_ = 0;
  uint64_t read_ = 0;
};

}  // namespace joist::portability

#endif  // JOIST_PORTABILITY_OUTPUT_QUEUE_H_
