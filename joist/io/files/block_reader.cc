// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/files/block_reader.h"

#include <algorithm>
#include <cstring>

namespace joist::files {

Result<BlockReader> BlockReader::Open(const std::string& path, Compression compression,
                                      uint64_t offset, size_t block_bytes) {
  JOIST_ASSIGN_OR_RETURN(FileReader file, FileReader::Open(path, compression, offset));
  return BlockReader(std::move(file), offset, std::max<size_t>(block_bytes, 1));
}

BlockReader::BlockReader(FileReader file, uint64_t offset, size_t block_bytes)
    : file_(std::move(file)),
      memory_(std::make_unique_for_overwrite<char[]>(block_bytes + kSlack)),
      capacity_(block_bytes),
      offset_(offset) {}

Status BlockReader::More() {
  if (at_end_) return OkStatus();
  const size_t kept = size();
  if (kept > capacity_ / 2) {
    capacity_ *= 2;
    auto larger = std::make_unique_for_overwrite<char[]>(capacity_ + kSlack);
    std::memcpy(larger.get(), data(), kept);
    memory_ = std::move(larger);
  } else if (kept > 0) {
    std::memmove(memory_.get(), data(), kept);
  }
  begin_ = 0;
  end_ = kept;
  JOIST_ASSIGN_OR_RETURN(const size_t count, file_.Read(memory_.get() + kept, capacity_ - kept));
  end_ += count;
  at_end_ = end_ < capacity_;
  return OkStatus();
}

}  // namespace joist::files
