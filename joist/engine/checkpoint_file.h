// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// CheckpointWriter, CheckpointReader: a checkpoint as a file of compressed blocks, each with a
// checksum. docs/internals/checkpoints.md says what a file holds. Both take memory for a block at a
// time.

#ifndef JOIST_ENGINE_CHECKPOINT_FILE_H_
#define JOIST_ENGINE_CHECKPOINT_FILE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "joist/base/status.h"
#include "joist/engine/disk.h"
#include "joist/engine/packed_block.h"
#include "joist/model/timestamp.h"
#include "joist/model/wire.h"

namespace joist {

struct CheckpointHeader {
  uint64_t number = 0;       ///< From 1.
  uint64_t base = 0;         ///< The checkpoint whose keys it changes; 0: it has all keys.
  uint64_t fingerprint = 0;  ///< Of the graph that made it.
  Timestamp made_at;         ///< On the wall.
  uint64_t cold = 0;         ///< The checkpoint whose state on disk it uses; 0: none.
};

enum class CheckpointBlock : uint8_t {
  kHeader = 1,
  kRun,   ///< A piece of EncodeSavedRun.
  kKeys,  ///< A varint, the step, and SavedKeys of it.
  kEnd,
};

/// Belongs to one thread.
class CheckpointWriter {
 public:
  /// Plain bytes in a block, but for a single thing that is larger.
  static constexpr size_t kBlockBytes = size_t{1} << 20;

  /// Writes to `path` under another name, `unfinished` beside it. `header` is written first.
  CheckpointWriter(Disk* disk, std::string path, const CheckpointHeader& header);
  /// Removes what is not finished: a full disk has room again.
  ~CheckpointWriter();
  CheckpointWriter(const CheckpointWriter&) = delete;
  CheckpointWriter& operator=(const CheckpointWriter&) = delete;

  void AddRun(std::string_view run);
  /// `keys`: SavedKeys.
  void AddKeys(uint32_t step, std::string_view keys);
  /// Puts it on disk under its name. An error is that of whatever failed first.
  Status Finish();
  uint64_t bytes() const { return bytes_; }

 private:
  void Add(CheckpointBlock kind, std::string_view head, std::string_view content);
  void Write(std::string_view bytes);
  void Fail();

  Disk* const disk_;
  const std::string path_;
  const std::string temporary_;
  BlockPacker packer_;
  std::string plain_;
  std::unique_ptr<Disk::File> file_;
  uint64_t blocks_ = 0;
  uint64_t bytes_ = 0;
  bool is_finished_ = false;
  Status status_;
};

/// Belongs to one thread.
class CheckpointReader {
 public:
  /// An error where it cannot be read, is damaged, or is of another version.
  static Result<std::unique_ptr<CheckpointReader>> Open(Disk* disk, const std::string& path);
  ~CheckpointReader();

  const CheckpointHeader& header() const { return header_; }
  /// The next block, kEnd after the last one; `content` is good until the next call.
  Result<CheckpointBlock> Next(std::string_view* content);
  /// Of the file, as far as it was read.
  uint64_t bytes() const { return bytes_; }

 private:
  CheckpointReader(std::unique_ptr<Disk::File> file, std::string path);
  Status ReadHeader();
  Status Damaged(std::string_view how) const;
  /// Null, or what is wrong.
  Status Fill(size_t size, std::string* to);

  const std::string path_;
  std::unique_ptr<Disk::File> file_;
  BlockUnpacker unpacker_;
  CheckpointHeader header_;
  uint64_t blocks_ = 0;
  uint64_t bytes_ = 0;
  std::string packed_;
  std::string plain_;
};

}  // namespace joist

#endif  // JOIST_ENGINE_CHECKPOINT_FILE_H_
