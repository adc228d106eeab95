// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// A stream that writes tables is killed again and again, and so is the server: each row must be
// there once, and each that was refused must be among the failed ones once. JOIST_TEST_KILLS=200 in
// the environment kills as often. This process itself has no gRPC at work, so that it may fork.

#include <gtest/gtest.h>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <thread>

#include "joist/model/offset_range.h"
#include "tests/bigquery_server.h"

namespace joist::bigquery {

constexpr int64_t kNumbers = 60'000;

/// Without an end for the engine, though it stops.
struct SlowNumbers {
  static constexpr bool kIsBounded = false;
  OffsetRange InitialRestriction(int64_t) const { return {0, kNumbers}; }
  void Process(int64_t, RestrictionTracker<OffsetRange>& tracker,
               MonotonicallyIncreasingWatermarkEstimator&, Emit<int64_t> emit) const {
    for (int64_t next = tracker.restriction().from; tracker.TryClaim(next); ++next) {
      emit(next, Timestamp::Millis(next));
      if (next % 128 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(3));
    }
  }
};
constexpr FieldList<SlowNumbers> JoistFields(const SlowNumbers*) { return {"SlowNumbers", {}}; }

/// One of ten has a time that no table takes.
struct RowOrBad {
  Numbered operator()(int64_t number) const {
    Numbered row = RowOf(number);
    if (number % 10 == 3) row.at = Timestamp::Millis(400'000'000'000'000);
    return row;
  }
};
constexpr FieldList<RowOrBad> JoistFields(const RowOrBad*) { return {"RowOrBad", {}}; }

namespace {

struct Ports {
  int grpc = 0;
  int http = 0;
};

/// A process that serves until it is killed.
class ServerProcess {
 public:
  explicit ServerProcess(std::string folder) : folder_(std::move(folder)) {}
  void Start() {
    const std::string file = folder_ + "/ports";
    std::filesystem::remove(file);
    pid_ = fork();
    if (pid_ == 0) Serve(file);
    for (int i = 0; i < 2'000 && !std::filesystem::exists(file); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    std::ifstream(file) >> ports_.grpc >> ports_.http;
  }
  void Kill() const {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  const Ports& ports() const { return ports_; }

 private:
  [[noreturn]] void Serve(const std::string& file) const {
    try {
      const TableServer server(folder_ + "/tables", ports_.grpc, ports_.http);
      std::ofstream(file + ".part") << server.grpc_port() << ' ' << server.http_port() << '\n';
      std::filesystem::rename(file + ".part", file);
      for (;;) pause();
    } catch (const std::exception& error) {
      std::fprintf(stderr, "%s\n", error.what());
    }
    _exit(1);
  }

  const std::string folder_;
  Ports ports_;
  pid_t pid_ = -1;
};

template <class T>
WriteRows<T> WriteTo(const std::string& table, const Ports& ports) {
  return WriteRows<T>(table)
      .WithEndpoint("127.0.0.1:" + std::to_string(ports.grpc))
      .WithHttpEndpoint("http://127.0.0.1:" + std::to_string(ports.http))
      .WithMaxBufferingDuration(Duration::Millis(30));
}

/// In a process of its own: the job, from its last checkpoint.
int RunJob(const std::string& folder, const Ports& ports) {
  const std::string checkpoints = "--checkpoint_dir=" + folder + "/checkpoints";
  const char* const arguments[] = {"job", checkpoints.c_str(), "--checkpoint_interval=25ms",
                                   "--max_num_workers=2"};
  Pipeline p(4, arguments);
  const auto numbers = p | Create<int64_t>({0}) | ParDo(SlowNumbers());
  numbers | "Rows" >> Map(RowOf) | "Write" >> WriteTo<Numbered>("p.d.good", ports);
  const WriteResult result = numbers | "RowsOrBad" >> Map(RowOrBad()) |
                             "Sort" >> WriteTo<Numbered>("p.d.sorted", ports).WithFailedRows();
  result.failed_rows() | "Failed" >> WriteTo<FailedRow>("p.d.failed", ports);
  return p.Run().WaitUntilFinish().exit_code();
}

TEST(BigQueryKill, EachRowIsThereOnce) {
  if (HasASecondProcess()) GTEST_SKIP() << "the job is killed, not its second process";
  const char* const wanted = getenv("JOIST_TEST_KILLS");
  int kills = wanted == nullptr ? 12 : std::atoi(wanted);
  std::mt19937 random(1);
  for (int round = 0; kills > 0; ++round) {
    const std::string folder = testing::TempDir() + "joist_bigquery_kill_" +
                               std::to_string(getpid()) + "_" + std::to_string(round);
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
    ServerProcess server(folder);
    server.Start();
    ASSERT_GT(server.ports().http, 0);
    int status = -1;
    for (bool ended = false; !ended;) {
      const pid_t job = fork();
      ASSERT_GE(job, 0);
      if (job == 0) _exit(RunJob(folder, server.ports()));
      if (kills > 0) {
        std::this_thread::sleep_for(std::chrono::milliseconds(100 + random() % 400));
        if (random() % 3 == 0) {
          server.Kill();
          server.Start();
          std::this_thread::sleep_for(std::chrono::milliseconds(random() % 200));
        }
        kill(job, SIGKILL);
      }
      ASSERT_EQ(waitpid(job, &status, 0), job);
      ended = WIFEXITED(status);
      kills -= ended ? 0 : 1;
    }
    server.Kill();
    ASSERT_EQ(WEXITSTATUS(status), 0);
    const auto store = tables::TableStore::Open({.folder = folder + "/tables"}).value();
    const auto counts = [&](const std::string& table, const std::string& column) {
      const auto rows = store->TakeConnection().value()->Texts(
          "SELECT (count(*) || ' ' || count(DISTINCT " + column + "))::VARCHAR FROM \"p.d\".\"" +
          table + "\"");
      return rows.ok() ? rows->at(0).at(0) : rows.status().message();
    };
    ASSERT_EQ(counts("good", "number"), "60000 60000") << "round " << round;
    ASSERT_EQ(counts("sorted", "number"), "54000 54000") << "round " << round;
    ASSERT_EQ(counts("failed", "\"row\""), "6000 6000") << "round " << round;
    std::filesystem::remove_all(folder);
  }
}

}  // namespace
}  // namespace joist::bigquery
