// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/engine/replay.h"

#include <stdlib.h>

#include <cstdio>
#include <memory>
#include <new>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "joist/engine/step_tap.h"
#include "joist/exec/cold_state.h"
#include "joist/exec/failure.h"
#include "joist/exec/step.h"
#include "joist/exec/stream_operator.h"
#include "joist/sdk/runner.h"

namespace joist {
namespace {

/// What was on disk is among the keys that are kept.
class NothingCold final : public ColdState {
 public:
  bool Get(std::string_view, std::string*) override { return false; }
  void Put(std::string_view, std::string_view) override {}
  void Erase(std::string_view) override {}
};

/// One step with what it needs. Pointers to its members are inside the operator.
class ReplayedStep {
 public:
  ReplayedStep(const Graph& graph, const KeptFailure& failure, int node)
      : graph_(graph), failure_(failure), node_(graph.nodes()[node]) {}

  /// What was known when the bundle began.
  Status Prepare() {
    JOIST_RETURN_IF_ERROR(RestoreSideInputs());
    OperatorContext context;
    context.step = node_.name;
    context.stats = &stats_;
    context.is_stream = failure_.is_stream;
    if (failure_.is_stream) {
      context.windowing = &Input().windowing;
      context.cold = std::make_shared<NothingCold>();
    }
    for (const auto& view : views_) {
      context.side_inputs.push_back(dynamic_cast<StreamView&>(*view).MakeSideViews());
    }
    operator_ = static_cast<const Step&>(*node_.payload).MakeOperator(context);
    outcome_.outputs.resize(node_.outputs.size());
    for (size_t port = 0; port < node_.outputs.size(); ++port) {
      const ElementType& type = *graph_.collections()[node_.outputs[port]].type;
      shows_.push_back(type.tape->make_show(&outcome_.outputs[port]));
      operator_->Connect(static_cast<int>(port), shows_.back().get());
    }
    return RestoreState();
  }
  /// The bundle. Throws StepFailure.
  Status Run() {
    operator_->Start();
    const ElementTape& tape = *Input().type->tape;
    Receiver* const input = operator_->input(0);
    BatchCode code;
    for (const std::string& batch : failure_.bundle.batches) {
      ByteReader in(batch);
      if (!code.Decode(&in, &Input().windowing.window_fn) || !tape.play(&in, code, input)) {
        return Senseless("an element");
      }
    }
    operator_->Resume();
    operator_->Finish();
    if (failure_.bundle.has_clocks) {
      operator_->AdvanceProcessingTime(failure_.bundle.processing_time);
      operator_->AdvanceWatermark(failure_.bundle.watermark);
    }
    return OkStatus();
  }
  ReplayOutcome& outcome() { return outcome_; }

 private:
  const Collection& Input() const { return graph_.collections()[node_.inputs[0]]; }
  static Status Senseless(const char* what) {
    return DataLoss(std::string(what) +
                    " of the kept failure makes no sense; have the element's type, the state's or "
                    "the side input's changed?");
  }
  Status RestoreSideInputs() {
    if (failure_.bundle.side_inputs.size() != node_.side_inputs.size()) {
      return Senseless("a side input");
    }
    for (size_t i = 0; i < node_.side_inputs.size(); ++i) {
      const Node& view = graph_.producer(node_.side_inputs[i]);
      OperatorContext context;
      context.step = view.name;
      context.stats = &stats_;
      context.windowing = &graph_.collections()[view.inputs[0]].windowing;
      context.is_stream = true;
      auto operators =
          static_cast<const Step&>(*view.payload).MakeStreamOperators(std::span(&context, 1));
      ByteReader in(failure_.bundle.side_inputs[i]);
      auto* const shown =
          operators.empty() ? nullptr : dynamic_cast<StreamView*>(operators[0].get());
      if (shown == nullptr || !shown->RestoreShown(&in) || in.remaining() > 0) {
        return Senseless("a side input");
      }
      views_.push_back(std::move(operators[0]));
    }
    return OkStatus();
  }
  Status RestoreState() {
    ByteReader whole(failure_.bundle.whole);
    // Nothing is there where the bundle had not begun.
    if (whole.remaining() > 0 &&
        (!operator_->Restore(&whole, /*is_own=*/true) || whole.remaining() > 0)) {
      return Senseless("the state");
    }
    ByteReader keys(failure_.bundle.keys);
    for (SavedKey key; keys.remaining() > 0;) {
      if (!key.Take(&keys) || key.is_removed || !operator_->RestoreKey(key)) {
        return Senseless("the state");
      }
    }
    operator_->Restored();
    return OkStatus();
  }

  const Graph& graph_;
  const KeptFailure& failure_;
  const Node& node_;
  StepStats stats_;
  ReplayOutcome outcome_;
  std::vector<std::unique_ptr<Operator>> views_;
  std::vector<std::unique_ptr<Receiver>> shows_;
  std::unique_ptr<Operator> operator_;
};

Result<int> FindFailedStep(const Graph& graph, const KeptFailure& failure) {
  const auto refuse = [](const std::string& why) {
    return Status(StatusCode::kFailedPrecondition, why);
  };
  const auto& nodes = graph.nodes();
  for (int node = 0; node < static_cast<int>(nodes.size()); ++node) {
    if (nodes[node].name != failure.step) continue;
    if (graph.Fingerprint() != failure.fingerprint) break;
    JOIST_RETURN_IF_ERROR(StepTap::Check(graph, node));
    return node;
  }
  return refuse("step \"" + failure.step +
                "\" failed in another pipeline than this one: steps have been added, removed, "
                "renamed or given other types, or the program has several and runs this one first");
}

Status RunReplay(const std::string& path, const Graph& graph, int* exit_code) {
  JOIST_RETURN_IF_ERROR(graph.Validate());
  JOIST_ASSIGN_OR_RETURN(const KeptFailure failure, ReadKeptFailure(path));
  JOIST_ASSIGN_OR_RETURN(const ReplayOutcome outcome, Replay(graph, failure));
  const std::string text = DescribeReplay(failure, outcome);
  std::fwrite(text.data(), 1, text.size(), stdout);
  *exit_code = ReplayExitOf(failure, outcome);
  return OkStatus();
}

}  // namespace

Result<ReplayOutcome> Replay(const Graph& graph, const KeptFailure& failure) {
  JOIST_ASSIGN_OR_RETURN(const int node, FindFailedStep(graph, failure));
  ReplayedStep step(graph, failure, node);
  try {
    JOIST_RETURN_IF_ERROR(step.Prepare());
    JOIST_RETURN_IF_ERROR(step.Run());
  } catch (const StepFailure& why) {
    step.outcome().error = why.status.message();
  } catch (const StatusException& e) {
    return e.status();
  } catch (const std::bad_alloc&) {
    return Status(StatusCode::kResourceExhausted, "out of memory");
  }
  return std::move(step.outcome());
}

std::string DescribeReplay(const KeptFailure& failure, const ReplayOutcome& outcome) {
  std::string text;
  for (const ShownElements& output : outcome.outputs) {
    text += "output: " + std::to_string(output.count) + " elements";
    const char* separator = output.first.size() < output.count ? ", the first " : ": ";
    for (const std::string& element : output.first) {
      text += std::exchange(separator, ", ");
      text += element.substr(0, kShownElementBytes);
      if (element.size() > kShownElementBytes) text += "…";
    }
    text += "\n";
  }
  if (!outcome.error.has_value()) return text + "did not fail\n";
  const bool is_same = *outcome.error == failure.error;
  return text + (is_same ? "failed again with the same error: " : "failed with a different one: ") +
         *outcome.error + "\n";
}

ReplayExit ReplayExitOf(const KeptFailure& failure, const ReplayOutcome& outcome) {
  if (!outcome.error.has_value()) return kReplayPassed;
  return *outcome.error == failure.error ? kReplayFailedSame : kReplayFailedOther;
}

void ReplayIfAsked(const Graph& graph, const std::function<void()>& cleanup) {
  const char* const variable = getenv(kReplayVariable);
  if (variable == nullptr) return;
  const std::string path = variable;
  unsetenv(kReplayVariable);  // Not for programs that the function starts.
  int exit_code = 2;
  const Status status = RunReplay(path, graph, &exit_code);
  if (!status.ok()) std::fprintf(stderr, "error: cannot replay: %s\n", status.message().c_str());
  cleanup();
  std::fflush(nullptr);
  std::exit(exit_code);
}

}  // namespace joist
