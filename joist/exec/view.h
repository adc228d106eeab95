// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Views: what functions see of a side input. Built when its collection is complete, in memory or,
// beyond what it may hold, on disk. What is built is shared by all threads; a View belongs to one,
// which keeps the pages there that it looked at.

#ifndef JOIST_EXEC_VIEW_H_
#define JOIST_EXEC_VIEW_H_

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "joist/exec/failure.h"
#include "joist/exec/hash_pages.h"
#include "joist/exec/page_cache.h"
#include "joist/exec/reshuffle.h"
#include "joist/exec/stream_view.h"
#include "joist/exec/window_shares.h"
#include "joist/model/describe.h"

namespace joist {

/// Elements on disk, a block of a spool a page.
template <class T>
class SpoolPages final : public PagedValues<T> {
 public:
  explicit SpoolPages(const Spools<T>& spools) {
    for (const auto& spool : spools) {
      for (const auto& block : spool->blocks()) {
        places_.push_back({spool.get(), &block, size_});
        size_ += block.size;
      }
    }
  }
  size_t page_count() const override { return places_.size(); }
  std::shared_ptr<const Page<T>> Load(size_t number) const override {
    auto page = std::make_shared<Page<T>>();
    places_[number].spool->Load(*places_[number].block, page.get());
    return page;
  }
  /// The page of element `i`, and the number of its first element.
  std::pair<size_t, size_t> PageOf(size_t i) const {
    const auto after = std::upper_bound(places_.begin(), places_.end(), i,
                                        [](size_t at, const Place& p) { return at < p.first; });
    return {static_cast<size_t>(after - places_.begin() - 1), (after - 1)->first};
  }
  /// Elements.
  size_t size() const { return size_; }

 private:
  struct Place {
    const Spool<T>* spool;
    const typename Spool<T>::Block* block;
    size_t first;
  };
  std::vector<Place> places_;
  size_t size_ = 0;
};

/// What all threads share of a side input's elements: they lie together in memory, or in pages on
/// disk.
template <class T>
struct ViewedElements {
  explicit ViewedElements(const Spools<T>& from) : spools(from) {
    for (const auto& spool : spools) {
      size += spool->size();
      is_on_disk |= spool->is_on_disk();
    }
    if (is_on_disk) {
      pages = std::make_unique<SpoolPages<T>>(spools);
      return;
    }
    values = std::make_unique<Stored<T>[]>(size);
    size_t at = 0;
    for (const auto& spool : spools) {
      for (const auto& block : spool->blocks()) {
        for (const auto& value : block.values) values[at++] = value;
      }
      spool->ReleaseValues();
    }
  }
  Spools<T> spools;  ///< Where the bytes of strings lie.
  size_t size = 0;
  bool is_on_disk = false;
  std::unique_ptr<Stored<T>[]> values;
  std::unique_ptr<SpoolPages<T>> pages;
};

/// All elements of a side input, in no particular order. What refers to one of them (a string_view)
/// is good until the iterator that gave it moves on.
template <class T>
class IterableView {
 public:
  using Shared = ViewedElements<T>;
  IterableView(std::shared_ptr<const Shared> shared, MemoryBudget*) : shared_(std::move(shared)) {}
  auto begin() const { return all().begin(); }
  auto end() const { return all().end(); }
  size_t size() const { return shared_->size; }
  bool empty() const { return size() == 0; }

 protected:
  const Shared& shared() const { return *shared_; }

 private:
  Iterable<T> all() const {
    if (shared_->is_on_disk && shared_->size > 0) {
      return Iterable<T>(shared_->pages.get(), shared_->size);
    }
    return Iterable<T>(shared_->values.get(), shared_->size);
  }
  std::shared_ptr<const Shared> shared_;
};

/// The same with access by index. What refers to an element got by index is good until the function
/// returns.
template <class T>
class ListView : public IterableView<T> {
 public:
  ListView(std::shared_ptr<const ViewedElements<T>> shared, MemoryBudget* memory)
      : IterableView<T>(std::move(shared), memory), cache_(memory) {}
  View<T> operator[](size_t i) const {
    const ViewedElements<T>& all = this->shared();
    JOIST_CHECK(i < all.size);
    if (!all.is_on_disk) [[likely]]
      return ElementForm<T>::ViewOf(all.values[i]);
    const auto [number, first] = all.pages->PageOf(i);
    const CachedPage& page = cache_.Get(number, [&](size_t n) {
      return std::make_unique<CachedPage>(CachedPage{all.pages->Load(n)});
    });
    return ElementForm<T>::ViewOf(page.page->values[i - first]);
  }
  void BeginCall() const { cache_.BeginCall(); }

 private:
  struct CachedPage {
    std::shared_ptr<const Page<T>> page;
    int64_t held_bytes() const {
      return static_cast<int64_t>(page->arena.held_bytes() + kBatchSize * sizeof(Stored<T>));
    }
  };
  mutable PageCache<CachedPage> cache_;
};

/// What all threads share of a side input by key: a table in memory, or pages on disk.
template <class K, class V>
class ViewedGroups {
 public:
  ViewedGroups(const Spools<KV<K, V>>& spools, MemoryBudget* memory) : spools_(spools) {
    bool is_on_disk = false;
    for (const auto& spool : spools) is_on_disk |= spool->is_on_disk();
    if (is_on_disk) {
      pages_ = std::make_unique<HashPages<K, V>>(spools, memory);
      spools_.clear();
    } else {
      Build();
    }
  }
  Iterable<V> Get(const View<K>& key, typename HashPages<K, V>::Cache& cache) const {
    if (pages_ != nullptr) [[unlikely]]
      return pages_->Get(key, cache);
    std::string scratch;
    const uint32_t* const number = numbers_.Lookup(GroupKey<K>::ToKept(key, &scratch));
    if (number == nullptr) return {};
    const uint32_t begin = *number == 0 ? 0 : ends_[*number - 1];
    return Iterable<V>(values_.get() + begin, ends_[*number] - begin);
  }
  /// Number of keys.
  size_t size() const { return pages_ != nullptr ? pages_->size() : ends_.size(); }

 private:
  void Build() {
    using Key = GroupKey<K>;
    Arena keys;
    std::string scratch;
    std::vector<uint32_t> key_of;
    for (const auto& spool : spools_) {
      for (const auto& block : spool->blocks()) {
        keys.Reset();
        numbers_.Upsert(
            block.values.size(),
            [&](size_t i) {
              return Key::Keep(ElementForm<K>::ViewOf(block.values[i].key), &scratch, keys);
            },
            [&] { return static_cast<uint32_t>(ends_.empty() ? 0 : ends_.size()); },
            [&](size_t, uint32_t number) {
              if (number == ends_.size()) ends_.push_back(0);
              ++ends_[number];
              key_of.push_back(number);
            });
      }
    }
    uint32_t sum = 0;
    for (uint32_t& end : ends_) sum += std::exchange(end, sum);
    values_ = std::make_unique<Stored<V>[]>(key_of.size());
    size_t at = 0;
    for (const auto& spool : spools_) {
      for (const auto& block : spool->blocks()) {
        for (const auto& value : block.values) values_[ends_[key_of[at++]]++] = value.value;
      }
      spool->ReleaseValues();
    }
  }

  Spools<KV<K, V>> spools_;  ///< Where the bytes of strings lie.
  KeyTable<typename GroupKey<K>::Table, uint32_t> numbers_;
  std::vector<uint32_t> ends_;
  std::unique_ptr<Stored<V>[]> values_;
  std::unique_ptr<HashPages<K, V>> pages_;
};

/// A side input of KVs by key, several values each. What it returns is good until the function
/// returns.
template <class K, class V>
class MultimapView {
 public:
  using Shared = ViewedGroups<K, V>;
  MultimapView(std::shared_ptr<const Shared> shared, MemoryBudget* memory)
      : shared_(std::move(shared)), cache_(memory) {}

  /// The values of `key`; empty if it has none.
  Iterable<V> Get(const View<K>& key) const { return shared_->Get(key, cache_); }
  bool Contains(const View<K>& key) const { return !Get(key).empty(); }
  /// Number of keys.
  size_t size() const { return shared_->size(); }
  void BeginCall() const { cache_.BeginCall(); }

 private:
  std::shared_ptr<const Shared> shared_;
  mutable typename HashPages<K, V>::Cache cache_;
};

/// A side input of KVs by key, one value each.
template <class K, class V>
class MapView {
 public:
  using Shared = ViewedGroups<K, V>;
  MapView(std::shared_ptr<const Shared> shared, MemoryBudget* memory)
      : values_(std::move(shared), memory) {}
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
  void BeginCall() const { values_.BeginCall(); }

 private:
  MultimapView<K, V> values_;
};

/// How each kind of view is made from the elements of a collection, or refused: first what all
/// threads share, then, of that, what each has (a View).
template <class T>
struct AsSingletonView {
  std::optional<T> fallback;
  using Element = T;
  using View = T;
  using Shared = T;
  std::shared_ptr<const T> Share(const CommittedSpools<T>& committed, std::string_view step) const {
    size_t size = 0;
    const Spool<T>* only = nullptr;
    for (const auto& spool : committed.spools()) {
      size += spool->size();
      if (spool->size() > 0) only = spool.get();
    }
    if (size == 1) {
      Page<T> page;
      only->Load(only->blocks().front(), &page);
      return std::make_shared<const T>(Own<T>(ElementForm<T>::ViewOf(page.values[0])));
    }
    if (size == 0 && fallback.has_value()) return std::make_shared<const T>(*fallback);
    ThrowStepFailure(step, "",
                     "a singleton side input needs exactly one element, and its collection has " +
                         std::to_string(size) +
                         (size == 0 ? "; give it a default, AsSingleton(collection, value)"
                                    : "; combine them first, or use AsIterable"));
  }
};
template <class ViewOfElements, class T>
struct AsElementsView {
  using Element = T;
  using View = ViewOfElements;
  using Shared = ViewedElements<T>;
  std::shared_ptr<const Shared> Share(const CommittedSpools<T>& committed, std::string_view) const {
    return std::make_shared<const Shared>(committed.spools());
  }
};
template <class T>
struct AsIterableView : AsElementsView<IterableView<T>, T> {};
template <class T>
struct AsListView : AsElementsView<ListView<T>, T> {};
template <class K, class V>
struct AsMultimapView {
  using Element = KV<K, V>;
  using View = MultimapView<K, V>;
  using Shared = ViewedGroups<K, V>;
  std::shared_ptr<const Shared> Share(const CommittedSpools<Element>& committed,
                                      std::string_view) const {
    return std::make_shared<const Shared>(committed.spools(), committed.memory());
  }
};
template <class K, class V>
struct AsMapView {
  using Element = KV<K, V>;
  using View = MapView<K, V>;
  using Shared = ViewedGroups<K, V>;
  std::shared_ptr<const Shared> Share(const CommittedSpools<Element>& committed,
                                      std::string_view step) const {
    size_t elements = 0;
    for (const auto& spool : committed.spools()) elements += spool->size();
    auto shared = std::make_shared<const Shared>(committed.spools(), committed.memory());
    if (shared->size() != elements) {
      ThrowStepFailure(step, "", "a map side input has several values for one key; use AsMultimap");
    }
    return shared;
  }
};

/// Fills a spool for each window.
template <class T>
class ViewSink final : public Operator, public BatchReceiver<T> {
 public:
  explicit ViewSink(const OperatorContext& context) : context_(context), use_(context.memory) {}
  Receiver* input(int) override { return static_cast<BatchReceiver<T>*>(this); }
  void Connect(int, Receiver*) override {}
  void Push(const Batch<T>& batch) override {
    const StepScope scope(context_.stats);
    context_.stats->elements_in += batch.count;
    ++context_.stats->batches_in;
    ForEachUnsliced(batch, [this](const Batch<T>& unsliced) {
      ForEachWindowRun(unsliced, [&](const Window& window, size_t first, size_t count) {
        Spool<T>& spool = windows_.Of({window}, [] { return std::make_unique<Spool<T>>(); });
        held_ -= spool.held_bytes();
        spool.Append({unsliced.values.From(first), count, unsliced.meta.From(first)});
        held_ += spool.held_bytes();
      });
    });
    Hold(context_.memory_bytes);
  }
  /// What a share keeps for good is half of what it may gather.
  void Finish() override {
    const StepScope scope(context_.stats);
    Hold(context_.memory_bytes / 2);
  }
  /// Whoever takes the spools out counts them.
  WindowList<Spool<T>>& windows() {
    use_.Set(0);
    return windows_;
  }

 private:
  void Hold(int64_t most_bytes) {
    while (held_ > most_bytes) [[unlikely]] {
      const auto largest = std::max_element(
          windows_.begin(), windows_.end(),
          [](const auto& a, const auto& b) { return a->held_bytes() < b->held_bytes(); });
      const int64_t before = (*largest)->held_bytes();
      try {
        (*largest)->Spill(context_.memory);
      } catch (...) {
        RethrowAsStepFailure(context_.step, "");
      }
      held_ += (*largest)->held_bytes() - before;
      if ((*largest)->held_bytes() == before) break;  // What has no coder stays.
    }
    use_.Set(held_);
  }

  OperatorContext context_;
  MemoryUse use_;
  WindowList<Spool<T>> windows_;
  int64_t held_ = 0;
};

template <class Kind>
class ViewBreaker final : public Breaker {
  using T = typename Kind::Element;
  using Shared = typename Kind::Shared;

  /// Of one window.
  struct Viewed {
    explicit Viewed(MemoryBudget* memory) : committed(memory) {}
    CommittedSpools<T> committed;
    std::shared_ptr<const Shared> shared;
  };

 public:
  ViewBreaker(Kind kind, const BreakerContext& context)
      : kind_(std::move(kind)), context_(context) {
    if (context.windowing != nullptr) window_fn_ = context.windowing->window_fn;
  }
  std::unique_ptr<Operator> MakeSink(const OperatorContext& context) override {
    return std::unique_ptr<Operator>(new ViewSink<T>(context));
  }
  void Commit(Operator& sink) override {
    for (auto& [of, spool] : static_cast<ViewSink<T>&>(sink).windows()) {
      windows_.Of(of, [this] { return std::make_unique<Viewed>(context_.memory); })
          .committed.Commit(std::move(spool));
    }
  }
  void Seal(int) override {
    for (auto& [of, viewed] : windows_) {
      viewed->committed.Seal();
      viewed->shared = kind_.Share(viewed->committed, context_.step);
      viewed->committed.ReleaseUnshared();
    }
    // A job whose only window lacks what a view needs fails before anything is done with it.
    if (window_fn_.is_global() && windows_.size() == 0) ShareOf(Window::Global());
  }
  std::shared_ptr<SideViews> MakeSideViews() const override {
    return std::unique_ptr<SideViews>(new Views(this));
  }

 private:
  /// That of a window without elements is made anew for each who asks.
  std::shared_ptr<const Shared> ShareOf(const Window& window) const {
    const Viewed* const viewed = windows_.Find({window});
    if (viewed != nullptr) return viewed->shared;
    return kind_.Share(CommittedSpools<T>(nullptr), context_.step);
  }

  class Views final : public SideViews {
   public:
    explicit Views(const ViewBreaker* breaker) : breaker_(breaker) {}
    const void* At(const Window& main) override {
      const Window window = SideInputWindow(breaker_->window_fn_, main);
      if (view_ == nullptr || window != window_) {
        window_ = window;
        view_ = MakeView<Kind>(breaker_->ShareOf(window), breaker_->context_.memory);
      }
      return view_.get();
    }

   private:
    const ViewBreaker* breaker_;
    Window window_;
    std::shared_ptr<const void> view_;
  };

  Kind kind_;
  BreakerContext context_;
  WindowFn window_fn_;
  WindowList<Viewed> windows_;
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
    return std::unique_ptr<Breaker>(new ViewBreaker<Kind>(this->definition(), context));
  }
  std::vector<std::unique_ptr<Operator>> MakeStreamOperators(
      std::span<const OperatorContext> lanes) const override {
    return MakeStreamViewLanes<Kind>(this->definition(), lanes);
  }
};
template <class T>
class ViewStep<AsSingletonView<T>> final : public ViewStepOf<AsSingletonView<T>, std::optional<T>> {
 public:
  using ViewStepOf<AsSingletonView<T>, std::optional<T>>::ViewStepOf;
  std::unique_ptr<Breaker> MakeBreaker(const BreakerContext& context) const override {
    return std::unique_ptr<Breaker>(
        new ViewBreaker<AsSingletonView<T>>(AsSingletonView<T>{this->definition()}, context));
  }
  std::vector<std::unique_ptr<Operator>> MakeStreamOperators(
      std::span<const OperatorContext> lanes) const override {
    return MakeStreamViewLanes(AsSingletonView<T>{this->definition()}, lanes);
  }
};

}  // namespace joist

#endif  // JOIST_EXEC_VIEW_H_
