// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/engine/prometheus_text.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

#include "joist/engine/prometheus_samples.h"

namespace joist {
namespace {

JobStatus StatusOfTwoSteps() {
  JobStatus status;
  status.job = "clicks";
  status.is_stream = true;
  status.started_at = Timestamp::Seconds(1000);
  status.gathered_at = Timestamp::Millis(1'100'000);
  status.lanes = 2;
  status.bundles = 17;
  status.checkpoints = 3;
  status.checkpoint = CheckpointStatus{41, Timestamp::Seconds(1090), Duration::Millis(120), 4096};
  StepStatus read;
  read.name = "Read";
  read.elements_out = uint64_t{1} << 40;
  read.busy_seconds = 1.5;
  read.watermark = Timestamp::Seconds(1040);
  read.lag = Duration::Millis(59'900);
  read.held_by = {0, OperatorStatus::Holds::kWork};
  StepStatus odd;
  odd.name = "a \"b\"\\c\nd \xFF ä";
  odd.elements_in = 7;
  odd.bytes_in = 70.5;
  odd.holds.backlog = 99;
  odd.dropped_late = 2;
  odd.watermark = Timestamp::Max();
  odd.holds.cells = 12;
  odd.holds.bytes = 345;
  status.steps = {read, odd};
  MetricCell cell;
  cell.sum = -5;
  cell.count = 4;
  cell.min = -9;
  cell.max = 2;
  cell.latest = 8;
  cell.strings = {"x", "y"};
  status.metrics = {{"Read", {MetricKind::kCounter, "n", "c"}, cell},
                    {"Read", {MetricKind::kDistribution, "n", "d"}, cell},
                    {"Read", {MetricKind::kGauge, "n", "g"}, cell},
                    {"Read", {MetricKind::kStringSet, "n", "s"}, cell},
                    {odd.name, {MetricKind::kCounter, "n", "c"}, cell}};
  return status;
}

TEST(PrometheusText, HasTheFiguresOfStepsAndJob) {
  const std::string text = PrometheusText(StatusOfTwoSteps(), Timestamp::Millis(1'100'250));
  const PrometheusSamples samples = ReadPrometheus(text);
  const auto of = [&](const std::string& name, const std::string& labels) {
    const auto found = samples.find(name + "{job=\"clicks\"" + labels + "}");
    EXPECT_NE(found, samples.end()) << name << labels << " is not in\n" << text;
    return found == samples.end() ? NAN : found->second;
  };
  const std::string read = ",step=\"Read\"";
  const std::string odd = ",step=\"a \\\"b\\\"\\\\c\\nd \xEF\xBF\xBD ä\"";
  EXPECT_EQ(of("joist_job_figures_age_seconds", ""), 0.25);
  EXPECT_EQ(of("joist_job_bundles_total", ""), 17);
  EXPECT_EQ(of("joist_job_checkpoints_total", ""), 3);
  EXPECT_EQ(of("joist_checkpoint_last_number", ""), 41);
  EXPECT_EQ(of("joist_checkpoint_last_duration_seconds", ""), 0.12);
  EXPECT_EQ(of("joist_checkpoint_last_timestamp_seconds", ""), 1090);
  EXPECT_EQ(of("joist_step_elements_total", read + ",direction=\"out\""), std::exp2(40));
  EXPECT_EQ(of("joist_step_elements_total", odd + ",direction=\"in\""), 7);
  EXPECT_EQ(of("joist_step_bytes_total", odd), 70.5);
  EXPECT_EQ(of("joist_step_backlog_positions", odd), 99);
  EXPECT_FALSE(samples.contains("joist_step_bytes_total{job=\"clicks\"" + read + "}"));
  EXPECT_FALSE(samples.contains("joist_step_backlog_positions{job=\"clicks\"" + read + "}"));
  EXPECT_EQ(of("joist_step_busy_seconds_total", read), 1.5);
  EXPECT_EQ(of("joist_step_dropped_late_total", odd), 2);
  EXPECT_EQ(of("joist_step_watermark_timestamp_seconds", read), 1040);
  EXPECT_EQ(of("joist_step_watermark_timestamp_seconds", odd), INFINITY);
  EXPECT_EQ(of("joist_step_watermark_lag_seconds", read), 59.9);
  EXPECT_FALSE(samples.contains("joist_step_watermark_lag_seconds{job=\"clicks\"" + odd + "}"));
  EXPECT_EQ(of("joist_step_watermark_held", read + ",by=\"Read\",reason=\"source\""), 1);
  EXPECT_EQ(of("joist_step_state_cells", odd), 12);
  EXPECT_EQ(of("joist_step_state_bytes", odd), 345);
  EXPECT_EQ(of("joist_user_counter", read + ",namespace=\"n\",name=\"c\""), -5);
  EXPECT_EQ(of("joist_user_gauge", read + ",namespace=\"n\",name=\"g\""), 8);
  EXPECT_EQ(of("joist_user_distribution_sum", read + ",namespace=\"n\",name=\"d\""), -5);
  EXPECT_EQ(of("joist_user_distribution_count", read + ",namespace=\"n\",name=\"d\""), 4);
  EXPECT_EQ(of("joist_user_distribution_min", read + ",namespace=\"n\",name=\"d\""), -9);
  EXPECT_EQ(of("joist_user_distribution_max", read + ",namespace=\"n\",name=\"d\""), 2);
  EXPECT_EQ(of("joist_user_string_set_size", read + ",namespace=\"n\",name=\"s\""), 2);
}

TEST(PrometheusText, HasNothingOfStreamsForInputThatEnds) {
  JobStatus status = StatusOfTwoSteps();
  status.is_stream = false;
  status.checkpoint.reset();
  status.stage = 2;
  status.stages = 3;
  status.stage_progress = 0.5;
  const std::string text = PrometheusText(status, status.gathered_at);
  const PrometheusSamples samples = ReadPrometheus(text);
  EXPECT_EQ(samples.at("joist_job_stage{job=\"clicks\"}"), 2);
  EXPECT_EQ(samples.at("joist_job_stage_progress_ratio{job=\"clicks\"}"), 0.5);
  for (const char* none : {"watermark", "lanes", "idle", "checkpoint"}) {
    EXPECT_EQ(text.find(none), std::string::npos) << none;
  }
}

// By Prometheus' own client, where Python has it.
TEST(PrometheusText, IsReadByThePythonClient) {
  if (std::system("python3 -c 'import prometheus_client.parser' 2>/dev/null") != 0) {
    GTEST_SKIP() << "python3 has no prometheus_client";
  }
  const std::string file = testing::TempDir() + "joist_prometheus_text_" + std::to_string(getpid());
  std::ofstream(file) << PrometheusText(StatusOfTwoSteps(), Timestamp::Seconds(2000));
  const std::string script = R"(
import sys
from prometheus_client.parser import text_string_to_metric_families as parse
families = {f.name: f for f in parse(open(sys.argv[1], encoding='utf-8').read())}
elements = families['joist_step_elements']
assert elements.type == 'counter', elements
values = {(s.labels['step'], s.labels['direction']): s.value for s in elements.samples}
assert values[('Read', 'out')] == 2 ** 40, values
assert values[('a "b"\\c\nd \ufffd ä', 'in')] == 7, values
assert families['joist_user_distribution'].type == 'summary'
assert len(families) > 20, families.keys()
)";
  std::ofstream(file + ".py") << script;
  EXPECT_EQ(std::system(("python3 " + file + ".py " + file).c_str()), 0);
  std::remove(file.c_str());
  std::remove((file + ".py").c_str());
}

}  // namespace
}  // namespace joist
