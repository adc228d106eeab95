// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/bigquery/rest_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "joist/io/bigquery/make_table.h"
#include "joist/io/google/credentials.h"
#include "joist/io/google/service_channel.h"
#include "joist/io/net/testing/fake_server.h"
#include "joist/io/net/testing/tls_front.h"

namespace joist::bigquery {
namespace {

using net::FakeHttpServer;
using net::HttpAnswer;
using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr net::RetryPolicy kQuick = {3, Duration::Millis(1), Duration::Seconds(5)};

/// As BigQuery says that something failed.
std::string Fault(const std::string& status, const std::string& reason,
                  const std::string& headers = "") {
  return HttpAnswer(
      status,
      json({{"error", {{"message", "because"}, {"errors", {{{"reason", reason}}}}}}}).dump(),
      headers);
}
/// "{…}", or "CODE message".
std::string Shown(const Result<json>& answer) {
  if (answer.ok()) return answer->dump();
  return std::string(StatusCodeName(answer.status().code())) + " " + answer.status().message();
}
RestClient ClientOf(const FakeHttpServer& server,
                    std::shared_ptr<google::Credentials> credentials = nullptr) {
  return {*net::ParseHttpUrl(server.Url()), "p", std::move(credentials), kQuick};
}

TEST(RestClientTest, TriesAgainWhatIsSafe) {
  const json plain = {{"query", "INSERT"}};
  const json named = {{"jobReference", {{"jobId", "j"}}}};
  struct Case {
    const char* method;
    const json* body;
    std::string answer;
    size_t attempts;
    const char* shown;
  };
  const std::string lost, busy = Fault("503 Service Unavailable", "backendError");
  const std::vector<Case> cases = {
      {"GET", nullptr, busy, 3, "UNAVAILABLE because"},
      {"PUT", &plain, busy, 3, "UNAVAILABLE because"},
      {"DELETE", nullptr, busy, 3, "UNAVAILABLE because"},
      {"POST", &named, busy, 3, "UNAVAILABLE because"},
      {"POST", &plain, busy, 1, "UNAVAILABLE because"},
      {"PATCH", &plain, busy, 1, "UNAVAILABLE because"},
      {"GET", nullptr, HttpAnswer("502 Bad Gateway", "<html>"), 3,
       "UNAVAILABLE the server answers HTTP 502"},
      {"GET", nullptr, Fault("500 Internal Server Error", "backendError"), 3, "INTERNAL because"},
      {"POST", &plain, Fault("500 Internal Server Error", "backendError"), 1, "INTERNAL because"},
      {"GET", nullptr, Fault("500 Internal Server Error", "internalError"), 1, "INTERNAL because"},
      {"POST", &plain, HttpAnswer("429 Too Many Requests"), 3,
       "RESOURCE_EXHAUSTED the server answers HTTP 429"},
      {"POST", &plain, Fault("403 Forbidden", "rateLimitExceeded"), 3,
       "RESOURCE_EXHAUSTED because"},
      {"POST", &plain, Fault("400 Bad Request", "jobRateLimitExceeded"), 3,
       "RESOURCE_EXHAUSTED because"},
      {"GET", nullptr, Fault("403 Forbidden", "accessDenied"), 1, "PERMISSION_DENIED because"},
      {"GET", nullptr, Fault("403 Forbidden", "quotaExceeded"), 1, "PERMISSION_DENIED because"},
      {"GET", nullptr, Fault("400 Bad Request", "invalid"), 1, "INVALID_ARGUMENT because"},
      {"GET", nullptr, Fault("401 Unauthorized", "authError"), 1, "UNAUTHENTICATED because"},
      {"GET", nullptr, Fault("404 Not Found", "notFound"), 1, "NOT_FOUND because"},
      {"POST", &plain, Fault("409 Conflict", "duplicate"), 1, "ALREADY_EXISTS because"},
      {"GET", nullptr, lost, 3, "UNAVAILABLE cannot reach 127.0.0.1:"},
      {"POST", &plain, lost, 1, "UNAVAILABLE cannot reach 127.0.0.1:"},
      {"GET", nullptr, HttpAnswer("200 OK", "[]"), 1,
       "DATA_LOSS the server's answer is no JSON object"},
      {"GET", nullptr, HttpAnswer("200 OK", "{"), 1,
       "DATA_LOSS the server's answer is no JSON object"},
      {"GET", nullptr, HttpAnswer("204 No Content"), 1, "{}"},
      {"GET", nullptr, "HTTP/1.1 200 OK\r\nContent-Length: 300000000\r\n\r\n{", 1,
       "OUT_OF_RANGE the server's answer is longer than 256 MB"},
  };
  for (const Case& one : cases) {
    FakeHttpServer server([&](const net::HttpRequest&) { return one.answer; });
    EXPECT_THAT(Shown(ClientOf(server).Request(one.method, "x", one.body)), StartsWith(one.shown))
        << one.method << " " << one.answer;
    EXPECT_EQ(server.requests().size(), one.attempts) << one.method << " " << one.answer;
  }
}

TEST(RestClientTest, OneConnectionForAll) {
  std::atomic<int> calls{0};
  FakeHttpServer server([&](const net::HttpRequest&) {
    return ++calls == 2 ? HttpAnswer("503 Service Unavailable") : HttpAnswer("200 OK", "{}");
  });
  const RestClient client = ClientOf(server);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Shown(client.Request("GET", "datasets")), "{}");
  EXPECT_EQ(calls, 4);
  EXPECT_EQ(server.connections(), 1U);
  EXPECT_THAT(server.requests()[0].head,
              AllOf(StartsWith("GET /bigquery/v2/projects/p/datasets HTTP/1.1\r\n"),
                    Not(HasSubstr("Authorization"))));
}

TEST(RestClientTest, WaitsAsLongAsTheServiceAsks) {
  std::atomic<int> calls{0};
  FakeHttpServer server([&](const net::HttpRequest&) {
    return ++calls == 1 ? HttpAnswer("429 Too Many Requests", "", "Retry-After: 1\r\n")
                        : HttpAnswer("200 OK", "{}");
  });
  const auto before = std::chrono::steady_clock::now();
  EXPECT_EQ(Shown(ClientOf(server).Request("GET", "x")), "{}");
  EXPECT_GE(std::chrono::steady_clock::now() - before, std::chrono::seconds(1));
}

TEST(RestClientTest, AServerOfNoServiceIsTriedOnce) {
  FakeHttpServer server([](const net::HttpRequest&) { return HttpAnswer("503 Busy"); });
  const RestClient client(*net::ParseHttpUrl(server.Url()), "p");
  EXPECT_EQ(Shown(client.Request("GET", "x")), "UNAVAILABLE the server answers HTTP 503");
  EXPECT_EQ(server.requests().size(), 1U);
}

TEST(RestClientTest, WhatIsDeletedWithoutAnAnswerIsDeleted) {
  std::atomic<int> calls{0};
  std::string first;
  FakeHttpServer server([&](const net::HttpRequest&) {
    return ++calls == 1 ? first : Fault("404 Not Found", "notFound");
  });
  EXPECT_EQ(Shown(ClientOf(server).Request("DELETE", "datasets/d")), "{}");
  calls = 0;
  first = HttpAnswer("429 Too Many Requests");
  EXPECT_EQ(Shown(ClientOf(server).Request("DELETE", "datasets/d")), "NOT_FOUND because");
}

TEST(RestClientTest, MakesOnce) {
  std::atomic<int> calls{0};
  FakeHttpServer server([&](const net::HttpRequest&) {
    return ++calls == 1 ? "" : Fault("409 Conflict", "duplicate");
  });
  const Status made = ClientOf(server).Make("datasets", {{"a", 1}});
  EXPECT_TRUE(made.ok()) << made.message();
  EXPECT_EQ(server.requests()[1].body, R"({"a":1})");
}

TEST(RestClientTest, ListsAllPages) {
  FakeHttpServer server([&](const net::HttpRequest& request) {
    if (request.head.find("pageToken=") == std::string::npos) {
      return HttpAnswer("200 OK", R"({"things":[1,2],"nextPageToken":"a/b=="})");
    }
    if (request.head.find("pageToken=a%2Fb%3D%3D ") == std::string::npos) {
      return HttpAnswer("200 OK", R"({"things":[4],"pageToken":7})");
    }
    return HttpAnswer("200 OK", R"({"things":[3],"pageToken":"c"})");
  });
  const auto all = ClientOf(server).List("things?all=true", "things");
  ASSERT_TRUE(all.ok()) << all.status().message();
  EXPECT_EQ(*all, (std::vector<json>{1, 2, 3, 4}));
  EXPECT_THAT(server.requests()[0].head, HasSubstr("/things?all=true&maxResults=1000 "));
  FakeHttpServer odd(
      [](const net::HttpRequest&) { return HttpAnswer("200 OK", R"({"things":7})"); });
  EXPECT_TRUE(ClientOf(odd).List("things", "things")->empty());
}

/// A job of which a client knows the id alone.
std::string Job(const std::string& id, const std::string& state, const json& more = {}) {
  json job = {{"jobReference", {{"jobId", id}, {"location", "europe-west3"}}},
              {"status", {{"state", state}}}};
  if (!more.is_null()) job.merge_patch(more);
  return HttpAnswer("200 OK", job.dump());
}

TEST(RestClientTest, LoadsOnceWhateverIsLost) {
  std::atomic<int> calls{0};
  std::string id;
  FakeHttpServer server([&](const net::HttpRequest& request) {
    switch (++calls) {
      case 1: {
        const size_t at = request.body.find("joist_load_");
        id = request.body.substr(at, request.body.find('"', at) - at);
        return std::string();  // The answer is lost.
      }
      case 2: return Fault("409 Conflict", "duplicate");
      case 3: return Job(id, "RUNNING");
      default: return Job(id, "DONE", {{"statistics", {{"load", {{"outputRows", "2"}}}}}});
    }
  });
  const Result<std::string> rows = ClientOf(server).Load("d", "t", "CSV", "a,b\n1,2\n3,4\n");
  ASSERT_TRUE(rows.ok()) << rows.status().message();
  EXPECT_EQ(*rows, "2");
  const auto requests = server.requests();
  ASSERT_EQ(requests.size(), 4U);
  EXPECT_EQ(id.size(), 43U);
  EXPECT_EQ(requests[0].body, requests[1].body);
  EXPECT_THAT(requests[0].head,
              AllOf(StartsWith("POST /upload/bigquery/v2/projects/p/jobs?uploadType=multipart "),
                    HasSubstr("Content-Type: multipart/related; boundary=joist-load-3a5f0c\r\n")));
  EXPECT_THAT(requests[0].body,
              AllOf(HasSubstr(R"("tableId":"t")"), HasSubstr("\r\n\r\na,b\n1,2\n3,4\n\r\n--joist-"),
                    HasSubstr(R"("skipLeadingRows":1)")));
  EXPECT_THAT(requests[2].head, StartsWith("GET /bigquery/v2/projects/p/jobs/" + id + " "));
  EXPECT_THAT(requests[3].head, HasSubstr("/jobs/" + id + "?location=europe-west3 "));
}

TEST(RestClientTest, ALoadThatFailsSaysWhy) {
  json why = {{"status", {{"errorResult", {{"message", "no such column"}}}}}};
  FakeHttpServer server([&](const net::HttpRequest&) { return Job("j", "DONE", why); });
  EXPECT_EQ(ClientOf(server).Load("d", "t", "CSV", "").status().message(), "no such column");
  why["status"]["errorResult"] = 7;
  EXPECT_EQ(ClientOf(server).Load("d", "t", "CSV", "").status().message(), "the load failed");
}

/// "t1", "t2" and so on.
class NumberedTokens : public google::TokenSource {
 public:
  explicit NumberedTokens(std::vector<Status> failures = {}) : failures_(std::move(failures)) {}
  Result<google::AccessToken> Fetch() const override {
    const size_t fetch = fetched_++;
    if (fetch < failures_.size()) return failures_[fetch];
    return google::AccessToken{"t" + std::to_string(fetch + 1), Duration::Minutes(60)};
  }

 private:
  const std::vector<Status> failures_;
  mutable std::atomic<size_t> fetched_{0};
};
std::shared_ptr<google::Credentials> Numbered(std::vector<Status> failures = {}) {
  return std::make_shared<google::Credentials>(
      std::make_unique<NumberedTokens>(std::move(failures)), "who-pays");
}

TEST(RestClientTest, ATokenThatIsRefusedIsReplacedOnce) {
  std::string good = "Bearer t2\r\n";
  FakeHttpServer server([&](const net::HttpRequest& request) {
    return request.head.find(good) != std::string::npos
               ? HttpAnswer("200 OK", "{}")
               : HttpAnswer("401 Unauthorized",
                            R"({"error":{"message":"t1, t2 and t3 are none"}})");
  });
  const RestClient client = ClientOf(server, Numbered());
  const json body = {{"query", "INSERT"}};
  EXPECT_EQ(Shown(client.Request("POST", "queries", &body)), "{}");
  EXPECT_EQ(Shown(client.Request("POST", "queries", &body)), "{}");
  auto requests = server.requests();
  ASSERT_EQ(requests.size(), 3U);
  EXPECT_THAT(requests[0].head, AllOf(HasSubstr("Authorization: Bearer t1\r\n"),
                                      HasSubstr("x-goog-user-project: who-pays\r\n")));
  EXPECT_THAT(requests[1].head, HasSubstr("x-goog-user-project: who-pays\r\n"));
  good = "nothing";
  EXPECT_EQ(Shown(client.Request("GET", "x")), "UNAUTHENTICATED t1, t2 and … are none");
  EXPECT_EQ(server.requests().size(), 5U);
}

TEST(RestClientTest, TokensThatCannotBeHad) {
  FakeHttpServer server([](const net::HttpRequest&) { return HttpAnswer("200 OK", "{}"); });
  const Status passes(StatusCode::kUnavailable, "later");
  EXPECT_EQ(Shown(ClientOf(server, Numbered({passes, passes})).Request("GET", "x")), "{}");
  EXPECT_EQ(Shown(ClientOf(server, Numbered({passes, passes, passes})).Request("GET", "x")),
            "UNAVAILABLE later");
  const Status stays(StatusCode::kUnauthenticated, "never");
  EXPECT_EQ(Shown(ClientOf(server, Numbered({stays})).Request("GET", "x")),
            "UNAUTHENTICATED never");
  EXPECT_EQ(server.requests().size(), 1U);
}

/// Google's part: TLS, and a server of tokens.
class RestClientGoogleTest : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(folder_);
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
    std::filesystem::remove_all(folder_);
  }

  const std::string folder_ = testing::TempDir() + "joist_rest_client_" + std::to_string(getpid());
  net::TestAuthority authority_;
  FakeHttpServer tokens_{[](const net::HttpRequest&) {
    return HttpAnswer("200 OK", R"({"access_token":"ya29.user","expires_in":3600})");
  }};
};

TEST_F(RestClientGoogleTest, GoesToGoogle) {
  EXPECT_EQ(*google::HttpAddress("google"), "https://bigquery.googleapis.com");
  EXPECT_TRUE(RestClient::Connect("google", "", "p").ok());
  setenv("GOOGLE_APPLICATION_CREDENTIALS", (folder_ + "/none").c_str(), 1);
  EXPECT_THAT(RestClient::Connect("google", "", "p").status().message(),
              HasSubstr("cannot open the credentials"));
}

TEST_F(RestClientGoogleTest, ShowsATokenToNobodyElse) {
  EXPECT_EQ(RestClient::Connect("google", "http://example.com", "p").status().message(),
            "http://example.com/ would show your access token to others; it has to begin with "
            "https://");
  FakeHttpServer server([](const net::HttpRequest&) { return HttpAnswer("200 OK", "{}"); });
  EXPECT_EQ(Shown(RestClient::Connect("127.0.0.1:1", server.Url(), "p")->Request("GET", "x")),
            "{}");
  EXPECT_THAT(server.requests()[0].head, Not(HasSubstr("Authorization")));
  // Nor to who only says to be it.
  net::TlsFront front(authority_.Issue("DNS:other.example"), 1);
  EXPECT_THAT(
      Shown(RestClient::Connect("google", front.Url(), "p")->Request("GET", "x")),
      AllOf(StartsWith("UNAUTHENTICATED cannot reach localhost:"), HasSubstr("hostname mismatch")));
  EXPECT_EQ(front.received(), "");
  EXPECT_EQ(front.connections(), 1U);
}

TEST_F(RestClientGoogleTest, MakesTables) {
  std::atomic<bool> has_dataset{false};
  FakeHttpServer server([&](const net::HttpRequest& request) {
    if (request.head.find("Authorization: Bearer ya29.user\r\n") == std::string::npos) {
      return HttpAnswer("401 Unauthorized");
    }
    if (request.head.starts_with("POST /bigquery/v2/projects/p/datasets HTTP")) {
      has_dataset = true;
      return HttpAnswer("200 OK", "{}");
    }
    return has_dataset ? HttpAnswer("200 OK", "{}") : Fault("404 Not Found", "notFound");
  });
  const auto port = static_cast<uint16_t>(std::stoi(net::ParseHttpUrl(server.Url())->port));
  net::TlsFront front(authority_.Issue("DNS:localhost"), port);
  TableSettings settings;
  settings.table = "projects/p/datasets/d/tables/t";
  settings.endpoint = "google";
  settings.http_endpoint = front.Url();
  settings.schema = R"([{"name":"n","type":"INTEGER"}])";
  const Status made = MakeTable(settings);
  EXPECT_TRUE(made.ok()) << made.message();
  const auto requests = server.requests();
  ASSERT_EQ(requests.size(), 3U);
  EXPECT_EQ(json::parse(requests[1].body),
            json::parse(R"({"datasetReference":{"projectId":"p","datasetId":"d"}})"));
  EXPECT_THAT(requests[2].head, StartsWith("POST /bigquery/v2/projects/p/datasets/d/tables HTTP"));
  EXPECT_EQ(json::parse(requests[2].body),
            json::parse(R"({"tableReference":{"projectId":"p","datasetId":"d","tableId":"t"},
                            "schema":{"fields":[{"name":"n","type":"INTEGER"}]}})"));
  EXPECT_EQ(front.connections(), 1U);
}

TEST_F(RestClientGoogleTest, ATableThatCannotBeMadeIsOneLine) {
  FakeHttpServer server(
      [](const net::HttpRequest&) { return Fault("403 Forbidden", "accessDenied"); });
  TableSettings settings;
  settings.table = "projects/p/datasets/d/tables/t";
  settings.endpoint = "google";
  settings.http_endpoint = server.Url();
  settings.schema = "[]";
  const Status made = MakeTable(settings);
  EXPECT_EQ(made.code(), StatusCode::kPermissionDenied);
  EXPECT_EQ(made.message(), "cannot make projects/p/datasets/d/tables/t: because");
}

}  // namespace
}  // namespace joist::bigquery
