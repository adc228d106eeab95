// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/csv/record.h"

#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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
