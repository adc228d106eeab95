// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// FakeJobRunner: runs jobs by saying what they are to do instead of doing it. For sources of tests.

#ifndef JOIST_PORTABILITY_JOBSERVER_TESTING_FAKE_JOB_RUNNER_H_
#define JOIST_PORTABILITY_JOBSERVER_TESTING_FAKE_JOB_RUNNER_H_

#include <google/protobuf/struct.pb.h>
#include <org/apache/beam/model/pipeline/v1/beam_runner_api.pb.h>

#include <chrono>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "joist/portability/job_runner.h"

namespace joist::portability {

/// A job does what its option "outcome" says: "done", "fail", "throw", "wait" (for Cancel or
/// Drain), or else what `run` does with it.
class FakeJobRunner final : public JobRunner {
 public:
  using RunFunction = std::function<Status(const SubmittedJob&, JobListener*)>;
  explicit FakeJobRunner(RunFunction run = {}) : run_(std::move(run)) {}

  std::vector<JobOption> options() const override {
    return {{.name = "outcome", .help = "How the job ends", .default_text = "done"},
            {.name = "loud", .type = JobOption::Type::kBoolean},
            {.name = "times", .type = JobOption::Type::kInteger}};
  }

  Status Check(const SubmittedJob& job) override {
    for (const auto& [id, transform] : job.graph->components().transforms()) {
      if (transform.spec().urn() == "test:unsupported") {
        return {StatusCode::kUnimplemented,
                "step " + transform.unique_name() +
                    ": the transform test:unsupported is not supported"};
      }
    }
    return OkStatus();
  }

  JobOutcome Run(const SubmittedJob& job, JobListener* listener,
                 const JobRequests& requests) override {
    ::google::protobuf::Struct options;
    options.ParseFromString(job.options);
    const auto option = options.fields().find("beam:option:outcome:v1");
    const std::string outcome =
        option == options.fields().end() ? "done" : option->second.string_value();
    listener->Message(JobListener::Importance::kBasic, "runs " + job.name + ": " + outcome);
    if (outcome == "throw") throw std::runtime_error("thrown by the runner");
    JobOutcome ended;
    if (outcome == "wait") {
      while (!requests.cancel && !requests.drain) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
      if (requests.cancel) ended.state = JobState::kCancelled;
      return ended;
    }
    if (outcome == "fail") {
      ended.status = InvalidArgument("step Boom: it went wrong");
    } else if (run_) {
      ended.status = run_(job, listener);
    }
    if (!ended.status.ok()) ended.state = JobState::kFailed;
    return ended;
  }

 private:
  const RunFunction run_;
};

}  // namespace joist::portability

#endif  // JOIST_PORTABILITY_JOBSERVER_TESTING_FAKE_JOB_RUNNER_H_
