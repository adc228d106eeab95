// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/engine/stream_run.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <thread>
#include <utility>

#include "joist/engine/saved_run.h"
#include "joist/exec/wall_time.h"

namespace joist {
namespace {

constexpr std::chrono::milliseconds kLongestWait{10};

}  // namespace

StreamRun::StreamRun(JobTables* job, std::atomic<bool>* stop, const std::atomic<bool>* drain,
                     StreamCheckpoints* checkpoints)
    : job_(job),
      stop_(stop),
      drain_(drain),
      checkpoints_(checkpoints),
      watermarks_(job->graph->nodes().size(), Timestamp::Min()) {}

StreamRun::~StreamRun() = default;

Status StreamRun::Run(std::string_view checkpoint, const std::function<void()>& watch) {
  try {
    MakeOperators();
    if (checkpoint.empty()) {
      Begin();
    } else {
      JOIST_RETURN_IF_ERROR(Restore(checkpoint));
    }
    while (!stop_->load() && NextBundle()) {
      watch();
      if (checkpoints_ != nullptr && checkpoints_->IsDue() && !MakeCheckpoint()) break;
    }
    // So that a job which is done is that when it is started again.
    if (checkpoints_ != nullptr && !is_handed_on_ && !stop_->load()) MakeCheckpoint();
  } catch (const StepFailure& failure) {
    is_retryable_ = failure.retryable;
    return failure.status;
  } catch (const StatusException& e) {
    return e.status();
  } catch (const std::bad_alloc&) {
    return Status(StatusCode::kResourceExhausted, "out of memory");
  } catch (const std::exception& e) {
    return Internal(e.what());
  }
  return OkStatus();
}

OperatorContext StreamRun::ContextOf(int node) {
  const Node& of = job_->graph->nodes()[node];
  OperatorContext context;
  context.step = of.name;
  context.stats = &job_->stats[node];
  context.is_stream = true;
  context.has_checkpoints = checkpoints_ != nullptr;
  if (!of.inputs.empty()) {
    context.windowing = &job_->graph->collections()[of.inputs[0]].windowing;
  }
  if (of.kind == StepKind::kParDo) {
    for (int side : of.side_inputs) {
      const int view = job_->graph->collections()[side].producer;
      context.side_inputs.push_back(static_cast<StreamView&>(*operators_[view]).MakeSideViews());
    }
  }
  return context;
}

void StreamRun::MakeOperators() {
  const auto& nodes = job_->graph->nodes();
  operators_.resize(nodes.size());
  for (int node = 0; node < static_cast<int>(nodes.size()); ++node) {
    if (nodes[node].kind == StepKind::kFlatten) continue;
    const auto& step = static_cast<const Step&>(*nodes[node].payload);
    switch (nodes[node].kind) {
      case StepKind::kRead:
        roots_.push_back({node, step.is_bounded() ? nullptr : step.MakeStreamSource()});
        break;
      case StepKind::kParDo: operators_[node] = step.MakeOperator(ContextOf(node)); break;
      case StepKind::kView: operators_[node] = step.MakeStreamView(ContextOf(node)); break;
      default: operators_[node] = step.MakeStreamOperator(ContextOf(node));
    }
    if (nodes[node].kind != StepKind::kRead && operators_[node] == nullptr) {
      throw StepFailure{
          Status(StatusCode::kUnimplemented,
                 "step \"" + nodes[node].name + "\" cannot take a collection without end"),
          /*retryable=*/false};
    }
  }
  for (size_t node = 0; node < nodes.size(); ++node) {
    if (operators_[node] == nullptr) continue;
    for (size_t port = 0; port < nodes[node].outputs.size(); ++port) {
      for (const auto [consumer, input] : job_->plan.consumers[nodes[node].outputs[port]]) {
        operators_[node]->Connect(static_cast<int>(port), operators_[consumer]->input(input));
      }
    }
  }
  for (Root& root : roots_) {
    if (root.stream == nullptr) continue;
    for (const auto [consumer, input] : job_->plan.consumers[nodes[root.node].outputs[0]]) {
      root.stream->Connect(operators_[consumer]->input(input));
    }
  }
}

std::string StreamRun::Save() {
  const auto& nodes = job_->graph->nodes();
  std::vector<std::string> states(nodes.size());
  for (const Root& root : roots_) {
    PutByte(root.at_end ? 1 : 0, &states[root.node]);
    if (root.stream != nullptr) root.stream->Save(&states[root.node]);
  }
  SavedRun run;
  run.is_drained = is_drained_;
  for (size_t node = 0; node < nodes.size(); ++node) {
    if (operators_[node] != nullptr) {
      try {
        operators_[node]->Save(&states[node]);
      } catch (...) {
        RethrowAsStepFailure(nodes[node].name, "");
      }
    }
    run.steps.push_back({nodes[node].name, watermarks_[node], states[node]});
  }
  return EncodeSavedRun(run);
}

Status StreamRun::Restore(std::string_view checkpoint) {
  const auto& nodes = job_->graph->nodes();
  SavedRun run;
  if (!DecodeSavedRun(checkpoint, &run) || run.steps.size() != nodes.size()) {
    return DataLoss("the checkpoint makes no sense");
  }
  is_drained_ = run.is_drained;
  std::vector<ByteReader> states;
  for (const SavedStep& step : run.steps) states.emplace_back(step.state);
  const auto malformed = [&](size_t node) {
    return DataLoss("the checkpoint's state of step \"" + nodes[node].name + "\" makes no sense");
  };
  for (Root& root : roots_) {
    ByteReader& in = states[root.node];
    uint8_t at_end;
    if (!in.TakeByte(&at_end) || (root.stream != nullptr && !root.stream->Restore(&in))) {
      return malformed(root.node);
    }
    root.at_end = at_end != 0;
  }
  for (size_t node = 0; node < nodes.size(); ++node) {
    watermarks_[node] = run.steps[node].watermark;
    if (operators_[node] != nullptr && !operators_[node]->Restore(&states[node])) {
      return malformed(node);
    }
    if (states[node].remaining() > 0) return malformed(node);
  }
  return OkStatus();
}

bool StreamRun::MakeCheckpoint() {
  is_handed_on_ = !checkpoints_->Keep(Save());
  Commit();
  return !is_handed_on_;
}

void StreamRun::Commit() {
  for (const auto& op : operators_) {
    if (op != nullptr) op->Committed();
  }
}

void StreamRun::Begin() {
  StartBundle();
  for (const Root& root : roots_) {
    if (root.stream == nullptr) ReadToTheEnd(root.node);
  }
  Visit();
}

void StreamRun::ReadToTheEnd(int node) {
  const Node& root = job_->graph->nodes()[node];
  const std::shared_ptr<Source> source = static_cast<const Step&>(*root.payload).MakeSource();
  const Result<std::vector<SourceRange>> ranges = source->Split(1);
  if (!ranges.ok()) {
    throw StepFailure{
        Status(ranges.status().code(), "step \"" + root.name + "\": " + ranges.status().message()),
        /*retryable=*/false};
  }
  const std::unique_ptr<Reader> reader = source->MakeReader(ContextOf(node));
  for (const auto [consumer, input] : job_->plan.consumers[root.outputs[0]]) {
    reader->Connect(operators_[consumer]->input(input));
  }
  for (const SourceRange& range : *ranges) {
    RangeTracker tracker(range, stop_);
    reader->Read(tracker);
  }
}

void StreamRun::Drain() {
  is_drained_ = true;
  for (Root& root : roots_) root.at_end = true;
  for (const auto& op : operators_) {
    if (op != nullptr) op->Drain();
  }
  StartBundle();
  Visit();
}

bool StreamRun::NextBundle() {
  if (drain_->load() && !is_drained_) Drain();
  bool more = false;
  for (Root& root : roots_) {
    if (root.stream == nullptr || root.at_end) continue;
    StartBundle();
    root.at_end = !root.stream->Advance();
    Visit();
    more = more || !root.at_end;
  }
  if (more) return true;
  Timestamp next = NextWork();
  if (next == Timestamp::Max()) {
    const bool waits = std::any_of(operators_.begin(), operators_.end(), [](const auto& op) {
      return op != nullptr && op->awaits_commit();
    });
    if (!waits || checkpoints_ == nullptr || !MakeCheckpoint()) return false;
    next = NextWork();
  }
  // Timers want to be looked at as well, and somebody may want the job to end.
  if (const Duration wait = next - Now(); wait > Duration::Zero()) {
    std::this_thread::sleep_for(std::min(std::chrono::milliseconds(wait.millis), kLongestWait));
  }
  StartBundle();
  Visit();
  return true;
}

Timestamp StreamRun::NextWork() const {
  Timestamp next = Timestamp::Max();
  for (const auto& op : operators_) {
    if (op != nullptr) next = std::min(next, op->next_work());
  }
  return next;
}

Timestamp StreamRun::Now() const {
  bool has_stream = false;
  bool all_ended = true;
  Timestamp now = Timestamp::Max();
  for (const Root& root : roots_) {
    if (root.stream == nullptr) continue;
    has_stream = true;
    all_ended = all_ended && root.at_end;
    now = std::min(now, root.stream->processing_time());
  }
  if (!has_stream) return WallTime();
  // Where a script has ended nothing moves its clock, and nobody is to wait for it.
  return all_ended && NextWork() < Timestamp::Max() ? Timestamp::Max() : now;
}

void StreamRun::StartBundle() {
  for (auto it = operators_.rbegin(); it != operators_.rend(); ++it) {
    if (*it != nullptr) (*it)->Start();
  }
}

Timestamp StreamRun::InputWatermark(int node) const {
  Timestamp least = Timestamp::Max();
  for (int input : job_->graph->nodes()[node].inputs) {
    least = std::min(least, watermarks_[job_->graph->collections()[input].producer]);
  }
  return least;
}

void StreamRun::Visit() {
  const Timestamp now = Now();
  for (const Root& root : roots_) {
    const bool has_ended = root.stream == nullptr || is_drained_;
    watermarks_[root.node] = has_ended ? Timestamp::Max() : root.stream->watermark();
  }
  const auto& nodes = job_->graph->nodes();
  for (int node = 0; node < static_cast<int>(nodes.size()); ++node) {
    if (nodes[node].kind == StepKind::kRead) continue;
    const Timestamp input = InputWatermark(node);
    if (operators_[node] == nullptr) {  // A Flatten.
      watermarks_[node] = input;
      continue;
    }
    Operator& op = *operators_[node];
    op.Resume();
    op.Finish();
    op.AdvanceProcessingTime(now);
    op.AdvanceWatermark(input);
    // What is late holds nothing back.
    watermarks_[node] = std::max(watermarks_[node], std::min(input, op.hold()));
  }
  if (checkpoints_ == nullptr) Commit();
}

}  // namespace joist
