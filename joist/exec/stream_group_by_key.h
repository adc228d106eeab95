// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// StreamGroupByKey: GroupByKey, and CoGroupByKey, of a stream. A group's values are kept encoded.

#ifndef JOIST_EXEC_STREAM_GROUP_BY_KEY_H_
#define JOIST_EXEC_STREAM_GROUP_BY_KEY_H_

#include <algorithm>
#include <array>
#include <memory>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "joist/exec/co_gbk_result.h"
#include "joist/exec/element_code.h"
#include "joist/exec/exchange.h"
#include "joist/exec/group_layout.h"
#include "joist/exec/stream_grouping.h"

namespace joist {

/// Values one after the other, encoded.
struct EncodedValues {
  std::string bytes;
  size_t count = 0;

  void Save(std::string* out) const {
    PutVarint(count, out);
    PutBytes(bytes, out, /*nested=*/true);
  }
  bool Restore(ByteReader* in) {
    uint64_t size;
    std::string_view text;
    if (!in->TakeVarint(&size) || !in->TakeBytes(&text, /*nested=*/true)) return false;
    count = static_cast<size_t>(size);
    bytes = text;
    return true;
  }
  void Append(const EncodedValues& other) {
    bytes += other.bytes;
    count += other.count;
  }
};

/// Values decoded for one batch of panes.
template <class V>
class DecodedValues {
 public:
  Iterable<V> Decode(const EncodedValues& encoded, Arena& arena) {
    values_.push_back(std::make_unique<Stored<V>[]>(encoded.count));
    Stored<V>* const values = values_.back().get();
    ByteReader reader(arena.Copy(encoded.bytes));
    for (size_t i = 0; i < encoded.count; ++i) {
      JOIST_CHECK(ElementCode<V>::Decode(&reader, &values[i]));
    }
    return Iterable<V>(values, encoded.count);
  }
  void Clear() { values_.clear(); }

 private:
  std::vector<std::unique_ptr<Stored<V>[]>> values_;
};

template <class K, class... Vs>
class StreamGroupByKey final : public StreamGrouping {
  static constexpr size_t kInputs = sizeof...(Vs);
  using Out = KV<K, GroupOfT<Vs...>>;
  template <size_t I>
  using Value = std::tuple_element_t<I, std::tuple<Vs...>>;

 public:
  /// One for each input.
  struct Exchange {
    explicit Exchange(int lanes)
        : of_inputs(std::make_shared<joist::Exchange<KV<K, Vs>>>(lanes)...) {}
    std::tuple<std::shared_ptr<joist::Exchange<KV<K, Vs>>>...> of_inputs;
  };
  StreamGroupByKey(const OperatorContext& context, const std::shared_ptr<Exchange>& exchange)
      : StreamGrouping(context, ErasedKeys<K>::kAreWords),
        inputs_(MakeInputs(context, exchange, std::index_sequence_for<Vs...>())) {}
  Receiver* input(int index) override {
    Receiver* found = nullptr;
    ForEachIndex<kInputs>([&]<size_t I>() {
      if (index == static_cast<int>(I)) {
        found = static_cast<BatchReceiver<KV<K, Value<I>>>*>(&std::get<I>(inputs_)->dealt);
      }
    });
    return found;
  }
  void Receive() override {
    std::apply([](auto&... input) { (input->dealt.Receive(), ...); }, inputs_);
  }
  void Connect(int, Receiver* consumer) override { output_.Connect(consumer); }

 private:
  template <size_t I>
  struct Input final : BatchReceiver<KV<K, Value<I>>> {
    Input(StreamGroupByKey* grouping, const OperatorContext& context, const Exchange& exchange)
        : grouping(grouping), dealt(context, std::get<I>(exchange.of_inputs), this) {}
    void Push(const Batch<KV<K, Value<I>>>& batch) override { grouping->template Take<I>(batch); }
    StreamGroupByKey* grouping;
    DealtInput<KV<K, Value<I>>, ByKey> dealt;
  };
  template <size_t... I>
  std::tuple<std::unique_ptr<Input<I>>...> MakeInputs(const OperatorContext& context,
                                                      const std::shared_ptr<Exchange>& exchange,
                                                      std::index_sequence<I...>) {
    return {std::make_unique<Input<I>>(this, context, *exchange)...};
  }
  using Contents = std::array<EncodedValues, kInputs>;

  template <size_t I>
  void Take(const Batch<KV<K, Value<I>>>& batch) {
    this->CountIn(batch.count);
    ForEachUnsliced(batch, [this](const Batch<KV<K, Value<I>>>& unsliced) {
      const GroupNumber* const groups = this->Place(
          keys_.Of(unsliced.values.keys(), unsliced.count), unsliced.meta, unsliced.count);
      for (size_t i = 0; i < unsliced.count; ++i) {
        if (groups[i] == WindowGroups::kDropped) continue;
        if (groups[i] >= contents_.size()) contents_.resize(groups[i] + 1);
        EncodedValues& to = contents_[groups[i]][I];
        ElementCode<Value<I>>::Encode(unsliced.values.values()[i], &to.bytes);
        ++to.count;
      }
    });
  }

  bool WritePane(size_t row, std::string_view key, const WindowGroups::Firing& firing) override {
    if (firing.group >= contents_.size()) contents_.resize(firing.group + 1);
    const ColumnWriter<Out> writer = column_.writer();
    writer.keys().SetView(row, keys_.Restore(row, key));
    const auto write = [&]<size_t... I>(std::index_sequence<I...>) {
      writer.values().SetView(row, GroupOfT<Vs...>(std::get<I>(decoded_).Decode(
                                       contents_[firing.group][I], arena_)...));
    };
    write(std::index_sequence_for<Vs...>());
    return true;
  }
  void PushPanes(size_t count, const Meta& meta) override {
    output_.Push({column_.view(), count, meta});
    std::apply([](auto&... values) { (values.Clear(), ...); }, decoded_);
    arena_.Reset();
  }
  void Merge(GroupNumber to, std::span<const GroupNumber> from) override {
    Contents merged;
    for (const GroupNumber group : from) {
      if (group >= contents_.size()) continue;
      for (size_t i = 0; i < kInputs; ++i) merged[i].Append(contents_[group][i]);
      contents_[group] = {};
    }
    if (to >= contents_.size()) contents_.resize(to + 1);
    contents_[to] = std::move(merged);
  }
  void Clear(GroupNumber group) override { Free(group); }
  void Free(GroupNumber group) override {
    if (group < contents_.size()) contents_[group] = {};
  }
  void SaveGroup(GroupNumber group, std::string* out) override {
    static const Contents kNone;
    for (const EncodedValues& values : group < contents_.size() ? contents_[group] : kNone) {
      values.Save(out);
    }
  }
  bool RestoreGroup(GroupNumber group, ByteReader* in) override {
    if (group >= contents_.size()) contents_.resize(group + 1);
    return std::all_of(contents_[group].begin(), contents_[group].end(),
                       [&](EncodedValues& values) { return values.Restore(in); });
  }

  template <size_t... I>
  static std::tuple<std::unique_ptr<Input<I>>...> InputsOf(std::index_sequence<I...>);
  decltype(InputsOf(std::index_sequence_for<Vs...>())) inputs_;
  ErasedKeys<K> keys_;
  std::vector<Contents> contents_;  ///< By group.
  std::tuple<DecodedValues<Vs>...> decoded_;
  Arena arena_;
  ColumnBuffer<Out> column_;
  Output<Out> output_;
};

}  // namespace joist

#endif  // JOIST_EXEC_STREAM_GROUP_BY_KEY_H_
