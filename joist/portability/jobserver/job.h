// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Job: a job from when it is started until the server forgets it: its thread, its states and
// messages for whoever watches it, what may be asked of it. States are all kept; of messages the
// last ones, a thousand and a megabyte at most. Thread-safe.

#ifndef JOIST_PORTABILITY_JOBSERVER_JOB_H_
#define JOIST_PORTABILITY_JOBSERVER_JOB_H_

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "joist/portability/job_runner.h"
#include "joist/portability/jobserver/artifact_store.h"
#include "joist/portability/jobserver/job_display.h"
#include "joist/portability/jobserver/progress_lines.h"

namespace joist::portability {

/// JobState.Enum of beam_job_api.proto, by its numbers.
enum class BeamState : uint8_t {
  kRunning = 2,
  kDone = 3,
  kFailed = 4,
  kCancelled = 5,
  kDraining = 7,
  kDrained = 8,
  kStarting = 9,
  kCancelling = 10,
};

/// A state that a job has come to, or a message.
struct JobEvent {
  uint64_t number = 0;  ///< Counts all events of the job.
  std::chrono::system_clock::time_point time = {};
  std::optional<BeamState> state = {};  ///< Without it a message.
  JobListener::Importance importance = JobListener::Importance::kBasic;
  std::string text = {};
};

class Job final : public JobListener {
 public:
  /// `artifacts` may be null; they are deleted when the job has ended. So may `display`.
  Job(SubmittedJob submitted, std::shared_ptr<JobArtifacts> artifacts, JobDisplay* display);
  /// Waits for the job's end.
  ~Job() override;
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;

  /// Runs it on a thread of its own; `on_end` is called there after its last event. Once.
  void Start(JobRunner* runner, std::function<void(const Job&)> on_end);

  void Message(Importance importance, std::string_view text) override;
  void Metrics(std::vector<std::string> attempted, std::vector<std::string> committed) override;
  void Unseen(Importance importance, std::string_view text) override;
  void Graph(std::string_view picture) override;
  void Progress(const JobStatus& status) override;

  /// Asks the job to end; nothing where it has ended. Give the state it has come to.
  BeamState Cancel();
  BeamState Drain();

  const SubmittedJob& submitted() const { return submitted_; }
  bool has_ended() const;
  /// Of a job that has ended, in a line: why it has failed, else what it has done.
  std::string summary() const;
  /// The latest state.
  JobEvent state() const;
  /// Serialized MonitoringInfos.
  void GetMetrics(std::vector<std::string>* attempted, std::vector<std::string>* committed) const;

  enum class Next : uint8_t { kEvent, kNothingYet, kEnd };
  /// The first event (of states alone, or of all) from number `from` on; waits `timeout` for it.
  /// kEnd: there will be none.
  Next WaitForEvent(uint64_t from, bool states_only, std::chrono::milliseconds timeout,
                    JobEvent* event) const;

  static constexpr size_t kMostMessages = 1000;
  static constexpr size_t kMostMessageBytes = 1 << 20;
  /// Of one message; the rest is cut off.
  static constexpr size_t kMostTextBytes = 64 << 10;

 private:
  void Run(JobRunner* runner, const std::function<void(const Job&)>& on_end);
  BeamState Ask(BeamState state, std::atomic<bool>* request);
  // With mutex_ held.
  void AddState(BeamState state);
  void AddMessage(Importance importance, std::string_view text);
  bool HasEnded() const;

  const SubmittedJob submitted_;
  std::shared_ptr<JobArtifacts> artifacts_;
  JobDisplay* const display_;
  JobRequests requests_;

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::map<uint64_t, JobEvent> events_;  ///< By number.
  uint64_t next_number_ = 0;
  uint64_t last_state_ = 0;  ///< Its event's number.
  size_t messages_ = 0;
  size_t message_bytes_ = 0;
  std::vector<std::string> attempted_;
  std::vector<std::string> committed_;
  ProgressLines progress_;
  std::string summary_;
  std::thread thread_;
};

}  // namespace joist::portability

#endif  // JOIST_PORTABILITY_JOBSERVER_JOB_H_
