// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// BlockPacker, BlockUnpacker: bytes compressed, with a checksum, as the files of a job have them
// (docs/internals/checkpoints.md). Each belongs to one thread.

#ifndef JOIST_ENGINE_PACKED_BLOCK_H_
#define JOIST_ENGINE_PACKED_BLOCK_H_

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "joist/base/status.h"

namespace joist {

class BlockPacker {
 public:
  BlockPacker();
  ~BlockPacker();
  /// Good until the next call.
  Result<std::string_view> Pack(std::string_view plain);

 private:
  struct Context;
  std::unique_ptr<Context> context_;
  std::string packed_;
};

class BlockUnpacker {
 public:
  BlockUnpacker();
  ~BlockUnpacker();
  /// Null, or what is wrong. Takes memory for what is there, not for what a damaged block claims,
  /// and no more than `most`.
  const char* Unpack(std::string_view packed, size_t most, std::string* plain) const;

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

}  // namespace joist

#endif  // JOIST_ENGINE_PACKED_BLOCK_H_
