// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/jobserver/job.h"

#include <exception>
#include <utility>

#include "joist/base/utf8.h"
#include "joist/engine/status_table.h"
#include "joist/portability/sdk_error.h"

namespace joist::portability {
namespace {

bool IsLast(BeamState state) {
  return state == BeamState::kDone || state == BeamState::kFailed ||
         state == BeamState::kCancelled || state == BeamState::kDrained;
}

/// What protobuf's strings take: `text` as UTF-8, of about `size` bytes at most.
std::string AsText(std::string_view text, size_t size) {
  std::string valid;
  while (!text.empty() && valid.size() < size) {
    const size_t bytes = Utf8Size(text);
    valid += bytes == 0 ? std::string_view("\uFFFD") : text.substr(0, bytes);
    text.remove_prefix(bytes == 0 ? 1 : bytes);
  }
  return text.empty() ? valid : valid + " …";
}

/// "12.3s, 4.5M elements into 7 steps, 8.5MB of memory at most".
std::string Done(const JobMetrics& metrics, std::chrono::milliseconds time) {
  uint64_t elements = 0;
  for (const JobMetrics::StepWork& step : metrics.steps) elements += step.elements_in;
  std::string done = ShortTime(Duration::Millis(time.count()));
  if (!metrics.steps.empty()) {
    done += ", " + ShortNumber(static_cast<double>(elements)) +
            (elements == 1 ? " element into " : " elements into ") +
            std::to_string(metrics.steps.size()) + (metrics.steps.size() == 1 ? " step" : " steps");
  }
  if (metrics.peak_memory_bytes > 0) {
    done +=
        ", " + ShortNumber(static_cast<double>(metrics.peak_memory_bytes)) + "B of memory at most";
  }
  if (metrics.spilled_bytes > 0) {
    done += ", " + ShortNumber(static_cast<double>(metrics.spilled_bytes)) + "B written to disk";
  }
  return done;
}

}  // namespace

Job::Job(SubmittedJob submitted, std::shared_ptr<JobArtifacts> artifacts, JobDisplay* display)
    : submitted_(std::move(submitted)), artifacts_(std::move(artifacts)), display_(display) {
  AddState(BeamState::kStarting);
}

Job::~Job() {
  if (thread_.joinable()) thread_.join();
}

void Job::Start(JobRunner* runner, std::function<void(const Job&)> on_end) {
  thread_ = std::thread([this, runner, on_end = std::move(on_end)] { Run(runner, on_end); });
}

void Job::Run(JobRunner* runner, const std::function<void(const Job&)>& on_end) {
  {
    const std::lock_guard lock(mutex_);
    if (!requests_.cancel && !requests_.drain) AddState(BeamState::kRunning);
  }
  const auto start = std::chrono::steady_clock::now();
  JobOutcome outcome;
  try {
    outcome = runner->Run(submitted_, this, requests_);
  } catch (const std::exception& error) {
    outcome.state = JobState::kFailed;
    outcome.status = Internal(error.what());
  }
  artifacts_.reset();
  if (display_ != nullptr) display_->TakeAway(submitted_.id);
  const auto time = std::chrono::steady_clock::now() - start;
  {
    const std::lock_guard lock(mutex_);
    summary_ = Done(outcome.metrics, std::chrono::duration_cast<std::chrono::milliseconds>(time));
    switch (outcome.state) {
      case JobState::kCancelled: AddState(BeamState::kCancelled); break;
      case JobState::kDone:
        AddMessage(Importance::kBasic, "done: " + summary_);
        AddState(requests_.drain ? BeamState::kDrained : BeamState::kDone);
        break;
      case JobState::kRunning:
      case JobState::kFailed:
        // First why: Beam's clients stop reading at the state.
        AddMessage(Importance::kError, outcome.status.message().empty()
                                           ? "the job has failed"
                                           : SdkErrorText(outcome.status.message()));
        summary_ = SdkErrorLine(outcome.status.message());
        AddState(BeamState::kFailed);
        break;
    }
  }
  on_end(*this);
}

void Job::Message(Importance importance, std::string_view text) {
  const std::lock_guard lock(mutex_);
  if (!HasEnded()) AddMessage(importance, text);
}

void Job::Metrics(std::vector<std::string> attempted, std::vector<std::string> committed) {
  const std::lock_guard lock(mutex_);
  attempted_ = std::move(attempted);
  committed_ = std::move(committed);
}

void Job::Unseen(Importance importance, std::string_view text) {
  if (display_ != nullptr && importance >= Importance::kBasic) {
    display_->ShowMessage(submitted_.id, text);
  }
}

void Job::Graph(std::string_view picture) {
  if (display_ != nullptr) display_->ShowGraph(submitted_.id, picture);
}

void Job::Progress(const JobStatus& status) {
  if (display_ != nullptr) display_->ShowProgress(submitted_.id, status);
  const std::lock_guard lock(mutex_);
  const std::optional<std::string> line = progress_.Line(status);
  if (line.has_value() && !HasEnded()) AddMessage(Importance::kBasic, *line);
}

BeamState Job::Cancel() { return Ask(BeamState::kCancelling, &requests_.cancel); }
BeamState Job::Drain() { return Ask(BeamState::kDraining, &requests_.drain); }

BeamState Job::Ask(BeamState state, std::atomic<bool>* request) {
  const std::lock_guard lock(mutex_);
  const BeamState now = *events_.at(last_state_).state;
  // Who is cancelling does not drain any more.
  if (IsLast(now) || now == state || now == BeamState::kCancelling) return now;
  *request = true;
  AddState(state);
  return state;
}

bool Job::has_ended() const {
  const std::lock_guard lock(mutex_);
  return HasEnded();
}

bool Job::HasEnded() const { return IsLast(*events_.at(last_state_).state); }

std::string Job::summary() const {
  const std::lock_guard lock(mutex_);
  return summary_;
}

JobEvent Job::state() const {
  const std::lock_guard lock(mutex_);
  return events_.at(last_state_);
}

void Job::GetMetrics(std::vector<std::string>* attempted,
                     std::vector<std::string>* committed) const {
  const std::lock_guard lock(mutex_);
  *attempted = attempted_;
  *committed = committed_;
}

Job::Next Job::WaitForEvent(uint64_t from, bool states_only, std::chrono::milliseconds timeout,
                            JobEvent* event) const {
  const auto until = std::chrono::steady_clock::now() + timeout;
  std::unique_lock lock(mutex_);
  do {
    auto found = events_.lower_bound(from);
    while (found != events_.end() && states_only && !found->second.state) ++found;
    if (found != events_.end()) {
      *event = found->second;
      return Next::kEvent;
    }
    if (HasEnded()) return Next::kEnd;
  } while (changed_.wait_until(lock, until) == std::cv_status::no_timeout);
  return Next::kNothingYet;
}

void Job::AddState(BeamState state) {
  last_state_ = next_number_++;
  events_[last_state_] = {
      .number = last_state_, .time = std::chrono::system_clock::now(), .state = state};
  changed_.notify_all();
}

void Job::AddMessage(Importance importance, std::string_view text) {
  JobEvent event = {.number = next_number_++,
                    .time = std::chrono::system_clock::now(),
                    .importance = importance,
                    .text = AsText(text, kMostTextBytes)};
  ++messages_;
  message_bytes_ += event.text.size();
  events_.emplace(event.number, std::move(event));
  for (auto i = events_.begin(); messages_ > kMostMessages || message_bytes_ > kMostMessageBytes;) {
    if (i->second.state) {
      ++i;
      continue;
    }
    --messages_;
    message_bytes_ -= i->second.text.size();
    i = events_.erase(i);
  }
  changed_.notify_all();
}

}  // namespace joist::portability
