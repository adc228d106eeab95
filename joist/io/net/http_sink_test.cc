// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/net/http_sink.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "joist/io/net/testing/fake_server.h"
#include "joist/io/net/testing/tls_front.h"
#include "joist/io/net/url.h"
#include "joist/joist.h"
#include "joist/sdk/testing/test_pipeline.h"
#include "joist/sdk/testing/test_stream.h"

namespace joist::net {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

RetryPolicy Quick(int64_t attempts = 5) {
  return {attempts, Duration::Millis(1), Duration::Millis(20)};
}
std::vector<std::string> Records(int count) {
  std::vector<std::string> records;
  for (int i = 0; i < count; ++i) records.push_back(std::to_string(i));
  return records;
}
/// The lines of all requests that were answered by 200, and how often each.
std::map<std::string, int> LinesOf(const std::vector<HttpRequest>& requests) {
  std::map<std::string, int> lines;
  for (const HttpRequest& request : requests) {
    std::istringstream body(request.body);
    for (std::string line; std::getline(body, line);) ++lines[line];
  }
  return lines;
}
std::string Failure(const std::vector<std::string>& records, const Post& post) {
  TestPipeline p;
  p.set_threads(1);
  p | Create(records) | "Post" >> post;
  return p.RunToEnd().status.message();
}

TEST(PostTest, SendsBatchesOverOneConnection) {
  FakeHttpServer server([](const HttpRequest&) { return HttpAnswer("200 OK", "thanks"); });
  TestPipeline p;
  p.set_threads(1);
  auto sent = p | Create(Records(25)) | Post(server.Url("/in?key=1")).WithBatchSize(10);
  PAssert::That(sent).ContainsInAnyOrder({10, 10, 5});
  EXPECT_TRUE(p.RunOk());
  const auto requests = server.requests();
  ASSERT_EQ(requests.size(), 3U);
  EXPECT_EQ(LinesOf(requests).size(), 25U);
  EXPECT_EQ(server.connections(), 1U);
  EXPECT_THAT(requests[0].head,
              AllOf(HasSubstr("POST /in?key=1 HTTP/1.1\r\n"), HasSubstr("Host: 127.0.0.1:"),
                    HasSubstr("Content-Type: application/x-ndjson\r\n")));
  EXPECT_EQ(requests[0].body, "0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n");
}

TEST(PostTest, SendsArraysWithinBytes) {
  FakeHttpServer server([](const HttpRequest&) { return HttpAnswer("204 No Content"); });
  TestPipeline p;
  p.set_threads(1);
  p | Create<std::string>({"\"aa\"", "\"bb\"", "\"a long one\""}) |
      Post(server.Url()).WithJsonArrays().WithBatchBytes(10);
  EXPECT_TRUE(p.RunOk());
  const auto requests = server.requests();
  ASSERT_EQ(requests.size(), 2U);
  EXPECT_THAT(requests[0].head, HasSubstr("Content-Type: application/json\r\n"));
  EXPECT_EQ(requests[0].body, "[\"aa\",\"bb\"]");
  EXPECT_EQ(requests[1].body, "[\"a long one\"]");
}

TEST(PostTest, FlushesEachBundleOfAStream) {
  FakeHttpServer server([](const HttpRequest&) { return HttpAnswer("200 OK"); });
  TestPipeline p;
  p.set_threads(1);
  p |
      TestStream<std::string>()
          .AddElements({{"a", Timestamp::Seconds(1)}, {"b", Timestamp::Seconds(1)}})
          .AddElements({{"c", Timestamp::Seconds(2)}})
          .AdvanceWatermarkToInfinity() |
      WindowInto(FixedWindows(Duration::Seconds(1))) | Post(server.Url());
  EXPECT_TRUE(p.RunOk());
  const auto requests = server.requests();
  ASSERT_EQ(requests.size(), 2U);
  EXPECT_EQ(requests[0].body, "a\nb\n");
  EXPECT_EQ(requests[1].body, "c\n");
}

TEST(PostTest, TriesAgainWhatPasses) {
  std::atomic<int> calls{0};
  FakeHttpServer server([&](const HttpRequest&) -> std::string {
    switch (calls++) {
      case 0: return HttpAnswer("503 Service Unavailable");
      case 1: return HttpAnswer("429 Too Many Requests", "", "Retry-After: 0\r\n");
      case 2: return "";  // Closes without an answer.
      default: return HttpAnswer("200 OK");
    }
  });
  TestPipeline p;
  p.set_threads(1);
  auto sent = p | Create(Records(3)) | Post(server.Url()).WithRetries(Quick());
  PAssert::That(sent).ContainsInAnyOrder({3});
  EXPECT_TRUE(p.RunOk());
  EXPECT_EQ(LinesOf(server.requests()), (std::map<std::string, int>{{"0", 4}, {"1", 4}, {"2", 4}}));
}

TEST(PostTest, WaitsAsLongAsTheServiceAsks) {
  std::atomic<int> calls{0};
  FakeHttpServer server([&](const HttpRequest&) {
    return calls++ == 0 ? HttpAnswer("429 Too Many Requests", "", "Retry-After: 1\r\n")
                        : HttpAnswer("200 OK");
  });
  TestPipeline p;
  p | Create(Records(1)) |
      Post(server.Url()).WithRetries({2, Duration::Millis(1), Duration::Seconds(5)});
  const auto before = std::chrono::steady_clock::now();
  EXPECT_TRUE(p.RunOk());
  EXPECT_GE(std::chrono::steady_clock::now() - before, std::chrono::seconds(1));
}

TEST(PostTest, GivesUpInOneLine) {
  FakeHttpServer server([](const HttpRequest&) {
    return HttpAnswer("503 Service Unavailable", "out of\r\norder\n");
  });
  EXPECT_EQ(Failure({"a"}, Post(server.Url("/in?key=secret")).WithRetries(Quick(2))),
            "step \"Post/Send\": " + server.Url("/in") +
                ": 503 Service Unavailable: out of  order, after 2 attempts");
  EXPECT_EQ(server.requests().size(), 8U) << "of each of the engine's four";
}

TEST(PostTest, AServiceThatIsNotThereIsOneLine) {
  std::string url;
  {
    url = FakeHttpServer([](const HttpRequest&) { return ""; }).Url();
  }
  EXPECT_THAT(
      Failure({"a"}, Post(url).WithRetries(Quick(1))),
      AllOf(HasSubstr("step \"Post/Send\": " + url + ": cannot connect to 127.0.0.1 at port "),
            HasSubstr(": Connection refused, after 1 attempt")));
}

TEST(PostTest, AnAnswerThatDoesNotComeEndsWithTheTimeout) {
  FakeHttpServer server([](const HttpRequest&) {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    return "";
  });
  EXPECT_THAT(
      Failure({"a"}, Post(server.Url()).WithTimeout(Duration::Millis(20)).WithRetries(Quick(1))),
      HasSubstr(": no answer: timed out, after 1 attempt"));
}

/// Refuses bodies in which a record is bad.
std::string RefuseBad(const HttpRequest& request) {
  return request.body.find("bad") == std::string::npos
             ? HttpAnswer("200 OK")
             : HttpAnswer("422 Unprocessable Entity", "no number");
}

TEST(PostTest, GivesRefusedRecordsApart) {
  FakeHttpServer server(RefuseBad);
  std::vector<std::string> records = Records(20);
  records[3] = "bad 3";
  records[17] = "bad 17";
  TestPipeline p;
  p.set_threads(1);
  const auto posted = p | Create(records) | "Post" >> Post(server.Url()).WithErrors();
  PAssert::That(posted.Get<Errors>() | Map([](const RejectedRecord& rejected) {
                  return rejected.record + ": " + std::to_string(rejected.status) + ": " +
                         rejected.reason;
                }))
      .ContainsInAnyOrder({"bad 3: 422: 422 Unprocessable Entity: no number",
                           "bad 17: 422: 422 Unprocessable Entity: no number"});
  PAssert::That(posted.Get<Main>() | Sum::Globally()).ContainsInAnyOrder({18});
  EXPECT_TRUE(p.RunOk());
}

TEST(PostTest, ARefusedRecordEndsTheJobInOneLine) {
  FakeHttpServer server(RefuseBad);
  EXPECT_EQ(Failure({"1", "bad", "2"}, Post(server.Url())),
            "step \"Post/Send\": " + server.Url() +
                " refuses a record: 422 Unprocessable Entity: no number (record: bad)");
}

TEST(PostTest, WhatTryingAgainCannotMendEndsTheJobAtOnce) {
  for (const char* const status :
       {"401 Unauthorized", "403 Forbidden", "404 Not Found", "301 Moved Permanently"}) {
    FakeHttpServer server([status](const HttpRequest&) { return HttpAnswer(status); });
    EXPECT_EQ(Failure({"a", "b"}, Post(server.Url())),
              "step \"Post/Send\": " + server.Url() + ": " + status);
    EXPECT_EQ(server.requests().size(), 1U) << status;
  }
}

TEST(PostTest, TheTokenIsSentAndNeverShown) {
  constexpr char kVariable[] = "JOIST_POST_TEST_TOKEN";
  setenv(kVariable, "s3cret-token", 1);
  FakeHttpServer server([](const HttpRequest& request) {
    return HttpAnswer("403 Forbidden", "not allowed: " + request.head);
  });
  const std::string message =
      Failure({"a"}, Post(server.Url()).WithBearerTokenFromEnvironment(kVariable));
  EXPECT_THAT(server.requests()[0].head, HasSubstr("Authorization: Bearer s3cret-token\r\n"));
  EXPECT_THAT(message,
              AllOf(HasSubstr("403 Forbidden: not allowed: POST"), Not(HasSubstr("s3cret"))));
  setenv(kVariable, "s3cret\r\nX: y", 1);
  EXPECT_THAT(Failure({"a"}, Post(server.Url()).WithBearerTokenFromEnvironment(kVariable)),
              AllOf(HasSubstr("holds what no header may"), Not(HasSubstr("s3cret"))));
  unsetenv(kVariable);
  EXPECT_THAT(Failure({"a"}, Post(server.Url()).WithBearerTokenFromEnvironment(kVariable)),
              HasSubstr("the environment has no JOIST_POST_TEST_TOKEN, which holds the bearer"));
}

TEST(PostTest, TheTokenOfAFile) {
  const std::string path = testing::TempDir() + "joist_post_test_token_" + std::to_string(getpid());
  std::ofstream(path) << "from-file\n";
  FakeHttpServer server([](const HttpRequest&) { return HttpAnswer("200 OK"); });
  EXPECT_EQ(Failure({"a"}, Post(server.Url()).WithBearerTokenFromFile(path)), "");
  EXPECT_THAT(server.requests()[0].head, HasSubstr("Authorization: Bearer from-file\r\n"));
  std::filesystem::remove(path);
  EXPECT_THAT(Failure({"a"}, Post(server.Url()).WithBearerTokenFromFile(path)),
              HasSubstr("cannot read the bearer token from " + path));
}

TEST(PostTest, AnAnswerWithoutBounds) {
  FakeHttpServer server(
      [](const HttpRequest&) { return HttpAnswer("200 OK", std::string((1 << 20) + 1, 'x')); });
  EXPECT_EQ(Failure(Records(3), Post(server.Url()).WithBatchSize(1)), "");
}

TEST(PostTest, SendsOverTls) {
  const std::string path =
      testing::TempDir() + "joist_post_test_" + std::to_string(getpid()) + ".pem";
  const TestAuthority authority;
  authority.WriteTo(path);
  setenv("SSL_CERT_FILE", path.c_str(), 1);
  FakeHttpServer server([](const HttpRequest&) { return HttpAnswer("200 OK"); });
  TlsFront front(authority.Issue("DNS:localhost"),
                 static_cast<uint16_t>(std::stoi(ParseHttpUrl(server.Url())->port)));
  EXPECT_EQ(Failure(Records(25), Post(front.Url()).WithBatchSize(10)), "");
  EXPECT_EQ(LinesOf(server.requests()).size(), 25U);
  EXPECT_EQ(front.connections(), 1U);
  // No attempt but the first, since nothing would change.
  TlsFront other(authority.Issue("DNS:other.example"), 1);
  EXPECT_EQ(Failure({"a"}, Post(other.Url())),
            "step \"Post/Send\": " + other.Url() +
                ": the certificate of localhost is not trusted: hostname mismatch");
  EXPECT_EQ(other.connections(), 1U);
  unsetenv("SSL_CERT_FILE");
  std::filesystem::remove(path);
}

TEST(PostTest, MistakesAreOneLine) {
  EXPECT_THAT(Failure({"a"}, Post("ftp://h/")), HasSubstr("cannot post: ftp://h/ does not"));
  EXPECT_THAT(Failure({"a"}, Post("http://h/").WithBatchSize(0)), HasSubstr("batches of nothing"));
  EXPECT_THAT(Failure({"a"}, Post("http://h/").WithTimeout(Duration::Zero())),
              HasSubstr("has a timeout that is not positive"));
  EXPECT_THAT(Failure({"a"}, Post("http://h/").WithRetries(Quick(0))),
              HasSubstr("makes no attempt at all"));
}

}  // namespace
}  // namespace joist::net
