// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// How the blocks of Avro files are compressed. Objects belong to one thread at a time.

#ifndef JOIST_IO_AVRO_BLOCK_CODEC_H_
#define JOIST_IO_AVRO_BLOCK_CODEC_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "joist/base/status.h"
#include "joist/io/files/compression.h"
#include "joist/model/fields.h"

namespace joist::avro {

enum class Codec : uint8_t { kNull, kDeflate, kSnappy, kZstandard, kBzip2 };
JOIST_ENUM(Codec, kNull, kDeflate, kSnappy, kZstandard, kBzip2)

/// "deflate" and the like, as in a file's header.
std::string_view CodecName(Codec codec);
/// The inverse; an error for names that Joist doesn't know.
Result<Codec> CodecFromName(std::string_view name);

class BlockDecompressor {
 public:
  /// Bytes behind a result that may be read, though their values mean nothing.
  static constexpr size_t kSlack = 16;

  /// A block that decompresses to more than `most_bytes` is refused.
  BlockDecompressor(Codec codec, uint64_t most_bytes);
  BlockDecompressor(BlockDecompressor&&) noexcept;
  BlockDecompressor& operator=(BlockDecompressor&&) noexcept;
  ~BlockDecompressor();

  /// The block's data, until the next call; `stored` itself where nothing is compressed, and then
  /// kSlack bytes behind it must be readable. An error is a phrase; another block may be tried.
  Result<std::string_view> Run(std::string_view stored);

 private:
  class Inflater;

  Result<std::string_view> Snappy(std::string_view stored);
  /// Runs a decompressor over all of `stored`, into as much memory as it takes.
  Result<std::string_view> Stream(files::Decompressor& decompressor, std::string_view stored);
  /// Has room for `size` bytes, the first `kept` of which stay.
  void Reserve(size_t size, size_t kept);

  Codec codec_;
  uint64_t most_bytes_;
  std::unique_ptr<files::Decompressor> decompressor_;
  std::unique_ptr<char[]> memory_;
  size_t capacity_ = 0;
};

class BlockCompressor {
 public:
  explicit BlockCompressor(Codec codec) : codec_(codec) {}

  /// Appends the block's data as it is stored.
  Status Run(std::string_view data, std::string* out);

 private:
  Codec codec_;
  std::unique_ptr<files::Compressor> zstd_;
};

}  // namespace joist::avro

#endif  // JOIST_IO_AVRO_BLOCK_CODEC_H_
