// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// KeepWorkStep: the work of a splittable function, between its two halves.
//
// Bounded input is kept until it is complete. Then threads take it element by element; one that
// has nothing to do asks another that is in the middle of an element for half of what is left of
// it. A stream keeps what is to be done and what is to be gone on with, and gives each to the
// function for a part of a bundle (exec/bundle_limits.h).

#ifndef JOIST_EXEC_KEEP_WORK_H_
#define JOIST_EXEC_KEEP_WORK_H_

#include <algorithm>
#include <chrono>
#include <deque>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "joist/exec/reshuffle.h"
#include "joist/exec/restriction_work.h"
#include "joist/exec/saved_element.h"
#include "joist/exec/step.h"
#include "joist/exec/wall_time.h"

namespace joist {

/// An element with its work, kept by itself.
template <class T, class R>
class KeptWork {
  using W = KV<T, RestrictionWork<R>>;

 public:
  KeptWork(const View<W>& work, Timestamp timestamp, const Window& window, const PaneInfo& pane)
      : stored_(ElementForm<W>::Store(work, arena_)),
        meta_{SharedColumn<Timestamp>(timestamp), SharedColumn<Window>(window),
              SharedColumn<PaneInfo>(pane)} {}
  View<T> element() const { return ElementForm<T>::ViewOf(stored_.key); }
  const RestrictionWork<R>& work() const { return stored_.value; }
  const Meta& meta() const { return meta_; }

 private:
  Arena arena_;
  Stored<W> stored_;
  Meta meta_;
};

/// Gives single pieces of work to the function.
template <class T, class R>
class WorkOutput {
  using W = KV<T, RestrictionWork<R>>;

 public:
  void Connect(Receiver* consumer) { output_.Connect(consumer); }
  void Push(const View<T>& element, RestrictionWork<R> work, const Meta& meta,
            WorkControl<R>* control) {
    work.control = control;
    column_.writer().SetView(0, View<W>{element, work});
    output_.Push({column_.view(), 1, meta});
  }

 private:
  ColumnBuffer<W> column_;
  Output<W> output_;
};

template <class T, class R>
class KeepWorkBreaker final : public Breaker {
  using W = KV<T, RestrictionWork<R>>;

 public:
  explicit KeepWorkBreaker(const BreakerContext& context) : committed_(context.memory) {}
  std::unique_ptr<Operator> MakeSink(const OperatorContext& context) override {
    return std::unique_ptr<Operator>(new SpoolSink<W>(context));
  }
  void Commit(Operator& sink) override {
    committed_.Commit(static_cast<SpoolSink<W>&>(sink).Take());
  }
  void Seal(int) override { committed_.Seal(); }
  std::shared_ptr<Source> MakeOutput() override {
    return std::unique_ptr<Source>(new WorkSource(&committed_.spools()));
  }

 private:
  /// Where an element lies: a range's item and the position in it.
  using Place = std::pair<uint32_t, int64_t>;

  /// Items are the spools, and after them the parts of elements that were shared out. Positions are
  /// elements.
  class WorkSource final : public Source {
   public:
    explicit WorkSource(const Spools<W>* spools) : spools_(spools) {}
    Result<std::vector<SourceRange>> Split(int) override {
      std::vector<SourceRange> ranges;
      for (uint32_t i = 0; i < spools_->size(); ++i) {
        ranges.push_back({i, 0, static_cast<int64_t>((*spools_)[i]->size()), true});
      }
      return ranges;
    }
    std::unique_ptr<Reader> MakeReader(const OperatorContext& context) override {
      return std::unique_ptr<Reader>(new WorkReader(this, context));
    }

    const Spools<W>& spools() const { return *spools_; }
    bool IsSpool(uint32_t item) const { return item < spools_->size(); }
    const KeptWork<T, R>& part(uint32_t item) const {
      const std::lock_guard lock(mutex_);
      return parts_[item - spools_->size()];
    }
    /// What is left of an element of which parts were shared out; null if none were.
    std::optional<R> KeptOf(const Place& place) const {
      const std::lock_guard lock(mutex_);
      const auto found = kept_.find(place);
      return found == kept_.end() ? std::nullopt : std::optional<R>(found->second);
    }
    /// Shares `part` out of the element at `from`, which keeps `kept`.
    SourceRange AddPart(const Place& from, R kept, const View<W>& part, const Meta& meta) {
      const std::lock_guard lock(mutex_);
      kept_.insert_or_assign(from, std::move(kept));
      parts_.emplace_back(part, meta.timestamps[0], meta.windows[0], meta.panes[0]);
      return {static_cast<uint32_t>(spools_->size() + parts_.size() - 1), 0, 1, false};
    }

   private:
    const Spools<W>* spools_;
    mutable std::mutex mutex_;
    std::deque<KeptWork<T, R>> parts_;  ///< They stay where they are.
    std::map<Place, R> kept_;
  };

  class WorkReader final : public Reader {
   public:
    WorkReader(WorkSource* source, const OperatorContext& context)
        : source_(source), context_(context) {}
    void Connect(Receiver* consumer) override { output_.Connect(consumer); }
    void Read(RangeTracker& tracker) override {
      const StepScope scope(context_.stats);
      const SourceRange range = tracker.Remaining();
      try {
        int64_t begin, end;
        if (!source_->IsSpool(range.item)) {
          if (!tracker.Claim(1, &begin, &end)) return;
          const KeptWork<T, R>& part = source_->part(range.item);
          Run(part.element(), part.work(), part.meta(), {range.item, begin}, tracker);
          return;
        }
        SpoolCursor cursor(source_->spools()[range.item].get());
        // Many small elements are not claimed one by one.
        const int64_t step = std::clamp<int64_t>((range.end - range.begin) / 1000, 1, kBatchSize);
        while (tracker.Claim(step, &begin, &end)) {
          for (; begin < end; ++begin) {
            const auto [stored, meta] = cursor.At(static_cast<size_t>(begin));
            const View<W> work = ElementForm<W>::ViewOf(*stored);
            Run(work.key, work.value, meta, {range.item, begin}, tracker);
          }
        }
      } catch (...) {
        RethrowAsStepFailure(context_.step, "");
      }
    }

   private:
    /// Elements of a spool in ascending order.
    class SpoolCursor {
     public:
      explicit SpoolCursor(const Spool<W>* spool) : spool_(spool) {}
      std::pair<const Stored<W>*, Meta> At(size_t i) {
        const auto* block = &spool_->blocks()[block_];
        while (i >= first_ + block->size) {
          first_ += block->size;
          block = &spool_->blocks()[++block_];
          loaded_ = false;
        }
        if (!loaded_) spool_->Load(*block, &page_, &columns_);
        loaded_ = true;
        const size_t at = i - first_;
        if (!block->has_columns) return {&page_.values[at], block->constant};
        const Meta meta = block->is_on_disk() ? columns_.view() : block->columns.view();
        return {&page_.values[at],
                {SharedColumn<Timestamp>(meta.timestamps[at]),
                 SharedColumn<Window>(meta.windows[at]), SharedColumn<PaneInfo>(meta.panes[at])}};
      }

     private:
      const Spool<W>* spool_;
      size_t block_ = 0;
      size_t first_ = 0;  ///< Of the block.
      bool loaded_ = false;
      Page<W> page_;
      MetaColumns columns_;
    };

    /// Shares out what is being worked on.
    struct Sharer final : RangeTracker::Sharer {
      WorkSource* source;
      WorkControl<R>* control;
      View<T> element;
      const Meta* meta;
      Place place;
      Sharer(WorkSource* source, WorkControl<R>* control, const View<T>& element, const Meta* meta,
             Place place)
          : source(source), control(control), element(element), meta(meta), place(place) {}
      std::optional<SourceRange> Share() override {
        std::optional<typename WorkControl<R>::Shared> shared = control->TakeShared();
        if (!shared.has_value()) {
          control->Ask();
          return std::nullopt;
        }
        return source->AddPart(place, std::move(shared->primary), View<W>{element, shared->rest},
                               *meta);
      }
    };

    /// Works on an element until nothing is left of it but what was shared out.
    void Run(const View<T>& element, RestrictionWork<R> work, const Meta& meta, const Place& place,
             RangeTracker& tracker) {
      if (std::optional<R> kept = source_->KeptOf(place)) work.restriction = std::move(*kept);
      WorkControl<R> control(tracker.cancelled_flag());
      context_.stats->elements_out += 1;
      std::vector<RestOfWork<R>> rests;
      {
        Sharer sharer(source_, &control, element, &meta, place);
        const RangeTracker::SharedBy shared(&tracker, &sharer);
        control.Begin(WallTime(), std::nullopt);
        output_.Push(element, std::move(work), meta, &control);
      }
      // From here on it is not shared: a retry begins with one restriction.
      control.EndAsking();
      rests = control.TakeRests();
      if (auto shared = control.TakeShared()) rests.push_back({std::move(shared->rest), {}});
      while (!rests.empty() && !tracker.cancelled()) {
        RestOfWork<R> rest = std::move(rests.front());
        rests.erase(rests.begin());
        Wait(rest.delay, tracker);
        control.Begin(WallTime(), std::nullopt);
        output_.Push(element, std::move(rest.work), meta, &control);
        for (auto& more : control.TakeRests()) rests.push_back(std::move(more));
      }
    }
    static void Wait(Duration delay, const RangeTracker& tracker) {
      const auto until = SteadyTime() + std::chrono::milliseconds(delay.millis);
      while (!tracker.cancelled() && SteadyTime() < until) {
        SleepFor(std::chrono::milliseconds(1));
      }
    }

    WorkSource* source_;
    OperatorContext context_;
    WorkOutput<T, R> output_;
  };

  CommittedSpools<W> committed_;
};

/// In a stream.
template <class T, class R>
class StreamWork final : public Operator, public BatchReceiver<KV<T, RestrictionWork<R>>> {
  using W = KV<T, RestrictionWork<R>>;

 public:
  using Exchange = joist::Exchange<W>;
  StreamWork(const OperatorContext& context, std::shared_ptr<Exchange> exchange)
      : stats_(context.stats),
        lane_(context.lane),
        lanes_(context.lanes),
        limits_(context.limits),
        input_(context, std::move(exchange), this) {}
  Receiver* input(int) override { return static_cast<BatchReceiver<W>*>(&input_); }
  void Receive() override { input_.Receive(); }
  void Connect(int, Receiver* consumer) override { output_.Connect(consumer); }
  void Push(const Batch<W>& batch) override {
    stats_->elements_in += batch.count;
    ++stats_->batches_in;
    ForEachUnsliced(batch, [this](const Batch<W>& unsliced) {
      for (size_t i = 0; i < unsliced.count; ++i) {
        works_.push_back({std::make_unique<KeptWork<T, R>>(unsliced[i], unsliced.timestamp(i),
                                                           unsliced.window(i), unsliced.pane(i)),
                          Timestamp::Min()});
      }
    });
  }
  void AdvanceProcessingTime(Timestamp now) override {
    const StepScope scope(stats_);
    const int64_t due =
        std::max<int64_t>(1, std::count_if(works_.begin(), works_.end(),
                                           [&](const Waiting& w) { return w.not_before <= now; }));
    const auto turn = std::max(limits_->time() / due, std::min(limits_->time(), kShortestTurn));
    const auto end = SteadyTime() + limits_->time();
    const int64_t claims = std::max<int64_t>(limits_->most().elements / due, 1);
    std::vector<Waiting> again;
    std::vector<Waiting> left;
    bool is_over = false;
    for (Waiting& waiting : works_) {
      if (waiting.not_before > now || is_over) {
        (waiting.not_before > now ? again : left).push_back(std::move(waiting));
        continue;
      }
      const KeptWork<T, R>& kept = *waiting.kept;
      stats_->elements_out += 1;
      control_.Begin(now, WorkTurn{SteadyTime() + turn, claims, limits_});
      control_.set_truncates(is_draining_ && !waiting.is_truncated);
      output_.Push(kept.element(), kept.work(), kept.meta(), &control_);
      for (RestOfWork<R>& rest : control_.TakeRests()) {
        // A function that pauses leaves one rest; one that is stopped first, two.
        again.push_back({std::make_unique<KeptWork<T, R>>(
                             View<W>{kept.element(), rest.work}, kept.meta().timestamps[0],
                             kept.meta().windows[0], kept.meta().panes[0]),
                         now + rest.delay, is_draining_});
      }
      is_over = limits_->is_full() || SteadyTime() >= end;
    }
    // The next bundle begins with those that had no turn in this one.
    works_ = std::move(left);
    std::move(again.begin(), again.end(), std::back_inserter(works_));
  }
  Timestamp hold() const override {
    Timestamp hold = Timestamp::Max();
    for (const Waiting& waiting : works_) hold = std::min(hold, waiting.kept->work().watermark);
    return hold;
  }
  Timestamp next_work() const override {
    Timestamp next = Timestamp::Max();
    for (const Waiting& waiting : works_) next = std::min(next, waiting.not_before);
    return next;
  }
  OperatorStatus status() const override {
    OperatorStatus status{.holds = OperatorStatus::Holds::kWork, .waiting = works_.size()};
    if constexpr (requires(const R& restriction) { restriction.Size(); }) {
      for (const Waiting& waiting : works_) {
        const std::optional<int64_t> size = waiting.kept->work().restriction.Size();
        if (size.has_value()) {
          status.backlog = status.backlog.value_or(0) + static_cast<uint64_t>(*size);
        }
      }
    }
    return status;
  }
  void Save(SavedState* state) override {
    std::string* const out = state->whole();
    PutByte(is_draining_ ? 1 : 0, out);
    PutVarint(works_.size(), out);
    for (const Waiting& waiting : works_) {
      const KeptWork<T, R>& kept = *waiting.kept;
      SavedElement<W>::Save(View<W>{kept.element(), kept.work()}, kept.meta().timestamps[0],
                            kept.meta().windows[0], kept.meta().panes[0], out);
      SaveValue(waiting.not_before, out);
      PutByte(waiting.is_truncated ? 1 : 0, out);
    }
  }
  /// Lanes take pieces in turn.
  bool Restore(ByteReader* in, bool) override {
    uint8_t is_draining;
    uint64_t count;
    if (!in->TakeByte(&is_draining) || !in->TakeVarint(&count)) return false;
    is_draining_ = is_draining != 0;
    for (; count > 0; --count) {
      SavedElement<W> element;
      Timestamp not_before;
      uint8_t is_truncated;
      if (!element.Restore(in) || !RestoreValue(in, &not_before) || !in->TakeByte(&is_truncated)) {
        return false;
      }
      if (restored_++ % lanes_ != lane_) continue;
      works_.push_back({std::make_unique<KeptWork<T, R>>(element.view(), element.timestamp,
                                                         element.window, element.pane),
                        not_before, is_truncated != 0});
    }
    return true;
  }
  void Drain() override {
    is_draining_ = true;
    for (Waiting& waiting : works_) waiting.not_before = Timestamp::Min();
  }

 private:
  /// Pieces of work share a bundle's time, so that time goes on evenly in what they read; where
  /// there are so many that each would have less than this, some wait for the next bundle.
  static constexpr BundleLimits::Time kShortestTurn{500};

  struct Waiting {
    std::unique_ptr<KeptWork<T, R>> kept;
    Timestamp not_before;
    bool is_truncated = false;  ///< The function has cut it for a drain.
  };
  StepStats* stats_;
  const int lane_;
  const int lanes_;
  BundleLimits* const limits_;
  DealtInput<W, ByTurns> input_;
  int restored_ = 0;  ///< Pieces, of all lanes.
  WorkControl<R> control_{nullptr};
  bool is_draining_ = false;
  std::vector<Waiting> works_;
  WorkOutput<T, R> output_;
};

/// `kBounded`: whether the function comes to an end with each element.
template <class T, class R, bool kBounded>
class KeepWorkStep final : public StepOf<KeepWorkStep<T, R, kBounded>, NoState> {
  using W = KV<T, RestrictionWork<R>>;

 public:
  using StepOf<KeepWorkStep<T, R, kBounded>, NoState>::StepOf;
  StepKind kind() const override { return StepKind::kGroup; }
  bool is_bounded() const override { return kBounded; }
  std::vector<const ElementType*> outputs() const override { return {&element_type<W>}; }
  std::unique_ptr<Breaker> MakeBreaker(const BreakerContext& context) const override {
    return std::unique_ptr<Breaker>(new KeepWorkBreaker<T, R>(context));
  }
  std::vector<std::unique_ptr<Operator>> MakeStreamOperators(
      std::span<const OperatorContext> lanes) const override {
    return MakeLanes<StreamWork<T, R>>(lanes);
  }
};

}  // namespace joist

#endif  // JOIST_EXEC_KEEP_WORK_H_
