// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// StreamCombine: combining per key and window of a stream: an accumulator for each group.

#ifndef JOIST_EXEC_STREAM_COMBINE_H_
#define JOIST_EXEC_STREAM_COMBINE_H_

#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "joist/exec/accumulator_code.h"
#include "joist/exec/exchange.h"
#include "joist/exec/failure.h"
#include "joist/exec/saved_element.h"
#include "joist/exec/stream_grouping.h"
#include "joist/model/describe.h"

namespace joist {

/// `F` is a CombineFn (joist/exec/combine.h), `Out` what it makes.
template <class K, class V, class F, class Out>
class StreamCombine final : public StreamGrouping, public BatchReceiver<KV<K, V>> {
  using Accumulator = std::remove_cvref_t<decltype(std::declval<const F&>().CreateAccumulator())>;

 public:
  using Exchange = joist::Exchange<KV<K, V>>;
  StreamCombine(F fn, const OperatorContext& context, std::shared_ptr<Exchange> exchange)
      : StreamGrouping(context, ErasedKeys<K>::kAreWords),
        fn_(std::move(fn)),
        input_(context, std::move(exchange), this) {}
  Receiver* input(int) override { return static_cast<BatchReceiver<KV<K, V>>*>(&input_); }
  void Receive() override { input_.Receive(); }
  void Connect(int, Receiver* consumer) override { output_.Connect(consumer); }

  void Push(const Batch<KV<K, V>>& batch) override {
    const StepScope scope(this->context().stats);
    this->CountIn(batch.count);
    ForEachUnsliced(batch, [this](const Batch<KV<K, V>>& unsliced) { Add(unsliced); });
  }

 private:
  void Add(const Batch<KV<K, V>>& batch) {
    const GroupNumber* const groups =
        this->Place(keys_.Of(batch.values.keys(), batch.count), batch.meta, batch.count);
    for (size_t i = 0; i < batch.count; ++i) {
      if (groups[i] == WindowGroups::kDropped) continue;
      try {
        fn_.AddInput(Of(groups[i]), batch.values.values()[i]);
      } catch (...) {
        std::string element;
        Describe(batch[i], &element);
        RethrowAsStepFailure(this->context().step, element);
      }
    }
  }
  Accumulator& Of(GroupNumber group) {
    while (group >= accumulators_.size()) accumulators_.push_back({fn_.CreateAccumulator()});
    return accumulators_[group].value;
  }

  bool WritePane(size_t row, std::string_view key, const WindowGroups::Firing& firing) override {
    const Accumulator& accumulator = Of(firing.group);
    // A function of two values has no result of none.
    if constexpr (requires { fn_.HasOutput(accumulator); }) {
      if (!fn_.HasOutput(accumulator)) return false;
    }
    const ColumnWriter<KV<K, Out>> writer = column_.writer();
    writer.keys().SetView(row, keys_.Restore(row, key));
    writer.values().Set(row, fn_.ExtractOutput(accumulator), {}, copies_);
    return true;
  }
  void PushPanes(size_t count, const Meta& meta) override {
    output_.Push({column_.view(), count, meta});
    copies_.Reset();
  }
  void Merge(GroupNumber to, std::span<const GroupNumber> from) override {
    Accumulator merged = fn_.CreateAccumulator();
    for (const GroupNumber group : from) {
      fn_.MergeAccumulators(merged, Of(group));
      Clear(group);
    }
    Of(to) = std::move(merged);
  }
  void SaveGroup([[maybe_unused]] GroupNumber group, [[maybe_unused]] std::string* out) override {
    if constexpr (AccumulatorCode<Accumulator>::kExists) {
      AccumulatorCode<Accumulator>::Encode(Of(group), out);
    } else {
      RefuseToSave(TypeName<Accumulator>());
    }
  }
  bool RestoreGroup([[maybe_unused]] GroupNumber group, [[maybe_unused]] ByteReader* in) override {
    if constexpr (AccumulatorCode<Accumulator>::kExists) {
      return AccumulatorCode<Accumulator>::Decode(in, &Of(group));
    } else {
      return false;
    }
  }
  void Clear(GroupNumber group) override { Of(group) = fn_.CreateAccumulator(); }
  void Free(GroupNumber group) override { Clear(group); }

  struct Held {  // Not a bool of a vector<bool>.
    Accumulator value;
  };
  F fn_;
  DealtInput<KV<K, V>, ByKey> input_;
  ErasedKeys<K> keys_;
  std::vector<Held> accumulators_;  ///< By group.
  Arena copies_;
  ColumnBuffer<KV<K, Out>> column_;
  Output<KV<K, Out>> output_;
};

}  // namespace joist

#endif  // JOIST_EXEC_STREAM_COMBINE_H_
