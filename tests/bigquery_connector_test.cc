// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// joist/io/bigquery against Joist's own tables: each row is there once, whatever fails.

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <thread>

#include "joist/sdk/testing/test_pipeline.h"
#include "joist/transforms/generate_sequence.h"
#include "tests/bigquery_server.h"

namespace joist::bigquery {
namespace {

TEST_F(BigQueryConnectorTest, BoundedInput) {
  if (HasASecondProcess()) GTEST_SKIP() << "it has another server";
  TestPipeline p;
  p | GenerateSequence(0).To(50'000) | "Rows" >> Map(RowOf) | "Write" >> Write();
  EXPECT_TRUE(p.RunOk());
  ExpectNumbers(50'000);
}

TEST_F(BigQueryConnectorTest, AStreamThatFailsWhileTheServerStopsAndComesBack) {
  failures_left = 3;
  until_failure = 5'000;
  const std::string state = "--checkpoint_dir=" + folder_ + "/state";
  const char* const argv[] = {"test", state.c_str(), "--checkpoint_interval=50ms",
                              "--max_num_workers=2"};
  Pipeline p(4, argv);
  p | GenerateSequence(0).WithRate(400, Duration::Millis(20)) |
      "Some" >> Filter([](int64_t number) { return number < 40'000; }) | "Rows" >> Map(MayFail()) |
      "Write" >> Write();
  const PipelineResult job = p.Run();
  for (int i = 0; i < 3; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(400));
    RestartServer();
  }
  for (int i = 0; i < 400 && Ask("count(*)") < 40'000; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  job.Cancel();
  job.WaitUntilFinish();
  EXPECT_EQ(failures_left, 0);
  ExpectNumbers(40'000);
}

TEST_F(BigQueryConnectorTest, MistakesAreOneLine) {
  const auto failure_of = [&](WriteRows<Numbered> write) {
    TestPipeline p;
    p | GenerateSequence(0).To(3) | "Rows" >> Map(RowOf) | "Write" >> write;
    return p.RunToEnd().status.message();
  };
  const auto none = failure_of(WriteRows<Numbered>("p.d.none")
                                   .WithEndpoint(endpoint_)
                                   .WithCreateDisposition(CreateDisposition::kCreateNever));
  EXPECT_NE(none.find("cannot write to projects/p/datasets/d/tables/none: "), std::string::npos)
      << none;
  const auto bad = failure_of(WriteRows<Numbered>("nothing").WithEndpoint(endpoint_));
  EXPECT_NE(bad.find("it takes PROJECT.DATASET.TABLE"), std::string::npos) << bad;
  const auto nowhere = failure_of(WriteRows<Numbered>("p.d.t").WithEndpoint("nowhere"));
  EXPECT_NE(nowhere.find("'nowhere' is not google, local or HOST:PORT"), std::string::npos)
      << nowhere;
}

}  // namespace
}  // namespace joist::bigquery
