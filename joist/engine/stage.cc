// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/engine/stage.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <thread>

#include "joist/engine/failure_keeper.h"
#include "joist/engine/input_scales.h"
#include "joist/engine/step_tap.h"

namespace joist {

/// A thread's own copy of the stage.
class StageRun::Share {
 public:
  /// `tap` may be null; outlives the share.
  Share(StageRun* run, StepTap* tap) : job_(run->job_), stage_(run->stage_), tap_(tap) {
    const auto& nodes = job_->graph->nodes();
    stats_.resize(nodes.size());
    operators_.resize(nodes.size());
    for (int node : stage_.sinks) {
      operators_[node] = job_->breakers[node]->MakeSink(ContextOf(node));
    }
    // From the last step to the first, so that a step's consumers are there when it starts.
    for (auto it = stage_.operators.rbegin(); it != stage_.operators.rend(); ++it) {
      const auto& step = static_cast<const Step&>(*nodes[*it].payload);
      operators_[*it] = step.MakeOperator(ContextOf(*it));
      for (size_t port = 0; port < nodes[*it].outputs.size(); ++port) {
        for (const Consumer& consumer : job_->plan.consumers[nodes[*it].outputs[port]]) {
          operators_[*it]->Connect(static_cast<int>(port), InputOf(consumer));
        }
      }
    }
    reader_ = run->source_->MakeReader(ContextOf(stage_.root));
    if (job_->plan.cut[stage_.root]) {
      reader_->Connect(InputOf({stage_.root, 0}));
    } else {
      for (const Consumer& consumer : job_->plan.consumers[nodes[stage_.root].outputs[0]]) {
        reader_->Connect(InputOf(consumer));
      }
    }
  }

  void Start() {
    if (tap_ != nullptr && operators_[tap_->node()] != nullptr) {
      tap_->Begin(*operators_[tap_->node()]);
    }
    for (auto it = stage_.operators.rbegin(); it != stage_.operators.rend(); ++it) {
      operators_[*it]->Start();
    }
  }
  void Read(RangeTracker& tracker) { reader_->Read(tracker); }
  void Finish() {
    for (int node : stage_.operators) operators_[node]->Finish();
    for (int node : stage_.sinks) operators_[node]->Finish();
  }
  /// One share at a time.
  void Commit() {
    for (int node : stage_.sinks) job_->breakers[node]->Commit(*operators_[node]);
    for (size_t node = 0; node < stats_.size(); ++node) job_->stats[node].Merge(stats_[node]);
  }
  void Committed() {
    for (int node : stage_.operators) operators_[node]->Committed();
  }

 private:
  Receiver* InputOf(const Consumer& consumer) {
    Receiver* const input = operators_[consumer.node]->input(consumer.input);
    return scales_.Before(
        *job_->graph, consumer, &stats_[consumer.node],
        tap_ != nullptr && tap_->node() == consumer.node ? tap_->Before(input) : input);
  }
  OperatorContext ContextOf(int node) {
    OperatorContext context;
    context.step = job_->graph->nodes()[node].name;
    context.stats = &stats_[node];
    context.memory = job_->memory;
    if (!stage_.sinks.empty()) {
      context.memory_bytes = job_->memory->sink_part(static_cast<int>(stage_.sinks.size()));
    }
    if (job_->graph->nodes()[node].kind == StepKind::kParDo) {
      for (int side : job_->graph->nodes()[node].side_inputs) {
        context.side_inputs.push_back(
            job_->breakers[job_->graph->collections()[side].producer]->MakeSideViews());
      }
    }
    return context;
  }

  JobTables* job_;
  const PlannedStage& stage_;
  StepTap* const tap_;
  InputScales scales_;
  std::vector<StepStats> stats_;  // By node, as are the operators.
  std::vector<std::unique_ptr<Operator>> operators_;
  std::unique_ptr<Reader> reader_;
};

StageRun::StageRun(JobTables* job, const PlannedStage& stage, int threads, std::atomic<bool>* stop)
    : job_(job), stage_(stage), threads_(threads), stop_(stop) {}

StageRun::~StageRun() = default;

Status StageRun::Prepare() {
  const Node& root = job_->graph->nodes()[stage_.root];
  Result<std::vector<SourceRange>> ranges = std::vector<SourceRange>();
  try {
    try {
      if (root.kind == StepKind::kRead) {
        source_ = static_cast<const Step&>(*root.payload).MakeSource();
      } else {
        source_ = job_->breakers[stage_.root]->MakeOutput();
      }
      ranges = source_->Split(threads_);
    } catch (...) {
      RethrowAsStepFailure(root.name, "");
    }
  } catch (const StepFailure& failure) {
    return failure.status;
  }
  if (!ranges.ok()) {
    return Status(ranges.status().code(),
                  "step \"" + root.name + "\": " + ranges.status().message());
  }
  for (const SourceRange& range : *ranges) {
    if (range.begin >= range.end) continue;
    queue_.push_back({range});
    total_ += range.end - range.begin;
  }
  return OkStatus();
}

double StageRun::progress() const {
  const std::lock_guard lock(mutex_);
  if (total_ == 0) return 1;
  int64_t done = done_;
  for (const RangeTracker* tracker : active_) done += tracker->claimed();
  return std::min(1.0, static_cast<double>(done) / static_cast<double>(total_));
}

void StageRun::StartThreads() {
  running_ = working_ = threads_;
  for (int i = 0; i < threads_; ++i) pool_.emplace_back([this] { Work(); });
}

bool StageRun::WaitForEnd() {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, std::chrono::milliseconds(50), [this] { return running_ == 0; });
}

Status StageRun::JoinThreads() {
  for (std::thread& thread : pool_) thread.join();
  pool_.clear();
  return failure_;
}

void StageRun::Work() {
  while (WaitForWork()) RunShare();
  const std::lock_guard lock(mutex_);
  --running_;
  changed_.notify_all();
}

bool StageRun::WaitForWork() {
  std::unique_lock lock(mutex_);
  --working_;
  changed_.notify_all();
  while (true) {
    if (stop_->load() || (queue_.empty() && working_ == 0)) return false;
    if (!queue_.empty()) break;
    // A thread that is reading may be slow: look now and then whether half of its rest can be had.
    for (RangeTracker* tracker : active_) {
      if (std::optional<SourceRange> rest = tracker->TrySplit(source_->least_split())) {
        queue_.push_back({*rest});
        break;
      }
    }
    if (!queue_.empty()) break;
    changed_.wait_for(lock, std::chrono::milliseconds(1));
  }
  ++working_;
  return true;
}

bool StageRun::NextTask(bool fresh_share, Task* task) {
  const std::lock_guard lock(mutex_);
  if (queue_.empty()) {
    for (RangeTracker* tracker : active_) {
      if (std::optional<SourceRange> rest = tracker->TrySplit(source_->least_split())) {
        *task = {*rest};
        return true;
      }
    }
    return false;
  }
  // What failed before is tried alone.
  if (queue_.front().attempts > 0 && !fresh_share) return false;
  *task = queue_.front();
  queue_.pop_front();
  return true;
}

void StageRun::RunShare() {
  // The first task is there before the share starts: a share that cannot even start is an attempt
  // at it like any other.
  Task task;
  if (stop_->load() || !NextTask(/*fresh_share=*/true, &task)) return;
  std::vector<Task> tasks = {task};
  int failed = -1;
  const std::unique_ptr<StepTap> tap = TapFor(task);
  try {
    Share share(this, tap.get());
    share.Start();
    while (true) {
      failed = static_cast<int>(tasks.size()) - 1;
      Read(share, &tasks.back());
      if (task.attempts > 0 || stop_->load() || !NextTask(/*fresh_share=*/false, &task)) break;
      tasks.push_back(task);
    }
    if (stop_->load()) return;
    failed = -1;
    share.Finish();
    {
      const std::lock_guard lock(mutex_);
      share.Commit();
    }
    share.Committed();
    TellOfRetries(tasks);
  } catch (const StepFailure& failure) {
    GiveBack(std::move(tasks), failed, failure, tap.get());
  } catch (const std::bad_alloc&) {
    Fail(Status(StatusCode::kResourceExhausted, "out of memory"));
  } catch (const std::exception& e) {
    Fail(Internal(e.what()));
  } catch (...) {
    Fail(Internal("an exception that is no std::exception"));
  }
}

void StageRun::TellOfRetries(const std::vector<Task>& tasks) const {
  for (const Task& task : tasks) {
    if (task.attempts == 0 || job_->tell == nullptr) continue;
    job_->tell(task.failure + "; attempt " + std::to_string(task.attempts + 1) + " of " +
               std::to_string(kAttempts) + " has succeeded");
  }
}

void StageRun::Read(Share& share, Task* task) {
  RangeTracker tracker(task->range, stop_);
  struct Active {
    StageRun* run;
    RangeTracker* tracker;
    Task* task;
    Active(StageRun* run, RangeTracker* tracker, Task* task)
        : run(run), tracker(tracker), task(task) {
      const std::lock_guard lock(run->mutex_);
      run->active_.push_back(tracker);
    }
    ~Active() {
      const std::lock_guard lock(run->mutex_);
      std::erase(run->active_, tracker);
      task->range = tracker->Remaining();
      task->done = tracker->claimed();
      run->done_ += task->done;
    }
  };
  const Active active(this, &tracker, task);
  share.Read(tracker);
}

std::unique_ptr<StepTap> StageRun::TapFor(const Task& task) const {
  if (task.attempts == 0 || job_->keeper == nullptr) return nullptr;
  const int node = job_->keeper->NodeToRecord(task.step);
  return node < 0 ? nullptr : std::make_unique<StepTap>(*job_->graph, node, threads_);
}

Status StageRun::Keep(const StepFailure& failure, int attempts, StepTap* tap) const {
  if (job_->keeper == nullptr) return failure.status;
  std::optional<KeptBundle> bundle;
  if (tap != nullptr && job_->graph->nodes()[tap->node()].name == failure.step) {
    bundle = tap->record()->Take();
  }
  return job_->keeper->Keep(failure, attempts, std::move(bundle));
}

void StageRun::GiveBack(std::vector<Task> tasks, int failed, const StepFailure& failure,
                        StepTap* tap) {
  bool give_up = !failure.retryable || tasks.empty();
  int attempts = 0;
  for (int i = 0; i < static_cast<int>(tasks.size()); ++i) {
    if (failed >= 0 && i != failed) continue;
    attempts = std::max(attempts, ++tasks[i].attempts);
    tasks[i].failure = failure.status.message();
    tasks[i].step = failure.step;
  }
  if (give_up || attempts >= kAttempts) return Fail(Keep(failure, attempts, tap));
  if (job_->count_failure != nullptr) job_->count_failure();
  const std::lock_guard lock(mutex_);
  for (const Task& task : tasks) {
    done_ -= task.done;
    if (task.attempts > 0) {
      queue_.push_back(task);
    } else {
      queue_.push_front(task);
    }
  }
  changed_.notify_all();
}

void StageRun::Fail(Status status) {
  const std::lock_guard lock(mutex_);
  if (failure_.ok()) failure_ = std::move(status);
  stop_->store(true);
  changed_.notify_all();
}

}  // namespace joist
