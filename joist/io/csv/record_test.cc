// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/csv/record.h"

#include <charconv>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "joist/io/csv/fields.h"
#include "joist/io/csv/naive_records.h"

namespace joist::csv {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<NaiveRecord> Scanned(std::string_view text, char delimiter = ',',
                                 bool newlines_in_quotes = true) {
  RecordScanner scanner(delimiter, newlines_in_quotes);
  std::vector<NaiveRecord> records;
  std::string scratch;
  while (!text.empty()) {
    // In memory of exactly its size.
    const std::vector<char> exact(text.begin(), text.end());
    const size_t bytes = scanner.Scan({exact.data(), exact.size()}, 0, /*at_end=*/true);
    EXPECT_GT(bytes, 0);
    NaiveRecord record{{}, !scanner.error().empty()};
    for (const RecordField& field : scanner.fields()) {
      record.fields.emplace_back(TextOf(field, &scratch));
    }
    if (!scanner.fields().empty()) records.push_back(record);
    // A part of it is told from the whole.
    for (size_t part = 0; part <= bytes; ++part) {
      const size_t taken = scanner.Scan({exact.data(), part}, 0, /*at_end=*/false);
      EXPECT_TRUE(taken == 0 || taken == bytes);
    }
    text.remove_prefix(bytes);
  }
  return records;
}

std::vector<std::string> FieldsOf(std::string_view text, char delimiter = ',') {
  const std::vector<NaiveRecord> records = Scanned(text, delimiter);
  EXPECT_EQ(records.size(), 1);
  EXPECT_FALSE(records[0].wrong);
  return records[0].fields;
}

std::string ErrorOf(std::string_view text, bool newlines_in_quotes = true) {
  RecordScanner scanner(',', newlines_in_quotes);
  scanner.Scan(text, 0, true);
  return std::string(scanner.error());
}

TEST(RecordTest, Fields) {
  EXPECT_THAT(FieldsOf("a,b,c\n"), ElementsAre("a", "b", "c"));
  EXPECT_THAT(FieldsOf("a,b\r\n"), ElementsAre("a", "b"));
  EXPECT_THAT(FieldsOf("a, b "), ElementsAre("a", " b "));
  EXPECT_THAT(FieldsOf(",,\n"), ElementsAre("", "", ""));
  EXPECT_THAT(FieldsOf("\"a\",\"\",\"b,\r\n\"\"c\"\"\"\r\n"), ElementsAre("a", "", "b,\r\n\"c\""));
  EXPECT_THAT(FieldsOf("\"\"\n"), ElementsAre(""));
  EXPECT_THAT(FieldsOf("\"\"\"\"\n"), ElementsAre("\""));
  EXPECT_THAT(FieldsOf("a;b,c;\"d;\"", ';'), ElementsAre("a", "b,c", "d;"));
  EXPECT_THAT(FieldsOf("a\rb\r,\r"), ElementsAre("a\rb\r", "\r"));
  EXPECT_THAT(Scanned("\n\r\n\n"), IsEmpty());
}

TEST(RecordTest, Errors) {
  EXPECT_EQ(ErrorOf("a\"b,c\n"), "has a quote in a field that doesn't begin with one");
  EXPECT_EQ(ErrorOf("\"a\"b,c\n"), "has text behind a closing quote");
  EXPECT_EQ(ErrorOf("\"a\r\n"), "has a quote that is never closed");
  EXPECT_EQ(ErrorOf("\"a\nb\"\n"), "");
  EXPECT_EQ(ErrorOf("\"a\nb\"\n", false), "has a quote that is not closed in its line");
  // What follows is not touched.
  const auto records = Scanned("5\" disk,1\n\"x\"y,2\n\"a\",\"b\"\n");
  ASSERT_EQ(records.size(), 3);
  EXPECT_TRUE(records[0].wrong);
  EXPECT_TRUE(records[1].wrong);
  EXPECT_THAT(records[2].fields, ElementsAre("a", "b"));
}

// Records one after the other, as a file's reader scans them, in a window that is filled again in
// the middle of a record, with bytes behind it that mean nothing.
TEST(RecordTest, GoesOnInTheSameWindow) {
  std::mt19937 random(2);
  for (int i = 0; i < 300; ++i) {
    std::string text;
    for (int n = 0; n < 60; ++n) {
      const std::string word(random() % 30, 'w');
      text += random() % 5 == 0 ? "\"" + word + ",\n\"" : word;
      text += ",\n"[random() % 2];
    }
    const auto expected = NaiveRecords(text, ',');
    std::vector<NaiveRecord> scanned;
    RecordScanner scanner(',', true);
    std::string scratch;
    constexpr size_t kSlack = 64;
    std::string memory;
    for (size_t begin = 0, end = 0; begin < text.size() || end < text.size();) {
      end = std::min(text.size(), end + 1 + random() % 300);
      memory.assign(text, begin, end - begin);
      for (size_t n = 0; n < kSlack; ++n) memory += "x,\n\""[random() % 4];
      std::string_view window(memory.data(), end - begin);
      while (!window.empty()) {
        const size_t bytes = scanner.Scan(window, kSlack, end == text.size());
        if (bytes == 0) break;
        NaiveRecord record{{}, !scanner.error().empty()};
        for (const RecordField& field : scanner.fields()) {
          record.fields.emplace_back(TextOf(field, &scratch));
        }
        if (!scanner.fields().empty()) scanned.push_back(record);
        window.remove_prefix(bytes);
        begin += bytes;
      }
    }
    ASSERT_EQ(scanned.size(), expected.size()) << text;
    for (size_t r = 0; r < expected.size(); ++r) ASSERT_TRUE(scanned[r] == expected[r]) << text;
  }
}

TEST(FieldsTest, IntegersOfEverySize) {
  std::mt19937_64 random(3);
  const auto check = [](const std::string& text) {
    int64_t taken = 0, parsed = 0;
    std::string wanted;
    const auto [behind, error] = std::from_chars(text.data(), text.data() + text.size(), parsed);
    const bool right = error == std::errc() && behind == text.data() + text.size();
    for (const char after : {',', '7', '\0', '\xFF'}) {
      const std::string memory = text + std::string(kTextSlack, after);
      ASSERT_EQ(TakeInteger({memory.data(), text.size()}, INT64_MIN, INT64_MAX, &taken, &wanted),
                right)
          << text;
      ASSERT_TRUE(!right || taken == parsed) << text;
    }
  };
  for (int i = 0; i < 20'000; ++i) {
    std::string text = std::to_string(static_cast<int64_t>(random()) >> (random() % 64));
    check(text);
    text[random() % text.size()] = static_cast<char>(random());
    check(text);
    text.insert(random() % text.size(), 1, "0-+. 9"[random() % 6]);
    check(text);
  }
  for (const char* text : {"", "-", "--1", "+1", "0", "-0", "00000000000000000000007",
                           "9223372036854775807", "9223372036854775808", "-9223372036854775808"}) {
    check(text);
  }
}

TEST(RecordTest, AgreesWithANaiveReader) {
  std::mt19937 random(1);
  constexpr std::string_view kBytes = "ab,,;\"\"\"\n\n\r";
  for (int i = 0; i < 20'000; ++i) {
    std::string text;
    for (size_t n = random() % 60; n > 0; --n) {
      if (random() % 10 == 0) {
        text += std::string(random() % 70, 'x');
      } else {
        text += kBytes[random() % kBytes.size()];
      }
    }
    const char delimiter = random() % 2 == 0 ? ',' : ';';
    const auto expected = NaiveRecords(text, delimiter);
    const auto scanned = Scanned(text, delimiter);
    ASSERT_EQ(scanned.size(), expected.size()) << text;
    for (size_t r = 0; r < expected.size(); ++r) ASSERT_TRUE(scanned[r] == expected[r]) << text;
  }
}

}  // namespace
}  // namespace joist::csv
