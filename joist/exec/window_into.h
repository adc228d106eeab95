// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// WindowIntoStep: puts elements into the windows of a function. WithTimestampsStep: gives them
// timestamps. Neither changes a value: batches pass with other times.

#ifndef JOIST_EXEC_WINDOW_INTO_H_
#define JOIST_EXEC_WINDOW_INTO_H_

#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "joist/exec/failure.h"
#include "joist/exec/signature.h"
#include "joist/exec/step.h"
#include "joist/exec/window_assigner.h"
#include "joist/model/describe.h"
#include "joist/model/windowing_change.h"

namespace joist {

template <class T>
class WindowIntoStep final : public StepOf<WindowIntoStep<T>, WindowingChange> {
  using Base = StepOf<WindowIntoStep<T>, WindowingChange>;

 public:
  explicit WindowIntoStep(WindowingChange change)
      : Base(change), fn_(change.window_fn.value_or(WindowFn())) {}
  StepKind kind() const override { return StepKind::kParDo; }
  std::vector<const ElementType*> outputs() const override { return {&element_type<T>}; }
  WindowingStrategy OutputWindowing(const WindowingStrategy& input) const override {
    return this->definition().Apply(input);
  }
  std::unique_ptr<Operator> MakeOperator(const OperatorContext& context) const override {
    const bool assigns = this->definition().window_fn.has_value();
    return std::unique_ptr<Operator>(new Assign(assigns ? &fn_ : nullptr, context));
  }

 private:
  class Assign final : public Operator, public BatchReceiver<T> {
   public:
    /// `fn` may be null: windows stay.
    Assign(const WindowFn* fn, const OperatorContext& context)
        : assigns_(fn != nullptr), assigner_(fn != nullptr ? fn : &kGlobal), context_(context) {}
    Receiver* input(int) override { return static_cast<BatchReceiver<T>*>(this); }
    void Connect(int, Receiver* consumer) override { output_.Connect(consumer); }
    void Push(const Batch<T>& batch) override {
      context_.stats->elements_in += batch.count;
      ++context_.stats->batches_in;
      if (!assigns_) return Give(batch);
      try {
        ForEachUnsliced(batch, [this](const Batch<T>& unsliced) {
          assigner_.Assign(
              unsliced.meta, unsliced.count,
              [&](size_t i) -> const std::vector<Window>& {
                return WindowsOf(unsliced[i], unsliced.timestamp(i));
              },
              [&](size_t first, size_t count, const Meta& meta) {
                Give({unsliced.values.From(first), count, meta});
              });
        });
      } catch (...) {
        RethrowAsStepFailure(context_.step, "");
      }
    }

   private:
    static inline const WindowFn kGlobal;
    struct NoValue {};
    static constexpr bool kHasValues = PassingOf<const T&, T>() != Passing::kNone;
    void Give(const Batch<T>& batch) {
      context_.stats->elements_out += batch.count;
      output_.Push(batch);
    }
    /// By a function that looks at elements.
    const std::vector<Window>& WindowsOf([[maybe_unused]] const View<T>& element, Timestamp t) {
      if constexpr (kHasValues) {
        const T& value = element_(element);
        return assigner_.Custom(&value, t);
      } else {
        return assigner_.Custom(nullptr, t);
      }
    }

    bool assigns_;
    WindowAssigner assigner_;
    OperatorContext context_;
    [[no_unique_address]] std::conditional_t<kHasValues, ElementArgument<const T&, T>, NoValue>
        element_;
    Output<T> output_;
  };

  WindowFn fn_;
};

/// F: a function from an element to its Timestamp.
template <class T, class F>
class WithTimestampsStep final : public StepOf<WithTimestampsStep<T, F>, F> {
 public:
  using StepOf<WithTimestampsStep<T, F>, F>::StepOf;
  StepKind kind() const override { return StepKind::kParDo; }
  std::vector<const ElementType*> outputs() const override { return {&element_type<T>}; }
  std::unique_ptr<Operator> MakeOperator(const OperatorContext& context) const override {
    return std::unique_ptr<Operator>(new Stamp(this->definition(), context));
  }

 private:
  class Stamp final : public Operator, public BatchReceiver<T> {
   public:
    Stamp(F fn, const OperatorContext& context) : fn_(std::move(fn)), context_(context) {}
    Receiver* input(int) override { return static_cast<BatchReceiver<T>*>(this); }
    void Connect(int, Receiver* consumer) override { output_.Connect(consumer); }
    void Push(const Batch<T>& batch) override {
      const StepScope scope(context_.stats);
      context_.stats->elements_in += batch.count;
      ++context_.stats->batches_in;
      size_t i = 0;
      try {
        for (; i < batch.count; ++i) timestamps_[i] = fn_(argument_(batch[i]));
      } catch (...) {
        std::string element;
        Describe(batch[i], &element);
        RethrowAsStepFailure(context_.step, element);
      }
      Batch<T> stamped = batch;
      stamped.meta.timestamps = SharedColumn<Timestamp>(timestamps_.data());
      context_.stats->elements_out += batch.count;
      output_.Push(stamped);
    }

   private:
    using Parameter = typename signature::First<typename signature::Of<F>::Parameters>::type;
    F fn_;
    OperatorContext context_;
    [[no_unique_address]] ElementArgument<Parameter, T> argument_;
    std::vector<Timestamp> timestamps_ = std::vector<Timestamp>(kBatchSize);
    Output<T> output_;
  };
};

}  // namespace joist

#endif  // JOIST_EXEC_WINDOW_INTO_H_
