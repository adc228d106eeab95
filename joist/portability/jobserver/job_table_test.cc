// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/jobserver/job_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "joist/portability/jobserver/testing/fake_job_runner.h"

namespace joist::portability {
namespace {

using ::testing::HasSubstr;

/// A preparation whose pipeline has about `bytes` bytes.
Preparation Prepared(const std::string& id, size_t bytes) {
  auto graph = std::make_shared<pipeline::Pipeline>();
  graph->add_root_transform_ids(std::string(bytes, 'x'));
  Preparation preparation;
  preparation.id = id;
  preparation.job = {.id = "job-" + id, .name = id, .graph = graph};
  return preparation;
}

void WaitForEnd(const Job& job) {
  JobEvent event;
  while (job.WaitForEvent(1'000'000, true, std::chrono::seconds(1), &event) != Job::Next::kEnd) {
  }
}

void IgnoreLine(std::string_view /*line*/) {}

TEST(JobTableTest, BoundsTheBytesOfPipelines) {
  FakeJobRunner runner;
  JobTable jobs(&runner, {.pipeline_bytes = 1000}, IgnoreLine);
  ASSERT_TRUE(jobs.Add(Prepared("a", 500)).ok());
  const Status refused = jobs.Add(Prepared("b", 600));
  EXPECT_EQ(refused.code(), StatusCode::kResourceExhausted);
  EXPECT_THAT(refused.message(), HasSubstr("the server holds 1000"));
  Preparation options = Prepared("c", 1);
  options.job.options = std::string(600, 'x');
  EXPECT_EQ(jobs.Add(options).code(), StatusCode::kResourceExhausted);
  auto job = jobs.Run("a");
  ASSERT_TRUE(job.ok());
  WaitForEnd(**job);
  // What has ended makes room.
  EXPECT_TRUE(jobs.Add(Prepared("b", 600)).ok());
  EXPECT_EQ(jobs.Find("job-a").status().code(), StatusCode::kNotFound);
  EXPECT_LT(jobs.Find(std::string(1 << 20, 'x')).status().message().size(), 1000U);
  jobs.Stop();
}

TEST(JobTableTest, ForgetsPreparationsAfterAWhile) {
  FakeJobRunner runner;
  JobTable jobs(&runner, {.preparation_time = std::chrono::minutes(0)}, IgnoreLine);
  ASSERT_TRUE(jobs.Add(Prepared("a", 1)).ok());
  EXPECT_TRUE(jobs.FindPreparation("a").ok());
  std::this_thread::sleep_for(std::chrono::milliseconds(1));
  ASSERT_TRUE(jobs.Add(Prepared("b", 1)).ok());
  EXPECT_THAT(jobs.FindPreparation("a").status().message(), HasSubstr("submit the pipeline again"));
  EXPECT_EQ(jobs.Run("a").status().code(), StatusCode::kNotFound);
  EXPECT_TRUE(jobs.FindPreparation("b").ok());
  jobs.DropPreparation("b");
  jobs.DropPreparation("b");
  EXPECT_FALSE(jobs.FindPreparation("b").ok());
  EXPECT_EQ(jobs.SetStaged("b", nullptr).code(), StatusCode::kNotFound);
}

TEST(JobTableTest, TakesNothingWhenStopped) {
  FakeJobRunner runner;
  JobTable jobs(&runner, {}, IgnoreLine);
  ASSERT_TRUE(jobs.Add(Prepared("a", 1)).ok());
  jobs.Stop();
  EXPECT_EQ(jobs.Add(Prepared("b", 1)).code(), StatusCode::kUnavailable);
  EXPECT_EQ(jobs.Run("a").status().code(), StatusCode::kUnavailable);
}

/// Many threads submit, watch and cancel; the bounds hold all the time.
TEST(JobTableTest, ManyThreads) {
  FakeJobRunner runner([](const SubmittedJob&, JobListener* listener) {
    for (int i = 0; i < 20; ++i) listener->Message(JobListener::Importance::kBasic, "m");
    return OkStatus();
  });
  JobTable jobs(&runner, {.running = 3, .prepared = 5, .ended = 4}, IgnoreLine);
  constexpr int kThreads = 4;
  constexpr int kTurns = 200;
  std::atomic<int> ran = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kTurns; ++i) {
        const std::string id = std::to_string(t) + "-" + std::to_string(i);
        ASSERT_TRUE(jobs.Add(Prepared(id, 10)).ok());
        const auto job = jobs.Run(id);
        if (!job.ok()) continue;
        ++ran;
        if (i % 2 == 0) job.value()->Cancel();
        JobEvent event;
        for (uint64_t next = 0;;) {
          const auto what = job.value()->WaitForEvent(next, false, std::chrono::seconds(1), &event);
          if (what == Job::Next::kEnd) break;
          if (what == Job::Next::kEvent) next = event.number + 1;
        }
        EXPECT_TRUE(event.state);
        EXPECT_LE(jobs.All().size(), 3U + 4U + 1U);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_GT(ran, kTurns);
  jobs.Stop();
}

/// Tells what it is called with.
class SeenDisplay final : public JobDisplay {
 public:
  void ShowGraph(const std::string& job, std::string_view picture) override {
    seen.push_back(job + " is " + std::string(picture));
  }
  void ShowProgress(const std::string& job, const JobStatus& status) override {
    seen.push_back(job + " after " + std::to_string(status.run_time.millis));
  }
  void TakeAway(const std::string& job) override { seen.push_back(job + " is gone"); }
  void ShowMessage(const std::string& job, std::string_view text) override {
    seen.push_back(job + " says " + std::string(text));
  }

  std::vector<std::string> seen;
};

/// All messages of a job, one a line.
std::string MessagesOf(const Job& job) {
  std::string messages;
  JobEvent event;
  for (uint64_t next = 0; job.WaitForEvent(next, false, {}, &event) == Job::Next::kEvent;
       next = event.number + 1) {
    if (!event.state) messages += event.text + "\n";
  }
  return messages;
}

TEST(JobTableTest, ShowsJobsWhileTheyRun) {
  FakeJobRunner runner([](const SubmittedJob&, JobListener* listener) {
    listener->Graph("a tree");
    JobStatus status;
    status.job = "job-a";
    for (const int64_t second : {1, 12, 13}) {
      status.run_time = Duration::Seconds(second);
      listener->Progress(status);
    }
    listener->Unseen(JobListener::Importance::kWarning, "a worry");
    listener->Unseen(JobListener::Importance::kDetail, "a detail");
    return OkStatus();
  });
  SeenDisplay display;
  JobTable jobs(&runner, {}, IgnoreLine, &display);
  ASSERT_TRUE(jobs.Add(Prepared("a", 1)).ok());
  auto job = jobs.Run("a");
  ASSERT_TRUE(job.ok());
  WaitForEnd(**job);
  jobs.Stop();
  EXPECT_THAT(display.seen,
              ::testing::ElementsAre("job-a is a tree", "job-a after 1000", "job-a after 12000",
                                     "job-a after 13000", "job-a says a worry", "job-a is gone"));
  // Who has submitted it hears of one of the three.
  EXPECT_THAT(MessagesOf(**job),
              ::testing::MatchesRegex("runs a: done\njob-a  12.0s  [^\n]*\ndone: [0-9]+ms\n"));
}

TEST(JobTableTest, SaysInALineWhyAJobHasFailed) {
  FakeJobRunner runner([](const SubmittedJob&, JobListener*) {
    return Internal(
        "step \"Parse\": Traceback (most recent call last):\n  File \"a.py\", line 1\n"
        "ValueError: no number\n");
  });
  JobTable jobs(&runner, {}, IgnoreLine);
  ASSERT_TRUE(jobs.Add(Prepared("a", 1)).ok());
  auto job = jobs.Run("a");
  ASSERT_TRUE(job.ok());
  WaitForEnd(**job);
  jobs.Stop();
  EXPECT_EQ((*job)->summary(), "step \"Parse\": ValueError: no number");
  EXPECT_THAT(MessagesOf(**job),
              HasSubstr("step \"Parse\": ValueError: no number\n"
                        "Traceback (most recent call last):\n  File \"a.py\", line 1\n"
                        "ValueError: no number\n"));
}

}  // namespace
}  // namespace joist::portability
