// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/text/tokenize.h"

#include <memory>
#include <random>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "joist/io/text/letters.h"
#include "joist/io/text/naive_words.h"

namespace joist::text {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> Words(std::string_view text) {
  // In memory of just this size, so that a sanitizer sees a read beyond it.
  const std::unique_ptr<char[]> exact(new char[text.size()]);
  std::copy(text.begin(), text.end(), exact.get());
  std::vector<std::string> words;
  ForEachWord({exact.get(), text.size()}, [&](std::string_view word) { words.emplace_back(word); });
  return words;
}

TEST(TokenizeTest, WordsAreLettersAndApostrophes) {
  EXPECT_THAT(Words(""), IsEmpty());
  EXPECT_THAT(Words(" ,.;-"), IsEmpty());
  EXPECT_THAT(Words("a"), ElementsAre("a"));
  EXPECT_THAT(Words("KING LEAR, o' the 'world's end'; 4th_2x"),
              ElementsAre("KING", "LEAR", "o'", "the", "'world's", "end'", "th", "x"));
  EXPECT_THAT(Words("@[`{AZaz"), ElementsAre("AZaz"));
  EXPECT_THAT(Words("one\ntwo\r\nthree"), ElementsAre("one", "two", "three"));
}

TEST(TokenizeTest, LettersAreUnicodes) {
  EXPECT_THAT(Words("Größe naïve’s été"), ElementsAre("Größe", "naïve", "s", "été"));
  EXPECT_THAT(Words("война и мир"), ElementsAre("война", "и", "мир"));
  EXPECT_THAT(Words("語 学、日本"), ElementsAre("語", "学", "日本"));
  EXPECT_THAT(Words("a×b÷c ªº ٣ 𐐷𐑉x😀y"), ElementsAre("a", "b", "c", "ªº", "𐐷𐑉x", "y"));
}

TEST(TokenizeTest, InvalidBytesBelongToNoWord) {
  EXPECT_THAT(Words("a\xFFz"), ElementsAre("a", "z"));
  EXPECT_THAT(Words("a\xC3"), ElementsAre("a"));
  EXPECT_THAT(Words("\xC1\x81z\xE0\x80\x81y\xED\xA0\x80x"), ElementsAre("z", "y", "x"));
  EXPECT_THAT(Words("a\xE8\xAA"
                    "b"),
              ElementsAre("a", "b"));
}

TEST(TokenizeTest, TableIsUnicodes) {
  size_t letters = 0;
  for (uint32_t c = 0; c < 0x120000; ++c) letters += IsLetter(c) ? 1 : 0;
  EXPECT_EQ(letters, 131756u);  // Of Unicode 14.
  for (uint32_t c = 0; c < 128; ++c) {
    EXPECT_EQ(IsLetter(c), (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) << c;
  }
}

TEST(TokenizeTest, EverySizeAndPlace) {
  for (size_t size = 0; size < 200; ++size) {
    for (const char* unit : {"a", " ", "a ", "ab' ", "ä", "ä ", "語a", "𐐷", "\x80", "a\xC3"}) {
      std::string text;
      while (text.size() < size) text += unit;
      EXPECT_EQ(Words(text), NaiveWords(text)) << size << " of " << unit;
      text.resize(size);
      EXPECT_EQ(Words(text), NaiveWords(text)) << size << " of " << unit;
    }
  }
}

TEST(TokenizeTest, AgreesWithTheNaiveOne) {
  std::mt19937 random(3);
  const auto below = [&](size_t n) {
    return std::uniform_int_distribution<size_t>(0, n - 1)(random);
  };
  static constexpr std::string_view kPieces[] = {
      "a",  "Z", "'",    " ",    "\n",       ".",        "ä",      "é", "語", "𐐷",
      "😀", "’", "\x80", "\xC3", "\xE8\xAA", "\xF0\x90", "longer", "m", "q",  "x"};
  for (int round = 0; round < 2000; ++round) {
    const size_t size = below(4) == 0 ? below(30'000) : below(300);
    const size_t kinds = 1 + below(std::size(kPieces));
    const size_t repeat = below(10) == 0 ? 5000 : 1;
    std::string text;
    while (text.size() < size) {
      const std::string_view piece = kPieces[below(kinds)];
      for (size_t i = below(repeat) + 1; i > 0; --i) text += piece;
    }
    ASSERT_EQ(Words(text), NaiveWords(text)) << "round " << round;
  }
}

TEST(TokenizeTest, GoesOnWhereItStopped) {
  std::string text;
  for (int i = 0; i < 5000; ++i) text += i % 3 == 0 ? "wörd " : i % 3 == 1 ? "b " : "rather'long\n";
  for (const size_t capacity : {kLeastWords, size_t{100}, size_t{1024}, size_t{100'000}}) {
    std::vector<std::string_view> out(capacity);
    std::vector<std::string> words;
    const char* cursor = text.data();
    const char* const end = text.data() + text.size();
    while (cursor != end) {
      const size_t count = TokenizeInto(&cursor, end, out.data(), capacity);
      EXPECT_LE(count, capacity);
      EXPECT_TRUE(cursor == end || count >= capacity - kLeastWords);
      words.insert(words.end(), out.begin(), out.begin() + static_cast<std::ptrdiff_t>(count));
    }
    EXPECT_EQ(words, NaiveWords(text));
  }
}

}  // namespace
}  // namespace joist::text
