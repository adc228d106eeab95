// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// FoldGroupsBreaker: combines values per key and window after they were grouped, where they can't
// be combined as they come: in windows that are yet to be merged, and where the times of elements
// matter to their result's.

#ifndef JOIST_EXEC_FOLD_GROUPS_H_
#define JOIST_EXEC_FOLD_GROUPS_H_

#include <memory>
#include <utility>
#include <vector>

#include "joist/exec/group_by_key.h"

namespace joist {

/// `F` is a CombineFn (joist/exec/combine.h), `Out` what it makes.
template <class K, class V, class F, class Out>
class FoldGroupsBreaker final : public Breaker {
 public:
  FoldGroupsBreaker(F fn, const BreakerContext& context)
      : fn_(std::move(fn)), groups_(context) {}

  std::unique_ptr<Operator> MakeSink(const OperatorContext& context) override {
    return groups_.MakeSink(context);
  }
  void Commit(Operator& sink) override { groups_.Commit(sink); }
  void Seal(int threads) override { groups_.Seal(threads); }
  std::shared_ptr<Source> MakeOutput() override {
    return std::unique_ptr<Source>(new FoldSource(&fn_, groups_.MakeOutput()));
  }

 private:
  class FoldSource final : public Source {
   public:
    FoldSource(const F* fn, std::shared_ptr<Source> groups)
        : fn_(fn), groups_(std::move(groups)) {}
    Result<std::vector<SourceRange>> Split(int threads) override { return groups_->Split(threads); }
    std::unique_ptr<Reader> MakeReader(const OperatorContext& context) override {
      return std::unique_ptr<Reader>(new FoldReader(fn_, groups_->MakeReader(context)));
    }

   private:
    const F* fn_;
    std::shared_ptr<Source> groups_;
  };

  class FoldReader final : public Reader, private BatchReceiver<KV<K, Iterable<V>>> {
   public:
    FoldReader(const F* fn, std::unique_ptr<Reader> groups) : fn_(fn), groups_(std::move(groups)) {
      groups_->Connect(static_cast<BatchReceiver<KV<K, Iterable<V>>>*>(this));
    }
    void Connect(Receiver* consumer) override { output_.Connect(consumer); }
    void Read(RangeTracker& tracker) override { groups_->Read(tracker); }

   private:
    void Push(const Batch<KV<K, Iterable<V>>>& batch) override {
      const ColumnWriter<Out> writer = column_.writer();
      for (size_t i = 0; i < batch.count; ++i) {
        auto accumulator = fn_->CreateAccumulator();
        for (auto&& value : batch.values.values()[i]) fn_->AddInput(accumulator, value);
        writer.Set(i, fn_->ExtractOutput(accumulator), {}, copies_);
      }
      output_.Push({{batch.values.keys(), column_.view()}, batch.count, batch.meta});
      copies_.Reset();
    }

    const F* fn_;
    std::unique_ptr<Reader> groups_;
    ColumnBuffer<Out> column_;
    Arena copies_;
    Output<KV<K, Out>> output_;
  };

  F fn_;
  GroupByKeyBreaker<K, V> groups_;
};

}  // namespace joist

#endif  // JOIST_EXEC_FOLD_GROUPS_H_
