// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/sdk/testing/test_pipeline.h"

#include <stdlib.h>

#include <map>
#include <string_view>

namespace joist {

namespace {

/// An assertion that never saw its collection holds nothing: in a stream it may wait for ever.
Status CheckAssertionsRan(const JobMetrics& metrics) {
  for (const JobMetrics::StepWork& work : metrics.steps) {
    const std::string_view step = work.step;
    const bool is_assertion = step.ends_with("/Check") && step.find("PAssert") != step.npos;
    if (is_assertion && work.elements_in == 0) {
      return Internal("the assertion \"" + work.step + "\" was never checked");
    }
  }
  return OkStatus();
}

}  // namespace

TestPipeline::TestPipeline(std::string test) : test_(std::move(test)) {
  static std::map<std::string, int>& made = *new std::map<std::string, int>;
  name_ = test_ + "#" + std::to_string(++made[test_]);
}

JobOutcome TestPipeline::RunToEnd() {
  if (Status status = graph().Validate(); !status.ok()) return {JobState::kFailed, status, {}};
  ServeIfAsked(graph(), name_);
  RunSettings settings;
  settings.threads = threads_;
  settings.memory = memory_;
  const char* restarts = getenv("JOIST_TEST_RESTARTS");
  settings.restarts = restarts != nullptr && std::string_view(restarts) == "1";
  const char* wanted = getenv("JOIST_TEST_SECOND_PROCESS");
  JobOutcome outcome;
  if (wanted != nullptr && std::string_view(wanted) == "1" && getenv("JOIST_WORKER") == nullptr) {
    outcome = RunInSecondProcess(graph(), settings, {name_, {"GTEST_FILTER=" + test_}});
  } else {
    outcome = RunEmbedded(graph(), settings, JobRequests());
  }
  builder().RunCleanups();
  if (outcome.status.ok()) {
    outcome.status = CheckAssertionsRan(outcome.metrics);
    if (!outcome.status.ok()) outcome.state = JobState::kFailed;
  }
  return outcome;
}

}  // namespace joist
