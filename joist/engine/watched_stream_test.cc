// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// What is seen from outside of jobs that run.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "joist/engine/http_answer.h"
#include "joist/engine/metrics_server.h"
#include "joist/engine/prometheus_samples.h"
#include "joist/joist.h"
#include "joist/model/offset_range.h"

namespace joist {
namespace {

using testing::HasSubstr;

const Counter numbers_seen("watched_stream", "seen");

constexpr int64_t kFirstSecond = 1'000'000'000;

/// Numbers with a second for each, of seven keys; each tenth is late by years.
struct Numbers {
  static constexpr bool kIsBounded = false;
  OffsetRange InitialRestriction(int64_t n) const { return {0, n}; }
  ProcessContinuation Process(int64_t, RestrictionTracker<OffsetRange>& tracker,
                              ManualWatermarkEstimator& watermark,
                              Emit<KV<std::string, int64_t>> emit) const {
    const int64_t n = tracker.restriction().from;
    if (!tracker.TryClaim(n)) return ProcessContinuation::Stop();
    numbers_seen.Inc();
    const std::string key = "k" + std::to_string(n % 7);
    emit(KV<std::string, int64_t>{key, n}, Timestamp::Seconds(n % 10 == 9 ? 0 : kFirstSecond + n));
    watermark.SetWatermark(Timestamp::Seconds(kFirstSecond + n));
    return ProcessContinuation::Resume(Duration::Millis(2));
  }
};

/// Says nothing, ever.
struct Silence {
  static constexpr bool kIsBounded = false;
  OffsetRange InitialRestriction(int64_t) const { return {0, 1'000'000'000}; }
  ProcessContinuation Process(int64_t, RestrictionTracker<OffsetRange>& tracker,
                              Emit<int64_t>) const {
    if (!tracker.TryClaim(tracker.restriction().from)) return ProcessContinuation::Stop();
    return ProcessContinuation::Resume(Duration::Millis(10));
  }
};

struct NextYear {
  struct Due {};
  void Process(const KV<std::string, int64_t>&, ProcessingTimer<Due> due, Emit<int64_t>) const {
    due.SetRelative(Duration::Days(365));
  }
  void OnTimer(Due, Emit<int64_t>) const {}
};

struct Writes {
  static constexpr bool kRequiresStableInput = true;
  void Process(const KV<std::string, int64_t>&, Emit<int64_t>) const {}
};

class WatchedJob : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::remove_all(directory_); }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  Pipeline MakePipeline(const std::vector<std::string>& more = {}) const {
    std::vector<std::string> options = {"folder/job", "--max_num_workers=2",
                                        "--metrics_port=" + std::to_string(port_)};
    options.insert(options.end(), more.begin(), more.end());
    std::vector<const char*> arguments;
    for (const std::string& option : options) arguments.push_back(option.c_str());
    return {static_cast<int>(arguments.size()), arguments.data()};
  }
  /// What /metrics says once is_enough(samples), or after ten seconds.
  template <class IsEnough>
  PrometheusSamples Ask(IsEnough is_enough) const {
    PrometheusSamples samples;
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    do {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      const std::string text = Get(port_, "/metrics");
      if (!text.empty()) samples = ReadPrometheus(text);
    } while (!is_enough(samples) && std::chrono::steady_clock::now() < until);
    return samples;
  }

  const int port_ = FreePort();
  const std::string directory_ =
      testing::TempDir() + "joist_watched_stream_" + std::to_string(getpid());
};

double ValueOf(const PrometheusSamples& samples, const std::string& name,
               const std::string& labels = "") {
  const auto found = samples.find(name + "{job=\"job\"" + labels + "}");
  return found == samples.end() ? NAN : found->second;
}

TEST_F(WatchedJob, SaysWhoHoldsTimeAndWhatStepsKeep) {
  Pipeline p = MakePipeline({"--checkpoint_dir=" + directory_, "--checkpoint_interval=1h"});
  const auto numbers = p | "Begin" >> Create<int64_t>({1'000'000}) | "Numbers" >> ParDo(Numbers());
  const auto silence = p | "Quiet" >> Create<int64_t>({1}) | "Silence" >> ParDo(Silence());
  const auto hours = numbers | "Hours" >> WindowInto(FixedWindows(Duration::Hours(1)))
                                              .WithTimestampCombiner(TimestampCombiner::kEarliest);
  hours | "Group" >> GroupByKey();
  numbers | "Plain" >> WindowInto(FixedWindows(Duration::Hours(1))) | "Count" >> Count::PerKey();
  numbers | "Join" >> Map([](const KV<std::string, int64_t>& kv,
                             SideInput<int64_t> side) { return kv.value + *side; },
                          AsSingleton(silence));
  numbers | "Later" >> ParDo(NextYear());
  numbers | "Write" >> ParDo(Writes());
  const PipelineResult job = p.Run();
  const PrometheusSamples samples = Ask([](const PrometheusSamples& s) {
    return ValueOf(s, "joist_step_elements_total", ",step=\"Numbers\",direction=\"out\"") >= 50;
  });
  job.Cancel();
  job.WaitUntilFinish();

  const auto step = [&](const char* name, const std::string& step) {
    return ValueOf(samples, std::string("joist_step_") + name, ",step=\"" + step + "\"");
  };
  const auto held = [&](const std::string& step, const std::string& by, const std::string& reason) {
    return ValueOf(samples, "joist_step_watermark_held",
                   ",step=\"" + step + "\",by=\"" + by + "\",reason=\"" + reason + "\"") == 1;
  };
  EXPECT_TRUE(held("Numbers", "Numbers/Keep", "source"));
  EXPECT_TRUE(held("Hours", "Numbers/Keep", "source"));
  EXPECT_TRUE(held("Group", "Group", "windows"));
  EXPECT_TRUE(held("Join", "Join", "side input"));
  EXPECT_TRUE(held("Later", "Later", "timers"));
  EXPECT_TRUE(held("Write", "Write/Stable", "checkpoint"));
  EXPECT_TRUE(held("Silence", "Silence/Keep", "source"));

  EXPECT_EQ(step("state_keys", "Group"), 7);
  EXPECT_EQ(step("state_cells", "Group"), 7);
  EXPECT_EQ(step("state_cells", "Later"), 7);
  EXPECT_GE(step("state_cells", "Count/Combine"), 7);
  EXPECT_GT(step("state_bytes", "Count/Combine"), 0);
  EXPECT_GE(step("waiting_elements", "Join"), 50);
  EXPECT_GE(step("waiting_elements", "Write/Stable"), 50);
  EXPECT_EQ(step("waiting_elements", "Numbers/Keep"), 1);
  EXPECT_LT(step("backlog_positions", "Numbers/Keep"), 1'000'000);
  EXPECT_GT(step("backlog_positions", "Numbers/Keep"), 900'000);
  // A key of two letters with its length, and a small number.
  const double came =
      ValueOf(samples, "joist_step_elements_total", ",step=\"Later\",direction=\"in\"");
  EXPECT_NEAR(step("bytes_total", "Later") / came, 4, 1);
  EXPECT_TRUE(std::isnan(step("bytes_total", "Begin"))) << "nothing comes in";
  EXPECT_GE(step("dropped_late_total", "Group"), 4);
  EXPECT_GE(step("dropped_late_total", "Count/Combine"), 4);
  EXPECT_EQ(step("dropped_late_total", "Later"), 0);

  const double now = static_cast<double>(time(nullptr));
  EXPECT_NEAR(step("watermark_lag_seconds", "Numbers"), now - kFirstSecond, 1000);
  EXPECT_NEAR(step("watermark_timestamp_seconds", "Numbers"), kFirstSecond, 1000);
  EXPECT_EQ(step("watermark_timestamp_seconds", "Begin"), INFINITY);
  EXPECT_EQ(step("watermark_timestamp_seconds", "Silence"), -INFINITY);

  // The lanes' time.
  const double run_time =
      static_cast<double>(time(nullptr)) - ValueOf(samples, "joist_job_start_timestamp_seconds");
  const double all = step("busy_seconds_total", "Group") + step("blocked_seconds_total", "Group") +
                     step("idle_seconds_total", "Group");
  EXPECT_GT(step("busy_seconds_total", "Group"), 0);
  EXPECT_GT(all, 0);
  EXPECT_LE(all, 2 * (run_time + 2));
  EXPECT_EQ(ValueOf(samples, "joist_job_lanes"), 2);
  EXPECT_EQ(ValueOf(samples, "joist_job_checkpoints_total"), 0);
  EXPECT_GE(ValueOf(samples, "joist_user_counter",
                    ",step=\"Numbers\",namespace=\"watched_stream\",name=\"seen\""),
            50);
}

std::atomic<int> failures_to_come{0};

TEST_F(WatchedJob, CountsCheckpointsAndFailuresWithTheirSteps) {
  failures_to_come = 2;
  testing::internal::CaptureStderr();
  Pipeline p = MakePipeline({"--checkpoint_dir=" + directory_, "--checkpoint_interval=20ms"});
  p | Create<int64_t>({1'000'000}) | "Numbers" >> ParDo(Numbers()) |
      "Fail" >> Map([](const KV<std::string, int64_t>& kv) {
        if (kv.value == 60 && failures_to_come-- > 0) throw std::runtime_error("not this time");
        return kv.value;
      });
  const PipelineResult job = p.Run();
  const std::string seen = ",step=\"Fail\",direction=\"in\"";
  const PrometheusSamples samples = Ask([&](const PrometheusSamples& s) {
    return ValueOf(s, "joist_job_failures_total") == 2 &&
           ValueOf(s, "joist_step_elements_total", seen) >= 90;
  });
  job.Cancel();
  job.WaitUntilFinish();
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_EQ(ValueOf(samples, "joist_job_failures_total"), 2) << log;
  EXPECT_GT(ValueOf(samples, "joist_job_checkpoints_total"), 1);
  EXPECT_GE(ValueOf(samples, "joist_checkpoint_last_number"),
            ValueOf(samples, "joist_job_checkpoints_total"));
  EXPECT_GT(ValueOf(samples, "joist_checkpoint_last_bytes"), 0);
  EXPECT_THAT(log, HasSubstr("joist: step \"Fail\": not this time (element: {\"k4\": 60}); attempt "
                             "1 of 4, goes on from the last checkpoint in 100ms\n"));
  EXPECT_THAT(log, HasSubstr("; attempt 2 of 4, goes on from the last checkpoint in 200ms\n"));
}

std::atomic<bool> may_end{false};

TEST_F(WatchedJob, ShowsHowFarInputThatEndsIs) {
  may_end = false;
  failures_to_come = 1;
  testing::internal::CaptureStderr();
  Pipeline p = MakePipeline();
  p | Create<int64_t>({1, 2, 3}) | "Fail" >> Map([](int64_t n) {
                                     if (n == 2 && failures_to_come-- > 0)
                                       throw std::runtime_error("not this time");
                                     return n;
                                   }) |
      Reshuffle() | "Wait" >> Map([](int64_t n) {
                      while (!may_end) std::this_thread::sleep_for(std::chrono::milliseconds(1));
                      return n;
                    });
  const PipelineResult job = p.Run();
  const PrometheusSamples samples =
      Ask([](const PrometheusSamples& s) { return ValueOf(s, "joist_job_stage") == 2; });
  may_end = true;
  EXPECT_EQ(job.WaitUntilFinish().exit_code(), 0);
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_EQ(ValueOf(samples, "joist_job_stage"), 2);
  EXPECT_EQ(ValueOf(samples, "joist_job_stages"), 2);
  EXPECT_EQ(ValueOf(samples, "joist_job_failures_total"), 1);
  EXPECT_EQ(ValueOf(samples, "joist_step_elements_total", ",step=\"Fail\",direction=\"out\""), 3);
  EXPECT_EQ(log,
            "joist: step \"Fail\": not this time (element: 2); attempt 2 of 4 has succeeded\n");
  EXPECT_EQ(Get(port_, "/metrics"), "") << "the job is over";
}

TEST_F(WatchedJob, DoesNotBeginWithoutItsPort) {
  const auto other = MetricsServer::Start("127.0.0.1", 0, [] { return ""; });
  ASSERT_TRUE(other.ok());
  const std::string port = std::to_string((*other)->port());
  std::atomic<int> calls{0};
  Pipeline p = MakePipeline({"--metrics_port=" + port});
  p | Create<int64_t>({1}) | Map([&calls](int64_t n) { return n + ++calls; });
  const PipelineResult result = p.Run().WaitUntilFinish();
  EXPECT_EQ(result.status().message(),
            "--metrics_port: 127.0.0.1 port " + port + " is in use by another program");
  EXPECT_EQ(calls, 0);
}

TEST_F(WatchedJob, RefusesAPortThatIsNone) {
  Pipeline p = MakePipeline({"--metrics_port=65536"});
  p | Create<int64_t>({1});
  EXPECT_EQ(p.Run().status().message(), "--metrics_port must be from 0 to 65535");
}

}  // namespace
}  // namespace joist
