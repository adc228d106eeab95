// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// A frame is what a segment of the log consists of: a header and the records of one published
// batch, which have one publish time. Headers have a checksum of their own, so that a reader can go
// from frame to frame without reading what is in them.

#ifndef JOIST_STORE_LOG_FRAME_H_
#define JOIST_STORE_LOG_FRAME_H_

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

#include "joist/base/crc32c.h"

namespace joist::store {

static_assert(std::endian::native == std::endian::little, "files are little-endian");

/// As it is written.
struct FrameHeader {
  static constexpr uint32_t kMagic = 0x4C67736A;

  uint64_t first_offset = 0;
  int64_t publish_micros = 0;
  uint32_t magic = kMagic;
  uint32_t payload_size = 0;
  uint32_t count = 0;
  uint32_t payload_checksum = 0;
  uint32_t earlier =
      0;  ///< Messages before it of the same write: durable is what was before those.
  uint32_t header_checksum = 0;

  uint64_t end_offset() const { return first_offset + count; }
  /// All messages before this one were on disk when the frame was written.
  uint64_t durable_before() const { return first_offset - earlier; }
  size_t frame_size() const { return sizeof(FrameHeader) + payload_size; }

  uint32_t Checksum() const {
    return Crc32c({reinterpret_cast<const char*>(this), offsetof(FrameHeader, header_checksum)});
  }

  /// Where in `bytes` the first header begins; npos where there is none.
  static size_t Find(std::string_view bytes) {
    constexpr uint32_t kWanted = kMagic;
    const std::string_view wanted(reinterpret_cast<const char*>(&kWanted), sizeof(kWanted));
    for (size_t at = offsetof(FrameHeader, magic);
         (at = bytes.find(wanted, at)) != std::string_view::npos; ++at) {
      const size_t begin = at - offsetof(FrameHeader, magic);
      if (Decode(bytes.substr(begin))) return begin;
    }
    return std::string_view::npos;
  }

  /// The header at the beginning of `bytes`; null where there is none.
  static std::optional<FrameHeader> Decode(std::string_view bytes) {
    FrameHeader header;
    if (bytes.size() < sizeof(header)) return std::nullopt;
    std::memcpy(&header, bytes.data(), sizeof(header));
    if (header.magic != kMagic || header.count == 0 || header.earlier > header.first_offset ||
        header.header_checksum != header.Checksum()) {
      return std::nullopt;
    }
    return header;
  }
};
static_assert(sizeof(FrameHeader) == 40);

}  // namespace joist::store

#endif  // JOIST_STORE_LOG_FRAME_H_
