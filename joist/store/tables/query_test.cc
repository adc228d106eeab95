// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/store/tables/query.h"

#include <gtest/gtest.h>

#include "joist/store/tables/column_reader.h"
#include "joist/store/tables/test_tables.h"

namespace joist::tables {
namespace {

const TableName kNumbers{"my-project", "things", "numbers"};

class QueryTest : public testing::Test {
 protected:
  QueryTest() : folder_("query") {
    store_ = TableStore::Open({.folder = folder_.path(), .threads = 1}).value();
    ThrowIfError(store_->CreateDataset(kNumbers.Dataset(), "{}"));
    ThrowIfError(store_->CreateTable(kNumbers, NameAndNumberSchema(), "{}"));
    const auto plan =
        ProtoPlan::Compile(store_->GetTable(kNumbers).value().schema, NameAndNumber()).value();
    ThrowIfError(store_->AppendAndWait(kNumbers, NumberedRows(*plan, 0, 10)).status);
  }

  QueryRequest Request(const std::string& sql) const {
    QueryRequest request;
    request.sql = sql;
    request.project = "my-project";
    request.dataset = "things";
    return request;
  }

  /// The values of the first row, or what went wrong.
  std::string Run(const QueryRequest& request) {
    const auto result = RunQuery(store_.get(), request);
    if (!result.ok()) {
      return std::string(StatusCodeName(result.status().code())) + " " + result.status().message();
    }
    if (result->affected >= 0) return "affected " + std::to_string(result->affected);
    if (result->chunks.empty()) return "nothing";
    std::string text;
    AppendJsonRows(result->schema, result->chunks[0], 0, 1, {}, &text);
    return text;
  }
  std::string Run(const std::string& sql) { return Run(Request(sql)); }
  /// The one value of the one row.
  std::string Value(const std::string& sql) {
    std::string row = Run(sql);
    const std::string begin = R"({"f":[{"v":)";
    if (!row.starts_with(begin)) return row;
    return row.substr(begin.size(), row.size() - begin.size() - 3);
  }

  const TestFolder folder_;
  std::unique_ptr<TableStore> store_;
};

TEST_F(QueryTest, NamesOfTables) {
  for (const char* table : {"numbers", "`numbers`", "things.numbers", "`things.numbers`",
                            "`things`.`numbers`", "my-project.things.numbers",
                            "`my-project.things.numbers`", "`my-project`.things.numbers"}) {
    EXPECT_EQ(Value(std::string("SELECT COUNT(*) FROM ") + table), "\"10\"") << table;
    EXPECT_EQ(Value(std::string("SELECT MAX(t.number) FROM ") + table + " AS t"), "\"9\"") << table;
  }
  EXPECT_EQ(Value("SELECT COUNT(*) FROM things.numbers a, things.numbers b"), "\"100\"");
  EXPECT_EQ(Value("SELECT COUNT(*) FROM numbers a JOIN `things.numbers` b USING (number)"),
            "\"10\"");
  EXPECT_EQ(Value("WITH numbers AS (SELECT 1 AS x) SELECT COUNT(*) FROM numbers"), "\"1\"");
  EXPECT_TRUE(Run("SELECT * FROM things.nothing").starts_with("NOT_FOUND"));
  EXPECT_TRUE(Run("SELECT * FROM `other-project.things.numbers`").starts_with("NOT_FOUND"));
}

TEST_F(QueryTest, FormsOfBigQuery) {
  const std::pair<const char*, const char*> kForms[] = {
      {"SELECT SUM(number) FROM numbers", "\"45\""},
      {R"(SELECT "a" || 'b')", "\"ab\""},
      {R"(SELECT 'it\'s' -- comment)", R"("it's")"},
      {R"(SELECT r'\d')", R"("\\d")"},
      {"SELECT b'abc'", "\"YWJj\""},
      {"SELECT SAFE_CAST('x' AS INT64)", "null"},
      {"SELECT CAST('1.5' AS NUMERIC) + 1", "\"2.5\""},
      {"SELECT CAST(7 AS STRING)", "\"7\""},
      {"SELECT CAST('1.25' AS FLOAT64)", "\"1.25\""},
      {"SELECT COUNTIF(number > 6) FROM numbers", "\"3\""},
      {"SELECT IFNULL(NULL, 3)", "\"3\""},
      {"SELECT IF(1 > 2, 'a', 'b')", "\"b\""},
      {"SELECT SAFE_DIVIDE(1, 0)", "null"},
      {"SELECT 1 / 4", "\"0.25\""},
      {"SELECT DIV(7, 2)", "\"3\""},
      {"SELECT TIMESTAMP '2024-05-06 07:08:09 UTC'", "\"1714979289.0\""},
      {"SELECT TIMESTAMP_TRUNC(TIMESTAMP '2024-05-06 07:08:09 UTC', HOUR)", "\"1714978800.0\""},
      {"SELECT TIMESTAMP_ADD(TIMESTAMP '1970-01-01', INTERVAL 90 SECOND)", "\"90.0\""},
      {"SELECT TIMESTAMP_SUB(TIMESTAMP '1970-01-02', INTERVAL 1 DAY)", "\"0.0\""},
      {"SELECT TIMESTAMP_DIFF(TIMESTAMP '1970-01-02', TIMESTAMP '1970-01-01', HOUR)", "\"24\""},
      {"SELECT DATE_TRUNC(DATE '2024-05-06', MONTH)", "\"2024-05-01\""},
      {"SELECT DATE_TRUNC(DATE '2024-05-06', WEEK)", "\"2024-05-05\""},
      {"SELECT DATE_ADD(DATE '2024-01-31', INTERVAL 1 MONTH)", "\"2024-02-29\""},
      {"SELECT DATE_DIFF(DATE '2024-05-06', DATE '2024-05-01', DAY)", "\"5\""},
      {"SELECT EXTRACT(DAYOFWEEK FROM DATE '2024-05-06')", "\"2\""},
      {"SELECT EXTRACT(YEAR FROM TIMESTAMP '2024-05-06')", "\"2024\""},
      {"SELECT FORMAT_TIMESTAMP('%Y-%m', TIMESTAMP '2024-05-06')", "\"2024-05\""},
      {"SELECT PARSE_TIMESTAMP('%Y-%m-%d', '1970-01-02')", "\"86400.0\""},
      {"SELECT PARSE_DATE('%Y%m%d', '20240506')", "\"2024-05-06\""},
      {"SELECT CURRENT_TIMESTAMP() > TIMESTAMP '2020-01-01'", "\"true\""},
      {"SELECT CURRENT_DATE() > DATE '2020-01-01'", "\"true\""},
      {"SELECT DATETIME '2024-05-06 07:08:09'", "\"2024-05-06T07:08:09\""},
      {"SELECT UNIX_SECONDS(TIMESTAMP '1970-01-01 00:01:00')", "\"60\""},
      {"SELECT SUM(x) FROM UNNEST([1, 2, 3]) AS x", "\"6\""},
      {"SELECT COUNT(*) FROM numbers WHERE number IN UNNEST([1, 2, 99])", "\"2\""},
      {"SELECT ARRAY_LENGTH(ARRAY<INT64>[1, 2])", "\"2\""},
      {"SELECT s.a FROM UNNEST([STRUCT(5 AS a, 'x' AS b)]) AS s", "\"5\""},
      {"SELECT STRUCT(1 AS a, 'x' AS b)", R"({"f":[{"v":"1"},{"v":"x"}]})"},
      {"SELECT [1, 2]", R"([{"v":"1"},{"v":"2"}])"},
      {"SELECT ARRAY_AGG(number ORDER BY number LIMIT 2) FROM numbers WHERE number < 2",
       R"([{"v":"0"},{"v":"1"}])"},
      {"SELECT * EXCEPT (name) FROM numbers ORDER BY number LIMIT 1", "\"0\""},
      {"SELECT COUNT(*) FROM (SELECT 1 UNION DISTINCT SELECT 1)", "\"1\""},
      {"SELECT REGEXP_REPLACE('aaa', 'a', 'b')", "\"bbb\""},
      {"SELECT REGEXP_CONTAINS('abc', r'b.')", "\"true\""},
      {"SELECT JSON_VALUE('{\"a\": {\"b\": 7}}', '$.a.b')", "\"7\""},
      {"SELECT FORMAT('%d-%s', 5, 'x')", "\"5-x\""},
      {"SELECT STRING_AGG(name, ',') FROM numbers WHERE number < 2", "\"row 0,row 1\""},
      {"SELECT number FROM numbers QUALIFY ROW_NUMBER() OVER (ORDER BY number DESC) = 1", "\"9\""},
      {"SELECT DATE(TIMESTAMP '2024-05-06 23:00:00')", "\"2024-05-06\""},
      {"SELECT GENERATE_ARRAY(1, 3)", R"([{"v":"1"},{"v":"2"},{"v":"3"}])"},
  };
  for (const auto& [sql, expected] : kForms) EXPECT_EQ(Value(sql), expected) << sql;
}

TEST_F(QueryTest, Parameters) {
  QueryRequest request =
      Request("SELECT COUNT(*) FROM numbers WHERE number >= @least AND name <> @n");
  request.parameters = {{"n", {.type = FieldType::kString}, {"row 9"}},
                        {"least", {.type = FieldType::kInteger}, {"7"}}};
  EXPECT_EQ(Run(request), R"({"f":[{"v":"2"}]})");
  request = Request("SELECT ? + ?");
  request.parameters = {{"", {.type = FieldType::kInteger}, {"7"}},
                        {"", {.type = FieldType::kInteger}, {"8"}}};
  EXPECT_EQ(Run(request), R"({"f":[{"v":"15"}]})");
  request = Request("SELECT COUNT(*) FROM numbers WHERE number IN UNNEST(@list)");
  request.parameters = {
      {"list", {.type = FieldType::kInteger, .mode = FieldMode::kRepeated}, {"1", "2"}}};
  EXPECT_EQ(Run(request), R"({"f":[{"v":"2"}]})");
  request = Request("SELECT @t");
  request.parameters = {{"t", {.type = FieldType::kTimestamp}, {"1970-01-01 00:00:05 UTC"}}};
  EXPECT_EQ(Run(request), R"({"f":[{"v":"5.0"}]})");
  request.parameters = {{"t", {.type = FieldType::kNumeric}, {"-12.5"}}};
  EXPECT_EQ(Run(request), R"({"f":[{"v":"-12.5"}]})");
  request.parameters = {};
  EXPECT_TRUE(Run(request).starts_with("INVALID_ARGUMENT Query parameter"));
}

TEST_F(QueryTest, StatementsThatChange) {
  EXPECT_EQ(Run("INSERT things.numbers (name, number) VALUES ('x', 100), ('y', 101)"),
            "affected 2");
  EXPECT_EQ(Run("UPDATE numbers SET name = 'z' WHERE number > 100"), "affected 1");
  EXPECT_EQ(Run("DELETE numbers WHERE number >= 100"), "affected 2");
  EXPECT_EQ(Run("CREATE TABLE things.made (a INT64 NOT NULL, t TIMESTAMP, l ARRAY<STRUCT<x STRING, "
                "y NUMERIC>>) PARTITION BY DATE(t)"),
            "nothing");
  const Schema schema = *store_->GetTable({"my-project", "things", "made"}).value().schema;
  EXPECT_EQ(schema.fields[1].type, FieldType::kTimestamp);
  EXPECT_EQ(schema.fields[2].mode, FieldMode::kRepeated);
  EXPECT_EQ(schema.fields[2].fields[1].type, FieldType::kNumeric);
  EXPECT_EQ(
      Run("MERGE things.made m USING numbers n ON m.a = n.number WHEN NOT MATCHED THEN INSERT "
          "(a) VALUES (n.number)"),
      "affected 10");
  EXPECT_EQ(Run("MERGE things.made m USING numbers n ON m.a = n.number WHEN MATCHED AND n.number < "
                "3 THEN "
                "UPDATE SET a = 100 + n.number"),
            "affected 3");
  EXPECT_EQ(Run("CREATE OR REPLACE TABLE made AS SELECT number * 2 AS twice FROM numbers"),
            "nothing");
  EXPECT_EQ(Value("SELECT SUM(twice) FROM made"), "\"90\"");
  EXPECT_EQ(Run("ALTER TABLE made ADD COLUMN more TIMESTAMP"), "nothing");
  EXPECT_EQ(store_->GetTable({"my-project", "things", "made"}).value().schema->fields.size(), 2);
  EXPECT_EQ(Run("CREATE VIEW seen AS SELECT number FROM numbers WHERE number > 4"), "nothing");
  QueryRequest elsewhere = Request("SELECT COUNT(*) FROM things.seen");
  elsewhere.dataset.clear();
  EXPECT_EQ(Run(elsewhere), R"({"f":[{"v":"5"}]})");
  EXPECT_TRUE(store_->GetTable({"my-project", "things", "seen"}).value().is_view);
  EXPECT_EQ(Run("DROP TABLE made"), "nothing");
  EXPECT_EQ(store_->GetTable({"my-project", "things", "made"}).status().code(),
            StatusCode::kNotFound);
  EXPECT_EQ(Run("TRUNCATE TABLE numbers"), "affected 10");
  EXPECT_EQ(Run("CREATE SCHEMA fresh"), "nothing");
  EXPECT_TRUE(store_->GetDataset({"my-project", "fresh"}).ok());
  elsewhere.sql = "CREATE TABLE homeless (a INT64)";
  EXPECT_TRUE(Run(elsewhere).starts_with("INVALID_ARGUMENT"));
}

TEST_F(QueryTest, ADestination) {
  QueryRequest request = Request("SELECT SUM(number) AS total FROM numbers WHERE number < @n");
  request.parameters = {{"n", {.type = FieldType::kInteger}, {"5"}}};
  request.destination = TableName{"my-project", "things", "totals"};
  EXPECT_EQ(Run(request), "nothing");
  EXPECT_EQ(Value("SELECT total FROM totals"), "\"10\"");
  request.truncate = false;
  EXPECT_EQ(Run(request), "nothing");
  EXPECT_EQ(Value("SELECT COUNT(*) FROM totals"), "\"2\"");
  EXPECT_EQ(store_->GetTable(*request.destination).value().schema->fields[0].type,
            FieldType::kInteger);
}

TEST_F(QueryTest, WhatSqlMustNotReach) {
  for (const char* sql : {"SELECT * FROM joist_hidden.joist_tables",
                          "SELECT * FROM `joist_hidden.joist_tables`",
                          "SELECT * FROM `joist_hidden`.joist_streams",
                          "SELECT * FROM tables.joist_hidden.joist_tables",
                          "SELECT * FROM 'joist_hidden.joist_tables'",
                          "SELECT * FROM \"joist_hidden\".joist_tables",
                          "SELECT * FROM query('SELECT * FROM joist_hidden.joist_tables')",
                          "SELECT * FROM `query`('SELECT * FROM joist_hidden.joist_tables')",
                          "SELECT * FROM query_table('joist_hidden.joist_tables')",
                          "SELECT * FROM read_csv('/etc/passwd')",
                          "SELECT * FROM '/etc/passwd'",
                          "SELECT * FROM duckdb_tables()",
                          "SELECT getenv('HOME')",
                          "COPY numbers TO '/tmp/x'",
                          "ATTACH '/tmp/x' AS x",
                          "SET memory_limit = '1TB'",
                          "PRAGMA version",
                          "CALL pragma_version()",
                          "CREATE MACRO f(x) AS x",
                          "INSTALL httpfs",
                          "EXPORT DATABASE '/tmp/x'",
                          "BEGIN",
                          "SELECT 1; SELECT 2",
                          "DROP SCHEMA joist_hidden CASCADE",
                          "CREATE TABLE joist_hidden.x (a INT64)",
                          "DELETE FROM joist_hidden.joist_tables",
                          "EXPLAIN SELECT 1",
                          "SELECT * FROM (SHOW ALL TABLES)",
                          "SELECT sql FROM sqlite_master",
                          "SELECT * FROM information_schema.tables"}) {
    const std::string answer = Run(sql);
    EXPECT_TRUE(answer.starts_with("NOT_FOUND ") || answer.starts_with("INVALID_ARGUMENT "))
        << sql << ": " << answer;
  }
}

TEST_F(QueryTest, Limits) {
  QueryRequest request = Request(
      "SELECT COUNT(*) FROM generate_series(1, 100000) a, generate_series(1, 1000000) b "
      "WHERE a.generate_series * b.generate_series % 7 = 3");
  request.milliseconds = 50;
  EXPECT_TRUE(Run(request).starts_with("DEADLINE_EXCEEDED")) << Run(request);
  request.milliseconds = 0;
  request.cancelled = std::make_shared<std::atomic<bool>>(true);
  EXPECT_TRUE(Run(request).starts_with("CANCELLED"));
  EXPECT_TRUE(Run("SELECT repeat('x', 1000) FROM generate_series(1, 1000000)")
                  .starts_with("RESOURCE_EXHAUSTED"));
  EXPECT_TRUE(Run(std::string(5000, '(')).starts_with("INVALID_ARGUMENT"));
  EXPECT_TRUE(Run("SELECT 'a").starts_with("INVALID_ARGUMENT"));
  EXPECT_TRUE(Run("SELECT r'\\").starts_with("INVALID_ARGUMENT"));
  EXPECT_TRUE(Run("").starts_with("INVALID_ARGUMENT"));
  EXPECT_EQ(store_->Figures().queries, 7);
}

}  // namespace
}  // namespace joist::tables
