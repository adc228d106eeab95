// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// ColdStates: the state of a job that memory has no room for, in RocksDB, and how it gets into
// checkpoints. What is written is safe when a snapshot is taken, which costs little: RocksDB never
// changes a file, so a snapshot is other names for the files that there are.
//
// A snapshot has what was written before BeginSnapshot and nothing later; until it is taken, what
// is written waits in memory, and where that is much, whoever writes.

#ifndef JOIST_ENGINE_COLD_STATES_H_
#define JOIST_ENGINE_COLD_STATES_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "joist/base/status.h"
#include "joist/exec/cold_state.h"

namespace joist {

/// Thread-safe: its ColdStates by any threads, BeginSnapshot when none is at work, TakeSnapshot by
/// another.
class ColdStates {
 public:
  /// Works in `directory`, which is its own: what is there is removed, now and in the end. Takes
  /// about `memory_bytes` when something is written.
  ColdStates(std::string directory, int64_t memory_bytes);
  ~ColdStates();
  ColdStates(const ColdStates&) = delete;
  ColdStates& operator=(const ColdStates&) = delete;

  /// Begins with what a snapshot has, before anything else is called. On the same file system.
  Status Restore(const std::string& snapshot);
  std::shared_ptr<ColdState> OfStep(uint32_t id);

  /// False if nothing was written since the last one (or since Restore): there is nothing to take.
  bool BeginSnapshot();
  /// After BeginSnapshot. `directory` is made.
  Status TakeSnapshot(const std::string& directory);
  /// Whether anything is there.
  bool is_empty() const;

 private:
  class Database;
  class OfOneStep;
  std::shared_ptr<Database> database_;
};

}  // namespace joist

#endif  // JOIST_ENGINE_COLD_STATES_H_
