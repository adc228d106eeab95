// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// FileCheckpoints: a stream's checkpoints in a CheckpointStore, at each interval, written by a
// thread of their own while the stream goes on. FileStream: one of them, to go on from.

#ifndef JOIST_ENGINE_FILE_CHECKPOINTS_H_
#define JOIST_ENGINE_FILE_CHECKPOINTS_H_

#include <chrono>
#include <cstdint>
#include <future>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "joist/engine/checkpoint_store.h"
#include "joist/engine/cold_states.h"
#include "joist/engine/stream_checkpoints.h"

namespace joist {

class FileCheckpoints final : public StreamCheckpoints {
 public:
  /// `base`: the header of the checkpoint that the run goes on from; that of none otherwise.
  FileCheckpoints(CheckpointStore* store, ColdStates* cold, uint64_t fingerprint,
                  std::chrono::milliseconds interval, const CheckpointHeader& base);
  bool IsDue() override;
  bool Keep(std::string run, std::vector<StepKeys> keys) override;
  bool IsSafe(bool waits) override;

  /// The next one is made at once, and the run ends with it.
  void EndWithNext() { ends_with_next_ = true; }

  /// Where the state on disk is of a checkpoint in `directory`.
  static std::string ColdPathOf(const std::string& directory, uint64_t number);

 private:
  using Clock = std::chrono::steady_clock;
  Status Write(uint64_t number, bool has_cold, const std::string& run,
               const std::vector<StepKeys>& keys);
  Status Tidy();

  CheckpointStore* const store_;
  ColdStates* const cold_;
  const uint64_t fingerprint_;
  const std::chrono::milliseconds interval_;
  uint64_t base_;
  uint64_t cold_number_;  ///< Of the last snapshot of the state on disk.
  Clock::time_point due_;
  bool ends_with_next_ = false;
  std::promise<Status> writes_;
  std::future<Status> written_;
  std::future<Status> tidied_;  ///< Waits for the writer when it is destroyed.
};

class FileStream final : public SavedStream {
 public:
  FileStream(const CheckpointStore* store, CheckpointStore::Checkpoint checkpoint)
      : store_(store), checkpoint_(std::move(checkpoint)) {}
  const CheckpointHeader& header() const { return checkpoint_.header; }
  std::string_view run() const override { return checkpoint_.run; }
  Status ReadKeys(FunctionRef<Status(const std::vector<StepKeys>&)> take) const override {
    return store_->ReadKeys(checkpoint_, take);
  }

 private:
  const CheckpointStore* store_;
  CheckpointStore::Checkpoint checkpoint_;
};

}  // namespace joist

#endif  // JOIST_ENGINE_FILE_CHECKPOINTS_H_
