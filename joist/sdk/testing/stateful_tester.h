// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// StatefulTester: one function with state or timers, called step by step by a test that has charge
// of both clocks and looks at the outputs in between. What it runs are the operators of a stream.
//
//   joist::StatefulTester tester(Alarm{});
//   tester.Process({"door", true}, t0);
//   EXPECT_TRUE(tester.TakeOutput().empty());
//   tester.AdvanceWatermarkTo(t0 + joist::Duration::Minutes(5));
//   EXPECT_EQ(tester.TakeOutput().at(0).value, "door was left open");
//
// Belongs to one thread. What the function throws comes out as a StatusException with the step and
// the element, as do mistakes that a pipeline would be refused for.

#ifndef JOIST_SDK_TESTING_STATEFUL_TESTER_H_
#define JOIST_SDK_TESTING_STATEFUL_TESTER_H_

#include <algorithm>
#include <cstddef>
#include <memory>
#include <ostream>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "joist/exec/failure.h"
#include "joist/exec/source.h"
#include "joist/exec/step.h"
#include "joist/model/describe.h"
#include "joist/model/window.h"
#include "joist/sdk/par_do.h"
#include "joist/sdk/testing/test_stream.h"
#include "joist/sdk/window_into.h"

namespace joist {

/// An output, when and where it is.
template <class T>
struct ValueInWindow {
  T value{};
  Timestamp timestamp;
  Window window = Window::Global();

  friend bool operator==(const ValueInWindow&, const ValueInWindow&) = default;
  friend std::ostream& operator<<(std::ostream& out, const ValueInWindow& output) {
    return out << ToDescription(output.value) << " at " << output.timestamp.ToString() << " in "
               << output.window.ToString();
  }
};

/// F: a function that ParDo takes, without side inputs; its element is a KV.
template <class F>
class StatefulTester {
  using In = ElementOfT<typename ParDoTraitsBase<F>::ElementParameter>;
  using Emits = typename ParDoTraits<F, In, ParDoForm::kEmit>::Emits;

 public:
  /// The watermark begins at the minimum, processing time at the epoch. Throws StatusException for
  /// windows in which there can be no state.
  explicit StatefulTester(F fn, const WindowInto& windows = WindowInto(GlobalWindows())) {
    const auto in =
        AddRoot<In>(builder_, MakeStep<TestStreamStep<In>>(std::vector<TestStreamEvent<In>>()));
    in | "Windows" >> windows | "Function" >> ParDo(std::move(fn));
    ThrowIfError(builder_.graph().Validate());
    MakeOperators();
    Run([] {});  // Clocks are set before the first element comes.
  }
  StatefulTester(const StatefulTester&) = delete;
  StatefulTester& operator=(const StatefulTester&) = delete;

  /// One element, as a bundle of its own.
  void Process(const In& element, Timestamp timestamp) { ProcessBundle({{element, timestamp}}); }
  void ProcessBundle(const std::vector<TimestampedValue<In>>& elements) {
    Run([&] {
      for (const auto& [value, timestamp] : elements) source_(ViewOfOwn<In>(value), timestamp);
      source_.Flush();
    });
  }
  /// Later than it is; otherwise it stays.
  void AdvanceWatermarkTo(Timestamp to) {
    watermark_ = std::max(watermark_, to);
    Run([] {});
  }
  /// By `by`, which is not negative.
  void AdvanceProcessingTime(Duration by) {
    now_ = now_ + by;
    Run([] {});
  }
  /// No element comes any more: the watermark goes to the end of time, and windows expire.
  void Finish() { AdvanceWatermarkTo(Timestamp::Max()); }

  /// What went to the output named Tag since the last call, in its order.
  template <class Tag = Main>
  auto TakeOutput() {
    return std::exchange(std::get<IndexOf<Tag>(Emits())>(outputs_).taken, {});
  }
  /// That of the outputs: what state and timers hold back, they hold back here.
  Timestamp output_watermark() const { return steps_.back().watermark; }

 private:
  template <class T>
  struct Output final : BatchReceiver<T> {
    void Push(const Batch<T>& batch) override {
      ForEachUnsliced(batch, [this](const Batch<T>& unsliced) {
        for (size_t i = 0; i < unsliced.count; ++i) {
          taken.push_back({Own<T>(unsliced[i]), unsliced.timestamp(i), unsliced.window(i)});
        }
      });
    }
    std::vector<ValueInWindow<T>> taken;
  };
  template <class List>
  struct OutputsOf;
  template <class... E>
  struct OutputsOf<TypeList<E...>> {
    using type = std::tuple<Output<typename E::value_type>...>;
  };
  template <class Tag, class... E>
  static consteval size_t IndexOf(TypeList<E...>) {
    size_t index = 0;
    const bool found = ((std::is_same_v<typename E::tag_type, Tag> || (++index, false)) || ...);
    static_assert((std::is_same_v<typename E::tag_type, Tag> || ...),
                  "Joist: this function has no output with that tag.");
    return found ? index : 0;
  }
  struct StepAtWork {
    StepStats stats;
    std::unique_ptr<Operator> op;
    Timestamp watermark = Timestamp::Min();  ///< Of its output.
  };

  /// Those of the steps behind the root, each of which has one input, the one before.
  void MakeOperators() {
    const Graph& graph = builder_.graph();
    steps_ = std::vector<StepAtWork>(graph.nodes().size() - 1);
    for (size_t i = 0; i < steps_.size(); ++i) {
      const Node& node = graph.nodes()[i + 1];
      OperatorContext context;
      context.step = node.name;
      context.stats = &steps_[i].stats;
      context.windowing = &graph.collections()[node.inputs[0]].windowing;
      context.is_stream = true;
      const auto& step = static_cast<const Step&>(*node.payload);
      steps_[i].op = node.kind == StepKind::kParDo
                         ? step.MakeOperator(context)
                         : std::move(step.MakeStreamOperators({&context, 1}).front());
      if (i > 0) steps_[i - 1].op->Connect(0, steps_[i].op->input(0));
    }
    source_.Connect(steps_.front().op->input(0));
    std::apply(
        [this](auto&... output) {
          int port = 0;
          (steps_.back().op->Connect(port++, &output), ...);
        },
        outputs_);
  }
  /// A bundle, then the clocks, as StreamRun has it.
  template <class Push>
  void Run(Push push) {
    try {
      for (auto step = steps_.rbegin(); step != steps_.rend(); ++step) step->op->Start();
      push();
      Timestamp watermark = watermark_;
      for (StepAtWork& step : steps_) {
        step.op->Finish();
        step.op->AdvanceProcessingTime(now_);
        step.op->AdvanceWatermark(watermark);
        watermark = step.watermark = std::max(step.watermark, std::min(watermark, step.op->hold()));
      }
      for (const StepAtWork& step : steps_) step.op->Committed();
    } catch (const StepFailure& failure) {
      throw StatusException(failure.status);
    }
  }

  PipelineBuilder builder_;
  StepStats source_stats_;
  SourceOutput<In> source_{&source_stats_};
  typename OutputsOf<Emits>::type outputs_;
  std::vector<StepAtWork> steps_;
  Timestamp watermark_ = Timestamp::Min();
  Timestamp now_ = Timestamp::Millis(0);
};

}  // namespace joist

#endif  // JOIST_SDK_TESTING_STATEFUL_TESTER_H_
