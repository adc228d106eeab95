// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// CheckpointStore: the checkpoints of one job, as files in a directory that one process has at a
// time. A checkpoint says of keys what has changed since the one before it, its base, so to go on
// from it takes the files back to one that has all keys. Now and then what has been written is made
// into such a one, in the background.
//
// A checkpoint appears whole or not at all; what is damaged is noticed when it is read, and the one
// before it is taken.

#ifndef JOIST_ENGINE_CHECKPOINT_STORE_H_
#define JOIST_ENGINE_CHECKPOINT_STORE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "joist/base/function_ref.h"
#include "joist/base/status.h"
#include "joist/engine/checkpoint_file.h"
#include "joist/engine/disk.h"
#include "joist/engine/saved_run.h"
#include "joist/exec/saved_state.h"

namespace joist {

/// Belongs to one thread at a time.
class CheckpointStore {
 public:
  struct Checkpoint {
    CheckpointHeader header;
    std::string run;                 ///< EncodeSavedRun.
    std::vector<std::string> files;  ///< Of its keys, the newest first.
  };

  /// Makes the directory if there is none. An error if another process has it, or if it cannot be
  /// written to. `kept`: how many checkpoints, at least 1.
  static Result<std::unique_ptr<CheckpointStore>> Open(std::string directory, int kept,
                                                       Disk* disk = SystemDisk());
  ~CheckpointStore();
  CheckpointStore(const CheckpointStore&) = delete;
  CheckpointStore& operator=(const CheckpointStore&) = delete;

  /// Looks again what is there.
  Status Find();
  /// The newest that is whole, as are all that it needs; none if there is none at all. An error if
  /// all are damaged. Puts a line about each damaged one into `warnings`.
  Result<std::optional<Checkpoint>> Latest(std::vector<std::string>* warnings) const;
  /// Calls take(keys), the newest file first. What was said of a key later comes before what was
  /// said earlier. Stops at what take returns that is not OK.
  Status ReadKeys(const Checkpoint& checkpoint,
                  FunctionRef<Status(const std::vector<StepKeys>&)> take) const;

  /// The number of the next one.
  uint64_t next() const { return last_ + 1; }
  /// Writes the next one. `base`: the one that keys have changed since, 0 if none. It is on disk
  /// when this returns.
  Status Write(uint64_t base, uint64_t fingerprint, uint64_t cold, std::string_view run,
               const std::vector<StepKeys>& keys);
  /// Makes the one written last have all keys, if what it builds on has grown too long; removes
  /// those that are not kept and nobody needs.
  Status Tidy();

  const std::string& directory() const { return directory_; }
  /// The numbers of checkpoints whose state on disk is needed.
  std::vector<uint64_t> cold_in_use() const;
  /// The number of the last one written or found.
  uint64_t last() const { return last_; }

  /// One checkpoint with what it builds on. An error says what is wrong with it.
  static Result<Checkpoint> Read(Disk* disk, const std::string& path);
  /// Calls take(step, key) for each key that it has, in no order.
  static Status ForEachKey(Disk* disk, const Checkpoint& checkpoint,
                           FunctionRef<void(uint32_t, const SavedKey&)> take);
  /// Writes it to `path`, with all its keys. Returns how many bytes.
  static Result<uint64_t> WriteWhole(Disk* disk, const Checkpoint& checkpoint,
                                     const std::string& path);
  /// Those in `directory`, oldest first.
  static Result<std::vector<std::string>> List(Disk* disk, const std::string& directory);
  static std::string NameOf(uint64_t number);

 private:
  struct Written {
    uint64_t base = 0;
    uint64_t cold = 0;
    uint64_t bytes = 0;
  };
  CheckpointStore(Disk* disk, std::string directory, int kept, int lock);
  std::string PathOf(uint64_t number) const { return directory_ + "/" + NameOf(number); }
  /// Those that it builds on, itself first.
  std::vector<uint64_t> ChainOf(uint64_t number) const;

  Disk* const disk_;
  const std::string directory_;
  const int kept_;
  const int lock_;                       ///< A file descriptor.
  uint64_t last_ = 0;                    ///< The number of the last one written or found.
  std::map<uint64_t, Written> written_;  ///< Those in the directory, as far as they can be read.
};

}  // namespace joist

#endif  // JOIST_ENGINE_CHECKPOINT_STORE_H_
