// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Joist's tables behind BigQuery's APIs at two ports of loopback, for tests of the connector.

#ifndef JOIST_TESTS_BIGQUERY_SERVER_H_
#define JOIST_TESTS_BIGQUERY_SERVER_H_

#include <gtest/gtest.h>

#include <grpcpp/grpcpp.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "joist/io/bigquery/bigquery.h"
#include "joist/joist.h"
#include "joist/serve/bigquery/bigquery_service.h"
#include "joist/serve/http_server.h"
#include "joist/store/tables/table_store.h"
#include "tests/numbered_rows.h"

namespace joist::bigquery {

/// Whether this is the second process of a test, which is the test again: with a server of its own
/// that the rows of the first one do not reach.
inline bool HasASecondProcess() { return std::getenv("JOIST_TEST_SECOND_PROCESS") != nullptr; }

class TableServer {
 public:
  /// A port of 0 is any.
  TableServer(const std::string& folder, int grpc_port, int http_port) : grpc_port_(grpc_port) {
    auto store = tables::TableStore::Open({.folder = folder});
    if (!store.ok()) throw std::runtime_error(store.status().message());
    store_ = *std::move(store);
    service_ = std::make_unique<serve::BigQueryService>(store_.get());
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:" + std::to_string(grpc_port),
                             grpc::InsecureServerCredentials(), &grpc_port_);
    service_->Register(builder);
    server_ = builder.BuildAndStart();
    serve::HttpServerSettings settings;
    settings.port = http_port;
    settings.most_body_bytes = 64 << 20;
    auto http = serve::HttpServer::Start(settings, service_->Rest());
    if (server_ == nullptr || !http.ok()) throw std::runtime_error("no server");
    http_ = *std::move(http);
  }
  ~TableServer() {
    http_->Stop();
    server_->Shutdown(std::chrono::system_clock::now());
  }
  TableServer(const TableServer&) = delete;
  TableServer& operator=(const TableServer&) = delete;
  int grpc_port() const { return grpc_port_; }
  int http_port() const { return http_->port(); }
  tables::TableStore& store() { return *store_; }

 private:
  int grpc_port_;
  std::unique_ptr<tables::TableStore> store_;
  std::unique_ptr<serve::BigQueryService> service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<serve::HttpServer> http_;
};

/// A server with the dataset p:d and its empty table t, of Numbered.
class BigQueryConnectorTest : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::remove_all(folder_);
    server_ = std::make_unique<TableServer>(folder_ + "/tables", 0, 0);
    endpoint_ = "127.0.0.1:" + std::to_string(server_->grpc_port());
    http_endpoint_ = "http://127.0.0.1:" + std::to_string(server_->http_port());
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

  /// The server is away for a moment.
  void RestartServer() {
    const int grpc_port = server_->grpc_port();
    const int http_port = server_->http_port();
    server_ = nullptr;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    server_ = std::make_unique<TableServer>(folder_ + "/tables", grpc_port, http_port);
  }

  WriteRows<Numbered> Write(const std::string& table = "p.d.t") const {
    return WriteRows<Numbered>(table).WithEndpoint(endpoint_).WithHttpEndpoint(http_endpoint_);
  }
  /// What a query of one text gives.
  std::string AskText(const std::string& query) {
    auto connection = server_->store().TakeConnection();
    if (!connection.ok()) throw std::runtime_error(connection.status().message());
    const auto texts = (*connection)->Texts(query);
    server_->store().GiveBack(*std::move(connection));
    if (!texts.ok()) throw std::runtime_error(texts.status().message());
    return texts->at(0).at(0);
  }
  /// What a query of one number gives.
  int64_t Ask(const std::string& number, const std::string& table = "t") {
    return std::stoll(
        "0" + AskText("SELECT CAST(" + number + " AS VARCHAR) FROM \"p.d\".\"" + table + "\""));
  }
  /// The rows 0 … count-1 are there once, as they were made.
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
  std::string http_endpoint_;
};

}  // namespace joist::bigquery

#endif  // JOIST_TESTS_BIGQUERY_SERVER_H_
