// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/net/socket_sink.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "joist/io/net/testing/fake_server.h"
#include "joist/joist.h"
#include "joist/sdk/testing/test_pipeline.h"
#include "joist/sdk/testing/test_stream.h"

namespace joist::net {
namespace {

using testing::HasSubstr;

/// Gathers the lines that come.
class LineServer {
 public:
  /// Closes the first `refused` connections at once.
  explicit LineServer(int refused = 0)
      : refused_(refused), server_([this](int connection) {
          if (refused_-- > 0) return;
          std::string bytes;
          while (ReadMore(connection, &bytes)) {
            size_t begin = 0;
            const std::lock_guard lock(mutex_);
            for (size_t end; (end = bytes.find('\n', begin)) != std::string::npos;
                 begin = end + 1) {
              lines_.push_back(bytes.substr(begin, end - begin));
            }
            bytes.erase(0, begin);
          }
        }) {}
  int64_t port() const { return server_.port(); }
  size_t connections() { return server_.connections(); }
  /// In order, once there are so many different ones; what is there after ten seconds at the
  /// latest.
  std::set<std::string> Lines(size_t count) {
    for (int i = 0; i < 1000; ++i) {
      {
        const std::lock_guard lock(mutex_);
        std::set<std::string> lines(lines_.begin(), lines_.end());
        if (lines.size() >= count) return lines;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return {lines_.begin(), lines_.end()};
  }
  size_t size() {
    const std::lock_guard lock(mutex_);
    return lines_.size();
  }

 private:
  std::atomic<int> refused_;
  std::mutex mutex_;
  std::vector<std::string> lines_;
  FakeServer server_;
};

RetryPolicy Quickly(int64_t attempts) {
  return {attempts, Duration::Millis(1), Duration::Millis(20)};
}

TEST(WriteLinesTest, SendsALineForEachElement) {
  LineServer server;
  std::vector<std::string> lines;
  for (int i = 0; i < 30'000; ++i) lines.push_back("line " + std::to_string(i));
  TestPipeline p;
  p.set_threads(2);
  p | Create(lines) | WriteLines("127.0.0.1", server.port());
  EXPECT_TRUE(p.RunOk());
  EXPECT_EQ(server.Lines(lines.size()), std::set<std::string>(lines.begin(), lines.end()));
  EXPECT_EQ(server.size(), lines.size());
}

TEST(WriteLinesTest, KeepsItsConnectionFromBundleToBundle) {
  LineServer server;
  TestPipeline p;
  p.set_threads(1);
  p |
      TestStream<std::string>()
          .AddElements({{"a", Timestamp::Seconds(1)}})
          .AddElements({{"b", Timestamp::Seconds(2)}})
          .AdvanceWatermarkToInfinity() |
      WriteLines("localhost", server.port());
  EXPECT_TRUE(p.RunOk());
  EXPECT_EQ(server.Lines(2), (std::set<std::string>{"a", "b"}));
  if (getenv("JOIST_TEST_RESTARTS") == nullptr) {
    EXPECT_EQ(server.connections(), 1U);
  }
}

// A peer that closes while a bundle is sent: all of the bundle comes once more.
TEST(WriteLinesTest, SendsABundleOnceMoreWhenItsConnectionBreaks) {
  LineServer server(/*refused=*/1);
  std::vector<std::string> lines;
  // More than the sockets hold: what fits in them counts as sent, whether or not somebody reads it.
  for (int i = 10; i < 50; ++i) lines.push_back(std::string(1'000'000, 'x') + std::to_string(i));
  TestPipeline p;
  p.set_threads(1);
  p | Create(lines) | WriteLines("127.0.0.1", server.port());
  EXPECT_TRUE(p.RunOk());
  std::set<std::string> ends;  // Lines too long for messages.
  for (const std::string& line : server.Lines(40)) ends.insert(line.substr(line.size() - 2));
  EXPECT_EQ(ends.size(), lines.size());
}

TEST(WriteLinesTest, MistakesAreOneLine) {
  const auto failure = [](WriteLines write) {
    TestPipeline p;
    p | Create<std::string>({"a"}) | "Write" >> std::move(write);
    return p.RunToEnd().status.message();
  };
  int64_t closed;
  {
    closed = LineServer().port();
  }
  EXPECT_EQ(failure(WriteLines("127.0.0.1", closed).WithRetries(Quickly(2))),
            "step \"Write/Send\": cannot connect to 127.0.0.1 at port " + std::to_string(closed) +
                ": Connection refused");
  EXPECT_THAT(failure(WriteLines("127.0.0.1", 0)), HasSubstr("does not name a host and a port"));
  EXPECT_THAT(failure(WriteLines("h", 1).WithTimeout(Duration::Zero())),
              HasSubstr("has a timeout that is not positive"));
  EXPECT_THAT(failure(WriteLines("h", 1).WithRetries(Quickly(0))),
              HasSubstr("makes no attempt at all"));
}

}  // namespace
}  // namespace joist::net
