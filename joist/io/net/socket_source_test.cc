// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/net/socket_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "joist/io/net/testing/fake_server.h"
#include "joist/joist.h"
#include "joist/sdk/testing/test_pipeline.h"

namespace joist::net {
namespace {

using testing::HasSubstr;

/// Restarts connect anew, and get all once more: it says so.
bool Restarts() { return getenv("JOIST_TEST_RESTARTS") != nullptr; }

std::string FailureOf(const ReadLines& read) {
  TestPipeline p;
  p | "Read" >> read | Map([](std::string_view line) { return line.size(); });
  return p.RunToEnd().status.message();
}

TEST(ReadLinesTest, ReadsUntilTheServerCloses) {
  if (Restarts()) GTEST_SKIP() << "a socket cannot be read again";
  FakeServer server([](int connection) {
    Answer(connection, "one\ntw");
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    Answer(connection, "o\n\nwithout an end");
  });
  TestPipeline p;
  PAssert::That(p | ReadLines("127.0.0.1", server.port()))
      .ContainsInAnyOrder({"one", "two", "", "without an end"});
  EXPECT_TRUE(p.RunOk());
  EXPECT_EQ(server.connections(), 1U);
}

TEST(ReadLinesTest, ManyLines) {
  if (Restarts()) GTEST_SKIP() << "a socket cannot be read again";
  constexpr int64_t kLines = 200'000;
  FakeServer server([](int connection) {
    std::string all;
    for (int64_t i = 0; i < kLines; ++i) all += std::to_string(i) + "\n";
    for (size_t sent = 0; sent < all.size();) {
      const ssize_t size = send(connection, all.data() + sent, all.size() - sent, MSG_NOSIGNAL);
      if (size <= 0) return;
      sent += static_cast<size_t>(size);
    }
  });
  TestPipeline p;
  auto sums = p | ReadLines("127.0.0.1", server.port()) |
              "Numbers" >> Map([](const std::string& line) { return std::stoll(line); }) |
              WindowInto(FixedWindows(Duration::Days(20'000))) | Sum::Globally();
  PAssert::That(sums | WindowInto(GlobalWindows())).ContainsInAnyOrder({kLines * (kLines - 1) / 2});
  EXPECT_TRUE(p.RunOk());
}

TEST(ReadLinesTest, MistakesAreOneLine) {
  int64_t closed;
  {
    closed = FakeServer([](int) {}).port();
  }
  EXPECT_EQ(FailureOf(ReadLines("127.0.0.1", closed)
                          .WithRetries({2, Duration::Millis(1), Duration::Millis(20)})),
            "step \"Read/Read\": cannot connect to 127.0.0.1 at port " + std::to_string(closed) +
                ": Connection refused");
  EXPECT_THAT(FailureOf(ReadLines("", 1)), HasSubstr("does not name a host and a port"));
  FakeServer server([](int connection) {
    const std::string part(1 << 20, 'x');
    while (send(connection, part.data(), part.size(), MSG_NOSIGNAL) > 0) {
    }
  });
  EXPECT_EQ(FailureOf(ReadLines("127.0.0.1", server.port())),
            "step \"Read/Read\": 127.0.0.1 at port " + std::to_string(server.port()) +
                " has sent a line of more than 16777216 bytes");
}

}  // namespace
}  // namespace joist::net
