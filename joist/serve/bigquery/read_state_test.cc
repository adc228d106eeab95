// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// What the server keeps for readers, over a restart and not for ever: sessions, and tables of
// queries' rows. What of a table's columns a session gives.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "joist/serve/bigquery/read_sessions.h"
#include "joist/serve/bigquery/result_tables.h"
#include "joist/serve/bigquery/selected_fields.h"

namespace joist::serve {
namespace {

using testing::HasSubstr;

constexpr int64_t kHour = 3'600'000;

class ReadStateTest : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::remove_all(folder_); }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  int64_t now_ = 100 * kHour;
  const ReadSessions::Clock clock_ = [this] { return now_; };
  const std::string folder_ = testing::TempDir() + "joist_read_state_" + std::to_string(getpid());
};

ReadSession SessionOf(const std::string& id) {
  ReadSession session{.name = "projects/p/locations/us/sessions/" + id,
                      .select = "SELECT \"x\" FROM \"p.d\".\"t\"",
                      .where = "(x > 'Zürich')",
                      .schema = {{{.name = "x", .mode = tables::FieldMode::kRequired}}},
                      .avro = true};
  session.streams[session.name + "/streams/0"] = {0, 100};
  return session;
}
std::string StreamOf(const std::string& id) {
  return "projects/p/locations/us/sessions/" + id + "/streams/0";
}

TEST_F(ReadStateTest, SessionsOutliveTheServer) {
  std::pair<std::string, std::string> halves;
  {
    ReadSessions sessions(folder_, clock_);
    ASSERT_TRUE(sessions.Add(SessionOf("1")).ok());
    const auto split = sessions.Split(StreamOf("1"), 0.25);
    ASSERT_TRUE(split.ok());
    halves = *split;
  }
  std::ofstream(folder_ + "/2.json") << "{\"name\":";  // Of a server that was killed.
  ReadSessions sessions(folder_, clock_);
  const auto found = sessions.Find(halves.second);
  ASSERT_TRUE(found.ok()) << found.status().message();
  EXPECT_EQ(found->first.Sql(found->second, 7),
            "SELECT \"x\" FROM \"p.d\".\"t\" WHERE (x > 'Zürich') AND rowid >= 25 AND rowid < 100 "
            "OFFSET 7");
  EXPECT_EQ(found->first.schema, SessionOf("1").schema);
  EXPECT_TRUE(found->first.avro);
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/2.json"));
}

TEST_F(ReadStateTest, SessionsExpire) {
  ReadSessions sessions(folder_, clock_);
  ASSERT_TRUE(sessions.Add(SessionOf("1")).ok());
  now_ += 5 * kHour;
  ASSERT_TRUE(sessions.Add(SessionOf("2")).ok());
  EXPECT_TRUE(sessions.Find(StreamOf("1")).ok());
  now_ += 2 * kHour;
  EXPECT_EQ(sessions.Find(StreamOf("1")).status().code(), StatusCode::kNotFound);
  EXPECT_TRUE(sessions.Find(StreamOf("2")).ok());
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/1.json"));
}

TEST_F(ReadStateTest, SessionsAreBounded) {
  ReadSessions sessions(folder_, clock_);
  for (size_t i = 0; i <= ReadSessions::kMost; ++i) {
    ASSERT_TRUE(sessions.Add(SessionOf(std::to_string(i))).ok());
  }
  EXPECT_FALSE(sessions.Find(StreamOf("0")).ok());
  EXPECT_TRUE(sessions.Find(StreamOf("1")).ok());
}

TEST_F(ReadStateTest, TablesOfRowsExpire) {
  const auto store = *tables::TableStore::Open({.folder = folder_});
  // The store's own clock says when a table was made that is found.
  now_ = tables::NowMilliseconds();
  const auto make = [&](ResultTables& results, int64_t rows) {
    const auto name = results.NewName("p");
    EXPECT_TRUE(name.ok());
    EXPECT_TRUE(store->CreateTable(*name, {{{.name = "x"}}}, "{}").ok());
    results.Add(*name, rows);
    return *name;
  };
  tables::TableName first;
  {
    ResultTables results(store.get(), clock_);
    first = make(results, 1);
    now_ += 13 * kHour;
  }
  ResultTables results(store.get(), clock_);
  const tables::TableName second = make(results, ResultTables::kMostRows);
  EXPECT_TRUE(store->GetTable(first).ok());
  now_ += 12 * kHour;
  EXPECT_TRUE(results.NewName("p").ok());
  EXPECT_FALSE(store->GetTable(first).ok());
  EXPECT_TRUE(store->GetTable(second).ok());
  const tables::TableName third = make(results, 1);
  EXPECT_TRUE(results.NewName("p").ok());
  EXPECT_FALSE(store->GetTable(second).ok()) << "too many rows";
  EXPECT_TRUE(store->GetTable(third).ok());
}

TEST(SelectedFieldsTest, PartsOfRecords) {
  const auto table = tables::SchemaFromJson(
      R"([{"name":"a","type":"STRING"},
          {"name":"r","type":"RECORD","fields":[{"name":"x","type":"INTEGER"},
            {"name":"s","type":"RECORD","mode":"REPEATED","fields":[{"name":"y","type":"STRING"},
              {"name":"z","type":"STRING"}]}]}])");
  ASSERT_TRUE(table.ok());
  const auto all = SelectFields(*table, {});
  ASSERT_TRUE(all.ok());
  EXPECT_EQ(all->columns, R"("a", "r")");
  EXPECT_EQ(all->schema, *table);
  const auto some = SelectFields(*table, {"R.s.Z"});
  ASSERT_TRUE(some.ok());
  EXPECT_EQ(some->columns,
            R"(CASE WHEN "r" IS NULL THEN NULL ELSE struct_pack("s" := )"
            R"(list_transform(struct_extract("r", 's'), lambda e0: CASE WHEN e0 IS NULL THEN NULL )"
            R"(ELSE struct_pack("z" := struct_extract(e0, 'z')) END)) END AS "r")");
  ASSERT_EQ(some->schema.fields.size(), 1U);
  ASSERT_EQ(some->schema.fields[0].fields.size(), 1U);
  EXPECT_EQ(some->schema.fields[0].fields[0].fields.size(), 1U);
  for (const char* const name : {"b", "a.x", "r.q", ""}) {
    EXPECT_THAT(SelectFields(*table, {name}).status().message(), HasSubstr("do not exist")) << name;
  }
}

}  // namespace
}  // namespace joist::serve
