// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/bigquery/row_json.h"

#include <gtest/gtest.h>

#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "joist/io/bigquery/encode_row.h"
#include "joist/io/bigquery/row_blocks.h"

namespace joist::bigquery {
namespace {

struct Leg {
  std::string to;
  std::vector<int64_t> stops;
};
JOIST_ROW(Leg, to, stops)

struct Trip {
  std::string user;
  int64_t count = 0;
  std::optional<int64_t> total = std::nullopt;
  double price = 0;
  bool is_paid = false;
  Timestamp at = {};
  Bytes token = {};
  std::vector<Leg> legs = {};
  std::optional<Leg> last = std::nullopt;
  std::vector<std::string> tags = {};
};
JOIST_ROW(Trip, user, count, total, price, is_paid, at, token, legs, last, tags)

Status JsonOf(const Trip& trip, std::string* json) {
  std::string row;
  EncodeRow(trip, &row);
  return RowJson(SchemaJson(ColumnsOf<Trip>())).Append(row, json);
}

TEST(RowJson, AsBigQueryTakesIt) {
  Trip trip{.user = "ann \"x\"\n", .count = -3, .price = 0.5, .is_paid = true};
  trip.at = Timestamp::Millis(1795406896125);
  trip.token = Bytes("\x01\xff");
  std::string json;
  EXPECT_TRUE(JsonOf(trip, &json).ok());
  EXPECT_EQ(json, R"({"user":"ann \"x\"\n","count":-3,"price":0.5,"is_paid":true,)"
                  R"("at":"2026-11-23T04:08:16.125Z","token":"Af8="})");
  trip.total = 0;
  trip.legs = {{"oslo", {1, 2}}, {"", {}}};
  trip.last = Leg{"rome", {3}};
  trip.tags = {"a", ""};
  json.clear();
  EXPECT_TRUE(JsonOf(trip, &json).ok());
  EXPECT_NE(json.find(R"("total":0,)"), std::string::npos) << json;
  EXPECT_NE(json.find(R"("legs":[{"to":"oslo","stops":[1,2]},{"to":""}],)"
                      R"("last":{"to":"rome","stops":[3]},"tags":["a",""]})"),
            std::string::npos)
      << json;
}

TEST(RowJson, NumbersThatJsonHasNot) {
  Trip trip;
  trip.count = std::numeric_limits<int64_t>::min();
  trip.price = std::numeric_limits<double>::infinity();
  trip.total = (int64_t{1} << 53) + 1;
  std::string json;
  EXPECT_TRUE(JsonOf(trip, &json).ok());
  EXPECT_NE(json.find(R"("count":"-9223372036854775808","total":"9007199254740993",)"
                      R"("price":"Infinity",)"),
            std::string::npos)
      << json;
}

TEST(RowJson, TextsThatAreNoUtf8) {
  Trip trip;
  trip.user = "a\xff";
  std::string json;
  const Status status = JsonOf(trip, &json);
  EXPECT_EQ(status.message(), "the text of column user is no UTF-8");
  EXPECT_NE(json.find("\"a\xef\xbf\xbd\""), std::string::npos) << json;
}

TEST(RowJson, BytesThatAreNoRow) {
  const RowJson rows(SchemaJson(ColumnsOf<Trip>()));
  std::string row;
  Trip trip;
  trip.user = "ann";
  EncodeRow(trip, &row);
  std::string json;
  for (const std::string& bad :
       {row.substr(0, 4), std::string("\x7f\x01"), std::string("\x00", 1)}) {
    EXPECT_EQ(rows.Append(bad, &json).code(), StatusCode::kInternal);
  }
}

TEST(RowBlocks, BlocksOfATableAreFullOrClosed) {
  RowBlocks blocks;
  const std::string row(RowBlocks::kBlockBytes / 4, 'r');
  EXPECT_FALSE(blocks.Add("p.d.a", row));
  EXPECT_FALSE(blocks.Add("p.d.b", "one"));
  EXPECT_FALSE(blocks.Add("p.d.a", row));
  EXPECT_FALSE(blocks.Add("p.d.a", row));
  EXPECT_TRUE(blocks.Add("p.d.a", row));
  auto full = blocks.Take();
  ASSERT_EQ(full.size(), 1U);
  EXPECT_EQ(full[0].key.table, "projects/p/datasets/d/tables/a");
  EXPECT_EQ(full[0].value.rows, 4);
  EXPECT_EQ(RowsOf(full[0].value), std::vector<std::string_view>(4, row));
  blocks.Close();
  full = blocks.Take();
  ASSERT_EQ(full.size(), 1U);
  EXPECT_EQ(RowsOf(full[0].value), std::vector<std::string_view>{"one"});
  EXPECT_THROW(blocks.Add("nothing", row), StatusException);
}

TEST(RowBlocks, OfManyTablesAreBounded) {
  RowBlocks blocks;
  size_t given = 0;
  for (size_t i = 0; i <= RowBlocks::kMostTables; ++i) {
    if (blocks.Add("p.d.t" + std::to_string(i), "row")) given += blocks.Take().size();
  }
  EXPECT_EQ(given, RowBlocks::kMostTables + 1);
}

}  // namespace
}  // namespace joist::bigquery
