// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// StageRun: one stage at work on several threads.
//
// Every thread has a share: its own copy of the stage's steps, its own sinks. It takes ranges of
// the source from a queue until there are none, then takes away half of what another thread has
// left. A share's output counts once it commits; a share that fails leaves no trace, and its ranges
// go back into the queue: the one that failed to be tried alone, kAttempts times at the most.

#ifndef JOIST_ENGINE_STAGE_H_
#define JOIST_ENGINE_STAGE_H_

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "joist/base/function_ref.h"
#include "joist/engine/plan.h"
#include "joist/exec/failure.h"
#include "joist/exec/step.h"

namespace joist {

class FailureKeeper;
class StepTap;

/// What the stages of one job have in common. Between stages it belongs to the job's thread; while
/// a stage runs, its StageRun guards it.
struct JobTables {
  const Graph* graph = nullptr;
  Plan plan;
  std::vector<std::unique_ptr<Breaker>> breakers;  ///< By node; for groupings, views, cuts.
  std::vector<StepStats> stats;                    ///< By node.
  MemoryBudget* memory = nullptr;
  /// Something has failed and is tried again. Any thread; may be null, as the next.
  std::function<void()> count_failure;
  /// Takes a line for the job's log: what had failed and is done. Any thread.
  std::function<void(const std::string&)> tell;
  FailureKeeper* keeper = nullptr;  ///< Null: what fails is not kept.
};

class StageRun {
 public:
  static constexpr int kAttempts = 4;

  /// `stop` is set to end the stage early; what had not committed then is dropped.
  StageRun(JobTables* job, const PlannedStage& stage, int threads, std::atomic<bool>* stop);
  ~StageRun();

  /// Splits the source. To be called before Run.
  Status Prepare();
  /// Runs on `threads` threads until the stage is complete, has failed, or was stopped; calls
  /// `watch` on the caller's thread every so often. Returns why it failed.
  template <class Watch>
  Status Run(Watch watch) {
    StartThreads();
    while (!WaitForEnd()) watch();
    return JoinThreads();
  }
  /// The part of the source's positions that is done, 0 to 1. Any thread.
  double progress() const;
  /// Calls look() while no share commits to the job's tables. Any thread.
  void WhileNothingCommits(FunctionRef<void()> look) const {
    const std::lock_guard lock(mutex_);
    look();
  }

 private:
  struct Task {
    SourceRange range;
    int attempts = 0;
    std::string failure{};  ///< Of the latest attempt.
    std::string step{};     ///< Which has failed.
    int64_t done = 0;       ///< Positions that the latest attempt has claimed.
  };
  class Share;

  void StartThreads();
  bool WaitForEnd();
  Status JoinThreads();
  void Work();
  /// The next range, from the queue or from another thread; false when the share should commit.
  bool NextTask(bool fresh_share, Task* task);
  /// Blocks until there is work again (true) or the stage is over (false).
  bool WaitForWork();
  void RunShare();
  void TellOfRetries(const std::vector<Task>& tasks) const;
  void Read(Share& share, Task* task);
  /// What the step that failed before is given in the next attempt; null if it is not recorded.
  std::unique_ptr<StepTap> TapFor(const Task& task) const;
  void GiveBack(std::vector<Task> tasks, int failed, const StepFailure& failure, StepTap* tap);
  Status Keep(const StepFailure& failure, int attempts, StepTap* tap) const;
  void Fail(Status status);

  JobTables* const job_;
  const PlannedStage& stage_;
  const int threads_;
  std::atomic<bool>* const stop_;
  std::shared_ptr<Source> source_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Task> queue_;
  std::vector<RangeTracker*> active_;  ///< What is being read right now.
  int working_ = 0;                    ///< Threads that may still give work back.
  int running_ = 0;                    ///< Threads.
  int64_t total_ = 0;
  int64_t done_ = 0;
  Status failure_;
  std::vector<std::thread> pool_;
};

}  // namespace joist

#endif  // JOIST_ENGINE_STAGE_H_
