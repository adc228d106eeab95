// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/exec/spilled_run.h"

#include <utility>

namespace joist {

void RunWriter::BeginPartition(size_t partition) {
  Flush();
  run_->first_block[partition] = static_cast<uint32_t>(run_->blocks.size());
}

std::unique_ptr<SpilledRun> RunWriter::Finish() {
  BeginPartition(SpilledRun::kPartitions);
  file_->Flush();
  return std::move(run_);
}

void RunWriter::Flush() {
  if (records_ == 0) return;
  run_->blocks.push_back(file_->Append(plain_, std::exchange(records_, 0)));
  plain_.clear();
}

}  // namespace joist
