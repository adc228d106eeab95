// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/serve/http_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "joist/engine/http_answer.h"
#include "joist/serve/testing/gzip.h"

namespace joist::serve {
namespace {

using std::chrono::milliseconds;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

/// "method path?query body" of what came.
void Echo(const HttpRequest& request, const HttpReply& reply) {
  reply({.body = std::string(request.method) + " " + std::string(request.path) + "?" +
                 std::string(request.query) + " " + std::string(request.body)});
}

std::unique_ptr<HttpServer> StartServer(HttpServerSettings settings, HttpHandler handler = Echo) {
  auto server = HttpServer::Start(settings, std::move(handler));
  EXPECT_TRUE(server.ok()) << server.status().message();
  return server.ok() ? std::move(*server) : nullptr;
}

std::string Post(std::string_view body, const std::string& more = "") {
  return "POST /p HTTP/1.1\r\nHost: h\r\n" + more +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

std::string Last(std::string request) {
  return request.replace(request.find("\r\n"), 2, "\r\nConnection: close\r\n");
}

std::string FirstLine(const std::string& answer) { return answer.substr(0, answer.find("\r\n")); }

void Send(int connection, std::string_view text) {
  ASSERT_EQ(send(connection, text.data(), text.size(), MSG_NOSIGNAL),
            static_cast<ssize_t>(text.size()));
}

/// What comes until it ends with `end`.
std::string ReadUntil(int connection, std::string_view end) {
  std::string answer;
  char one;
  while (!answer.ends_with(end) && read(connection, &one, 1) == 1) answer += one;
  return answer;
}

TEST(HttpServer, AnswersRequestsOfAKind) {
  const auto server = StartServer({});
  const auto ask = [&](const std::string& request) {
    return AnswerTo(server->port(), Last(request));
  };
  EXPECT_THAT(ask("GET /a%20b?c=d HTTP/1.1\r\nHost: h\r\n\r\n"),
              testing::AllOf(StartsWith("HTTP/1.1 200 OK\r\n"), HasSubstr("Connection: close\r\n"),
                             HasSubstr("\r\nDate: "), EndsWith("\r\n\r\nGET /a%20b?c=d ")));
  EXPECT_THAT(ask(Post("body")), EndsWith("POST /p? body"));
  EXPECT_THAT(ask("POST /p HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                  "3\r\nabc\r\n8;x=y\r\ndefghijk\r\n0\r\n\r\n"),
              EndsWith("POST /p? abcdefghijk"));
  EXPECT_THAT(ask(Post(Gzip("packed"), "Content-Encoding: gzip\r\n")), EndsWith("POST /p? packed"));
  const std::string head = ask("HEAD /a HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_THAT(head, HasSubstr("Content-Length: 8\r\n"));
  EXPECT_THAT(head, EndsWith("\r\n\r\n"));
  EXPECT_THAT(AnswerTo(server->port(), "GET /a HTTP/1.0\r\n\r\n"), StartsWith("HTTP/1.0 200 OK"));
}

TEST(HttpServer, AnswersPipelinedRequestsInOrder) {
  std::mutex mutex;
  std::vector<std::thread> threads;
  const auto server = StartServer({}, [&](const HttpRequest& request, const HttpReply& reply) {
    const std::lock_guard lock(mutex);
    threads.emplace_back([reply, body = std::string(request.body)] {
      std::this_thread::sleep_for(milliseconds(body == "0" ? 50 : 0));
      reply({.body = "[" + body + "]"});
    });
  });
  std::string requests;
  for (int i = 0; i < 49; ++i) requests += Post(std::to_string(i));
  const std::string answers = AnswerTo(server->port(), requests + Last(Post("49")));
  size_t at = 0;
  for (int i = 0; i < 50; ++i) {
    at = answers.find("\r\n\r\n[" + std::to_string(i) + "]", at);
    ASSERT_NE(at, std::string::npos) << i;
  }
  server->Stop();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(server->figures().answers.at(200), 50U);
  EXPECT_EQ(server->figures().connections, 1U);
  EXPECT_EQ(server->figures().requests_in_flight, 0);
}

TEST(HttpServer, RefusesWhatIsNoRequest) {
  const auto server = StartServer({.most_header_bytes = 1000, .most_body_bytes = 2000});
  const auto line = [&](const std::string& request) {
    return FirstLine(AnswerTo(server->port(), request));
  };
  EXPECT_EQ(line("nonsense\r\n\r\n"), "HTTP/1.1 400 Bad Request");
  EXPECT_EQ(line(Post("", "Content-Length: 5\r\n")), "HTTP/1.1 400 Bad Request");
  EXPECT_EQ(line(Post("", "Transfer-Encoding: chunked\r\n")), "HTTP/1.1 400 Bad Request");
  EXPECT_EQ(line("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
            "HTTP/1.1 400 Bad Request");
  EXPECT_EQ(line("GET /" + std::string(1000, 'a') + " HTTP/1.1\r\nHost: h\r\n\r\n"),
            "HTTP/1.1 431 Request Header Fields Too Large");
  EXPECT_EQ(line("GET / HTTP/1.1\r\nX: " + std::string(100'000, 'a') + "\r\n\r\n"),
            "HTTP/1.1 431 Request Header Fields Too Large");
  EXPECT_EQ(line(Last(Post(std::string(2000, 'a')))), "HTTP/1.1 200 OK");
  EXPECT_EQ(line(Post(std::string(2001, 'a'))), "HTTP/1.1 413 Payload Too Large");
  EXPECT_EQ(line(Post(std::string(500'000, 'a'))), "HTTP/1.1 413 Payload Too Large");
  EXPECT_EQ(line("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n7d1\r\n" +
                 std::string(2001, 'a') + "\r\n0\r\n\r\n"),
            "HTTP/1.1 413 Payload Too Large");
  EXPECT_EQ(line(Post(Gzip(std::string(2001, 'a')), "Content-Encoding: gzip\r\n")),
            "HTTP/1.1 413 Payload Too Large");
  EXPECT_EQ(line(Post("plain", "Content-Encoding: gzip\r\n")), "HTTP/1.1 400 Bad Request");
  EXPECT_EQ(line(Post("plain", "Content-Encoding: br\r\n")), "HTTP/1.1 415 Unsupported Media Type");
  EXPECT_EQ(line(Post("plain", "Expect: wonders\r\n")), "HTTP/1.1 417 Expectation Failed");
  EXPECT_EQ(server->figures().answers.at(413), 4U);
}

TEST(HttpServer, AsksForABodyThatIsExpected) {
  const auto server = StartServer({.most_body_bytes = 100});
  const int connection = ConnectTo(server->port());
  Send(connection,
       "POST /p HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
  EXPECT_EQ(ReadUntil(connection, "\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  Send(connection, "body");
  EXPECT_THAT(ReadUntil(connection, "? body"), StartsWith("HTTP/1.1 200 OK"));
  Send(connection,
       "POST /p HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 101\r\n\r\n");
  EXPECT_THAT(ReadUntil(connection, "\r\n\r\n"), StartsWith("HTTP/1.1 413 Payload Too Large"));
  close(connection);
}

TEST(HttpServer, DoesNotWaitForTheSlow) {
  const auto server = StartServer({.header_timeout = milliseconds(100),
                                   .body_timeout = milliseconds(100),
                                   .idle_timeout = milliseconds(300)});
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(FirstLine(AnswerTo(server->port(), "GET / HT")), "HTTP/1.1 408 Request Timeout");
  EXPECT_EQ(FirstLine(AnswerTo(server->port(), "POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nhalf")),
            "HTTP/1.1 408 Request Timeout");
  EXPECT_EQ(AnswerTo(server->port(), ""), "") << "who is idle is not told";
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
  // A byte now and then makes no difference.
  const int connection = ConnectTo(server->port());
  int sent = 0;
  while (sent < 100 && send(connection, "G", 1, MSG_NOSIGNAL) == 1 &&
         server->figures().answers.at(408) < 3) {
    ++sent;
    std::this_thread::sleep_for(milliseconds(20));
  }
  EXPECT_LT(sent, 50);
  close(connection);
}

TEST(HttpServer, DoesNotWaitForWhoReadsNothing) {
  const auto server = StartServer({.write_timeout = milliseconds(100)},
                                  [](const HttpRequest&, const HttpReply& reply) {
                                    reply({.body = std::string(64 << 20, 'x')});
                                  });
  const int connection = ConnectTo(server->port());
  Send(connection, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  while (server->figures().answers.empty()) std::this_thread::sleep_for(milliseconds(1));
  for (int i = 0; i < 500 && server->figures().open_connections != 0; ++i) {
    std::this_thread::sleep_for(milliseconds(10));
  }
  EXPECT_EQ(server->figures().open_connections, 0);
  close(connection);
}

/// Answers come when the test says.
class Held {
 public:
  HttpHandler Handler() {
    return [this](const HttpRequest&, const HttpReply& reply) {
      const std::lock_guard lock(mutex_);
      replies_.push_back(reply);
    };
  }
  void WaitFor(size_t count) {
    while (true) {
      {
        const std::lock_guard lock(mutex_);
        if (replies_.size() >= count) return;
      }
      std::this_thread::sleep_for(milliseconds(1));
    }
  }
  std::vector<HttpReply> Take() {
    const std::lock_guard lock(mutex_);
    return std::move(replies_);
  }

 private:
  std::mutex mutex_;
  std::vector<HttpReply> replies_;
};

TEST(HttpServer, BoundsWhatGoesOnAtATime) {
  Held held;
  const auto server =
      StartServer({.most_connections = 3, .most_requests_in_flight = 2}, held.Handler());
  std::vector<int> connections;
  for (int i = 0; i < 2; ++i) {
    connections.push_back(ConnectTo(server->port()));
    Send(connections.back(), Last(Post("x")));
  }
  held.WaitFor(2);
  const std::string third = AnswerTo(server->port(), Post("x"));
  EXPECT_EQ(FirstLine(third), "HTTP/1.1 503 Service Unavailable");
  EXPECT_THAT(third, HasSubstr("Retry-After: 1\r\n"));
  for (const HttpReply& reply : held.Take()) reply({.body = "late"});
  for (const int connection : connections) {
    EXPECT_THAT(ReadToTheEnd(connection), EndsWith("late"));
    close(connection);
  }
  connections.clear();
  for (int i = 0; i < 3; ++i) connections.push_back(ConnectTo(server->port()));
  while (server->figures().open_connections < 3) std::this_thread::sleep_for(milliseconds(1));
  EXPECT_EQ(FirstLine(AnswerTo(server->port(), Post("x"))), "HTTP/1.1 503 Service Unavailable");
  for (const int connection : connections) close(connection);
}

TEST(HttpServer, BoundsTheBytesOfBodies) {
  const auto server = StartServer({.most_body_bytes = 1000, .most_bytes_in_flight = 1500});
  const int half = ConnectTo(server->port());
  Send(half, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\nhalf");
  while (server->figures().requests_in_flight < 1) std::this_thread::sleep_for(milliseconds(1));
  EXPECT_EQ(FirstLine(AnswerTo(server->port(), Last(Post(std::string(501, 'x'))))),
            "HTTP/1.1 503 Service Unavailable");
  EXPECT_EQ(FirstLine(AnswerTo(server->port(), Last(Post(std::string(500, 'x'))))),
            "HTTP/1.1 200 OK");
  close(half);
}

TEST(HttpServer, OutlivesHandlersThatFail) {
  const auto server = StartServer({}, [](const HttpRequest& request, const HttpReply& reply) {
    if (request.path == "/throw") throw std::runtime_error("not this time");
    if (request.path == "/twice") {
      reply({.body = "first"});
      reply({.body = "second"});
    }
  });
  const auto ask = [&](const std::string& path) {
    return AnswerTo(server->port(),
                    "GET " + path + " HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  };
  EXPECT_THAT(ask("/throw"), HasSubstr("the request failed: not this time"));
  EXPECT_THAT(ask("/forget"), StartsWith("HTTP/1.1 500 Internal Server Error"));
  EXPECT_THAT(ask("/twice"), EndsWith("first"));
}

TEST(HttpServer, FieldsOfAnswersStayOnTheirLines) {
  const auto server = StartServer({}, [](const HttpRequest&, const HttpReply& reply) {
    reply({.headers = {{"X", "a\r\nEvil: b"}}});
  });
  EXPECT_THAT(AnswerTo(server->port(), Last(Post(""))), HasSubstr("X: a  Evil: b\r\n"));
}

TEST(HttpServer, EndsAfterTheLastAnswer) {
  Held held;
  const auto server = StartServer({}, held.Handler());
  const int busy = ConnectTo(server->port());
  const int idle = ConnectTo(server->port());
  Send(busy, Post("x"));
  held.WaitFor(1);
  std::thread answering([&] {
    std::this_thread::sleep_for(milliseconds(100));
    for (const HttpReply& reply : held.Take()) reply({.body = "the last"});
  });
  server->Stop();
  answering.join();
  const std::string answer = ReadToTheEnd(busy);
  EXPECT_THAT(answer, HasSubstr("Connection: close"));
  EXPECT_THAT(answer, EndsWith("the last"));
  EXPECT_EQ(ReadToTheEnd(idle), "");
  EXPECT_EQ(ConnectTo(server->port()), -1);
  close(busy);
  close(idle);
}

TEST(HttpServer, EndsWithoutTheAnswerOfWhoIsTooSlow) {
  Held held;
  std::vector<HttpReply> late;
  {
    const auto server = StartServer({.drain_timeout = milliseconds(50)}, held.Handler());
    const int connection = ConnectTo(server->port());
    Send(connection, Post("x"));
    held.WaitFor(1);
    server->Stop();
    EXPECT_EQ(ReadToTheEnd(connection), "");
    close(connection);
    late = held.Take();
  }
  for (const HttpReply& reply : late) reply({.body = "to nobody"});
}

TEST(HttpServer, EndsUnderLoad) {
  std::atomic<bool> ends = false;
  std::atomic<int> broken = 0;
  std::atomic<int> answered = 0;
  auto server = StartServer({.threads = 2});
  const int port = server->port();
  std::vector<std::thread> clients;
  for (int i = 0; i < 8; ++i) {
    clients.emplace_back([&] {
      while (!ends) {
        const std::string answer = AnswerTo(port, Post("x") + Last(Post("y")));
        if (answer.ends_with("? y")) ++answered;
        // Whole answers or none.
        if (!answer.empty() && !answer.ends_with("? x") && !answer.ends_with("? y")) ++broken;
      }
    });
  }
  while (answered < 200) std::this_thread::sleep_for(milliseconds(1));
  server->Stop();
  server.reset();
  ends = true;
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(broken, 0);
}

TEST(HttpServer, SaysWhyItCannotListen) {
  const auto server = StartServer({});
  const auto second = HttpServer::Start({.port = server->port()}, Echo);
  EXPECT_EQ(second.status().code(), StatusCode::kUnavailable);
  EXPECT_EQ(second.status().message(),
            "cannot serve HTTP: 127.0.0.1 port " + std::to_string(server->port()) +
                " is in use by another program; stop that one or choose another port (0 is any "
                "that is free)");
  EXPECT_EQ(HttpServer::Start({.address = "here"}, Echo).status().message(),
            "\"here\" is no address, as 127.0.0.1 is");
  EXPECT_EQ(HttpServer::Start({.threads = 0}, Echo).status().code(), StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace joist::serve
