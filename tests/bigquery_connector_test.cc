// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// joist/io/bigquery against Joist's own tables: each row is there once, whatever fails.

#include <gtest/gtest.h>

#include <grpcpp/grpcpp.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "joist/io/bigquery/bigquery.h"
#include "joist/joist.h"
#include "joist/sdk/testing/test_pipeline.h"
#include "joist/serve/bigquery/write_service.h"
#include "joist/store/tables/table_store.h"
#include "joist/transforms/generate_sequence.h"

namespace joist::bigquery {

struct Numbered {
  int64_t number = 0;
  std::string text;
  std::optional<double> half;
  Timestamp at;
  std::vector<int64_t> digits;
};
JOIST_ROW(Numbered, number, text, half, at, digits)

inline Numbered RowOf(int64_t number) {
  Numbered row{number,
               "row " + std::to_string(number),
               std::nullopt,
               Timestamp::Millis(1'700'000'000'000 + number),
               {}};
  if (number % 2 == 0) row.half = static_cast<double>(number) / 2;
  for (int64_t left = number; left > 0; left /= 10) row.digits.push_back(left % 10);
  return row;
}

/// How many more rows a function fails on, and how many come before the next.
inline std::atomic<int> failures_left{0};
inline std::atomic<int> until_failure{0};

/// Fails now and then.
struct MayFail {
  Numbered operator()(int64_t number) const {
    if (failures_left > 0 && --until_failure <= 0) {
      --failures_left;
      until_failure = 9'000;
      throw std::runtime_error("on purpose");
    }
    return RowOf(number);
  }
};
constexpr FieldList<MayFail> JoistFields(const MayFail*) { return {"MayFail", {}}; }

namespace {

/// Joist's tables, at a port.
class TableServer {
 public:
  TableServer(const std::string& folder, int port) : port_(port) {
    auto store = tables::TableStore::Open({.folder = folder});
    if (!store.ok()) throw std::runtime_error(store.status().message());
    store_ = *std::move(store);
    write_ = serve::MakeBigQueryWrite(store_.get());
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:" + std::to_string(port), grpc::InsecureServerCredentials(),
                             &port_);
    builder.SetMaxReceiveMessageSize(20 << 20);
    builder.RegisterService(write_.get());
    server_ = builder.BuildAndStart();
    if (server_ == nullptr) throw std::runtime_error("no server");
  }
  ~TableServer() { server_->Shutdown(std::chrono::system_clock::now()); }
  TableServer(const TableServer&) = delete;
  TableServer& operator=(const TableServer&) = delete;
  int port() const { return port_; }
  tables::TableStore& store() { return *store_; }

 private:
  int port_;
  std::unique_ptr<tables::TableStore> store_;
  std::unique_ptr<grpc::Service> write_;
  std::unique_ptr<grpc::Server> server_;
};

class BigQueryConnectorTest : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::remove_all(folder_);
    server_ = std::make_unique<TableServer>(folder_ + "/tables", 0);
    endpoint_ = "127.0.0.1:" + std::to_string(server_->port());
    ASSERT_TRUE(server_->store().CreateDataset({"p", "d"}, "{}").ok());
    const auto schema = tables::SchemaFromJson(SchemaJson(ColumnsOf<Numbered>()));
    ASSERT_TRUE(schema.ok()) << schema.status().message();
    ASSERT_TRUE(server_->store().CreateTable({"p", "d", "t"}, *schema, "{}").ok());
    failures_left = 0;
  }
  void TearDown() override {
    server_ = nullptr;
    std::filesystem::remove_all(folder_);
  }

  WriteRows<Numbered> Write() const {
    return WriteRows<Numbered>("p.d.t").WithEndpoint(endpoint_).WithCreateDisposition(
        CreateDisposition::kCreateNever);
  }
  /// What a query of one number gives.
  int64_t Ask(const std::string& number) {
    auto connection = server_->store().TakeConnection();
    if (!connection.ok()) throw std::runtime_error(connection.status().message());
    const auto texts =
        (*connection)->Texts("SELECT CAST(" + number + " AS VARCHAR) FROM \"p.d\".\"t\"");
    server_->store().GiveBack(*std::move(connection));
    if (!texts.ok()) throw std::runtime_error(texts.status().message());
    return std::stoll("0" + texts->at(0).at(0));
  }
  void ExpectNumbers(int64_t count) {
    EXPECT_EQ(Ask("count(*)"), count);
    EXPECT_EQ(Ask("count(DISTINCT number)"), count);
    EXPECT_EQ(Ask("sum(number)"), count * (count - 1) / 2);
    EXPECT_EQ(
        Ask("count(*) FILTER (WHERE text = 'row ' || number AND epoch_ms(\"at\") = 1700000000000 + "
            "number AND (half IS NULL) = (number % 2 = 1) AND len(digits) = CASE number WHEN "
            "0 THEN 0 ELSE len(CAST(number AS VARCHAR)) END)"),
        count);
  }

  const std::string folder_ = testing::TempDir() + "joist_bigquery_" + std::to_string(getpid());
  std::unique_ptr<TableServer> server_;
  std::string endpoint_;
};

TEST_F(BigQueryConnectorTest, BoundedInput) {
  if (getenv("JOIST_TEST_SECOND_PROCESS") != nullptr) {
    GTEST_SKIP() << "the second process is this test again, with a server of its own";
  }
  TestPipeline p;
  p | GenerateSequence(0).To(50'000) | "Rows" >> Map(RowOf) | "Write" >> Write();
  EXPECT_TRUE(p.RunOk());
  ExpectNumbers(50'000);
}

TEST_F(BigQueryConnectorTest, AStreamThatFailsWhileTheServerStopsAndComesBack) {
  failures_left = 3;
  until_failure = 5'000;
  const std::string state = "--checkpoint_dir=" + folder_ + "/state";
  const char* const argv[] = {"test", state.c_str(), "--checkpoint_interval=50ms",
                              "--max_num_workers=2"};
  Pipeline p(4, argv);
  p | GenerateSequence(0).WithRate(400, Duration::Millis(20)) |
      "Some" >> Filter([](int64_t number) { return number < 40'000; }) | "Rows" >> Map(MayFail()) |
      "Write" >> Write();
  const PipelineResult job = p.Run();
  for (int i = 0; i < 3; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(400));
    const int port = server_->port();
    server_ = nullptr;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    server_ = std::make_unique<TableServer>(folder_ + "/tables", port);
  }
  for (int i = 0; i < 400 && Ask("count(*)") < 40'000; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  job.Cancel();
  job.WaitUntilFinish();
  EXPECT_EQ(failures_left, 0);
  ExpectNumbers(40'000);
}

TEST_F(BigQueryConnectorTest, MistakesAreOneLine) {
  const auto failure_of = [&](WriteRows<Numbered> write) {
    TestPipeline p;
    p | GenerateSequence(0).To(3) | "Rows" >> Map(RowOf) | "Write" >> write;
    return p.RunToEnd().status.message();
  };
  const auto none = failure_of(WriteRows<Numbered>("p.d.none")
                                   .WithEndpoint(endpoint_)
                                   .WithCreateDisposition(CreateDisposition::kCreateNever));
  EXPECT_NE(none.find("cannot write to projects/p/datasets/d/tables/none: "), std::string::npos)
      << none;
  const auto bad = failure_of(WriteRows<Numbered>("nothing").WithEndpoint(endpoint_));
  EXPECT_NE(bad.find("it takes PROJECT.DATASET.TABLE"), std::string::npos) << bad;
  const auto nowhere = failure_of(WriteRows<Numbered>("p.d.t").WithEndpoint("nowhere"));
  EXPECT_NE(nowhere.find("'nowhere' is not google, local or HOST:PORT"), std::string::npos)
      << nowhere;
}

}  // namespace
}  // namespace joist::bigquery
