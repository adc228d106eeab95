// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// joist/io/bigquery against a whole server by its ports: tables are made, and looked at, by REST.
// JOIST_TEST_BIGQUERY=HOST:PORT (gRPC) and JOIST_TEST_BIGQUERY_HTTP=http://HOST:PORT name another
// one than Joist's own, such as an emulator.

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "joist/io/bigquery/bigquery.h"
#include "joist/io/bigquery/rest_client.h"
#include "joist/joist.h"
#include "joist/sdk/testing/test_pipeline.h"
#include "joist/serve/server.h"
#include "joist/transforms/generate_sequence.h"
#include "tests/numbered_rows.h"

namespace joist::bigquery {

namespace {

using nlohmann::json;

class BigQueryEndpointTest : public testing::Test {
 protected:
  void SetUp() override {
    if (getenv("JOIST_TEST_SECOND_PROCESS") != nullptr) {
      GTEST_SKIP() << "the second process is this test again, with a server of its own";
    }
    std::filesystem::remove_all(folder_);
    if (getenv("JOIST_TEST_BIGQUERY") == nullptr) {
      auto server = serve::Server::Start({.data = folder_ + "/data"});
      ASSERT_TRUE(server.ok()) << server.status().message();
      server_ = *std::move(server);
      endpoint_ = "127.0.0.1:" + std::to_string(server_->grpc_port());
      http_ = "http://127.0.0.1:" + std::to_string(server_->http_port());
    } else {
      const char* const http = getenv("JOIST_TEST_BIGQUERY_HTTP");
      ASSERT_NE(http, nullptr) << "JOIST_TEST_BIGQUERY_HTTP=http://HOST:PORT is missing";
      endpoint_ = getenv("JOIST_TEST_BIGQUERY");
      http_ = http;
    }
    auto client = RestClient::Connect(endpoint_, http_, "my-project");
    ASSERT_TRUE(client.ok()) << client.status().message();
    client_.emplace(*std::move(client));
    const json dataset = {{"datasetReference", {{"datasetId", dataset_}}}};
    const auto made = client_->Request("POST", "datasets", &dataset);
    ASSERT_TRUE(made.ok()) << made.status().message();
  }
  void TearDown() override {
    server_ = nullptr;
    std::filesystem::remove_all(folder_);
  }

  WriteRows<Numbered> Write() const {
    return WriteRows<Numbered>("my-project." + dataset_ + ".t")
        .WithEndpoint(endpoint_)
        .WithHttpEndpoint(http_);
  }
  /// What a query of one whole number gives; -1 where there is no table yet.
  int64_t Ask(const std::string& number) {
    const json query = {{"query", "SELECT " + number + " FROM " + dataset_ + ".t"},
                        {"useLegacySql", false},
                        {"timeoutMs", 60'000}};
    const auto answer = client_->Request("POST", "queries", &query);
    if (answer.status().code() == StatusCode::kNotFound) return -1;
    if (!answer.ok()) throw std::runtime_error(answer.status().message());
    return std::stoll(answer->at("rows").at(0).at("f").at(0).at("v").get<std::string>());
  }
  void ExpectNumbers(int64_t count) {
    EXPECT_EQ(Ask("COUNT(*)"), count);
    EXPECT_EQ(Ask("COUNT(DISTINCT number)"), count);
    EXPECT_EQ(Ask("SUM(number)"), count * (count - 1) / 2);
    EXPECT_EQ(Ask("COUNTIF(text = CONCAT('row ', CAST(number AS STRING)))"), count);
    EXPECT_EQ(Ask("COUNTIF(UNIX_MILLIS(`at`) = 1700000000000 + number)"), count);
    EXPECT_EQ(Ask("COUNTIF((half IS NULL) = (MOD(number, 2) = 1))"), count);
    EXPECT_EQ(Ask("COUNTIF(ARRAY_LENGTH(digits) = LENGTH(CAST(number AS STRING)))"), count - 1);
  }

  const std::string folder_ = testing::TempDir() + "joist_endpoint_" + std::to_string(getpid());
  const std::string dataset_ = "d" + std::to_string(getpid()) + "_" +
                               testing::UnitTest::GetInstance()->current_test_info()->name();
  std::unique_ptr<serve::Server> server_;
  std::string endpoint_;
  std::string http_;
  std::optional<RestClient> client_;
};

TEST_F(BigQueryEndpointTest, BoundedInputIntoATableThatIsMade) {
  TestPipeline p;
  p | GenerateSequence(0).To(20'000) | "Rows" >> Map(RowOf) | "Write" >> Write();
  EXPECT_TRUE(p.RunOk());
  ExpectNumbers(20'000);
}

TEST_F(BigQueryEndpointTest, AStreamThatFails) {
  constexpr int64_t kRows = 10'000;
  failures_left = 3;
  until_failure = 2'000;
  failure_distance = 3'000;
  const std::string state = "--checkpoint_dir=" + folder_ + "/state";
  const char* const argv[] = {"test", state.c_str(), "--checkpoint_interval=100ms",
                              "--max_num_workers=2"};
  Pipeline p(4, argv);
  p | GenerateSequence(0).WithRate(200, Duration::Millis(20)) |
      "Some" >> Filter([](int64_t number) { return number < kRows; }) | "Rows" >> Map(MayFail()) |
      "Write" >> Write();
  const PipelineResult job = p.Run();
  for (int i = 0; i < 300 && Ask("COUNT(*)") < kRows; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  job.Cancel();
  job.WaitUntilFinish();
  EXPECT_EQ(failures_left, 0);
  ExpectNumbers(kRows);
}

}  // namespace
}  // namespace joist::bigquery
