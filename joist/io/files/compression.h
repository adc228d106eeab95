// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// The ways in which files are compressed, and the two directions as streams of bytes. A stream
// belongs to one thread at a time.

#ifndef JOIST_IO_FILES_COMPRESSION_H_
#define JOIST_IO_FILES_COMPRESSION_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "joist/base/status.h"

namespace joist::files {

enum class Compression : uint8_t {
  kAuto,  ///< By the file's name: .gz, .zst, .bz2; none for other names.
  kNone,
  kGzip,
  kZstd,
  kBzip2,
};

/// Never kAuto: what `path` says if that is what `given` asks for.
Compression ResolveCompression(Compression given, std::string_view path);

/// "gzip" and the like; for messages.
std::string_view CompressionName(Compression compression);

/// ".gz", ".zst", ".bz2", or nothing.
std::string_view CompressionSuffix(Compression compression);

/// Turns compressed bytes into plain ones: members, frames or streams that follow each other are
/// one file, as the formats' own programs have it.
class Decompressor {
 public:
  struct Progress {
    size_t consumed = 0;
    size_t produced = 0;
  };

  static std::unique_ptr<Decompressor> Create(Compression compression);
  virtual ~Decompressor() = default;

  /// Reads from `in`, writes to `out`, as far as either goes. An error is one phrase ("incorrect
  /// data check"); the caller knows the file.
  virtual Result<Progress> Run(const char* in, size_t in_size, char* out, size_t out_size) = 0;

  /// Whether the input may end here.
  virtual bool at_boundary() const = 0;
};

/// The other direction.
class Compressor {
 public:
  static std::unique_ptr<Compressor> Create(Compression compression);
  virtual ~Compressor() = default;

  /// Appends to `out` what can be written of `plain`; at the end of the input, everything.
  virtual Status Run(std::string_view plain, bool at_end, std::string* out) = 0;
};

}  // namespace joist::files

#endif  // JOIST_IO_FILES_COMPRESSION_H_
