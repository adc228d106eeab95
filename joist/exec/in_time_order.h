// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// InTimeOrder: elements of a stream in the order of their timestamps. Each waits until none can
// come any more that is before it: until the watermark, less the lateness allowed, has passed it.
// Elements that are later than that are dropped, and counted.

#ifndef JOIST_EXEC_IN_TIME_ORDER_H_
#define JOIST_EXEC_IN_TIME_ORDER_H_

#include <map>
#include <memory>
#include <utility>

#include "joist/base/arena.h"
#include "joist/exec/exchange.h"
#include "joist/exec/saved_element.h"
#include "joist/exec/step.h"

namespace joist {

template <class T>
class InTimeOrder final : public Operator, public BatchReceiver<T> {
 public:
  using Exchange = joist::Exchange<T>;
  InTimeOrder(const OperatorContext& context, std::shared_ptr<Exchange> exchange)
      : stats_(context.stats),
        lane_(context.lane),
        lanes_(context.lanes),
        input_(context, std::move(exchange), this) {
    if (context.windowing != nullptr) lateness_ = context.windowing->allowed_lateness;
  }
  Receiver* input(int) override { return static_cast<BatchReceiver<T>*>(&input_); }
  void Receive() override { input_.Receive(); }
  void Connect(int, Receiver* consumer) override { output_.Connect(consumer); }
  void Push(const Batch<T>& batch) override {
    stats_->elements_in += batch.count;
    ++stats_->batches_in;
    ForEachUnsliced(batch, [this](const Batch<T>& unsliced) {
      for (size_t i = 0; i < unsliced.count; ++i) {
        if (unsliced.timestamp(i) < released_) {
          CountDroppedLate(stats_);
          continue;
        }
        waiting_.emplace(unsliced.timestamp(i),
                         std::make_unique<Kept>(unsliced[i], unsliced.meta.From(i)));
      }
    });
  }
  void AdvanceWatermark(Timestamp input) override {
    const StepScope scope(stats_);
    released_ = input == Timestamp::Max() ? input : input - lateness_;
    while (!waiting_.empty() && waiting_.begin()->first < released_) {
      const auto next = waiting_.extract(waiting_.begin());
      const Kept& kept = *next.mapped();
      column_.writer().SetView(0, ElementForm<T>::ViewOf(kept.stored));
      ++stats_->elements_out;
      output_.Push({column_.view(), 1, kept.meta});
    }
  }
  void Save(SavedState* state) override {
    std::string* const out = state->whole();
    SaveValue(released_, out);
    PutVarint(waiting_.size(), out);
    for (const auto& [timestamp, kept] : waiting_) {
      SavedElement<T>::Save(ElementForm<T>::ViewOf(kept->stored), timestamp, kept->meta.windows[0],
                            kept->meta.panes[0], out);
    }
  }
  bool Restore(ByteReader* in, bool) override {
    uint64_t count;
    if (!RestoreValue(in, &released_) || !in->TakeVarint(&count)) return false;
    for (; count > 0; --count) {
      SavedElement<T> element;
      if (!element.Restore(in)) return false;
      if (by_key_.LaneOf<typename T::key_t>(element.view().key, lanes_) != lane_) continue;
      waiting_.emplace(element.timestamp, std::make_unique<Kept>(element.view(), element.meta()));
    }
    return true;
  }
  Timestamp hold() const override {
    return waiting_.empty() ? Timestamp::Max() : waiting_.begin()->first;
  }

 private:
  struct Kept {
    Kept(const View<T>& view, const Meta& of)
        : stored(ElementForm<T>::Store(view, arena)),
          meta{SharedColumn<Timestamp>(of.timestamps[0]), SharedColumn<Window>(of.windows[0]),
               SharedColumn<PaneInfo>(of.panes[0])} {}
    Arena arena;
    Stored<T> stored;
    Meta meta;
  };
  StepStats* stats_;
  const int lane_;
  const int lanes_;
  DealtInput<T, ByKey> input_;
  ByKey by_key_;
  Duration lateness_;
  Timestamp released_ = Timestamp::Min();
  std::multimap<Timestamp, std::unique_ptr<Kept>> waiting_;
  ColumnBuffer<T> column_;
  Output<T> output_;
};

}  // namespace joist

#endif  // JOIST_EXEC_IN_TIME_ORDER_H_
