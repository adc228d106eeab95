// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// CombineStep: combines the values of each key and window. Lifted: every share folds its own input
// into a table, so that what meets at the end is one accumulator a key and share; then the tables
// are merged, a hash range a thread. A table that would exceed the share's part of the memory
// budget goes to disk as a run in the order of its hashes, and a new one begins.
//
// A CombineFn is a struct with
//   Accumulator                                     a default-constructible type
//   Accumulator CreateAccumulator() const
//   void AddInput(Accumulator&, View<In>) const
//   void MergeAccumulators(Accumulator&, const Accumulator&) const
//   Out ExtractOutput(const Accumulator&) const
// and optionally
//   bool HasOutput(const Accumulator&) const        whether there is a result, of no input say
// which must not depend on the order of inputs or of merging.

#ifndef JOIST_EXEC_COMBINE_H_
#define JOIST_EXEC_COMBINE_H_

#include <limits>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "joist/exec/combine_tables.h"
#include "joist/exec/failure.h"
#include "joist/exec/fold_groups.h"
#include "joist/exec/on_time_combine.h"
#include "joist/exec/step.h"
#include "joist/exec/stream_combine.h"
#include "joist/exec/window_shares.h"

namespace joist {

template <class K, class V, class F>
class CombineBreaker final : public Breaker {
  using Gathered = CombineGathered<K, F>;

 public:
  CombineBreaker(F fn, const BreakerContext& context) : fn_(std::move(fn)), context_(context) {}

  std::unique_ptr<Operator> MakeSink(const OperatorContext& context) override {
    return std::unique_ptr<Operator>(new Sink(&fn_, context));
  }

  void Commit(Operator& sink) override {
    windows_.Commit(static_cast<Sink&>(sink).gatherer_.windows());
  }

  void Seal(int) override {
    Shrink();
    windows_.JoinSlices([](const Gathered& gathered) { return gathered.runs.empty(); });
  }

  void Shrink() {
    if constexpr (Gathered::kSpills) {
      if (context_.memory == nullptr) return;
      SharedSpillFile file(context_.memory);
      windows_.Shrink(context_.memory->sealed_part(), [&](Gathered& gathered) {
        gathered.SpillWhole(file, &fn_, std::numeric_limits<int64_t>::max());
      });
    }
  }

  std::shared_ptr<Source> MakeOutput() override {
    return std::unique_ptr<Source>(new WindowSource<CombineBreaker>(this));
  }

  const WindowShares<Gathered>& windows() const { return windows_; }
  int64_t PartsOf(const typename WindowShares<Gathered>::Item& window) const {
    return int64_t{1} << CombineReader<K, F>::PartitionBits(window.shares);
  }
  std::unique_ptr<Reader> MakePartReader(const OperatorContext& context) const {
    return std::unique_ptr<Reader>(
        new CombineReader<K, F>(&fn_, &windows_, context_.memory, context));
  }

 private:
  /// A share's own tables, one a window.
  class Sink final : public Operator, public BatchReceiver<KV<K, V>> {
   public:
    Sink(const F* fn, const OperatorContext& context) : context_(context), gatherer_(fn, context) {}
    Receiver* input(int) override { return static_cast<BatchReceiver<KV<K, V>>*>(this); }
    void Connect(int, Receiver*) override {}

    void Push(const Batch<KV<K, V>>& batch) override {
      const StepScope scope(context_.stats);
      context_.stats->elements_in += batch.count;
      ++context_.stats->batches_in;
      ForEachWindowRun(batch, [&](const Window& window, size_t first, size_t count) {
        gatherer_.Add({window, batch.meta.slices_of}, batch, first, count);
      });
    }
    void Finish() override {
      const StepScope scope(context_.stats);
      try {
        gatherer_.Finish();
      } catch (...) {
        RethrowAsStepFailure(context_.step, "");
      }
    }

   private:
    friend class CombineBreaker;
    OperatorContext context_;
    CombineGatherer<K, V, F> gatherer_;
  };

  F fn_;
  BreakerContext context_;
  WindowShares<Gathered> windows_;
};

template <class K, class V, class F>
class CombineStep final : public StepOf<CombineStep<K, V, F>, F> {
 public:
  using StepOf<CombineStep<K, V, F>, F>::StepOf;
  StepKind kind() const override { return StepKind::kGroup; }
  bool groups() const override { return true; }
  std::vector<const ElementType*> outputs() const override {
    return {&element_type<KV<K, CombinedOf<F>>>};
  }
  std::unique_ptr<Breaker> MakeBreaker(const BreakerContext& context) const override {
    if (context.windowing != nullptr && context.windowing->needs_element_times()) {
      return std::unique_ptr<Breaker>(
          new FoldGroupsBreaker<K, V, F, CombinedOf<F>>(this->definition(), context));
    }
    return std::unique_ptr<Breaker>(new CombineBreaker<K, V, F>(this->definition(), context));
  }
  std::vector<std::unique_ptr<Operator>> MakeStreamOperators(
      std::span<const OperatorContext> lanes) const override {
    const WindowingStrategy* const windowing = lanes.front().windowing;
    if (windowing == nullptr || windowing->fires_once_on_time()) {
      return MakeLanes<OnTimeCombine<K, V, F>>(lanes, this->definition());
    }
    return MakeLanes<StreamCombine<K, V, F, CombinedOf<F>>>(lanes, this->definition());
  }
  std::vector<StateCell> state_cells() const override {
    return {{"accumulator", AccumulatorCode<AccumulatorOf<F>>::Spec()}};
  }
};

}  // namespace joist

#endif  // JOIST_EXEC_COMBINE_H_
