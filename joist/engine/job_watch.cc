// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/engine/job_watch.h"

#include <algorithm>
#include <utility>

#include "joist/exec/wall_time.h"

namespace joist {
namespace {

constexpr std::chrono::milliseconds kBetweenLooks{200};

bool CountsLate(const MetricName& name) {
  return name.space == kBeamMetrics && name.kind == MetricKind::kCounter &&
         (name.name == "DroppedDueToLateness" || name.name == "DroppedDueToClosedWindow");
}

}  // namespace

JobWatch::Seen JobWatch::Seen::Of(const StepStats& stats, uint64_t blocked) {
  Seen seen;
  seen.elements_in = stats.elements_in;
  seen.elements_out = stats.elements_out;
  seen.busy = stats.ticks;
  seen.blocked = blocked;
  if (stats.sampled_elements > 0) {
    seen.bytes_of_one =
        static_cast<double>(stats.sampled_bytes) / static_cast<double>(stats.sampled_elements);
  }
  for (uint32_t id = 0; id < stats.cells.size(); ++id) {
    if (stats.cells[id].touched && CountsLate(MetricNameOf(id))) {
      seen.dropped_late += static_cast<uint64_t>(stats.cells[id].sum);
    }
  }
  return seen;
}

JobWatch::JobWatch(const Graph* graph, const MemoryBudget* memory, std::string job)
    : graph_(graph), memory_(memory), seen_(graph->nodes().size()) {
  status_.job = std::move(job);
  status_.started_at = WallTime();
  status_.is_stream = graph->has_unbounded();
  for (const Node& node : graph->nodes()) {
    const bool is_shown = node.kind != StepKind::kFlatten;
    step_of_.push_back(is_shown ? static_cast<int>(status_.steps.size()) : -1);
    if (!is_shown) continue;
    StepStatus& step = status_.steps.emplace_back();
    step.name = node.name;
  }
  Publish();
}

void JobWatch::BeginRun() {
  begins_ = true;
  bundles_seen_ = 0;
}

void JobWatch::Look(const StreamFigures& figures) {
  const auto [seconds, seconds_per_tick] = BeginLook();
  status_.is_paused = false;
  status_.lanes = figures.lanes;
  status_.bundles += figures.bundles - std::exchange(bundles_seen_, figures.bundles);
  std::vector<Timestamp> watermarks;
  for (const StepFigures& step : figures.steps) watermarks.push_back(step.watermark);
  const std::vector<int> holders = FindHolders(*graph_, watermarks);
  for (size_t node = 0; node < figures.steps.size(); ++node) {
    if (step_of_[node] < 0) continue;
    const StepFigures& figure = figures.steps[node];
    const Seen now = Seen::Of(figure.stats, figure.blocked);
    if (begins_) seen_[node] = now;
    Count(node, now, seconds_per_tick, seconds * figures.lanes);
    AddMetrics(node, figure.stats);
    StepStatus& step = status_.steps[static_cast<size_t>(step_of_[node])];
    step.watermark = figure.watermark;
    step.lag.reset();
    if (figure.watermark > Timestamp::Min() && figure.watermark < Timestamp::Max() &&
        figures.now < Timestamp::Max()) {
      step.lag = figures.now - figure.watermark;
    }
    step.held_by.reset();
    if (holders[node] >= 0) {
      const auto holder = static_cast<size_t>(holders[node]);
      // What begins a stream is a source, whatever it says.
      const bool is_source = graph_->nodes()[holder].kind == StepKind::kRead;
      step.held_by = {static_cast<size_t>(step_of_[holder]),
                      is_source ? OperatorStatus::Holds::kWork : figures.steps[holder].holds.holds};
    }
    step.holds = figure.holds;
  }
  begins_ = false;
  Publish();
}

void JobWatch::Look(const std::vector<StepStats>& stats, size_t stage, size_t stages,
                    double progress) {
  const auto [seconds, seconds_per_tick] = BeginLook();
  status_.stage = stage;
  status_.stages = stages;
  status_.stage_progress = progress;
  for (size_t node = 0; node < stats.size(); ++node) {
    if (step_of_[node] < 0) continue;
    Count(node, Seen::Of(stats[node], 0), seconds_per_tick, 0);
    AddMetrics(node, stats[node]);
  }
  Publish();
}

std::pair<double, double> JobWatch::BeginLook() {
  const Clock::time_point now = Clock::now();
  const uint64_t ticks = Ticks() - start_ticks_;
  next_ = now + kBetweenLooks;
  status_.metrics.clear();
  status_.run_time =
      Duration::Millis(std::chrono::duration_cast<std::chrono::milliseconds>(now - start_).count());
  const std::chrono::duration<double> since = now - std::exchange(last_, now);
  const std::chrono::duration<double> all = now - start_;
  return {since.count(), ticks == 0 ? 0 : all.count() / static_cast<double>(ticks)};
}

void JobWatch::Count(size_t node, const Seen& now, double seconds_per_tick, double lane_seconds) {
  StepStatus& step = status_.steps[static_cast<size_t>(step_of_[node])];
  const Seen before = std::exchange(seen_[node], now);
  step.elements_in += now.elements_in - before.elements_in;
  step.bytes_in += static_cast<double>(now.elements_in - before.elements_in) * now.bytes_of_one;
  step.elements_out += now.elements_out - before.elements_out;
  step.dropped_late += now.dropped_late - before.dropped_late;
  const double busy = static_cast<double>(now.busy - before.busy) * seconds_per_tick;
  const double blocked = static_cast<double>(now.blocked - before.blocked) * seconds_per_tick;
  step.busy_seconds += busy;
  step.blocked_seconds += blocked;
  step.idle_seconds += std::max(0.0, lane_seconds - busy - blocked);
}

void JobWatch::AddMetrics(size_t node, const StepStats& stats) {
  for (uint32_t id = 0; id < stats.cells.size(); ++id) {
    if (!stats.cells[id].touched) continue;
    MetricName name = MetricNameOf(id);
    if (name.space == kBeamMetrics) continue;
    status_.metrics.push_back({graph_->nodes()[node].name, std::move(name), stats.cells[id]});
  }
}

void JobWatch::AddFailure() {
  ++status_.failures;
  status_.is_paused = status_.is_stream;
  Publish();
}

void JobWatch::SetCheckpoint(const CheckpointStatus& checkpoint, bool is_own) {
  status_.checkpoint = checkpoint;
  if (is_own) ++status_.checkpoints;
}

void JobWatch::Publish() {
  status_.gathered_at = WallTime();
  status_.memory_bytes = memory_->held_bytes();
  status_.memory_limit = memory_->limit();
  status_.spilled_bytes = memory_->spilled_bytes();
  const std::lock_guard lock(mutex_);
  latest_ = status_;
}

JobStatus JobWatch::Latest() const {
  const std::lock_guard lock(mutex_);
  return latest_;
}

}  // namespace joist
