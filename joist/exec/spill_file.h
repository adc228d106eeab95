// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// SpillFile: a temporary file of compressed blocks. It has no name, so that the system removes it
// with the process, however that ends. Written by one thread, then read by any number.
// SharedSpillFile: one for all that a thread gathers, however many windows that are.

#ifndef JOIST_EXEC_SPILL_FILE_H_
#define JOIST_EXEC_SPILL_FILE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "joist/base/arena.h"
#include "joist/exec/memory.h"

namespace joist {

class SpillFile {
 public:
  /// Where a block lies and how large it is.
  struct Block {
    uint64_t offset = 0;
    uint32_t stored_bytes = 0;
    uint32_t plain_bytes = 0;
    uint32_t records = 0;  ///< The writer's business.
  };
  /// Plain bytes in a block: enough to compress well and to read at once.
  static constexpr size_t kBlockBytes = 128 << 10;

  /// Opens a file in the budget's spill directory. Throws StatusException, as do the others.
  explicit SpillFile(MemoryBudget* budget);
  ~SpillFile();
  SpillFile(const SpillFile&) = delete;
  SpillFile& operator=(const SpillFile&) = delete;

  /// Compresses `plain` and puts it behind what is there; written with others, at the latest by
  /// Flush.
  Block Append(std::string_view plain, uint32_t records);
  /// Writes what has been appended. Before this it can't be read.
  void Flush();

  /// A block's plain bytes, which live in `arena`. Thread-safe.
  std::string_view Read(const Block& block, Arena& arena) const;

 private:
  MemoryBudget* budget_;
  int file_ = -1;
  uint64_t written_ = 0;
  std::string pending_;  ///< Appended, and not written.
};

/// Belongs to one thread; the file lives as long as anybody that got it.
class SharedSpillFile {
 public:
  explicit SharedSpillFile(MemoryBudget* budget) : budget_(budget) {}
  /// Opens it when first called. Throws StatusException.
  const std::shared_ptr<SpillFile>& Get() {
    if (file_ == nullptr) file_ = std::make_shared<SpillFile>(budget_);
    return file_;
  }

 private:
  MemoryBudget* budget_;
  std::shared_ptr<SpillFile> file_;
};

}  // namespace joist

#endif  // JOIST_EXEC_SPILL_FILE_H_
