// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// ContainerReader: the blocks of an Avro file, or of a range of it. Belongs to one thread at a
// time. The file ("object container file" in the specification), numbers being zigzag varints:
//
//   "Obj" 1; map<bytes> metadata; marker       the schema and the codec are in the metadata
//   long records; long size; byte data[size]; marker                  a block; as many as there are
//
// The marker is 16 bytes that the file's writer has drawn by lot.
//
// Invariants:
//  1. A range [begin, end) holds the blocks before which a marker begins in it. So the blocks of
//     ranges that cover a file without overlap are the file's blocks, whatever the cuts.
//  2. A block that is damaged costs itself alone, and of those behind it the ones before the next
//     marker.
//  3. Memory: a header of kLongestHeader at most; a stored block and what it decompresses to, of
//     `longest_block` each.

#ifndef JOIST_IO_AVRO_CONTAINER_READER_H_
#define JOIST_IO_AVRO_CONTAINER_READER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "joist/base/status.h"
#include "joist/io/avro/block_codec.h"
#include "joist/io/files/block_reader.h"

namespace joist::avro {

struct ContainerOptions {
  files::Compression compression = files::Compression::kAuto;
  /// The range, for files that are not compressed as a whole.
  uint64_t begin = 0;
  uint64_t end = UINT64_MAX;
  uint64_t longest_block = uint64_t{256} << 20;
  size_t read_bytes = files::kReadBlock;
};

/// What a file's first bytes say.
struct ContainerHeader {
  static constexpr size_t kMarker = 16;

  std::string schema;  ///< JSON.
  Codec codec = Codec::kNull;
  std::string marker;
};

/// The header's bytes.
std::string HeaderText(const ContainerHeader& header);

class ContainerReader {
 public:
  static constexpr uint64_t kLongestHeader = 16 << 20;
  /// Records in a block of types that take no bytes.
  static constexpr uint64_t kMostEmpty = 1 << 24;

  struct Block {
    uint64_t offset = 0;    ///< Of its first byte in the file.
    uint64_t records = 0;   ///< That it claims to have.
    std::string_view data;  ///< With BlockDecompressor::kSlack bytes behind it.
  };
  enum class Found : uint8_t { kBlock, kEnd, kDamaged };

  static Result<ContainerReader> Open(const std::string& path, const ContainerOptions& options);

  const ContainerHeader& header() const { return header_; }
  const std::string& path() const { return file_.path(); }

  /// The next block, until the next call. kDamaged: there was one, of which the offset alone is
  /// set; damage() says what is wrong with it, and there may be others.
  Result<Found> Next(Block* block);
  const std::string& damage() const { return damage_; }

  /// Goes on to `end`, which isn't less than the range's end so far.
  void Extend(uint64_t end) { end_ = end; }
  /// Bytes read from the file as it lies on disk.
  uint64_t raw_position() const { return file_.raw_position(); }

 private:
  ContainerReader(files::BlockReader file, ContainerHeader header, uint64_t marker_offset,
                  const ContainerOptions& options);

  /// Looks for the next marker that begins in the range.
  Result<bool> FindMarker();
  Found Damaged(std::string what);

  files::BlockReader file_;
  ContainerHeader header_;
  BlockDecompressor decompressor_;
  uint64_t end_;
  uint64_t longest_block_;
  bool at_marker_ = true;   ///< The window begins behind a marker.
  uint64_t marker_offset_;  ///< Of that marker.
  size_t block_bytes_ = 0;  ///< In the window, of the block that was returned.
  std::string damage_;
};

}  // namespace joist::avro

#endif  // JOIST_IO_AVRO_CONTAINER_READER_H_
