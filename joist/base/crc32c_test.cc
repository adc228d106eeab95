// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/base/crc32c.h"

#include <gtest/gtest.h>

#include <string>

namespace joist {
namespace {

// RFC 3720, appendix B.4.
TEST(Crc32cTest, KnownValues) {
  EXPECT_EQ(Crc32c(""), 0);
  EXPECT_EQ(Crc32c("123456789"), 0xE3069283);
  EXPECT_EQ(Crc32c(std::string(32, '\0')), 0x8A9136AA);
  EXPECT_EQ(Crc32c(std::string(32, '\xFF')), 0x62A8AB43);
  std::string ascending;
  for (char c = 0; c < 32; ++c) ascending += c;
  EXPECT_EQ(Crc32c(ascending), 0x46DD794E);
}

}  // namespace
}  // namespace joist
