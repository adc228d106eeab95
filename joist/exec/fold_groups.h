// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// FoldGroupsBreaker: combines values per key and window after they were grouped, where they can't
// be combined as they come: in windows that are yet to be merged, and where the times of elements
// matter to their result's. Accumulators that are a few plain bytes are lifted nevertheless: each
// share combines what of a key follows each other in one window, and what is grouped are these.

#ifndef JOIST_EXEC_FOLD_GROUPS_H_
#define JOIST_EXEC_FOLD_GROUPS_H_

#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "joist/exec/erased_grouping.h"
#include "joist/exec/failure.h"
#include "joist/exec/open_groups.h"
#include "joist/exec/step.h"
#include "joist/model/describe.h"

namespace joist {

/// `F` is a CombineFn (joist/exec/combine.h), `Out` what it makes.
template <class K, class V, class F, class Out>
class FoldGroupsBreaker final : public Breaker {
  using Accumulator = std::remove_cvref_t<decltype(std::declval<const F&>().CreateAccumulator())>;
  static constexpr bool kLifts = std::is_trivially_copyable_v<Accumulator> &&
                                 sizeof(Accumulator) <= 64 && alignof(Accumulator) <= 8;
  using Key = ErasedKey<K>;
  using Value = std::conditional_t<kLifts, ErasedBytes<Accumulator>, ErasedValue<V>>;
  using ErasedIn = KV<typename Key::Type, typename Value::Type>;
  using ErasedGroup = KV<typename Key::Type, Iterable<typename Value::Type>>;

 public:
  FoldGroupsBreaker(F fn, const BreakerContext& context)
      : fn_(std::move(fn)),
        windowing_(*context.windowing),
        groups_(MakeErasedGrouping(Key::kIsWord, Value::kIsWord, context)) {}

  std::unique_ptr<Operator> MakeSink(const OperatorContext& context) override {
    return std::unique_ptr<Operator>(new Sink(this, context));
  }
  void Commit(Operator& sink) override { groups_->Commit(static_cast<Sink&>(sink).groups()); }
  void Seal(int threads) override { groups_->Seal(threads); }
  std::shared_ptr<Source> MakeOutput() override {
    return std::unique_ptr<Source>(new FoldSource(&fn_, groups_->MakeOutput()));
  }

 private:
  class PlainSink;
  class LiftingSink;
  using Sink = std::conditional_t<kLifts, LiftingSink, PlainSink>;

  /// Erases what it passes on to the sink of the grouping.
  class PlainSink final : public Operator, public BatchReceiver<KV<K, V>> {
   public:
    PlainSink(FoldGroupsBreaker* breaker, const OperatorContext& context)
        : groups_(breaker->groups_->MakeSink(context)), context_(context) {
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

  /// Passes on the accumulators of groups that are not open any more.
  class LiftingSink final : public Operator, public BatchReceiver<KV<K, V>> {
   public:
    LiftingSink(FoldGroupsBreaker* breaker, const OperatorContext& context)
        : fn_(&breaker->fn_),
          windowing_(&breaker->windowing_),
          context_(context),
          most_open_bytes_(context.memory_bytes / 4),
          open_(sizeof(Accumulator)),
          use_(context.memory) {
      open_.set_most_bytes(static_cast<size_t>(most_open_bytes_));
      OperatorContext of_groups = context;
      of_groups.memory_bytes -= most_open_bytes_;
      groups_ = breaker->groups_->MakeSink(of_groups);
      to_.Connect(groups_->input(0));
    }
    Receiver* input(int) override { return static_cast<BatchReceiver<KV<K, V>>*>(this); }
    void Connect(int, Receiver*) override {}
    Operator& groups() { return *groups_; }
    void Push(const Batch<KV<K, V>>& batch) override {
      const StepScope scope(context_.stats);
      context_.stats->elements_in += batch.count;
      ++context_.stats->batches_in;
      ForEachUnsliced(batch, [this](const Batch<KV<K, V>>& unsliced) { Add(unsliced); });
    }
    void Finish() override {
      const StepScope scope(context_.stats);
      PassAllOn();
      groups_->Finish();
    }

   private:
    void Add(const Batch<KV<K, V>>& batch) {
      if (open_.bytes_with(batch.count) > most_open_bytes_) [[unlikely]]
        PassAllOn();
      const ColumnWriter<typename Key::Type> keys = keys_.writer();
      for (size_t i = 0; i < batch.count; ++i) {
        keys.SetView(i, Key::Erase(batch.values.keys()[i], &scratch_, arena_));
      }
      open_.Find(keys_.view(), batch.count, found_.data());
      size_t i = 0;
      try {
        for (; i < batch.count; ++i) {
          OpenGroup& group = *found_[i];
          const Window window = batch.window(i);
          const Timestamp t = batch.timestamp(i);
          if (!group.Extend(*windowing_, window, t)) {
            if (!group.is_empty()) PassOn(keys_.view()[i], group);
            group.window = window;
            group.timestamp = t;
            new (group.accumulator()) Accumulator(fn_->CreateAccumulator());
          }
          fn_->AddInput(*static_cast<Accumulator*>(group.accumulator()), batch.values.values()[i]);
        }
      } catch (...) {
        std::string element;
        Describe(batch[i], &element);
        RethrowAsStepFailure(context_.step, element);
      }
      Flush();
      arena_.Reset();
      use_.Set(open_.bytes_with(0));
    }
    void PassOn(const View<typename Key::Type>& key, OpenGroup& group) {
      const ColumnWriter<ErasedIn> writer = column_.writer();
      writer.keys().SetView(closed_, key);
      writer.values().SetView(closed_, Value::Erase(group.accumulator(), copies_));
      windows_[closed_] = group.window;
      timestamps_[closed_] = group.timestamp;
      if (++closed_ == kBatchSize) Flush();
    }
    void PassAllOn() {
      open_.ForEach(
          [](void* self, View<typename Key::Type> key, OpenGroup& group) {
            if (!group.is_empty()) static_cast<LiftingSink*>(self)->PassOn(key, group);
          },
          this);
      Flush();
      open_.Clear();
      use_.Set(open_.bytes_with(0));
    }
    void Flush() {
      if (closed_ == 0) return;
      Meta meta;
      meta.windows = SharedColumn<Window>(windows_.data());
      meta.timestamps = SharedColumn<Timestamp>(timestamps_.data());
      // The grouping counts what it is given; those are no elements of the step.
      const auto elements = context_.stats->elements_in;
      const auto batches = context_.stats->batches_in;
      to_.Push({column_.view(), std::exchange(closed_, 0), meta});
      context_.stats->elements_in = elements;
      context_.stats->batches_in = batches;
      copies_.Reset();
    }

    const F* fn_;
    const WindowingStrategy* windowing_;
    OperatorContext context_;
    const int64_t most_open_bytes_;
    OpenGroups<typename Key::Type> open_;
    MemoryUse use_;
    std::unique_ptr<Operator> groups_;
    Output<ErasedIn> to_;
    ColumnBuffer<typename Key::Type> keys_;
    std::vector<OpenGroup*> found_ = std::vector<OpenGroup*>(kBatchSize);
    ColumnBuffer<ErasedIn> column_;
    std::vector<Window> windows_ = std::vector<Window>(kBatchSize);
    std::vector<Timestamp> timestamps_ = std::vector<Timestamp>(kBatchSize);
    size_t closed_ = 0;
    Arena arena_;   ///< Keys of the batch.
    Arena copies_;  ///< Accumulators that are passed on.
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
        Accumulator accumulator = fn_->CreateAccumulator();
        for (const auto& value : batch.values.values()[i]) {
          if constexpr (kLifts) {
            fn_->MergeAccumulators(accumulator, Value::Restore(value));
          } else {
            fn_->AddInput(accumulator, ElementForm<V>::ViewOf(Value::Restore(value)));
          }
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
  WindowingStrategy windowing_;
  std::unique_ptr<Breaker> groups_;
};

}  // namespace joist

#endif  // JOIST_EXEC_FOLD_GROUPS_H_
