// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// StableInput: elements of a stream on their way to a function that must see the same ones when it
// is tried again. They wait until a checkpoint has them; where there are none nothing is tried
// again, and nothing waits.

#ifndef JOIST_EXEC_STABLE_INPUT_H_
#define JOIST_EXEC_STABLE_INPUT_H_

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "joist/exec/exchange.h"
#include "joist/exec/saved_element.h"
#include "joist/exec/spool.h"
#include "joist/exec/step.h"

namespace joist {

template <class T>
class StableInput final : public Operator, public BatchReceiver<T> {
 public:
  using Exchange = joist::Exchange<T>;
  StableInput(const OperatorContext& context, std::shared_ptr<Exchange> exchange)
      : stats_(context.stats),
        waits_(context.has_checkpoints),
        input_(context, std::move(exchange), this) {}
  Receiver* input(int) override { return static_cast<BatchReceiver<T>*>(&input_); }
  void Receive() override { input_.Receive(); }
  void Connect(int, Receiver* consumer) override { output_.Connect(consumer); }
  void Push(const Batch<T>& batch) override {
    stats_->elements_in += batch.count;
    ++stats_->batches_in;
    if (!waits_) {
      stats_->elements_out += batch.count;
      output_.Push(batch);
      return;
    }
    ForEachUnsliced(batch, [this](const Batch<T>& unsliced) {
      if (waiting_ == nullptr) waiting_ = std::make_unique<Spool<T>>();
      waiting_->Append(unsliced);
      for (size_t i = 0; i < unsliced.count; ++i) {
        earliest_ = std::min(earliest_, unsliced.timestamp(i));
      }
    });
  }
  void Committed() override {
    if (saved_ != nullptr) stable_.push_back(std::move(saved_));
  }
  void Resume() override {
    if (stable_.empty()) return;
    for (const auto& spool : std::exchange(stable_, {})) {
      stats_->elements_out += spool->size();
      Play(*spool, output_);
    }
    earliest_ = Timestamp::Max();
    for (const Spool<T>* spool : {saved_.get(), waiting_.get()}) {
      if (spool == nullptr) continue;
      for (const auto& block : spool->blocks()) {
        const Meta meta = block.has_columns ? block.columns.view() : block.constant;
        for (size_t i = 0; i < block.size; ++i) earliest_ = std::min(earliest_, meta.timestamps[i]);
      }
    }
  }
  Timestamp hold() const override { return earliest_; }
  Timestamp next_work() const override {
    return stable_.empty() ? Timestamp::Max() : Timestamp::Min();
  }
  bool awaits_commit() const override { return waiting_ != nullptr || saved_ != nullptr; }
  OperatorStatus status() const override {
    OperatorStatus status;
    status.holds = OperatorStatus::Holds::kCheckpoint;
    for (const Spool<T>* spool : {saved_.get(), waiting_.get()}) {
      if (spool != nullptr) status.waiting += spool->size();
    }
    for (const auto& spool : stable_) status.waiting += spool->size();
    return status;
  }

  void Save(SavedState* state) override {
    std::string* const out = state->whole();
    size_t count = waiting_ == nullptr ? 0 : waiting_->size();
    for (const auto& spool : stable_) count += spool->size();
    PutVarint(count, out);
    ElementSaver<T> saver(out);
    Output<T> output;
    output.Connect(static_cast<BatchReceiver<T>*>(&saver));
    for (const auto& spool : stable_) Play(*spool, output);
    if (waiting_ != nullptr) Play(*waiting_, output);
    saved_ = std::move(waiting_);
  }
  /// What a checkpoint has is stable.
  bool Restore(ByteReader* in, bool is_own) override {
    if (!is_own) return true;
    uint64_t count;
    if (!in->TakeVarint(&count)) return false;
    ColumnBuffer<T> column;
    auto spool = std::make_unique<Spool<T>>();
    for (; count > 0; --count) {
      SavedElement<T> element;
      if (!element.Restore(in)) return false;
      column.writer().SetView(0, element.view());
      spool->Append({column.view(), 1, element.meta()});
      earliest_ = std::min(earliest_, element.timestamp);
    }
    if (spool->size() > 0) stable_.push_back(std::move(spool));
    return true;
  }

 private:
  void Play(const Spool<T>& spool, const Output<T>& output) {
    for (const auto& block : spool.blocks()) player_.Play(spool, block, output);
  }

  StepStats* stats_;
  const bool waits_;
  DealtInput<T, ByTurns> input_;
  std::unique_ptr<Spool<T>> waiting_;              ///< For a checkpoint; null if nothing does.
  std::unique_ptr<Spool<T>> saved_;                ///< For the one that is on its way; the same.
  std::vector<std::unique_ptr<Spool<T>>> stable_;  ///< To go on.
  Timestamp earliest_ = Timestamp::Max();          ///< Of all.
  SpoolPlayer<T> player_;
  Output<T> output_;
};

}  // namespace joist

#endif  // JOIST_EXEC_STABLE_INPUT_H_
