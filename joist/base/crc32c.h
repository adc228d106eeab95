// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// CRC-32C (Castagnoli): the checksum of RFC 3720, appendix B.4. Pure function.

#ifndef JOIST_BASE_CRC32C_H_
#define JOIST_BASE_CRC32C_H_

#include <cstdint>
#include <string_view>

namespace joist {

uint32_t Crc32c(std::string_view bytes);

}  // namespace joist

#endif  // JOIST_BASE_CRC32C_H_
