// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/engine/metrics_server.h"

#include <gtest/gtest.h>

#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "joist/engine/http_answer.h"

namespace joist {
namespace {

std::unique_ptr<MetricsServer> StartServer(std::function<std::string()> metrics) {
  Result<std::unique_ptr<MetricsServer>> server =
      MetricsServer::Start("127.0.0.1", 0, std::move(metrics));
  EXPECT_TRUE(server.ok()) << server.status().message();
  return server.ok() ? std::move(*server) : nullptr;
}

std::string FirstLine(const std::string& answer) { return answer.substr(0, answer.find("\r\n")); }

TEST(MetricsServer, AnswersWhatItKnows) {
  int calls = 0;
  const auto server = StartServer([&] { return "call " + std::to_string(++calls) + "\n"; });
  EXPECT_EQ(Get(server->port(), "/metrics"), "call 1\n");
  EXPECT_EQ(Get(server->port(), "/metrics?name=x"), "call 2\n");
  EXPECT_EQ(Get(server->port(), "/healthz"), "ok\n");
  const std::string answer = AnswerTo(server->port(), "GET /metrics HTTP/1.0\r\n\r\n");
  EXPECT_EQ(FirstLine(answer), "HTTP/1.0 200 OK");
  EXPECT_NE(answer.find("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"),
            std::string::npos);
  const std::string head = AnswerTo(server->port(), "HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(head.ends_with("\r\n\r\n")) << head;
  EXPECT_NE(head.find("Content-Length: 7\r\n"), std::string::npos) << head;
}

TEST(MetricsServer, RefusesWhatItDoesNotKnow) {
  const auto server = StartServer([] { return ""; });
  const auto line = [&](const std::string& request) {
    return FirstLine(AnswerTo(server->port(), request));
  };
  EXPECT_EQ(line("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), "HTTP/1.1 404 Not Found");
  EXPECT_EQ(line("GET /metricsx HTTP/1.1\r\nHost: x\r\n\r\n"), "HTTP/1.1 404 Not Found");
  EXPECT_EQ(line("POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"),
            "HTTP/1.1 405 Method Not Allowed");
  EXPECT_EQ(line("nonsense\r\n\r\n"), "HTTP/1.1 400 Bad Request");
  const std::string large(2 * MetricsServer::kMostBytes, 'a');
  EXPECT_EQ(line("GET /" + large + " HTTP/1.1\r\n\r\n"),
            "HTTP/1.1 431 Request Header Fields Too Large");
}

TEST(MetricsServer, OutlivesWhoSaysNothingOrFails) {
  bool fails = true;
  const auto server = StartServer([&]() -> std::string {
    if (fails) throw std::runtime_error("not this time");
    return "ok\n";
  });
  EXPECT_EQ(FirstLine(AnswerTo(server->port(), "GET /metrics HTTP/1.1\r\n\r\n")),
            "HTTP/1.1 500 Internal Server Error");
  fails = false;
  std::vector<int> silent;
  for (int i = 0; i < MetricsServer::kMostConnections; ++i) {
    silent.push_back(ConnectTo(server->port()));
  }
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(Get(server->port(), "/metrics"), "") << "there were too many";
  for (const int connection : silent) EXPECT_EQ(ReadToTheEnd(connection), "");
  EXPECT_LT(std::chrono::steady_clock::now() - start, 2 * MetricsServer::kLongest);
  for (const int connection : silent) close(connection);
  EXPECT_EQ(Get(server->port(), "/metrics"), "ok\n");
}

TEST(MetricsServer, SaysWhyItCannotListen) {
  const auto server = StartServer([] { return ""; });
  const auto second = MetricsServer::Start("127.0.0.1", server->port(), [] { return ""; });
  EXPECT_EQ(second.status().code(), StatusCode::kUnavailable);
  EXPECT_EQ(second.status().message(),
            "127.0.0.1 port " + std::to_string(server->port()) + " is in use by another program");
  const auto nowhere = MetricsServer::Start("here", 0, [] { return ""; });
  EXPECT_EQ(nowhere.status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(nowhere.status().message(), "\"here\" is no address, as 127.0.0.1 is one");
}

}  // namespace
}  // namespace joist
