// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// BlockWriter: makes blocks of an Avro file of records that are put into it. Belongs to one thread
// at a time.

#ifndef JOIST_IO_AVRO_BLOCK_WRITER_H_
#define JOIST_IO_AVRO_BLOCK_WRITER_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "joist/base/status.h"
#include "joist/io/avro/block_codec.h"

namespace joist::avro {

class BlockWriter {
 public:
  BlockWriter(Codec codec, std::string marker, uint64_t block_bytes)
      : compressor_(codec), marker_(std::move(marker)), block_bytes_(block_bytes) {}

  /// Where to put the next record.
  std::string* records() { return &records_; }
  /// After each record; whether the block is as long as wanted.
  bool EndRecord() {
    ++count_;
    return records_.size() >= block_bytes_;
  }
  bool empty() const { return count_ == 0; }
  /// The block, until the next call; the next record begins another one.
  Result<std::string_view> Finish();

 private:
  BlockCompressor compressor_;
  std::string marker_;
  uint64_t block_bytes_;
  std::string records_;
  uint64_t count_ = 0;
  std::string stored_;
  std::string block_;
};

}  // namespace joist::avro

#endif  // JOIST_IO_AVRO_BLOCK_WRITER_H_
