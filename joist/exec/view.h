// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Views: what functions see of a side input. Built once when its collection is complete, then read
// by all threads; a view's elements live as long as the job.

#ifndef JOIST_EXEC_VIEW_H_
#define JOIST_EXEC_VIEW_H_

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "joist/exec/failure.h"
#include "joist/exec/group_key.h"
#include "joist/exec/reshuffle.h"
#include "joist/model/describe.h"

namespace joist {

template <class T>
using Spools = std::vector<std::shared_ptr<Spool<T>>>;

/// All elements of a side input, in no particular order.
template <class T>
class IterableView {
 public:
  explicit IterableView(Spools<T> spools) : spools_(std::move(spools)) {
    size_t size = 0;
    for (const auto& spool : spools_) size += spool->size();
    values_ = std::make_unique<Stored<T>[]>(size);
    for (const auto& spool : spools_) {
      for (const auto& block : spool->blocks()) {
        for (const auto& value : block.values) values_[size_++] = value;
      }
    }
  }
  auto begin() const { return typename Iterable<T>::iterator(values_.get()); }
  auto end() const { return typename Iterable<T>::iterator(values_.get() + size_); }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

 protected:
  View<T> At(size_t i) const { return ElementForm<T>::ViewOf(values_[i]); }

 private:
  Spools<T> spools_;  // Where the bytes of strings lie.
  std::unique_ptr<Stored<T>[]> values_;
  size_t size_ = 0;
};

/// The same with access by index.
template <class T>
class ListView : public IterableView<T> {
 public:
  using IterableView<T>::IterableView;
  View<T> operator[](size_t i) const {
    JOIST_CHECK(i < this->size());
    return this->At(i);
  }
};

/// A side input of KVs by key, several values each.
template <class K, class V>
class MultimapView {
 public:
  explicit MultimapView(Spools<KV<K, V>> spools) : spools_(std::move(spools)) {
    using Key = GroupKey<K>;
    Arena keys;
    std::string scratch;
    std::vector<uint32_t> key_of;
    std::vector<Stored<V>> values;
    for (const auto& spool : spools_) {
      for (const auto& block : spool->blocks()) {
        keys.Reset();
        numbers_.Upsert(
            block.values.size(),
            [&](size_t i) {
              return Key::Keep(ElementForm<K>::ViewOf(block.values[i].key), &scratch, keys);
            },
            [&] { return static_cast<uint32_t>(ends_.empty() ? 0 : ends_.size()); },
            [&](size_t i, uint32_t number) {
              if (number == ends_.size()) ends_.push_back(0);
              ++ends_[number];
              key_of.push_back(number);
              values.push_back(block.values[i].value);
            });
      }
    }
    uint32_t sum = 0;
    for (uint32_t& end : ends_) sum += std::exchange(end, sum);
    values_ = std::make_unique<Stored<V>[]>(values.size());
    for (size_t i = 0; i < values.size(); ++i) values_[ends_[key_of[i]]++] = values[i];
  }

  /// The values of `key`; empty if it has none.
  Iterable<V> Get(const View<K>& key) const {
    const uint32_t* number = Find(key);
    if (number == nullptr) return {};
    const uint32_t begin = *number == 0 ? 0 : ends_[*number - 1];
    return Iterable<V>(values_.get() + begin, ends_[*number] - begin);
  }
  bool Contains(const View<K>& key) const { return Find(key) != nullptr; }
  /// Number of keys.
  size_t size() const { return ends_.size(); }

 private:
  const uint32_t* Find(const View<K>& key) const {
    std::string scratch;
    return numbers_.Lookup(GroupKey<K>::ToKept(key, &scratch));
  }

  Spools<KV<K, V>> spools_;
  KeyTable<typename GroupKey<K>::Table, uint32_t> numbers_;
  std::vector<uint32_t> ends_;
  std::unique_ptr<Stored<V>[]> values_;
};

/// A side input of KVs by key, one value each.
template <class K, class V>
class MapView {
 public:
  explicit MapView(Spools<KV<K, V>> spools) : values_(std::move(spools)) {}
  bool Contains(const View<K>& key) const { return values_.Contains(key); }
  /// The value of `key`; throws if there is none.
  View<V> At(const View<K>& key) const {
    const Iterable<V> found = values_.Get(key);
    if (found.empty()) {
      std::string what = "the side input's map has no key ";
      Describe(key, &what);
      throw std::out_of_range(what);
    }
    return *found.begin();
  }
  /// The value of `key`, or `fallback`.
  std::remove_cvref_t<View<V>> Get(const View<K>& key,
                                   std::remove_cvref_t<View<V>> fallback) const {
    const Iterable<V> found = values_.Get(key);
    return found.empty() ? fallback : *found.begin();
  }
  size_t size() const { return values_.size(); }

 private:
  MultimapView<K, V> values_;
};

/// How each kind of view is made from the elements of a collection, or refused.
template <class T>
struct AsSingletonView {
  std::optional<T> fallback;
  using Element = T;
  using View = T;
  std::shared_ptr<const void> Make(const Spools<T>& spools, std::string_view step) const {
    size_t size = 0;
    const Spool<T>* only = nullptr;
    for (const auto& spool : spools) {
      size += spool->size();
      if (spool->size() > 0) only = spool.get();
    }
    if (size == 1) {
      return std::make_shared<const T>(
          Own<T>(ElementForm<T>::ViewOf(only->blocks().front().values.front())));
    }
    if (size == 0 && fallback.has_value()) return std::make_shared<const T>(*fallback);
    ThrowStepFailure(step, "",
                     "a singleton side input needs exactly one element, and its collection has " +
                         std::to_string(size) +
                         (size == 0 ? "; give it a default, AsSingleton(collection, value)"
                                    : "; combine them first, or use AsIterable"));
  }
};
template <class T>
struct AsIterableView {
  using Element = T;
  using View = IterableView<T>;
  std::shared_ptr<const void> Make(Spools<T> spools, std::string_view) const {
    return std::make_shared<const View>(std::move(spools));
  }
};
template <class T>
struct AsListView {
  using Element = T;
  using View = ListView<T>;
  std::shared_ptr<const void> Make(Spools<T> spools, std::string_view) const {
    return std::make_shared<const View>(std::move(spools));
  }
};
template <class K, class V>
struct AsMultimapView {
  using Element = KV<K, V>;
  using View = MultimapView<K, V>;
  std::shared_ptr<const void> Make(Spools<Element> spools, std::string_view) const {
    return std::make_shared<const View>(std::move(spools));
  }
};
template <class K, class V>
struct AsMapView {
  using Element = KV<K, V>;
  using View = MapView<K, V>;
  std::shared_ptr<const void> Make(Spools<Element> spools, std::string_view step) const {
    size_t elements = 0;
    for (const auto& spool : spools) elements += spool->size();
    auto view = std::make_shared<const View>(std::move(spools));
    if (view->size() != elements) {
      ThrowStepFailure(step, "", "a map side input has several values for one key; use AsMultimap");
    }
    return view;
  }
};

template <class Kind>
class ViewBreaker final : public Breaker {
  using T = typename Kind::Element;

 public:
  ViewBreaker(Kind kind, std::string_view step) : kind_(std::move(kind)), step_(step) {}
  std::unique_ptr<Operator> MakeSink(const OperatorContext& context) override {
    return std::make_unique<SpoolSink<T>>(context);
  }
  void Commit(Operator& sink) override {
    spools_.push_back(static_cast<SpoolSink<T>&>(sink).Take());
  }
  void Seal(int) override { view_ = kind_.Make(std::move(spools_), step_); }
  std::shared_ptr<const void> SideView() override { return view_; }

 private:
  Kind kind_;
  std::string_view step_;
  Spools<T> spools_;
  std::shared_ptr<const void> view_;
};

template <class Kind>
class ViewStep;

template <class Kind, class State>
class ViewStepOf : public StepOf<ViewStep<Kind>, State> {
 public:
  using StepOf<ViewStep<Kind>, State>::StepOf;
  StepKind kind() const override { return StepKind::kView; }
  std::vector<const ElementType*> outputs() const override {
    return {&element_type<typename Kind::Element>};
  }
};

template <class Kind>
class ViewStep final : public ViewStepOf<Kind, Kind> {
 public:
  using ViewStepOf<Kind, Kind>::ViewStepOf;
  std::unique_ptr<Breaker> MakeBreaker(const BreakerContext& context) const override {
    return std::make_unique<ViewBreaker<Kind>>(this->definition(), context.step);
  }
};
template <class T>
class ViewStep<AsSingletonView<T>> final : public ViewStepOf<AsSingletonView<T>, std::optional<T>> {
 public:
  using ViewStepOf<AsSingletonView<T>, std::optional<T>>::ViewStepOf;
  std::unique_ptr<Breaker> MakeBreaker(const BreakerContext& context) const override {
    return std::make_unique<ViewBreaker<AsSingletonView<T>>>(AsSingletonView<T>{this->definition()},
                                                             context.step);
  }
};

}  // namespace joist

#endif  // JOIST_EXEC_VIEW_H_
