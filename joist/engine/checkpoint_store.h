// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// CheckpointStore: the checkpoints of one job, as files in a directory that one process has at a
// time. docs/internals/checkpoints.md says what a file holds. A checkpoint appears whole or not at
// all; what is damaged is noticed when it is read, and the one before it is taken.

#ifndef JOIST_ENGINE_CHECKPOINT_STORE_H_
#define JOIST_ENGINE_CHECKPOINT_STORE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "joist/base/status.h"
#include "joist/model/timestamp.h"

namespace joist {

/// Belongs to one thread at a time.
class CheckpointStore {
 public:
  struct Checkpoint {
    uint64_t number = 0;       ///< From 1.
    uint64_t fingerprint = 0;  ///< Of the graph that made it.
    Timestamp made_at;         ///< On the wall.
    std::string state;
  };

  /// Makes the directory if there is none. An error if another process has it, or if it cannot be
  /// written to.
  static Result<std::unique_ptr<CheckpointStore>> Open(std::string directory);
  ~CheckpointStore();
  CheckpointStore(const CheckpointStore&) = delete;
  CheckpointStore& operator=(const CheckpointStore&) = delete;

  /// The newest that is whole; none if there is none at all. An error if all are damaged. Puts a
  /// line about each damaged one into `warnings`.
  Result<std::optional<Checkpoint>> Latest(std::vector<std::string>* warnings) const;
  /// Writes the next one. It is on disk when this returns; older ones than the last few are
  /// removed.
  Status Write(uint64_t fingerprint, std::string_view state);

  const std::string& directory() const { return directory_; }
  /// The number of the last one written or found.
  uint64_t last() const { return last_; }

  /// Reads a file. An error says what is wrong with it.
  static Result<Checkpoint> Read(const std::string& path);
  /// Those in `directory`, oldest first.
  static Result<std::vector<std::string>> List(const std::string& directory);

 private:
  CheckpointStore(std::string directory, int lock, uint64_t last);

  const std::string directory_;
  const int lock_;  ///< A file descriptor.
  uint64_t last_;   ///< The number of the last one written or found.
};

}  // namespace joist

#endif  // JOIST_ENGINE_CHECKPOINT_STORE_H_
