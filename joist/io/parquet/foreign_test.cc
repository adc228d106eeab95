// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Files of other writers, and Joist's as another reader sees them: pyarrow, by foreign_files.py.

#include <cstdlib>
#include <filesystem>

#include <gtest/gtest.h>
#include <unistd.h>

#include "joist/io/parquet/fields.h"
#include "joist/io/parquet/read_rows.h"
#include "joist/io/parquet/row_file_writer.h"

namespace joist::parquet {

struct Xy {
  int64_t x = 0;
  std::optional<std::string> y;
};
JOIST_ROW(Xy, x, y)

/// What foreign_files.py writes.
struct Foreign {
  int64_t id = 0;
  uint8_t small = 0;
  double real = 0;
  std::string text;
  std::optional<std::string> maybe;
  std::string category;
  Timestamp micros;
  Timestamp nanos;
  Timestamp day;
  Duration clock;
  std::string money;
  Bytes fixed;
  std::optional<std::vector<int32_t>> list;
  std::vector<int32_t> pair;
  std::vector<Xy> rows;
  std::map<std::string, std::optional<int64_t>> map;
};
JOIST_ROW(Foreign, id, small, real, text, maybe, category, micros, nanos, day, clock, money, fixed,
          list, pair, rows, map)

struct Money {
  int32_t id = 0;
  double money = 0;
  std::optional<double> nothing;
};
JOIST_ROW(Money, id, money, nothing)

/// What foreign_files.py checks.
struct Points {
  int32_t x = 0;
  int32_t y = 0;
};
JOIST_ROW(Points, x, y)
struct Ours {
  int64_t id = 0;
  std::string text;
  std::optional<double> maybe;
  Timestamp time;
  Duration span;
  uint64_t unsigned_word = 0;
  std::vector<Points> points;
  std::map<std::string, int64_t> counts;
};
JOIST_ROW(Ours, id, text, maybe, time, span, unsigned_word, points, counts)

namespace {

class ForeignTest : public testing::Test {
 protected:
  ForeignTest() { std::filesystem::create_directories(root_); }
  ~ForeignTest() override { std::filesystem::remove_all(root_); }

  static bool HasPyarrow() { return JOIST_FOREIGN_FILES[0] != '\0'; }
  static bool Python(const std::string& arguments) {
    return std::system((std::string(JOIST_FOREIGN_FILES) + " " + arguments).c_str()) == 0;
  }
  std::string root_ =
      testing::TempDir() + "joist_parquet_foreign_test_" + std::to_string(getpid()) + "/";
};

TEST_F(ForeignTest, ReadsWhatOthersWrite) {
  if (!HasPyarrow()) GTEST_SKIP() << "pyarrow's wheel is for Python 3.11";
  ASSERT_TRUE(Python("write " + root_));
  int64_t files = 0;
  for (const auto& file : std::filesystem::directory_iterator(root_)) {
    const std::string path = file.path();
    ++files;
    const auto rows = ReadRows<Foreign>(path);
    ASSERT_TRUE(rows.ok()) << rows.status().message();
    ASSERT_EQ(rows->size(), 1000);
    for (int64_t i = 0; i < 1000; ++i) {
      const Foreign& row = (*rows)[static_cast<size_t>(i)];
      const std::string digits = std::to_string(10'000 + i).substr(1);
      ASSERT_EQ(row.id, i) << path;
      ASSERT_EQ(row.small, i % 200) << path;
      ASSERT_EQ(row.real, static_cast<double>(i) / 8) << path;
      ASSERT_EQ(row.text, "text " + std::to_string(i % 10)) << path;
      ASSERT_EQ(row.maybe.has_value(), i % 3 != 0) << path;
      ASSERT_EQ(row.maybe.value_or("may be " + std::to_string(i)), "may be " + std::to_string(i));
      ASSERT_EQ(row.category, "c" + std::to_string(i % 5)) << path;
      const Timestamp start = *Timestamp::Parse("2026-11-21T00:00:00Z");
      ASSERT_EQ(row.micros, start + Duration::Millis(i * 3 / 2)) << path;
      ASSERT_EQ(row.nanos, start + Duration::Millis(i * 3 / 2)) << path;
      ASSERT_EQ(row.day, Timestamp() + Duration::Days(i - 1)) << path;
      ASSERT_EQ(row.clock, Duration::Millis(i % 60 * 1000 + 2)) << path;
      const int64_t cents = std::abs(i - 500);
      ASSERT_EQ(row.money, (i < 500 ? "-" : "") + std::to_string(cents / 100) + "." +
                               std::to_string(100 + cents % 100).substr(1))
          << path;
      ASSERT_EQ(row.fixed.view(), digits) << path;
      ASSERT_EQ(row.list.has_value(), i % 7 != 0) << path;
      if (row.list.has_value()) {
        ASSERT_EQ(row.list->size(), i % 4) << path;
        for (size_t j = 0; j < row.list->size(); ++j) {
          ASSERT_EQ((*row.list)[j], static_cast<int32_t>(j)) << path;
        }
      }
      ASSERT_EQ(row.pair,
                (std::vector<int32_t>{static_cast<int32_t>(i), static_cast<int32_t>(i + 1)}))
          << path;
      ASSERT_EQ(row.rows.size(), i % 3) << path;
      for (const Xy& one : row.rows) ASSERT_TRUE(one.x == i && !one.y.has_value()) << path;
      ASSERT_EQ(row.map.size(), 2) << path;
      ASSERT_EQ(row.map.at("k"), i) << path;
      ASSERT_FALSE(row.map.at("l").has_value()) << path;
    }
    const Timestamp time = *Timestamp::Parse("2026-11-21T00:00:00.600Z");
    const auto some = ReadRows<Money>(
        path, Column("id") >= 300 && Column("nanos") < time && Column("category") == "c1" &&
                  Column("nothing").IsNull() && Column("day") > Timestamp());
    ASSERT_TRUE(some.ok()) << some.status().message();
    ASSERT_EQ(some->size(), 20) << path;
    ASSERT_EQ((*some)[0].id, 301) << path;
    ASSERT_EQ((*some)[0].money, -1.99) << path;
    ASSERT_FALSE((*some)[0].nothing.has_value()) << path;
  }
  EXPECT_EQ(files, 7);
}

TEST_F(ForeignTest, OthersReadWhatJoistWrites) {
  if (!HasPyarrow()) GTEST_SKIP() << "pyarrow's wheel is for Python 3.11";
  const std::string path = root_ + "ours";
  auto file = RowFileWriter::Create(path, path, SchemaOf<Ours>(), Codec::kZstd, 30);
  ASSERT_TRUE(file.ok());
  for (int32_t i = 0; i < 100; ++i) {
    Ours row{i,
             "text " + std::to_string(i),
             {},
             Timestamp::Millis(i),
             Duration::Millis(i),
             UINT64_MAX - static_cast<uint64_t>(i),
             std::vector<Points>(static_cast<size_t>(i % 3), Points{i, -i}),
             {{"a", i}}};
    if (i % 3 != 0) row.maybe = i / 2.0;
    PutRow(row, file->columns());
    ASSERT_TRUE(file->EndRow().ok());
  }
  ASSERT_TRUE(file->Close().ok());
  EXPECT_TRUE(Python("check " + path));
}

}  // namespace
}  // namespace joist::parquet
