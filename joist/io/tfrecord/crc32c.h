// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// CRC-32C (Castagnoli): the checksum of RFC 3720, appendix B.4. Pure function.

#ifndef JOIST_IO_TFRECORD_CRC32C_H_
#define JOIST_IO_TFRECORD_CRC32C_H_

#include <cstdint>
#include <string_view>

namespace joist::tfrecord {

uint32_t Crc32c(std::string_view bytes);

/// As TFRecord files hold it: rotated right by 15 bits, plus a constant, so that the checksum of
/// data that holds checksums is none of theirs.
inline uint32_t MaskedCrc32c(std::string_view bytes) {
  const uint32_t crc = Crc32c(bytes);
  return (crc >> 15 | crc << 17) + 0xA282EAD8;
}

}  // namespace joist::tfrecord

#endif  // JOIST_IO_TFRECORD_CRC32C_H_
