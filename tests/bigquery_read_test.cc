// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// joist/io/bigquery's reading against Joist's own tables: each row comes once and is what was
// written, whatever fails.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <grpcpp/grpcpp.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "joist/io/bigquery/read.h"
#include "joist/io/bigquery/rest_client.h"
#include "joist/joist.h"
#include "joist/sdk/testing/test_pipeline.h"
#include "joist/serve/bigquery/bigquery_service.h"
#include "joist/serve/http_server.h"
#include "joist/store/tables/query.h"
#include "joist/store/tables/table_store.h"
#include "joist/transforms/distinct.h"
#include "joist/transforms/generate_sequence.h"
#include "tests/bigquery_server.h"

namespace joist::bigquery {

/// Of a table with a column of each type.
struct Place {
  std::string city;
  std::optional<int32_t> year;
};
JOIST_ROW(Place, city, year)
struct Wide {
  std::string s = {};
  Bytes y = {};
  int32_t i = 0;
  float f = 0;
  std::optional<std::string> n = {};
  bool b = false;
  Timestamp t = {};
  std::string dt = {};
  Timestamp d = {};
  Duration ti = {};
  std::optional<std::string> j = {};
  Place r = {};
  std::vector<int64_t> many = {};
  std::vector<Place> places = {};
  friend bool operator==(const Wide&, const Wide&) = default;
};
inline bool operator==(const Place& a, const Place& b) {
  return a.city == b.city && a.year == b.year;
}
JOIST_ROW(Wide, s, y, i, f, n, b, t, dt, d, ti, j, r, many, places)

/// Parts of the same.
struct PlaceYear {
  std::optional<int64_t> year;
};
JOIST_ROW(PlaceYear, year)
struct Narrow {
  std::vector<PlaceYear> places;
  std::optional<PlaceYear> r;
  double n = 0;
};
JOIST_ROW(Narrow, places, r, n)

/// Of a table of numbers.
struct Numbers {
  int64_t number = 0;
  std::string text;
};
JOIST_ROW(Numbers, number, text)

inline std::atomic<int> read_failures_left{0};
inline std::atomic<int> until_read_failure{0};
inline std::atomic<int> rows_seen{0};

/// Fails now and then, and can be slow.
struct PassOn {
  int64_t pause_micros = 0;
  Numbers operator()(const Numbers& row) const {
    ++rows_seen;
    if (read_failures_left > 0 && --until_read_failure <= 0) {
      --read_failures_left;
      until_read_failure = 5'000;
      throw std::runtime_error("on purpose");
    }
    if (pause_micros > 0 && row.number % 100 == 0) {
      std::this_thread::sleep_for(std::chrono::microseconds(pause_micros));
    }
    return row;
  }
};
JOIST_ROW(PassOn, pause_micros)

/// A number and how often it came: those that came wrongly.
struct NumberOf {
  int64_t operator()(const Numbers& row) const {
    return row.text == "row " + std::to_string(row.number) ? row.number : -1;
  }
};
constexpr FieldList<NumberOf> JoistFields(const NumberOf*) { return {"NumberOf", {}}; }

namespace {

using testing::HasSubstr;

class BigQueryReadTest : public testing::Test {
 protected:
  void SetUp() override {
    if (HasASecondProcess()) {
      GTEST_SKIP() << "the second process is this test again, with a server of its own";
    }
    std::filesystem::remove_all(folder_);
    server_ = std::make_unique<TableServer>(folder_ + "/tables", 0, 0);
    endpoint_ = "127.0.0.1:" + std::to_string(server_->grpc_port());
    http_endpoint_ = "http://127.0.0.1:" + std::to_string(server_->http_port());
    ASSERT_TRUE(server_->store().CreateDataset({"p", "d"}, "{}").ok());
    read_failures_left = 0;
    rows_seen = 0;
  }
  void TearDown() override {
    server_ = nullptr;
    std::filesystem::remove_all(folder_);
  }

  void Sql(const std::string& sql) {
    const auto result =
        tables::RunQuery(&server_->store(), {.sql = sql, .project = "p", .dataset = "d"});
    ASSERT_TRUE(result.ok()) << result.status().message();
  }
  void MakeNumbers(int64_t count) {
    Sql("CREATE TABLE numbers AS SELECT i AS number, 'row ' || i AS text FROM "
        "UNNEST(GENERATE_ARRAY(0, " +
        std::to_string(count - 1) + ")) AS i");
  }
  ReadRows<Numbers> Read() const {
    return ReadRows<Numbers>("p.d.numbers").WithEndpoint(endpoint_);
  }
  template <class T>
  ReadQuery<T> Query(const std::string& sql) const {
    return ReadQuery<T>(sql)
        .WithEndpoint(endpoint_)
        .WithHttpEndpoint(http_endpoint_)
        .WithProject("p");
  }
  /// The numbers from 0 up to `count`, each once and with its text.
  static void ExpectNumbers(const PCollection<Numbers>& rows, int64_t count) {
    const auto numbers = rows | "Number" >> Map(NumberOf());
    PAssert::ThatSingleton(numbers | "Sum" >> Sum::Globally()).IsEqualTo(count * (count - 1) / 2);
    PAssert::ThatSingleton(numbers | "Distinct" >> Distinct() | "Count" >> Count::Globally())
        .IsEqualTo(count);
    PAssert::ThatSingleton(numbers | "All" >> Count::Globally()).IsEqualTo(count);
  }
  template <class Read>
  static std::string FailureOf(const Read& read) {
    TestPipeline p;
    p | "Read" >> read;
    return p.RunToEnd().status.message();
  }

  const std::string folder_ = testing::TempDir() + "joist_reads_" + std::to_string(getpid());
  std::unique_ptr<TableServer> server_;
  std::string endpoint_;
  std::string http_endpoint_;
};

TEST_F(BigQueryReadTest, EachRowOnceFromManyStreams) {
  MakeNumbers(200'000);
  TestPipeline p;
  ExpectNumbers(p | "Read" >> Read(), 200'000);
  EXPECT_TRUE(p.RunOk());
}

TEST_F(BigQueryReadTest, EveryType) {
  Sql("CREATE TABLE wide (s STRING NOT NULL, y BYTES, i INT64, f FLOAT64, n NUMERIC, b BOOL, "
      "t TIMESTAMP, dt DATETIME, d DATE, ti TIME, j JSON, r STRUCT<city STRING, year INT64>, "
      "many ARRAY<INT64>, places ARRAY<STRUCT<city STRING, year INT64>>, other STRING)");
  Sql(R"(INSERT INTO wide VALUES ('Zürich', b'\x00\xff', -7, 0.5, NUMERIC '-12.25', true,
      TIMESTAMP '2026-11-23 06:55:00.123456+00', DATETIME '2026-11-23 06:55:00.5',
      DATE '1969-12-31', TIME '23:59:59.25', JSON '{"a":1}', STRUCT('Bern' AS city, 1191 AS year),
      [1, -2, 3], [STRUCT('Uri' AS city, CAST(NULL AS INT64) AS year),
      STRUCT('Zug' AS city, 1242 AS year)], 'not read'))");
  Sql(R"(INSERT INTO wide VALUES ('', b'', 0, 0, NULL, false, TIMESTAMP '1969-12-31 23:59:59.9999+00',
      DATETIME '1970-01-01 00:00:00', DATE '1970-01-01', TIME '00:00:00', NULL,
      STRUCT('' AS city, CAST(NULL AS INT64) AS year), [], [], NULL))");
  const Wide first{.s = "Zürich",
                   .y = Bytes(std::string("\0\xff", 2)),
                   .i = -7,
                   .f = 0.5F,
                   .n = "-12.250000000",
                   .b = true,
                   .t = Timestamp::Millis(1'795'416'900'123),
                   .dt = "2026-11-23T06:55:00.500000",
                   .d = Timestamp::Millis(-86'400'000),
                   .ti = Duration::Millis(86'399'250),
                   .j = R"({"a":1})",
                   .r = {"Bern", 1191},
                   .many = {1, -2, 3},
                   .places = {{"Uri", std::nullopt}, {"Zug", 1242}}};
  const Wide second{.t = Timestamp::Millis(-1), .dt = "1970-01-01T00:00:00"};
  const auto expect = [&](const auto& read) {
    TestPipeline p;
    PAssert::That(p | "Read" >> read).ContainsInAnyOrder({first, second});
    EXPECT_TRUE(p.RunOk());
  };
  expect(ReadRows<Wide>("p.d.wide").WithEndpoint(endpoint_));
  expect(Query<Wide>("SELECT * FROM wide").WithDefaultDataset("p.d"));
  {
    TestPipeline p;
    PAssert::That(p | "Read" >> ReadRows<Narrow>("p:d.wide")
                                    .WithEndpoint(endpoint_)
                                    .WithRowRestriction("n < 0 AND s != 'x'"))
        .ContainsInAnyOrder({Narrow{{{std::nullopt}, {1242}}, PlaceYear{1191}, -12.25}});
    EXPECT_TRUE(p.RunOk());
  }
}

TEST_F(BigQueryReadTest, AReaderGoesWhereItIsTold) {
  MakeNumbers(10'000);
  const auto& shape = avro::ShapeOf<Numbers>();
  const auto streams = read_internal::StreamsOf(
      TableToRead{.table = "projects/p/datasets/d/tables/numbers", .endpoint = endpoint_}, shape);
  ASSERT_EQ(streams.size(), 1U);
  StreamReader reader(shape);
  const auto expect = [&](int64_t from, int64_t count) {
    ASSERT_TRUE(reader.GoTo(streams[0], from).ok());
    const auto ready = reader.Ready();
    ASSERT_TRUE(ready.ok());
    ASSERT_GE(*ready, count);
    std::vector<Numbers> rows(static_cast<size_t>(count));
    ASSERT_TRUE(reader.Take(rows.data(), count).ok());
    for (int64_t i = 0; i < count; ++i) EXPECT_EQ(rows[static_cast<size_t>(i)].number, from + i);
    EXPECT_EQ(reader.offset(), from + count);
  };
  expect(0, 10);
  expect(10, 5);
  expect(4'321, 7);
  expect(3, 100);
  ASSERT_TRUE(reader.GoTo(streams[0], 10'000).ok());
  EXPECT_EQ(*reader.Ready(), 0);
}

TEST_F(BigQueryReadTest, AJobIsFoundAgain) {
  MakeNumbers(10);
  const auto& shape = avro::ShapeOf<Numbers>();
  const QueryToRead query{.query = "SELECT * FROM d.numbers",
                          .job = "found_again",
                          .project = "p",
                          .endpoint = endpoint_,
                          .http_endpoint = http_endpoint_};
  const auto first = read_internal::StreamsOf(query, shape);
  Sql("DELETE FROM numbers WHERE true");
  const auto second = read_internal::StreamsOf(query, shape);
  ASSERT_EQ(first.size(), 1U);
  ASSERT_EQ(second.size(), 1U);
  EXPECT_EQ(first[0].what, second[0].what);
}

TEST_F(BigQueryReadTest, AnEmptyTable) {
  Sql("CREATE TABLE numbers (number INT64, text STRING)");
  TestPipeline p;
  ExpectNumbers(p | "Read" >> Read(), 0);
  EXPECT_TRUE(p.RunOk());
}

TEST_F(BigQueryReadTest, AFunctionThatFails) {
  MakeNumbers(100'000);
  read_failures_left = 3;  // A range is tried four times.
  until_read_failure = 3'000;
  TestPipeline p;
  ExpectNumbers(p | "Read" >> Read() | "Fails" >> Map(PassOn()), 100'000);
  EXPECT_TRUE(p.RunOk());
  EXPECT_EQ(read_failures_left, 0);
}

TEST_F(BigQueryReadTest, AServerThatStopsAndComesBack) {
  MakeNumbers(300'000);
  TestPipeline p;
  ExpectNumbers(p | "Read" >> Read() | "Slow" >> Map(PassOn{500}), 300'000);
  std::thread restarts([&] {
    for (int i = 1; i <= 3; ++i) {
      while (rows_seen < i * 60'000) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      const int grpc_port = server_->grpc_port();
      const int http_port = server_->http_port();
      server_ = nullptr;
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
      server_ = std::make_unique<TableServer>(folder_ + "/tables", grpc_port, http_port);
    }
  });
  EXPECT_TRUE(p.RunOk());
  restarts.join();
}

/// Of a stream functions are stopped after some milliseconds, and go on.
TEST_F(BigQueryReadTest, ATableCopiedByAStreamThatFails) {
  MakeNumbers(100'000);
  read_failures_left = 3;
  until_read_failure = 20'000;
  const std::string state = "--checkpoint_dir=" + folder_ + "/state";
  const char* const argv[] = {"test", state.c_str(), "--checkpoint_interval=50ms",
                              "--max_num_workers=2"};
  Pipeline p(4, argv);
  const auto none = p | GenerateSequence(0).WithRate(1, Duration::Seconds(1)) |
                    "None" >> Filter([](int64_t) { return false; }) |
                    "Row" >> Map([](int64_t number) { return Numbers{number, ""}; });
  const auto rows = p | "Read" >> Read();
  Flatten(rows, none) | "Fails" >> Map(PassOn{100}) |
      "Write" >>
          WriteRows<Numbers>("p.d.copy").WithEndpoint(endpoint_).WithHttpEndpoint(http_endpoint_);
  const PipelineResult job = p.Run();
  const auto ask = [&](const std::string& what) -> int64_t {
    const auto result = tables::RunQuery(
        &server_->store(), {.sql = "SELECT CAST(" + what + " AS STRING) AS x FROM copy",
                            .project = "p",
                            .dataset = "d"});
    if (!result.ok()) return 0;  // It isn't there yet.
    return std::stoll(
        std::string(tables::TextAt(duckdb_vector_get_data(result->chunks[0].column(0)), 0)));
  };
  for (int i = 0; i < 400 && ask("count(*)") < 100'000; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  job.Cancel();
  job.WaitUntilFinish();
  EXPECT_EQ(read_failures_left, 0);
  EXPECT_EQ(ask("count(*)"), 100'000);
  EXPECT_EQ(ask("count(DISTINCT number)"), 100'000);
  EXPECT_EQ(ask("countif(text = concat('row ', CAST(number AS STRING)))"), 100'000);
}

TEST_F(BigQueryReadTest, WhatIsWrittenMeanwhileIsOfTheNextSession) {
  MakeNumbers(100'000);
  TestPipeline p;
  ExpectNumbers(p | "Read" >> Read() | "Slow" >> Map(PassOn{200}), 100'000);
  std::atomic<bool> done = false;
  std::thread writer([&] {
    while (rows_seen == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    for (int i = 0; i < 20 || !done; ++i) {
      Sql("INSERT INTO numbers SELECT i, 'row ' || i FROM UNNEST(GENERATE_ARRAY(100000, 100999)) "
          "AS i");
    }
  });
  EXPECT_TRUE(p.RunOk());
  done = true;
  writer.join();
  TestPipeline again;
  const auto count = again | "Read" >> Read() | "Count" >> Count::Globally();
  PAssert::That(count).Satisfies(
      [](const IterableView<int64_t>& counts) { return *counts.begin() >= 120'000; });
  EXPECT_TRUE(again.RunOk());
}

TEST_F(BigQueryReadTest, AQuery) {
  MakeNumbers(50'000);
  TestPipeline p;
  ExpectNumbers(p | "Read" >> Query<Numbers>("SELECT number, text, 1 AS more FROM numbers WHERE "
                                             "number < @end AND text LIKE @like")
                                  .WithDefaultDataset("d")
                                  .WithParameter("end", int64_t{40'000})
                                  .WithParameter("like", "row %"),
                40'000);
  EXPECT_TRUE(p.RunOk());
  // Its table is in no list.
  net::HttpUrl url = *net::ParseHttpUrl(http_endpoint_);
  const auto datasets = RestClient(url, "p").List("datasets", "datasets");
  ASSERT_TRUE(datasets.ok());
  EXPECT_EQ(datasets->size(), 1U);
}

TEST_F(BigQueryReadTest, AQueryIsRunOnceWhateverFails) {
  Sql("CREATE TABLE numbers AS SELECT 0 AS number, 'row 0' AS text");
  read_failures_left = 2;
  until_read_failure = 1;
  TestPipeline p;
  ExpectNumbers(p |
                    "Read" >> Query<Numbers>("SELECT i AS number, 'row ' || i AS text FROM "
                                             "UNNEST(GENERATE_ARRAY(0, 2999)) AS i") |
                    "Fails" >> Map(PassOn()),
                3'000);
  EXPECT_TRUE(p.RunOk());
  const auto jobs = RestClient(*net::ParseHttpUrl(http_endpoint_), "p").List("jobs", "jobs");
  ASSERT_TRUE(jobs.ok());
  EXPECT_EQ(jobs->size(), 1U);
}

/// Before a server, as one that has no tables for the rows of queries.
TEST_F(BigQueryReadTest, PagesWhereTheServerHasNoTable) {
  MakeNumbers(45'000);
  const net::HttpUrl behind = *net::ParseHttpUrl(http_endpoint_);
  std::atomic<int> pages = 0;
  auto front = serve::HttpServer::Start(
      {}, [&](const serve::HttpRequest& request, const serve::HttpReply& reply) {
        const std::string path =
            std::string(request.path).substr(std::string("/bigquery/v2/projects/p/").size()) +
            (request.query.empty() ? "" : "?" + std::string(request.query));
        const RestClient client(behind, "p");
        nlohmann::json body;
        if (!request.body.empty()) body = nlohmann::json::parse(request.body);
        auto answer = client.Request(request.method, path, request.body.empty() ? nullptr : &body);
        serve::HttpAnswer http;
        if (!answer.ok()) {
          http.status = answer.status().code() == StatusCode::kAlreadyExists ? 409 : 400;
          http.body = nlohmann::json{{"error", {{"message", answer.status().message()}}}}.dump();
          return reply(std::move(http));
        }
        if (path.starts_with("queries/")) ++pages;
        if (answer->contains("configuration")) {
          (*answer)["configuration"]["query"].erase("destinationTable");
        }
        http.body = answer->dump();
        reply(std::move(http));
      });
  ASSERT_TRUE(front.ok());
  const std::string http = "http://127.0.0.1:" + std::to_string((*front)->port());
  {
    TestPipeline p;
    ExpectNumbers(
        p | "Read" >>
                Query<Numbers>("SELECT * FROM d.numbers ORDER BY number").WithHttpEndpoint(http),
        45'000);
    EXPECT_TRUE(p.RunOk());
    EXPECT_GE(pages, 4);
  }
  TestPipeline p;
  PAssert::That(
      p |
      "Read" >> Query<Wide>(
                    R"(SELECT 'Zürich' AS s, b'\x00\xff' AS y, -7 AS i, CAST(0.5 AS FLOAT64) AS f,
      NUMERIC '-12.25' AS n, true AS b, TIMESTAMP '2026-11-23 06:55:00.123456+00' AS t,
      DATETIME '2026-11-23 06:55:00.5' AS dt, DATE '1969-12-31' AS d, TIME '23:59:59.25' AS ti,
      JSON '{"a":1}' AS j, STRUCT('Bern' AS city, 1191 AS year) AS r, [1, -2, 3] AS many,
      [STRUCT('Uri' AS city, CAST(NULL AS INT64) AS year)] AS places)")
                    .WithHttpEndpoint(http))
      .ContainsInAnyOrder({Wide{.s = "Zürich",
                                .y = Bytes(std::string("\0\xff", 2)),
                                .i = -7,
                                .f = 0.5F,
                                .n = "-12.250000000",
                                .b = true,
                                .t = Timestamp::Millis(1'795'416'900'123),
                                .dt = "2026-11-23T06:55:00.500000",
                                .d = Timestamp::Millis(-86'400'000),
                                .ti = Duration::Millis(86'399'250),
                                .j = R"({"a":1})",
                                .r = {"Bern", 1191},
                                .many = {1, -2, 3},
                                .places = {{"Uri", std::nullopt}}}});
  EXPECT_TRUE(p.RunOk());
  EXPECT_THAT(FailureOf(Query<Narrow>("SELECT 1 AS n").WithHttpEndpoint(http)),
              HasSubstr("the field \"places\" is missing there"));
}

TEST_F(BigQueryReadTest, MistakesAreOneLine) {
  MakeNumbers(20'000);
  Sql("CREATE TABLE wrong AS SELECT 'x' AS number, 1 AS text");
  Sql("CREATE TABLE some (number INT64, text STRING)");
  Sql("INSERT INTO some VALUES (1, 'a'), (NULL, 'b')");
  Sql("CREATE TABLE big AS SELECT 3000000000 AS year, 'x' AS city");
  const auto of = [&](const std::string& table) {
    return FailureOf(ReadRows<Numbers>(table).WithEndpoint(endpoint_));
  };
  EXPECT_THAT(
      of("p.d.none"),
      HasSubstr("cannot read projects/p/datasets/d/tables/none: Not found: Table p:d.none"));
  EXPECT_THAT(of("nothing"), HasSubstr("it takes PROJECT.DATASET.TABLE"));
  EXPECT_THAT(of("p.d.wrong"),
              HasSubstr("cannot read projects/p/datasets/d/tables/wrong: the field "
                        "\"number\" is null or string there, which the row's int64"));
  EXPECT_THAT(of("p.d.some"), HasSubstr("tables/some: row 1 of projects/p/locations/us/sessions/"));
  EXPECT_THAT(of("p.d.some"), HasSubstr("number is null, and the row's field is no std::optional"));
  EXPECT_THAT(FailureOf(ReadRows<Place>("p.d.numbers").WithEndpoint(endpoint_)),
              HasSubstr("selected fields do not exist in the table schema: city"));
  EXPECT_THAT(FailureOf(ReadRows<Place>("p.d.big").WithEndpoint(endpoint_)),
              HasSubstr("year is 3000000000, which the row's int cannot hold"));
  EXPECT_THAT(FailureOf(Read().WithRowRestriction("nothing > 1")), HasSubstr("nothing"));
  EXPECT_THAT(FailureOf(Read().WithSnapshotTime(Timestamp::Seconds(1))),
              HasSubstr("snapshot_time"));
  EXPECT_THAT(FailureOf(Query<Numbers>("SELEC 1")), HasSubstr("the query failed: "));
  EXPECT_THAT(FailureOf(Query<Numbers>("DELETE FROM d.numbers WHERE true")),
              HasSubstr("the query is a DELETE; it takes a SELECT"));
  EXPECT_THAT(FailureOf(Query<Numbers>("")), HasSubstr("has an empty query"));
  EXPECT_THAT(FailureOf(ReadQuery<Numbers>("SELECT 1")), HasSubstr("has no project"));
}

}  // namespace
}  // namespace joist::bigquery
