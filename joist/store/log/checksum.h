// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// CRC-32C (Castagnoli), by which frames of the log are told from what a crash left. Thread-safe.

#ifndef JOIST_STORE_LOG_CHECKSUM_H_
#define JOIST_STORE_LOG_CHECKSUM_H_

#include <cstdint>
#include <string_view>

namespace joist::store {

/// The checksum of `bytes`.
uint32_t Crc32c(std::string_view bytes);

}  // namespace joist::store

#endif  // JOIST_STORE_LOG_CHECKSUM_H_
