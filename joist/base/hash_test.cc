// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/base/hash.h"

#include <memory>
#include <random>
#include <set>
#include <string>

#include <gtest/gtest.h>

namespace joist {
namespace {

std::string Text(size_t size) {
  std::string text;
  for (size_t i = 0; i < size; ++i) text += static_cast<char>(i * 37 + 11);
  return text;
}

// These values are in checkpoints. Other ones need another kHashVersion.
TEST(Hash, ValuesAreFixed) {
  static_assert(kHashVersion == 1);
  EXPECT_EQ(HashWord(0), 0xD6CB8892A926A943u);
  EXPECT_EQ(HashWord(1), 0x0400C6C778BBB447u);
  EXPECT_EQ(HashWord(~uint64_t{0}), 0x86E0235B0C408D3Bu);
  EXPECT_EQ(HashCombine(1, 2), 0xC8B7F534790F4C6Eu);
  EXPECT_EQ(HashBytes(""), 0xD6CB8892A926A943u);
  EXPECT_EQ(HashBytes("a"), 0x4F1A77809FA679F1u);
  EXPECT_EQ(HashBytes("the"), 0x6B0BBCFEC5336AE4u);
  EXPECT_EQ(HashBytes(Text(8)), 0xFE9DAD92867EEFE3u);
  EXPECT_EQ(HashBytes(Text(16)), 0x6D74B7996D693A75u);
  EXPECT_EQ(HashBytes(Text(17)), 0x3124FB4836FB8DCBu);
  EXPECT_EQ(HashBytes(Text(100)), 0xD6AF4BB6F40DFDD1u);
}

TEST(Hash, PrefixIsTheFirstSixteenBytes) {
  for (size_t size = 0; size <= 40; ++size) {
    // On the heap and of the exact size, so that AddressSanitizer sees a read beyond it.
    const std::unique_ptr<char[]> data(new char[size]);
    const std::string text = Text(size);
    std::memcpy(data.get(), text.data(), size);
    KeyPrefix expected;
    for (size_t i = 0; i < size && i < 16; ++i) {
      (i < 8 ? expected.low : expected.high) |= static_cast<uint64_t>(static_cast<uint8_t>(text[i]))
                                                << (8 * (i % 8));
    }
    EXPECT_EQ(LoadPrefix(data.get(), size), expected) << size;
    if (size <= 16) {
      EXPECT_EQ(HashBytes({data.get(), size}), HashPrefix(expected, size)) << size;
    }
  }
}

TEST(Hash, EveryByteAndTheSizeCount) {
  for (size_t size = 1; size <= 64; ++size) {
    std::string text(size, '\0');
    std::set<uint64_t> hashes = {HashBytes(text), HashBytes(std::string(size + 1, '\0'))};
    for (size_t i = 0; i < size; ++i) {
      for (const char bit : {'\x01', '\x80'}) {
        text[i] = bit;
        hashes.insert(HashBytes(text));
        text[i] = '\0';
      }
    }
    EXPECT_EQ(hashes.size(), 2 + 2 * size) << size;
  }
}

TEST(Hash, CombineDependsOnTheOrder) {
  EXPECT_NE(HashCombine(1, 2), HashCombine(2, 1));
  EXPECT_NE(HashCombine(HashCombine(0, 1), 2), HashCombine(HashCombine(0, 2), 1));
}

// The high bits select partitions and slots: sequential keys must spread over them.
TEST(Hash, HighBitsSpread) {
  constexpr int kBuckets = 1 << 10;
  constexpr int kKeys = kBuckets * 100;
  const auto worst = [](auto hash) {
    std::vector<int> buckets(kBuckets);
    int most = 0;
    for (uint64_t i = 0; i < kKeys; ++i) most = std::max(most, ++buckets[hash(i) >> 54]);
    return most;
  };
  // 100 a bucket on average; chance makes about 140 of the fullest.
  EXPECT_LT(worst([](uint64_t i) { return HashWord(i); }), 160);
  EXPECT_LT(worst([](uint64_t i) { return HashWord(i << 32); }), 160);
  EXPECT_LT(worst([](uint64_t i) { return HashBytes("key" + std::to_string(i)); }), 160);
  EXPECT_LT(worst([](uint64_t i) { return HashCombine(HashWord(i % 7), i / 7); }), 160);
}

}  // namespace
}  // namespace joist
