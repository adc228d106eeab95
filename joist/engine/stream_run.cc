// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/engine/stream_run.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <numeric>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "joist/engine/cold_states.h"
#include "joist/engine/saved_run.h"
#include "joist/exec/exchange.h"
#include "joist/exec/wall_time.h"

namespace joist {
namespace {

constexpr std::chrono::milliseconds kLongestWait{10};

}  // namespace

StreamRun::StreamRun(JobTables* job, int lanes, const BundleLimits::Most& bundle,
                     std::atomic<bool>* stop, const std::atomic<bool>* drain,
                     StreamCheckpoints* checkpoints, ColdStates* cold, LaneOrder* order)
    : job_(job),
      stop_(stop),
      drain_(drain),
      checkpoints_(checkpoints),
      cold_(cold),
      lanes_(static_cast<size_t>(lanes)),
      views_(job->graph->nodes().size()),
      watermarks_(job->graph->nodes().size(), Timestamp::Min()),
      limits_(bundle),
      pace_(bundle.time),
      waits_(lanes, watermarks_.size()),
      threads_(lanes, order) {
  for (Lane& lane : lanes_) {
    lane.operators.resize(watermarks_.size());
    lane.watermarks.resize(watermarks_.size(), Timestamp::Min());
    lane.stats.resize(watermarks_.size());
  }
  FindPhases();
  for (int node = 0; node < static_cast<int>(job->graph->nodes().size()); ++node) {
    layouts_.push_back(LayoutOf(*job->graph, node));
  }
}

StreamRun::~StreamRun() = default;

Status StreamRun::Run(const SavedStream* from, const std::function<void()>& watch) {
  struct AtEnd {
    StreamRun* run;
    ~AtEnd() { run->CollectStats(); }
  } const at_end{this};
  try {
    SavedRun saved;
    JOIST_RETURN_IF_ERROR(FindSaved(from == nullptr ? "" : from->run(), &saved));
    MakeOperators();
    if (from != nullptr) JOIST_RETURN_IF_ERROR(Restore(*from, saved));
    watch();
    Begin();
    while (!stop_->load() && NextBundle()) {
      watch();
      if (checkpoints_ == nullptr) continue;
      EndCheckpoint(/*waits=*/false);
      if (!has_begun_checkpoint_ && checkpoints_->IsDue() && !BeginCheckpoint()) break;
    }
    EndCheckpoint(/*waits=*/true);
    // So that a job which is done is that when it is started again.
    if (checkpoints_ != nullptr && !is_handed_on_ && !stop_->load()) MakeCheckpoint();
  } catch (const StepFailure& failure) {
    failure_ = failure;
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

std::optional<KeptBundle> StreamRun::TakeBundle() {
  const auto& nodes = job_->graph->nodes();
  if (recorded_ < 0 || !failure_.has_value() || failure_->step != nodes[recorded_].name) {
    return std::nullopt;
  }
  Lane& lane = lanes_[static_cast<size_t>(threads_.failed_lane())];
  if (!lane.has_bundle) return std::nullopt;  // Not at work: it was to be saved, say.
  KeptBundle bundle = lane.tap->record()->Take();
  for (const int side : nodes[recorded_].side_inputs) {
    const auto view = static_cast<size_t>(job_->graph->collections()[side].producer);
    views_[view]->SaveShown(&bundle.side_inputs.emplace_back());
  }
  return bundle;
}

void StreamRun::FindPhases() {
  const auto& nodes = job_->graph->nodes();
  const auto phase_of_producer = [&](int collection) {
    return phase_of_[static_cast<size_t>(job_->graph->collections()[collection].producer)];
  };
  phase_of_.assign(nodes.size(), 0);
  for (size_t node = 0; node < nodes.size(); ++node) {
    int phase = 0;
    for (const int input : nodes[node].inputs) phase = std::max(phase, phase_of_producer(input));
    const bool changes_lanes =
        nodes[node].kind == StepKind::kGroup || nodes[node].kind == StepKind::kView;
    if (nodes[node].kind == StepKind::kGroup) ++groupings_;
    if (changes_lanes) ++phase;
    for (const int side : nodes[node].side_inputs) {
      phase = std::max(phase, phase_of_producer(side) + 1);
    }
    phase_of_[node] = phase;
    phases_.resize(std::max<size_t>(phases_.size(), static_cast<size_t>(phase) + 1));
    phases_[static_cast<size_t>(phase)].push_back(static_cast<int>(node));
  }
}

Status StreamRun::FindSaved(std::string_view bytes, SavedRun* run) {
  const auto& nodes = job_->graph->nodes();
  ids_.resize(nodes.size());
  std::iota(ids_.begin(), ids_.end(), 0U);
  saved_of_.assign(nodes.size(), kNotSaved);
  if (bytes.empty()) return OkStatus();
  if (!DecodeSavedRun(bytes, run)) return DataLoss("the checkpoint makes no sense");
  std::unordered_map<std::string_view, size_t> by_name;
  uint32_t next_id = 0;
  for (size_t i = 0; i < run->steps.size(); ++i) {
    by_name.emplace(run->steps[i].name, i);
    next_id = std::max(next_id, run->steps[i].id + 1);
  }
  for (size_t node = 0; node < nodes.size(); ++node) {
    const auto found = by_name.find(nodes[node].name);
    if (found == by_name.end()) {
      ids_[node] = next_id++;
      continue;
    }
    const SavedStep& step = run->steps[found->second];
    saved_of_[node] = found->second;
    ids_[node] = step.id;
    const bool has_state = std::any_of(step.states.begin(), step.states.end(),
                                       [](std::string_view state) { return !state.empty(); });
    if (has_state) {
      JOIST_RETURN_IF_ERROR(
          CheckLayout(step.name, step.layout, LayoutOf(*job_->graph, static_cast<int>(node))));
    }
    by_name.erase(found);
  }
  for (const auto& [name, i] : by_name) {
    for (const std::string_view state : run->steps[i].states) {
      if (state.empty()) continue;
      return Status(StatusCode::kFailedPrecondition,
                    "step \"" + std::string(name) +
                        "\" has state in the checkpoint and is not in this program; give this job "
                        "another --checkpoint_dir, or run the program that made it");
    }
  }
  return OkStatus();
}

OperatorContext StreamRun::ContextOf(int node, int lane) {
  const Node& of = job_->graph->nodes()[node];
  OperatorContext context;
  context.step = of.name;
  context.stats = &lanes_[static_cast<size_t>(lane)].stats[static_cast<size_t>(node)];
  context.is_stream = true;
  context.has_checkpoints = checkpoints_ != nullptr;
  context.lane = lane;
  context.lanes = threads_.lanes();
  context.limits = &limits_;
  context.memory = job_->memory;
  context.memory_bytes = job_->memory->sink_part(std::max(groupings_, 1));
  if (node == recorded_) context.record = lanes_[static_cast<size_t>(lane)].tap->record();
  if (cold_ != nullptr) context.cold = cold_->OfStep(ids_[static_cast<size_t>(node)]);
  if (!of.inputs.empty()) {
    context.windowing = &job_->graph->collections()[of.inputs[0]].windowing;
  }
  if (of.kind == StepKind::kParDo) {
    for (int side : of.side_inputs) {
      const int view = job_->graph->collections()[side].producer;
      context.side_inputs.push_back(views_[static_cast<size_t>(view)]->MakeSideViews());
    }
  }
  return context;
}

void StreamRun::MakeOperators() {
  const auto& nodes = job_->graph->nodes();
  for (Lane& lane : lanes_) {
    if (recorded_ < 0) continue;
    lane.tap = std::make_unique<StepTap>(*job_->graph, recorded_, threads_.lanes());
  }
  for (int node = 0; node < static_cast<int>(nodes.size()); ++node) {
    if (nodes[node].kind == StepKind::kFlatten) continue;
    const auto& step = static_cast<const Step&>(*nodes[node].payload);
    switch (nodes[node].kind) {
      case StepKind::kRead:
        roots_.push_back({node, step.is_bounded() ? nullptr : step.MakeStreamSource()});
        break;
      case StepKind::kParDo:
        for (int lane = 0; lane < threads_.lanes(); ++lane) {
          lanes_[static_cast<size_t>(lane)].operators[static_cast<size_t>(node)] =
              step.MakeOperator(ContextOf(node, lane));
        }
        break;
      default: MakeStreamOperators(node);
    }
  }
  for (Lane& lane : lanes_) {
    for (int node = 0; node < static_cast<int>(nodes.size()); ++node) ConnectTo(node, lane);
  }
  for (const Root& root : roots_) {
    if (root.stream == nullptr) continue;
    for (const Consumer& consumer : job_->plan.consumers[nodes[root.node].outputs[0]]) {
      root.stream->Connect(InputOf(consumer, lanes_[0]));
    }
  }
}

void StreamRun::MakeStreamOperators(int node) {
  const Node& of = job_->graph->nodes()[node];
  std::vector<OperatorContext> contexts;
  for (int lane = 0; lane < threads_.lanes(); ++lane) contexts.push_back(ContextOf(node, lane));
  auto operators = static_cast<const Step&>(*of.payload).MakeStreamOperators(contexts);
  if (operators.empty()) {
    throw StepFailure{Status(StatusCode::kUnimplemented,
                             "step \"" + of.name + "\" cannot take a collection without end"),
                      /*retryable=*/false};
  }
  if (of.kind == StepKind::kView) {
    views_[static_cast<size_t>(node)] = dynamic_cast<StreamView*>(operators[0].get());
    JOIST_CHECK(views_[static_cast<size_t>(node)] != nullptr);
  }
  for (size_t lane = 0; lane < lanes_.size(); ++lane) {
    lanes_[lane].operators[static_cast<size_t>(node)] = std::move(operators[lane]);
  }
}

void StreamRun::ConnectTo(int node, Lane& lane) {
  Operator* const op = lane.operators[static_cast<size_t>(node)].get();
  if (op == nullptr) return;
  const auto& outputs = job_->graph->nodes()[node].outputs;
  for (size_t port = 0; port < outputs.size(); ++port) {
    for (const Consumer& consumer : job_->plan.consumers[outputs[port]]) {
      op->Connect(static_cast<int>(port), InputOf(consumer, lane));
    }
  }
}

Receiver* StreamRun::InputOf(const Consumer& consumer, Lane& lane) const {
  const auto node = static_cast<size_t>(consumer.node);
  Receiver* input = lane.operators[node]->input(consumer.input);
  if (consumer.node == recorded_) input = lane.tap->Before(input);
  return lane.scales.Before(*job_->graph, consumer, &lane.stats[node], input);
}

template <class Call>
Status StreamRun::InEachOperator(Call call) {
  const size_t nodes = job_->graph->nodes().size();
  std::vector<uint8_t> is_malformed(nodes);
  threads_.Run([&](int lane) {
    const auto& operators = lanes_[static_cast<size_t>(lane)].operators;
    for (size_t node = 0; node < nodes; ++node) {
      if (operators[node] != nullptr && !call(*operators[node], node, lane)) {
        std::atomic_ref(is_malformed[node]).store(1, std::memory_order_relaxed);
      }
    }
  });
  for (size_t node = 0; node < nodes; ++node) {
    if (is_malformed[node] != 0) return Malformed(node);
  }
  return OkStatus();
}

template <class Take>
void StreamRun::ForEachOperator(Take take) const {
  for (const Lane& lane : lanes_) {
    for (const auto& op : lane.operators) {
      if (op != nullptr) take(*op);
    }
  }
}

bool StreamRun::BeginCheckpoint() {
  const auto& nodes = job_->graph->nodes();
  std::vector<std::vector<SavedState>> states(nodes.size());
  for (const Root& root : roots_) {
    std::string* const whole = states[static_cast<size_t>(root.node)].emplace_back().whole();
    PutByte(root.at_end ? 1 : 0, whole);
    if (root.stream != nullptr) root.stream->Save(whole);
  }
  for (size_t node = 0; node < nodes.size(); ++node) {
    if (lanes_[0].operators[node] != nullptr) states[node].resize(lanes_.size());
  }
  threads_.Run([&](int lane) {
    const auto& operators = lanes_[static_cast<size_t>(lane)].operators;
    for (size_t node = 0; node < nodes.size(); ++node) {
      if (operators[node] == nullptr) continue;
      try {
        operators[node]->Save(&states[node][static_cast<size_t>(lane)]);
      } catch (...) {
        RethrowAsStepFailure(nodes[node].name, "");
      }
    }
  });
  SavedRun run;
  run.is_drained = is_drained_;
  std::vector<StepKeys> keys;
  std::vector<std::string> stats(nodes.size());
  for (size_t node = 0; node < nodes.size(); ++node) {
    StepStats all;
    for (const Lane& lane : lanes_) all.Merge(lane.stats[node]);
    stats[node] = EncodeStats(all);
    SavedStep& step = run.steps.emplace_back();
    step.name = nodes[node].name;
    step.id = ids_[node];
    step.watermark = watermarks_[node];
    step.stats = stats[node];
    step.layout = layouts_[node];
    for (SavedState& state : states[node]) {
      step.states.push_back(*state.whole());
      if (state.keys().empty()) continue;
      keys.push_back({ids_[node], state.TakeKeys()});
    }
  }
  is_handed_on_ = !checkpoints_->Keep(EncodeSavedRun(run), std::move(keys));
  has_begun_checkpoint_ = true;
  return !is_handed_on_;
}

Status StreamRun::Malformed(size_t node) const {
  return DataLoss("the checkpoint's state of step \"" + job_->graph->nodes()[node].name +
                  "\" makes no sense");
}

Status StreamRun::Restore(const SavedStream& from, const SavedRun& run) {
  const auto& nodes = job_->graph->nodes();
  is_drained_ = run.is_drained;
  for (Root& root : roots_) {
    const auto node = static_cast<size_t>(root.node);
    if (saved_of_[node] == kNotSaved) continue;
    const SavedStep& saved = run.steps[saved_of_[node]];
    if (saved.states.size() != 1) return Malformed(node);
    ByteReader in(saved.states[0]);
    uint8_t at_end;
    if (!in.TakeByte(&at_end) || (root.stream != nullptr && !root.stream->Restore(&in)) ||
        in.remaining() > 0) {
      return Malformed(node);
    }
    root.at_end = at_end != 0;
  }
  for (size_t node = 0; node < nodes.size(); ++node) {
    if (saved_of_[node] == kNotSaved) continue;
    const SavedStep& saved = run.steps[saved_of_[node]];
    watermarks_[node] = saved.watermark;
    for (Lane& lane : lanes_) lane.watermarks[node] = watermarks_[node];
    if (!DecodeStats(saved.stats, &lanes_[0].stats[node])) return Malformed(node);
  }
  JOIST_RETURN_IF_ERROR(InEachOperator([&](Operator& op, size_t node, int lane) {
    if (saved_of_[node] == kNotSaved) return true;
    const auto& states = run.steps[saved_of_[node]].states;
    for (size_t i = 0; i < states.size(); ++i) {
      // That of what is in the first lane alone.
      if (states[i].empty()) continue;
      ByteReader in(states[i]);
      const bool is_own = i % lanes_.size() == static_cast<size_t>(lane);
      if (!op.Restore(&in, is_own) || (is_own && in.remaining() > 0)) return false;
    }
    return true;
  }));
  JOIST_RETURN_IF_ERROR(RestoreKeys(from));
  return InEachOperator([](Operator& op, size_t, int) {
    op.Restored();
    return true;
  });
}

Status StreamRun::RestoreKeys(const SavedStream& from) {
  const size_t nodes = job_->graph->nodes().size();
  // What a later file has removed an earlier one may still have.
  std::vector<std::vector<std::unordered_set<std::string>>> removed(lanes_.size());
  for (auto& of_lane : removed) of_lane.resize(nodes);
  return from.ReadKeys([&](const std::vector<StepKeys>& some) -> Status {
    return InEachOperator([&](Operator& op, size_t node, int lane) {
      auto& gone = removed[static_cast<size_t>(lane)][node];
      for (const StepKeys& of : some) {
        if (of.step != ids_[node]) continue;
        ByteReader in(of.keys);
        for (SavedKey key; in.remaining() > 0;) {
          if (!key.Take(&in)) return false;
          if (LaneOfPartition(key.partition, threads_.lanes()) != lane) continue;
          if (key.is_removed) {
            gone.emplace(key.key);
          } else if (gone.empty() || !gone.contains(std::string(key.key))) {
            if (!op.RestoreKey(key)) return false;
          }
        }
      }
      return true;
    });
  });
}

void StreamRun::EndCheckpoint(bool waits) {
  if (!has_begun_checkpoint_ || !checkpoints_->IsSafe(waits)) return;
  has_begun_checkpoint_ = false;
  Commit();
}

bool StreamRun::MakeCheckpoint() {
  const bool goes_on = BeginCheckpoint();
  EndCheckpoint(/*waits=*/true);
  return goes_on;
}

void StreamRun::Commit() {
  ForEachOperator([](Operator& op) { op.Committed(); });
}

void StreamRun::Begin() {
  bool has_begun = false;
  for (const Root& root : roots_) {
    if (saved_of_[static_cast<size_t>(root.node)] != kNotSaved) continue;
    has_begun = true;
    if (root.stream != nullptr) continue;
    const Node& node = job_->graph->nodes()[root.node];
    const std::shared_ptr<Source> source = static_cast<const Step&>(*node.payload).MakeSource();
    const Result<std::vector<SourceRange>> ranges = source->Split(threads_.lanes());
    if (!ranges.ok()) {
      throw StepFailure{Status(ranges.status().code(),
                               "step \"" + node.name + "\": " + ranges.status().message()),
                        /*retryable=*/false};
    }
    threads_.Run([&](int lane) { ReadToTheEnd(root.node, lane, *ranges, source.get()); });
  }
  if (has_begun) RunBundle([] {});
}

void StreamRun::ReadToTheEnd(int node, int lane, const std::vector<SourceRange>& ranges,
                             Source* source) {
  Lane& own = lanes_[static_cast<size_t>(lane)];
  Start(own);
  const std::unique_ptr<Reader> reader = source->MakeReader(ContextOf(node, lane));
  for (const Consumer& consumer : job_->plan.consumers[job_->graph->nodes()[node].outputs[0]]) {
    reader->Connect(InputOf(consumer, own));
  }
  for (auto range = static_cast<size_t>(lane); range < ranges.size(); range += lanes_.size()) {
    RangeTracker tracker(ranges[range], stop_);
    reader->Read(tracker);
  }
}

void StreamRun::Drain() {
  is_drained_ = true;
  for (Root& root : roots_) root.at_end = true;
  ForEachOperator([](Operator& op) { op.Drain(); });
  RunBundle([] {});
}

bool StreamRun::NextBundle() {
  if (drain_->load() && !is_drained_) Drain();
  bool more = false;
  for (Root& root : roots_) {
    if (root.stream == nullptr || root.at_end) continue;
    RunBundle([&root] { root.at_end = !root.stream->Advance(); });
    more = more || !root.at_end;
  }
  if (more) return true;
  Timestamp next = NextWork();
  if (next == Timestamp::Max()) {
    bool waits = false;
    ForEachOperator([&waits](const Operator& op) { waits = waits || op.awaits_commit(); });
    if (!waits || checkpoints_ == nullptr) return false;
    if (has_begun_checkpoint_) {
      EndCheckpoint(/*waits=*/true);
    } else if (!MakeCheckpoint()) {
      return false;
    }
    next = NextWork();
  }
  // Timers want to be looked at as well, and somebody may want the job to end.
  if (const Duration wait = next - Now(); wait > Duration::Zero()) {
    SleepFor(std::min(std::chrono::milliseconds(wait.millis), kLongestWait));
  }
  RunBundle([] {});
  return true;
}

Timestamp StreamRun::NextWork() const {
  Timestamp next = Timestamp::Max();
  ForEachOperator([&next](const Operator& op) { next = std::min(next, op.next_work()); });
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

void StreamRun::RunBundle(FunctionRef<void()> push) {
  ++bundles_;
  limits_.Begin(pace_.time());
  const SteadyTimePoint begin = SteadyTime();
  Start(lanes_[0]);
  push();
  Visit();
  pace_.Note(std::chrono::duration_cast<BundlePace::Time>(SteadyTime() - begin),
             limits_.is_time_up());
}

void StreamRun::Start(Lane& lane) {
  if (std::exchange(lane.has_bundle, true)) return;
  if (lane.tap != nullptr) lane.tap->Begin(*lane.operators[static_cast<size_t>(recorded_)]);
  for (auto op = lane.operators.rbegin(); op != lane.operators.rend(); ++op) {
    if (*op != nullptr) (*op)->Start();
  }
}

void StreamRun::Visit() {
  const Timestamp now = Now();
  for (const Root& root : roots_) {
    const bool has_ended = root.stream == nullptr || is_drained_;
    watermarks_[static_cast<size_t>(root.node)] =
        has_ended ? Timestamp::Max() : root.stream->watermark();
  }
  for (const std::vector<int>& nodes : phases_) {
    threads_.Run([&](int lane) {
      Lane& own = lanes_[static_cast<size_t>(lane)];
      waits_.Begin(lane, nodes, own.stats, Ticks());
      VisitPhase(nodes, own, now);
      waits_.End(lane, nodes, own.stats, Ticks());
    });
    waits_.Charge();
    for (const int node : nodes) {
      const auto n = static_cast<size_t>(node);
      if (views_[n] != nullptr) views_[n]->Publish();
      if (job_->graph->nodes()[n].kind == StepKind::kRead) continue;
      Timestamp least = Timestamp::Max();
      for (const Lane& lane : lanes_) least = std::min(least, lane.watermarks[n]);
      watermarks_[n] = least;
    }
  }
  for (Lane& lane : lanes_) lane.has_bundle = false;
  if (checkpoints_ == nullptr) Commit();
}

void StreamRun::VisitPhase(const std::vector<int>& nodes, Lane& lane, Timestamp now) {
  Start(lane);
  for (const int node : nodes) {
    const auto n = static_cast<size_t>(node);
    if (job_->graph->nodes()[n].kind == StepKind::kRead) continue;
    const Timestamp input = InputWatermark(node, lane);
    if (lane.operators[n] == nullptr) {  // A Flatten.
      lane.watermarks[n] = input;
      continue;
    }
    Operator& op = *lane.operators[n];
    const StepScope scope(&lane.stats[n]);
    if (node == recorded_) lane.tap->record()->SetClocks(now, input);
    op.Receive();
    op.Resume();
    op.Finish();
    op.AdvanceProcessingTime(now);
    op.AdvanceWatermark(input);
    // What is late holds nothing back.
    lane.watermarks[n] = std::max(lane.watermarks[n], std::min(input, op.hold()));
  }
}

Timestamp StreamRun::InputWatermark(int node, const Lane& lane) const {
  Timestamp least = Timestamp::Max();
  for (const int input : job_->graph->nodes()[node].inputs) {
    const auto producer = static_cast<size_t>(job_->graph->collections()[input].producer);
    const bool is_of_lane = job_->graph->nodes()[producer].kind != StepKind::kRead &&
                            phase_of_[producer] == phase_of_[static_cast<size_t>(node)];
    least = std::min(least, is_of_lane ? lane.watermarks[producer] : watermarks_[producer]);
  }
  return least;
}

StreamFigures StreamRun::Figures() const {
  StreamFigures figures;
  figures.lanes = threads_.lanes();
  figures.bundles = bundles_;
  figures.now = Now();
  figures.steps.resize(watermarks_.size());
  for (size_t node = 0; node < watermarks_.size(); ++node) {
    StepFigures& step = figures.steps[node];
    step.watermark = watermarks_[node];
    step.blocked = waits_.blocked(node);
    Timestamp earliest = Timestamp::Max();
    for (const Lane& lane : lanes_) {
      step.stats.Merge(lane.stats[node]);
      if (lane.operators[node] == nullptr) continue;
      const OperatorStatus of_lane = lane.operators[node]->status();
      const Timestamp hold = lane.operators[node]->hold();
      if (hold < earliest) step.holds.holds = of_lane.holds;
      earliest = std::min(earliest, hold);
      step.holds.waiting += of_lane.waiting;
      if (of_lane.backlog.has_value()) {
        step.holds.backlog = step.holds.backlog.value_or(0) + *of_lane.backlog;
      }
      step.holds.keys += of_lane.keys;
      step.holds.cells += of_lane.cells;
      step.holds.bytes += of_lane.bytes;
    }
  }
  return figures;
}

void StreamRun::CollectStats() {
  for (size_t node = 0; node < job_->stats.size(); ++node) {
    StepStats all;
    for (const Lane& lane : lanes_) all.Merge(lane.stats[node]);
    job_->stats[node] = std::move(all);
  }
}

}  // namespace joist
