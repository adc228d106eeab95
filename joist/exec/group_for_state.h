// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// GroupForStateStep: the same elements, those of a key one after the other, in the order of their
// timestamps, each with its own time, window and pane. What a function with state needs of bounded
// input. A stream's elements pass, in the order of time if the function asks for it.

#ifndef JOIST_EXEC_GROUP_FOR_STATE_H_
#define JOIST_EXEC_GROUP_FOR_STATE_H_

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "joist/exec/erased_grouping.h"
#include "joist/exec/in_time_order.h"
#include "joist/exec/reshuffle.h"
#include "joist/exec/step.h"

namespace joist {

/// An element's time, window and pane as bytes for this process.
struct MetaCode {
  Timestamp timestamp;
  Window window;
  PaneInfo pane;
};

/// `kInTimeOrder`: also where a key has more elements than memory is meant for.
template <class K, class V, bool kInTimeOrder>
class GroupForStateBreaker final : public Breaker {
  using Key = ErasedKey<K>;
  using ErasedIn = KV<typename Key::Type, std::string>;
  using ErasedGroup = KV<typename Key::Type, Iterable<std::string>>;

 public:
  explicit GroupForStateBreaker(const BreakerContext& context)
      : groups_(MakeErasedGrouping(Key::kIsWord, false, {context.step, context.memory, nullptr})) {}
  std::unique_ptr<Operator> MakeSink(const OperatorContext& context) override {
    return std::unique_ptr<Operator>(new Sink(groups_->MakeSink(context)));
  }
  void Commit(Operator& sink) override { groups_->Commit(static_cast<Sink&>(sink).groups()); }
  void Seal(int threads) override { groups_->Seal(threads); }
  std::shared_ptr<Source> MakeOutput() override {
    return std::unique_ptr<Source>(new KeyedSource(groups_->MakeOutput()));
  }

 private:
  class Sink final : public Operator, public BatchReceiver<KV<K, V>> {
   public:
    explicit Sink(std::unique_ptr<Operator> groups) : groups_(std::move(groups)) {
      to_.Connect(groups_->input(0));
    }
    Receiver* input(int) override { return static_cast<BatchReceiver<KV<K, V>>*>(this); }
    void Connect(int, Receiver*) override {}
    void Finish() override { groups_->Finish(); }
    Operator& groups() { return *groups_; }
    void Push(const Batch<KV<K, V>>& batch) override {
      ForEachUnsliced(batch, [this](const Batch<KV<K, V>>& unsliced) { Take(unsliced); });
    }

   private:
    void Take(const Batch<KV<K, V>>& batch) {
      const ColumnWriter<ErasedIn> writer = column_.writer();
      for (size_t i = 0; i < batch.count; ++i) {
        const View<KV<K, V>> kv = batch[i];
        writer.keys().SetView(i, Key::Erase(kv.key, &scratch_, arena_));
        const MetaCode meta{batch.timestamp(i), batch.window(i), batch.pane(i)};
        scratch_.assign(reinterpret_cast<const char*>(&meta), sizeof(meta));
        ElementCode<V>::Encode(kv.value, &scratch_);
        writer.values().SetView(i, arena_.Copy(scratch_));
      }
      // All in one window: what the grouping is by is the key alone.
      to_.Push({column_.view(), batch.count, Meta()});
      arena_.Reset();
    }

    std::unique_ptr<Operator> groups_;
    Output<ErasedIn> to_;
    ColumnBuffer<ErasedIn> column_;
    Arena arena_;
    std::string scratch_;
  };

  class KeyedSource final : public Source {
   public:
    explicit KeyedSource(std::shared_ptr<Source> groups) : groups_(std::move(groups)) {}
    Result<std::vector<SourceRange>> Split(int threads) override { return groups_->Split(threads); }
    std::unique_ptr<Reader> MakeReader(const OperatorContext& context) override {
      return std::unique_ptr<Reader>(new KeyedReader(groups_->MakeReader(context)));
    }

   private:
    std::shared_ptr<Source> groups_;
  };

  class KeyedReader final : public Reader, private BatchReceiver<ErasedGroup> {
   public:
    explicit KeyedReader(std::unique_ptr<Reader> groups) : groups_(std::move(groups)) {
      groups_->Connect(static_cast<BatchReceiver<ErasedGroup>*>(this));
    }
    void Connect(Receiver* consumer) override { output_.Connect(consumer); }
    void Read(RangeTracker& tracker) override { groups_->Read(tracker); }

   private:
    void Push(const Batch<ErasedGroup>& batch) override {
      for (size_t i = 0; i < batch.count; ++i) {
        const View<K> key = Key::Restore(batch.values.keys()[i], &own_keys_[i].key);
        ForEachInOrder(batch.values.values()[i], [&](std::string_view text) { Put(key, text); });
      }
      Flush();
    }
    /// In the order of time; a group that is read page by page in the order of arrival, unless it
    /// is to be held all the same.
    template <class Take>
    void ForEachInOrder(const Iterable<std::string>& values, Take take) {
      Arena held;
      if (!values.is_paged()) {
        in_order_.assign(values.begin(), values.end());
      } else if (kInTimeOrder) {
        in_order_.clear();
        for (const std::string_view text : values) in_order_.push_back(held.Copy(text));
      } else {
        for (const std::string_view text : values) take(text);
        return;
      }
      std::stable_sort(in_order_.begin(), in_order_.end(),
                       [](std::string_view a, std::string_view b) {
                         return MetaOf(a).timestamp < MetaOf(b).timestamp;
                       });
      for (const std::string_view text : in_order_) take(text);
    }
    static MetaCode MetaOf(std::string_view text) {
      MetaCode meta;
      std::memcpy(&meta, text.data(), sizeof(meta));
      return meta;
    }
    void Put(const View<K>& key, std::string_view text) {
      const MetaCode meta = MetaOf(text);
      Stored<V> value;
      ByteReader reader(arena_.Copy(text.substr(sizeof(meta))));
      JOIST_CHECK(ElementCode<V>::Decode(&reader, &value));
      const ColumnWriter<KV<K, V>> writer = column_.writer();
      writer.keys().SetView(count_, key);
      writer.values().SetView(count_, ElementForm<V>::ViewOf(value));
      timestamps_[count_] = meta.timestamp;
      windows_[count_] = meta.window;
      panes_[count_] = meta.pane;
      if (++count_ == kBatchSize) Flush();
    }
    void Flush() {
      if (count_ > 0) {
        output_.Push(
            {column_.view(),
             std::exchange(count_, 0),
             {SharedColumn<Timestamp>(timestamps_.data()), SharedColumn<Window>(windows_.data()),
              SharedColumn<PaneInfo>(panes_.data())}});
      }
      arena_.Reset();
    }

    struct OwnKey {
      K key{};
    };
    std::unique_ptr<Reader> groups_;
    std::vector<OwnKey> own_keys_ = std::vector<OwnKey>(kBatchSize);
    std::vector<std::string_view> in_order_;
    ColumnBuffer<KV<K, V>> column_;
    std::vector<Timestamp> timestamps_ = std::vector<Timestamp>(kBatchSize);
    std::vector<Window> windows_ = std::vector<Window>(kBatchSize);
    std::vector<PaneInfo> panes_ = std::vector<PaneInfo>(kBatchSize);
    size_t count_ = 0;
    Arena arena_;
    Output<KV<K, V>> output_;
  };

  std::unique_ptr<Breaker> groups_;
};

template <class K, class V, bool kInTimeOrder = false>
class GroupForStateStep final : public StepOf<GroupForStateStep<K, V, kInTimeOrder>, NoState> {
 public:
  using StepOf<GroupForStateStep<K, V, kInTimeOrder>, NoState>::StepOf;
  StepKind kind() const override { return StepKind::kGroup; }
  std::vector<const ElementType*> outputs() const override { return {&element_type<KV<K, V>>}; }
  std::unique_ptr<Breaker> MakeBreaker(const BreakerContext& context) const override {
    return std::unique_ptr<Breaker>(new GroupForStateBreaker<K, V, kInTimeOrder>(context));
  }
  std::vector<std::unique_ptr<Operator>> MakeStreamOperators(
      std::span<const OperatorContext> lanes) const override {
    if constexpr (kInTimeOrder) {
      return MakeLanes<InTimeOrder<KV<K, V>>>(lanes);
    } else {
      return MakeLanes<StreamReshuffle<KV<K, V>, ByKey>>(lanes);
    }
  }
};

}  // namespace joist

#endif  // JOIST_EXEC_GROUP_FOR_STATE_H_
