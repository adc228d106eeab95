// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Files of another writer, and Joist's as another reader sees them: fastavro, by foreign_files.py.

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <unistd.h>

#include "joist/io/avro/test_rows.h"

namespace joist::avro {

struct Xy {
  int64_t x = 0;
  std::optional<std::string> y;
};
JOIST_ROW(Xy, x, y)

enum class Category : uint8_t { c0, c1, c2, c3, c4 };
JOIST_ENUM(Category, c0, c1, c2, c3, c4)

/// What foreign_files.py writes.
struct Foreign {
  Xy after;
  int64_t id = 0;
  double real = 0;
  std::string text;
  std::optional<std::string> maybe;
  Category category = Category::c0;
  Timestamp millis;
  Timestamp micros;
  Timestamp day;
  Duration clock;
  std::string money;
  double fixed_money = 0;
  std::string unique;
  Bytes fixed;
  std::optional<std::vector<int32_t>> list;
  std::vector<Xy> rows;
  std::map<std::string, std::optional<int64_t>> map;
  std::optional<double> any;
  std::optional<int64_t> nothing;
};
JOIST_ROW(Foreign, after, id, real, text, maybe, category, millis, micros, day, clock, money,
          fixed_money, unique, fixed, list, rows, map, any, nothing)

/// What foreign_files.py checks.
struct Ours {
  int64_t id = 0;
  std::string text;
  std::optional<double> maybe;
  Timestamp time;
  Duration span;
  uint64_t unsigned_word = 0;
  std::vector<Point> points;
  std::map<std::string, int64_t> counts;
  std::map<int32_t, bool> by_number;
  std::vector<uint8_t> raw;
  int8_t small = 0;
};
JOIST_ROW(Ours, id, text, maybe, time, span, unsigned_word, points, counts, by_number, raw, small)

namespace {

class ForeignTest : public testing::Test {
 protected:
  ForeignTest() { std::filesystem::create_directories(root_); }
  ~ForeignTest() override { std::filesystem::remove_all(root_); }

  static bool HasFastavro() { return JOIST_FOREIGN_FILES[0] != '\0'; }
  static bool Python(const std::string& arguments) {
    return std::system((std::string(JOIST_FOREIGN_FILES) + " " + arguments).c_str()) == 0;
  }
  std::string root_ =
      testing::TempDir() + "joist_avro_foreign_test_" + std::to_string(getpid()) + "/";
};

constexpr std::string_view kNoFastavro =
    "fastavro's wheels are for Python 3.11, and fetched when "
    "the build is configured";

TEST_F(ForeignTest, ReadsWhatOthersWrite) {
  if (!HasFastavro()) GTEST_SKIP() << kNoFastavro;
  ASSERT_TRUE(Python("write " + root_));
  const Timestamp start = *Timestamp::Parse("2026-11-21T00:00:00Z");
  for (const char* codec : {"null", "deflate", "snappy", "zstandard", "bzip2"}) {
    const std::string path = root_ + codec;
    const auto rows = ReadRows<Foreign>(path);
    ASSERT_TRUE(rows.ok()) << rows.status().message();
    ASSERT_EQ(rows->size(), 1000);
    for (int64_t i = 0; i < 1000; ++i) {
      const Foreign& row = (*rows)[static_cast<size_t>(i)];
      const std::string digits = std::to_string(10'000 + i).substr(1);
      ASSERT_EQ(row.id, i) << path;
      ASSERT_EQ(row.real, static_cast<double>(i) / 8) << path;
      ASSERT_EQ(row.text, "text " + std::to_string(i % 10)) << path;
      ASSERT_EQ(row.maybe.has_value(), i % 3 != 0) << path;
      ASSERT_EQ(row.maybe.value_or("may be " + std::to_string(i)), "may be " + std::to_string(i));
      ASSERT_EQ(row.category, static_cast<Category>(i % 5)) << path;
      ASSERT_EQ(row.millis, start + Duration::Millis(i)) << path;
      ASSERT_EQ(row.micros, start + Duration::Millis(i * 3 / 2)) << path;
      ASSERT_EQ(row.day, Timestamp() + Duration::Days(i - 1)) << path;
      ASSERT_EQ(row.clock, Duration::Millis(i % 60 * 1000 + 2)) << path;
      const int64_t cents = std::abs(i - 500);
      ASSERT_EQ(row.money, (i < 500 ? "-" : "") + std::to_string(cents / 100) + "." +
                               std::to_string(100 + cents % 100).substr(1))
          << path;
      ASSERT_EQ(row.fixed_money, static_cast<double>(i - 500) / 100) << path;
      ASSERT_EQ(row.unique.size(), 36) << path;
      ASSERT_EQ(row.fixed.view(), digits) << path;
      ASSERT_EQ(row.list.has_value(), i % 7 != 0) << path;
      if (row.list.has_value()) {
        ASSERT_EQ(row.list->size(), i % 4) << path;
        for (size_t j = 0; j < row.list->size(); ++j) {
          ASSERT_EQ((*row.list)[j], static_cast<int32_t>(j)) << path;
        }
      }
      ASSERT_EQ(row.rows.size(), i % 3) << path;
      for (const Xy& one : row.rows) ASSERT_EQ(one.x, i) << path;
      ASSERT_EQ(row.map.size(), 2) << path;
      ASSERT_EQ(row.map.at("k"), i) << path;
      ASSERT_FALSE(row.map.at("l").has_value()) << path;
      ASSERT_EQ(row.any.has_value(), i % 3 != 0) << path;
      if (row.any.has_value()) {
        ASSERT_EQ(*row.any, static_cast<double>(i) / (i % 3 == 1 ? 1 : 4)) << path;
      }
      ASSERT_EQ(row.after.x, i) << path;
      ASSERT_EQ(row.after.y.value_or("none"), i % 2 == 0 ? "none" : "y" + std::to_string(i));
      ASSERT_FALSE(row.nothing.has_value()) << path;
    }
  }
}

TEST_F(ForeignTest, OthersReadWhatJoistWrites) {
  if (!HasFastavro()) GTEST_SKIP() << kNoFastavro;
  std::vector<Ours> rows;
  for (int32_t i = 0; i < 100; ++i) {
    Ours row{i,
             "text " + std::to_string(i),
             {},
             Timestamp::Millis(i),
             Duration::Millis(i),
             UINT64_MAX - static_cast<uint64_t>(i),
             std::vector<Point>(static_cast<size_t>(i % 3), Point{i, -i}),
             {{"a", i}},
             {{i, true}},
             {static_cast<uint8_t>(i)},
             static_cast<int8_t>((128 - i) % 128)};
    if (i % 3 != 0) row.maybe = i / 2.0;
    rows.push_back(std::move(row));
  }
  for (const Codec codec :
       {Codec::kNull, Codec::kDeflate, Codec::kSnappy, Codec::kZstandard, Codec::kBzip2}) {
    const std::string path = root_ + EnumText(codec);
    std::ofstream(path, std::ios::binary) << FileOfRows(rows, codec, 30);
    EXPECT_TRUE(Python("check " + path)) << path;
  }
}

}  // namespace
}  // namespace joist::avro
