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
#include "joist/joist.h"
#include "joist/sdk/testing/test_pipeline.h"
#include "joist/serve/bigquery/bigquery_service.h"
#include "joist/serve/http_server.h"
#include "joist/store/tables/query.h"
#include "joist/store/tables/table_store.h"

namespace joist::bigquery {

/// Of a table with a column of each type.
struct Place {
  std::string city;
  std::optional<int32_t> year;
};
JOIST_ROW(Place, city, year)
struct Wide {
  std::string s;
  Bytes y;
  int32_t i = 0;
  float f = 0;
  std::optional<std::string> n;
  bool b = false;
  Timestamp t;
  std::string dt;
  Timestamp d;
  Duration ti;
  std::optional<std::string> j;
  Place r;
  std::vector<int64_t> many;
  std::vector<Place> places;
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

/// Joist's tables, at a port of gRPC and one of HTTP.
class ReadServer {
 public:
  ReadServer(const std::string& folder, int port) : port_(port) {
    auto store = tables::TableStore::Open({.folder = folder});
    if (!store.ok()) throw std::runtime_error(store.status().message());
    store_ = *std::move(store);
    service_ = std::make_unique<serve::BigQueryService>(store_.get());
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:" + std::to_string(port), grpc::InsecureServerCredentials(),
                             &port_);
    service_->Register(builder);
    server_ = builder.BuildAndStart();
    if (server_ == nullptr) throw std::runtime_error("no server");
    auto http = serve::HttpServer::Start({}, service_->Rest());
    if (!http.ok()) throw std::runtime_error(http.status().message());
    http_ = *std::move(http);
  }
  ~ReadServer() {
    server_->Shutdown(std::chrono::system_clock::now());
    http_->Stop();
  }
  ReadServer(const ReadServer&) = delete;
  ReadServer& operator=(const ReadServer&) = delete;
  int port() const { return port_; }
  std::string http() const { return "http://127.0.0.1:" + std::to_string(http_->port()); }
  tables::TableStore& store() { return *store_; }

 private:
  int port_;
  std::unique_ptr<tables::TableStore> store_;
  std::unique_ptr<serve::BigQueryService> service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<serve::HttpServer> http_;
};

class BigQueryReadTest : public testing::Test {
 protected:
  void SetUp() override {
    if (getenv("JOIST_TEST_SECOND_PROCESS") != nullptr) {
      GTEST_SKIP() << "the second process is this test again, with a server of its own";
    }
    std::filesystem::remove_all(folder_);
    server_ = std::make_unique<ReadServer>(folder_ + "/tables", 0);
    endpoint_ = "127.0.0.1:" + std::to_string(server_->port());
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
  ReadRows<Numbers> Read() const { return ReadRows<Numbers>("p.d.numbers").WithEndpoint(endpoint_); }
  template <class T>
  ReadQuery<T> Query(const std::string& sql) const {
    return ReadQuery<T>(sql)
        .WithEndpoint(endpoint_)
        .WithHttpEndpoint(server_->http())
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
  std::unique_ptr<ReadServer> server_;
  std::string endpoint_;
};

TEST_F(BigQueryReadTest, EachRowOnceFromManyStreams) {
  MakeNumbers(200'000);
  TestPipeline p;
  ExpectNumbers(p | "Read" >> Read(), 200'000);
  EXPECT_TRUE(p.RunOk());
}

}  // namespace
}  // namespace joist::bigquery
