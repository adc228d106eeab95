// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// ReshuffleStep: keeps all elements, then gives them out again in pieces that any thread may take.
// It ends a stage: what follows is retried without what came before. The planner puts one in where
// a step needs a side input that its own stage produces.

#ifndef JOIST_EXEC_RESHUFFLE_H_
#define JOIST_EXEC_RESHUFFLE_H_

#include <memory>
#include <vector>

#include "joist/exec/spool.h"
#include "joist/exec/step.h"

namespace joist {

/// Fills a spool; the sink of all that keep elements as they are.
template <class T>
class SpoolSink final : public Operator, public BatchReceiver<T> {
 public:
  explicit SpoolSink(const OperatorContext& context) : context_(context) {}
  Receiver* input(int) override { return static_cast<BatchReceiver<T>*>(this); }
  void Connect(int, Receiver*) override {}
  void Push(const Batch<T>& batch) override {
    const StepScope scope(context_.stats);
    context_.stats->elements_in += batch.count;
    ++context_.stats->batches_in;
    spool_->Append(batch);
  }
  std::shared_ptr<Spool<T>> Take() { return std::move(spool_); }

 private:
  OperatorContext context_;
  std::shared_ptr<Spool<T>> spool_ = std::make_shared<Spool<T>>();
};

template <class T>
class ReshuffleBreaker final : public Breaker {
 public:
  std::unique_ptr<Operator> MakeSink(const OperatorContext& context) override {
    return std::make_unique<SpoolSink<T>>(context);
  }
  void Commit(Operator& sink) override {
    spools_.push_back(static_cast<SpoolSink<T>&>(sink).Take());
  }
  void Seal(int) override {}
  std::shared_ptr<Source> MakeOutput() override { return std::make_shared<Spools>(spools_); }

 private:
  using SpoolList = std::vector<std::shared_ptr<Spool<T>>>;

  class Spools final : public Source {
   public:
    explicit Spools(SpoolList spools) : spools_(std::move(spools)) {}
    Result<std::vector<SourceRange>> Split(int) override {
      std::vector<SourceRange> ranges;
      for (uint32_t i = 0; i < spools_.size(); ++i) {
        ranges.push_back({i, 0, static_cast<int64_t>(spools_[i]->blocks().size()), true});
      }
      return ranges;
    }
    std::unique_ptr<Reader> MakeReader(const OperatorContext& context) override {
      return std::make_unique<SpoolReader>(spools_, context);
    }

   private:
    SpoolList spools_;
  };

  class SpoolReader final : public Reader {
   public:
    SpoolReader(SpoolList spools, const OperatorContext& context)
        : spools_(std::move(spools)), context_(context) {}
    void Connect(Receiver* consumer) override { output_.Connect(consumer); }
    void Read(RangeTracker& tracker) override {
      const StepScope scope(context_.stats);
      int64_t begin, end;
      while (tracker.Claim(1, &begin, &end)) {
        const auto& block = spools_[tracker.range().item]->blocks()[static_cast<size_t>(begin)];
        context_.stats->elements_out += block.values.size();
        player_.Play(block, output_);
      }
    }

   private:
    SpoolList spools_;
    OperatorContext context_;
    SpoolPlayer<T> player_;
    Output<T> output_;
  };

  SpoolList spools_;
};

template <class T>
class ReshuffleStep final : public StepOf<ReshuffleStep<T>, NoState> {
 public:
  using StepOf<ReshuffleStep<T>, NoState>::StepOf;
  StepKind kind() const override { return StepKind::kGroup; }
  std::vector<const ElementType*> outputs() const override { return {&element_type<T>}; }
  std::unique_ptr<Breaker> MakeBreaker(const BreakerContext&) const override {
    return std::make_unique<ReshuffleBreaker<T>>();
  }
};

}  // namespace joist

#endif  // JOIST_EXEC_RESHUFFLE_H_
