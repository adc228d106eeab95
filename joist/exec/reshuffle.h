// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// ReshuffleStep: keeps all elements, then gives them out again in pieces that any thread may take.
// It ends a stage: what follows is retried without what came before. The planner puts one in where
// a step needs a side input that its own stage produces.

#ifndef JOIST_EXEC_RESHUFFLE_H_
#define JOIST_EXEC_RESHUFFLE_H_

#include <memory>
#include <utility>
#include <vector>

#include "joist/exec/exchange.h"
#include "joist/exec/failure.h"
#include "joist/exec/spool.h"
#include "joist/exec/stable_input.h"
#include "joist/exec/step.h"

namespace joist {

/// Fills a spool; the sink of all that keep elements as they are.
template <class T>
class SpoolSink final : public Operator, public BatchReceiver<T> {
 public:
  explicit SpoolSink(const OperatorContext& context) : context_(context), use_(context.memory) {}
  Receiver* input(int) override { return static_cast<BatchReceiver<T>*>(this); }
  void Connect(int, Receiver*) override {}
  void Push(const Batch<T>& batch) override {
    const StepScope scope(context_.stats);
    context_.stats->elements_in += batch.count;
    ++context_.stats->batches_in;
    ForEachUnsliced(batch, [this](const Batch<T>& unsliced) { spool_->Append(unsliced); });
    Hold(context_.memory_bytes);
  }
  /// What a share keeps for good is half of what it may gather.
  void Finish() override {
    const StepScope scope(context_.stats);
    Hold(context_.memory_bytes / 2);
  }
  std::shared_ptr<Spool<T>> Take() {
    use_.Set(0);  // Whoever takes it counts it.
    return std::move(spool_);
  }

 private:
  void Hold(int64_t most_bytes) {
    if (spool_->held_bytes() > most_bytes) [[unlikely]] {
      try {
        spool_->Spill(context_.memory);
      } catch (...) {
        RethrowAsStepFailure(context_.step, "");
      }
    }
    use_.Set(spool_->held_bytes());
  }

  OperatorContext context_;
  MemoryUse use_;
  std::shared_ptr<Spool<T>> spool_ = std::make_shared<Spool<T>>();
};

/// The committed spools of all shares.
template <class T>
class CommittedSpools {
 public:
  explicit CommittedSpools(MemoryBudget* memory) : memory_(memory), use_(memory) {}
  void Commit(std::shared_ptr<Spool<T>> spool) {
    spools_.push_back(std::move(spool));
    use_.Set(use_.bytes() + spools_.back()->held_bytes());
  }
  /// All are there. Throws StatusException.
  void Seal() {
    if (memory_ == nullptr) return;
    ShrinkSpools(spools_, memory_->sealed_part(), memory_);
    Count();
  }
  /// Lets go of spools that nobody else has.
  void ReleaseUnshared() {
    std::erase_if(spools_, [](const auto& spool) { return spool.use_count() == 1; });
    Count();
  }
  const Spools<T>& spools() const { return spools_; }
  MemoryBudget* memory() const { return memory_; }

 private:
  void Count() {
    int64_t held = 0;
    for (const auto& spool : spools_) held += spool->held_bytes();
    use_.Set(held);
  }

  MemoryBudget* memory_;
  MemoryUse use_;
  Spools<T> spools_;
};

template <class T>
class ReshuffleBreaker final : public Breaker {
 public:
  explicit ReshuffleBreaker(const BreakerContext& context) : committed_(context.memory) {}
  std::unique_ptr<Operator> MakeSink(const OperatorContext& context) override {
    return std::unique_ptr<Operator>(new SpoolSink<T>(context));
  }
  void Commit(Operator& sink) override {
    committed_.Commit(static_cast<SpoolSink<T>&>(sink).Take());
  }
  void Seal(int) override { committed_.Seal(); }
  std::shared_ptr<Source> MakeOutput() override {
    return std::unique_ptr<Source>(new SpoolSource(&committed_.spools()));
  }

 private:
  class SpoolSource final : public Source {
   public:
    explicit SpoolSource(const Spools<T>* spools) : spools_(spools) {}
    Result<std::vector<SourceRange>> Split(int) override {
      std::vector<SourceRange> ranges;
      for (uint32_t i = 0; i < spools_->size(); ++i) {
        ranges.push_back({i, 0, static_cast<int64_t>((*spools_)[i]->blocks().size()), true});
      }
      return ranges;
    }
    std::unique_ptr<Reader> MakeReader(const OperatorContext& context) override {
      return std::unique_ptr<Reader>(new SpoolReader(spools_, context));
    }

   private:
    const Spools<T>* spools_;
  };

  class SpoolReader final : public Reader {
   public:
    SpoolReader(const Spools<T>* spools, const OperatorContext& context)
        : spools_(spools), context_(context) {}
    void Connect(Receiver* consumer) override { output_.Connect(consumer); }
    void Read(RangeTracker& tracker) override {
      const StepScope scope(context_.stats);
      const Spool<T>& spool = *(*spools_)[tracker.item()];
      int64_t begin, end;
      try {
        while (tracker.Claim(1, &begin, &end)) {
          const auto& block = spool.blocks()[static_cast<size_t>(begin)];
          context_.stats->elements_out += block.size;
          player_.Play(spool, block, output_);
        }
      } catch (...) {
        RethrowAsStepFailure(context_.step, "");
      }
    }

   private:
    const Spools<T>* spools_;
    OperatorContext context_;
    SpoolPlayer<T> player_;
    Output<T> output_;
  };

  CommittedSpools<T> committed_;
};

/// In a stream: elements change lanes.
template <class T, class How>
class StreamReshuffle final : public Operator, public BatchReceiver<T> {
 public:
  using Exchange = joist::Exchange<T>;
  StreamReshuffle(const OperatorContext& context, std::shared_ptr<Exchange> exchange)
      : stats_(context.stats), input_(context, std::move(exchange), this) {}
  Receiver* input(int) override { return static_cast<BatchReceiver<T>*>(&input_); }
  void Receive() override { input_.Receive(); }
  void Connect(int, Receiver* consumer) override { output_.Connect(consumer); }
  void Push(const Batch<T>& batch) override {
    stats_->elements_in += batch.count;
    stats_->elements_out += batch.count;
    ++stats_->batches_in;
    output_.Push(batch);
  }

 private:
  StepStats* stats_;
  DealtInput<T, How> input_;
  Output<T> output_;
};

/// `kIsStable`: what is behind it sees the same elements when it is tried again.
template <class T, bool kIsStable = false>
class ReshuffleStep final : public StepOf<ReshuffleStep<T, kIsStable>, NoState> {
 public:
  using StepOf<ReshuffleStep<T, kIsStable>, NoState>::StepOf;
  StepKind kind() const override { return StepKind::kGroup; }
  std::vector<const ElementType*> outputs() const override { return {&element_type<T>}; }
  std::unique_ptr<Breaker> MakeBreaker(const BreakerContext& context) const override {
    return std::unique_ptr<Breaker>(new ReshuffleBreaker<T>(context));
  }
  std::vector<std::unique_ptr<Operator>> MakeStreamOperators(
      std::span<const OperatorContext> lanes) const override {
    if constexpr (kIsStable) {
      return MakeLanes<StableInput<T>>(lanes);
    } else {
      return MakeLanes<StreamReshuffle<T, ByTurns>>(lanes);
    }
  }
};

}  // namespace joist

#endif  // JOIST_EXEC_RESHUFFLE_H_
