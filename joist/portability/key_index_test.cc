// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/key_index.h"

#include <gtest/gtest.h>

#include <deque>
#include <random>
#include <string>
#include <unordered_map>

namespace joist::portability {
namespace {

TEST(KeyIndexTest, EmptyHasNothing) {
  EXPECT_EQ(KeyIndex().Find(""), std::nullopt);
  EXPECT_EQ(KeyIndex().Find("a"), std::nullopt);
}

TEST(KeyIndexTest, AgreesWithAMap) {
  std::mt19937 random(7);
  std::deque<std::string> texts;
  std::unordered_map<std::string, uint32_t> expected;
  KeyIndex index;
  for (int i = 0; i < 50'000; ++i) {
    // Short ones come again; the empty one, and some with zero bytes, are among them.
    const std::string& text = texts.emplace_back(random() % 8, static_cast<char>(random() % 3)) +=
        i % 2 == 0 ? std::to_string(random() % 20'000) : "";
    const uint32_t number =
        expected.emplace(text, static_cast<uint32_t>(expected.size())).first->second;
    ASSERT_EQ(index.Add(text), number);
  }
  ASSERT_EQ(index.keys().size(), expected.size());
  for (const auto& [text, number] : expected) {
    ASSERT_EQ(index.Find(text), number);
    ASSERT_EQ(index.keys()[number], text);
    const std::string other = text + "x";
    ASSERT_EQ(index.Find(other).has_value(), expected.contains(other));
  }
}

}  // namespace
}  // namespace joist::portability
