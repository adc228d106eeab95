// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// RelabelStep: a step that changes no element, only what its columns are called: keys of a KV,
// values of a KV, a value as the key of nothing. Costs one virtual call a batch.

#ifndef JOIST_EXEC_RELABEL_H_
#define JOIST_EXEC_RELABEL_H_

#include <memory>
#include <vector>

#include "joist/exec/step.h"

namespace joist {

/// `How` has `static ColumnView<Out> Apply(const ColumnView<In>&)`.
template <class In, class Out, class How>
class RelabelStep final : public StepOf<RelabelStep<In, Out, How>, How> {
 public:
  using StepOf<RelabelStep<In, Out, How>, How>::StepOf;
  StepKind kind() const override { return StepKind::kParDo; }
  std::vector<const ElementType*> outputs() const override { return {&element_type<Out>}; }
  std::unique_ptr<Operator> MakeOperator(const OperatorContext& context) const override {
    return std::unique_ptr<Operator>(new Relabel(context.stats));
  }

 private:
  class Relabel final : public Operator, public BatchReceiver<In> {
   public:
    explicit Relabel(StepStats* stats) : stats_(stats) {}
    Receiver* input(int) override { return static_cast<BatchReceiver<In>*>(this); }
    void Connect(int, Receiver* consumer) override { output_.Connect(consumer); }
    void Push(const Batch<In>& batch) override {
      stats_->elements_in += batch.count;
      stats_->elements_out += batch.count;
      ++stats_->batches_in;
      output_.Push({How::Apply(batch.values), batch.count, batch.meta});
    }

   private:
    StepStats* stats_;
    Output<Out> output_;
  };
};

struct TakeKeys {
  template <class K, class V>
  static ColumnView<K> Apply(const ColumnView<KV<K, V>>& kvs) {
    return kvs.keys();
  }
};
struct TakeValues {
  template <class K, class V>
  static ColumnView<V> Apply(const ColumnView<KV<K, V>>& kvs) {
    return kvs.values();
  }
};
struct SwapKeyAndValue {
  template <class K, class V>
  static ColumnView<KV<V, K>> Apply(const ColumnView<KV<K, V>>& kvs) {
    return {kvs.values(), kvs.keys()};
  }
};
struct GiveVoidKey {
  template <class T>
  static ColumnView<KV<Void, T>> Apply(const ColumnView<T>& values) {
    return {{}, values};
  }
};
struct GiveVoidValue {
  template <class T>
  static ColumnView<KV<T, Void>> Apply(const ColumnView<T>& keys) {
    return {keys, {}};
  }
};

}  // namespace joist

#endif  // JOIST_EXEC_RELABEL_H_
