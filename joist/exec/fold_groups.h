// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// FoldGroupsBreaker: combines values per key and window after they were grouped, where they can't
// be combined as they come: in windows that are yet to be merged, and where the times of elements
// matter to their result's.

#ifndef JOIST_EXEC_FOLD_GROUPS_H_
#define JOIST_EXEC_FOLD_GROUPS_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "joist/exec/erased_grouping.h"
#include "joist/exec/failure.h"
#include "joist/exec/step.h"

namespace joist {

/// `F` is a CombineFn (joist/exec/combine.h), `Out` what it makes.
template <class K, class V, class F, class Out>
class FoldGroupsBreaker final : public Breaker {
  using Key = ErasedKey<K>;
  using Value = ErasedValue<V>;
  using ErasedIn = KV<typename Key::Type, typename Value::Type>;
  using ErasedGroup = KV<typename Key::Type, Iterable<typename Value::Type>>;

 public:
  FoldGroupsBreaker(F fn, const BreakerContext& context)
      : fn_(std::move(fn)), groups_(MakeErasedGrouping(Key::kIsWord, Value::kIsWord, context)) {}

  std::unique_ptr<Operator> MakeSink(const OperatorContext& context) override {
    return std::unique_ptr<Operator>(new Sink(groups_->MakeSink(context), context));
  }
  void Commit(Operator& sink) override { groups_->Commit(static_cast<Sink&>(sink).groups()); }
  void Seal(int threads) override { groups_->Seal(threads); }
  std::shared_ptr<Source> MakeOutput() override {
    return std::unique_ptr<Source>(new FoldSource(&fn_, groups_->MakeOutput()));
  }

 private:
  /// Erases what it passes on to the sink of the grouping.
  class Sink final : public Operator, public BatchReceiver<KV<K, V>> {
   public:
    Sink(std::unique_ptr<Operator> groups, const OperatorContext& context)
        : groups_(std::move(groups)), context_(context) {
      to_.Connect(groups_->input(0));
    }
    Receiver* input(int) override { return static_cast<BatchReceiver<KV<K, V>>*>(this); }
    void Connect(int, Receiver*) override {}
    void Finish() override { groups_->Finish(); }
    Operator& groups() { return *groups_; }
    void Push(const Batch<KV<K, V>>& batch) override {
      const StepScope scope(context_.stats);
      const ColumnWriter<ErasedIn> writer = column_.writer();
      for (size_t i = 0; i < batch.count; ++i) {
        const View<KV<K, V>> kv = batch[i];
        writer.keys().SetView(i, Key::Erase(kv.key, &scratch_, arena_));
        writer.values().SetView(i, Value::Erase(kv.value, &scratch_, arena_));
      }
      to_.Push({column_.view(), batch.count, batch.meta});
      arena_.Reset();
    }

   private:
    std::unique_ptr<Operator> groups_;
    OperatorContext context_;
    Output<ErasedIn> to_;
    ColumnBuffer<ErasedIn> column_;
    Arena arena_;
    std::string scratch_;
  };

  class FoldSource final : public Source {
   public:
    FoldSource(const F* fn, std::shared_ptr<Source> groups) : fn_(fn), groups_(std::move(groups)) {}
    Result<std::vector<SourceRange>> Split(int threads) override { return groups_->Split(threads); }
    std::unique_ptr<Reader> MakeReader(const OperatorContext& context) override {
      return std::unique_ptr<Reader>(new FoldReader(fn_, groups_->MakeReader(context)));
    }

   private:
    const F* fn_;
    std::shared_ptr<Source> groups_;
  };

  class FoldReader final : public Reader, private BatchReceiver<ErasedGroup> {
   public:
    FoldReader(const F* fn, std::unique_ptr<Reader> groups)
        : fn_(fn), groups_(std::move(groups)), own_keys_(kBatchSize) {
      groups_->Connect(static_cast<BatchReceiver<ErasedGroup>*>(this));
    }
    void Connect(Receiver* consumer) override { output_.Connect(consumer); }
    void Read(RangeTracker& tracker) override { groups_->Read(tracker); }

   private:
    void Push(const Batch<ErasedGroup>& batch) override {
      const ColumnWriter<KV<K, Out>> writer = column_.writer();
      for (size_t i = 0; i < batch.count; ++i) {
        auto accumulator = fn_->CreateAccumulator();
        for (const auto& value : batch.values.values()[i]) {
          fn_->AddInput(accumulator, ElementForm<V>::ViewOf(Value::Restore(value)));
        }
        writer.keys().SetView(i, Key::Restore(batch.values.keys()[i], &own_keys_[i].key));
        writer.values().Set(i, fn_->ExtractOutput(accumulator), {}, copies_);
      }
      output_.Push({column_.view(), batch.count, batch.meta});
      copies_.Reset();
    }

    struct OwnKey {
      K key{};
    };
    const F* fn_;
    std::unique_ptr<Reader> groups_;
    std::vector<OwnKey> own_keys_;
    ColumnBuffer<KV<K, Out>> column_;
    Arena copies_;
    Output<KV<K, Out>> output_;
  };

  F fn_;
  std::unique_ptr<Breaker> groups_;
};

}  // namespace joist

#endif  // JOIST_EXEC_FOLD_GROUPS_H_
