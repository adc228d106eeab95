// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// SpilledRun: encoded records on disk in the order of their partitions, which are the high bits of
// their keys' hashes. A RunWriter makes one. Each belongs to one thread while it is made; a run is
// then read by any number.

#ifndef JOIST_EXEC_SPILLED_RUN_H_
#define JOIST_EXEC_SPILLED_RUN_H_

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "joist/exec/spill_file.h"

namespace joist {

struct SpilledRun {
  static constexpr int kBits = 8;
  static constexpr size_t kPartitions = size_t{1} << kBits;

  std::vector<SpillFile::Block> blocks;
  /// By partition: its first block; a block has records of one partition only.
  std::array<uint32_t, kPartitions + 1> first_block;

  /// Calls take(block) for the blocks of a partition, until it returns false; returns whether it
  /// never did.
  template <class Take>
  bool ForEachBlock(size_t partition, Take take) const {
    for (uint32_t i = first_block[partition]; i < first_block[partition + 1]; ++i) {
      if (!take(blocks[i])) return false;
    }
    return true;
  }
};

class RunWriter {
 public:
  explicit RunWriter(SpillFile* file) : file_(file), run_(std::make_unique<SpilledRun>()) {}

  /// What follows is of `partition`: all of them, in order.
  void BeginPartition(size_t partition);
  /// Where to append a record's bytes; EndRecord follows.
  std::string* record() { return &plain_; }
  /// Throws StatusException.
  void EndRecord() {
    ++records_;
    if (plain_.size() >= SpillFile::kBlockBytes) [[unlikely]]
      Flush();
  }
  std::unique_ptr<SpilledRun> Finish();

 private:
  void Flush();

  SpillFile* file_;
  std::unique_ptr<SpilledRun> run_;
  std::string plain_;
  uint32_t records_ = 0;
};

}  // namespace joist

#endif  // JOIST_EXEC_SPILLED_RUN_H_
