// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// BigQuery's REST API as it is at Google: over TLS, and with access tokens. Joist's own tables are
// behind it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include "joist/io/bigquery/bigquery.h"
#include "joist/io/bigquery/rest_client.h"
#include "joist/io/net/testing/fake_server.h"
#include "joist/io/net/testing/tls_front.h"
#include "joist/joist.h"
#include "joist/sdk/testing/test_pipeline.h"
#include "joist/serve/server.h"
#include "joist/transforms/generate_sequence.h"

namespace joist::bigquery {

struct TlsRow {
  int64_t number = 0;
  std::string text;
};
JOIST_ROW(TlsRow, number, text)

inline TlsRow TlsRowOf(int64_t number) { return {number, "row " + std::to_string(number)}; }

namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

std::unique_ptr<serve::Server> StartTables(const std::string& folder) {
  serve::ServerSettings settings;
  settings.data = folder;
  settings.http.most_body_bytes = 64 << 20;
  auto server = serve::Server::Start(std::move(settings));
  if (!server.ok()) throw std::runtime_error(server.status().message());
  return *std::move(server);
}

class BigQueryTlsTest : public testing::Test {
 protected:
  void SetUp() override {
    authority_.WriteTo(folder_ + "/authority.pem");
    std::ofstream(folder_ + "/user.json") << json({{"type", "authorized_user"},
                                                   {"client_id", "i"},
                                                   {"client_secret", "s"},
                                                   {"refresh_token", "r"},
                                                   {"token_uri", tokens_.Url()}});
    setenv("SSL_CERT_FILE", (folder_ + "/authority.pem").c_str(), 1);
    setenv("GOOGLE_APPLICATION_CREDENTIALS", (folder_ + "/user.json").c_str(), 1);
  }
  void TearDown() override {
    unsetenv("SSL_CERT_FILE");
    unsetenv("GOOGLE_APPLICATION_CREDENTIALS");
    server_->Stop();
    std::filesystem::remove_all(folder_);
  }
  /// What a query of one value gives, asked for over TLS with a token.
  std::string Ask(const std::string& query) {
    const auto client = RestClient::Connect("google", front_.Url(), "p");
    if (!client.ok()) return client.status().message();
    const json body = {{"query", query}, {"useLegacySql", false}};
    const auto answer = client->Request("POST", "queries", &body);
    return answer.ok() ? answer->at("rows").at(0).at("f").at(0).at("v").get<std::string>()
                       : answer.status().message();
  }

  const std::string folder_ = testing::TempDir() + "joist_bigquery_tls_" + std::to_string(getpid());
  net::TestAuthority authority_;
  net::FakeHttpServer tokens_{[](const net::HttpRequest&) {
    return net::HttpAnswer("200 OK", R"({"access_token":"ya29.user","expires_in":3600})");
  }};
  std::unique_ptr<serve::Server> server_ = StartTables(folder_);
  net::TlsFront front_{authority_.Issue("DNS:localhost"),
                       static_cast<uint16_t>(server_->http_port())};
};

TEST_F(BigQueryTlsTest, APipelineMakesItsTable) {
  if (getenv("JOIST_TEST_SECOND_PROCESS") != nullptr) {
    GTEST_SKIP() << "the second process is this test again, with a server of its own";
  }
  const std::string endpoint = "127.0.0.1:" + std::to_string(server_->grpc_port());
  TestPipeline p;
  p | GenerateSequence(0).To(10'000) | "Rows" >> Map(TlsRowOf) |
      "Write" >> WriteRows<TlsRow>("p.d.t").WithEndpoint(endpoint).WithHttpEndpoint(front_.Url());
  EXPECT_TRUE(p.RunOk());
  EXPECT_THAT(front_.received(), HasSubstr("POST /bigquery/v2/projects/p/datasets/d/tables HTTP"));
  EXPECT_THAT(front_.received(), Not(HasSubstr("Bearer"))) << "it is not Google's";
  EXPECT_EQ(Ask("SELECT COUNT(DISTINCT number) FROM d.t"), "10000");
  EXPECT_THAT(front_.received(), HasSubstr("Authorization: Bearer ya29.user\r\n"));
}

TEST_F(BigQueryTlsTest, LoadsLargeFiles) {
  const auto client = RestClient::Connect("google", front_.Url(), "p");
  ASSERT_TRUE(client.ok()) << client.status().message();
  ASSERT_TRUE(client->Make("datasets", {{"datasetReference", {{"datasetId", "d"}}}}).ok());
  const json table = {
      {"tableReference", {{"datasetId", "d"}, {"tableId", "t"}}},
      {"schema",
       {{"fields",
         {{{"name", "number"}, {"type", "INTEGER"}}, {{"name", "text"}, {"type", "STRING"}}}}}}};
  ASSERT_TRUE(client->Make("datasets/d/tables", table).ok());
  ASSERT_TRUE(client->Make("datasets/d/tables", table).ok()) << "it is there";
  std::string lines;
  const std::string text(10'000, 'x');
  for (int i = 0; i < 3'000; ++i) {
    lines += R"({"number":)" + std::to_string(i) + R"(,"text":")" + text + "\"}\n";
  }
  const auto rows = client->Load("d", "t", "NEWLINE_DELIMITED_JSON", lines);
  ASSERT_TRUE(rows.ok()) << rows.status().message();
  EXPECT_EQ(*rows, "3000");
  EXPECT_EQ(Ask("SELECT SUM(LENGTH(text)) FROM d.t"), "30000000");
  // And back, by the page.
  const auto page = client->Request("GET", "datasets/d/tables/t/data?maxResults=500");
  ASSERT_TRUE(page.ok()) << page.status().message();
  EXPECT_EQ(page->at("rows").size(), 500U);
}

}  // namespace
}  // namespace joist::bigquery
