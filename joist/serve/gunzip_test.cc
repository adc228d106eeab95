// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/serve/gunzip.h"

#include <gtest/gtest.h>

#include "joist/serve/testing/gzip.h"

namespace joist::serve {
namespace {

TEST(Gunzip, GivesBackWhatWasCompressed) {
  for (const size_t size : {size_t{0}, size_t{1}, size_t{1000}, size_t{300'000}}) {
    const std::string text(size, 'x');
    const Result<std::string> back = Gunzip(Gzip(text), size);
    ASSERT_TRUE(back.ok()) << size << ": " << back.status().message();
    EXPECT_EQ(*back, text);
  }
}

TEST(Gunzip, ReadsSeveralMembers) {
  const Result<std::string> back = Gunzip(Gzip("one,") + Gzip("two"), 100);
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(*back, "one,two");
}

TEST(Gunzip, BoundsWhatItMakes) {
  constexpr size_t kBytes = 10'000'000;
  std::string zeros;
  zeros.resize(kBytes);
  const std::string bomb = Gzip(zeros);
  EXPECT_LT(bomb.size(), 20'000U);
  const Result<std::string> back = Gunzip(bomb, kBytes - 1);
  EXPECT_EQ(back.status().code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(back.status().message(), "the gzip'ed body holds more than 9999999 bytes");
  EXPECT_TRUE(Gunzip(bomb, kBytes).ok());
}

TEST(Gunzip, RefusesDamage) {
  const std::string whole = Gzip("some text that is long enough to be cut");
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_EQ(Gunzip(whole.substr(0, size), 1000).status().code(), StatusCode::kInvalidArgument)
        << size;
  }
  std::string changed = whole;
  changed[whole.size() - 6] ^= 1;  // The checksum.
  EXPECT_FALSE(Gunzip(changed, 1000).ok());
  EXPECT_FALSE(Gunzip(whole + "more", 1000).ok());
  EXPECT_FALSE(Gunzip("plain", 1000).ok());
}

}  // namespace
}  // namespace joist::serve
