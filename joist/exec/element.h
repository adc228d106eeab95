// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// How the elements of a PCollection<T> look inside the engine. Three forms of every T:
//
//   View<T>    what a function is handed: std::string_view for a string, a KV of views for a KV, a
//              value for small trivial types, const T& for the rest. Lives until the function
//              returns.
//   Stored<T>  one element kept in a table or a spool: trivial wherever T allows. A string becomes
//   a
//              view whose bytes lie in the keeper's arena.
//   ColumnView<T> / ColumnBuffer<T>  a batch's worth: contiguous Stored<T>, a KV as two columns.
//
// A column view, and all that it refers to, lives until the Push that it was handed to returns;
// whoever keeps an element longer calls Store.

#ifndef JOIST_EXEC_ELEMENT_H_
#define JOIST_EXEC_ELEMENT_H_

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "joist/base/arena.h"
#include "joist/exec/compress.h"
#include "joist/model/kv.h"

namespace joist {

/// Elements in a batch, at the most. A virtual call costs 1 ns an element at 256 and no less above
/// 4096, where columns begin to leave the first-level cache.
inline constexpr size_t kBatchSize = 1024;

template <class V>
class Iterable;

// --- The forms of one element -------------------------------------------------------------------

template <class T>
struct ElementForm {
  static constexpr bool kByValue = std::is_trivially_copyable_v<T> && sizeof(T) <= 16;
  using View = std::conditional_t<kByValue, T, const T&>;
  using Stored = T;
  static View ViewOf(const Stored& stored) { return stored; }
  template <class U>
  static Stored Store(U&& value, Arena&) {
    return T(std::forward<U>(value));
  }
  static constexpr bool Holds(const T&, const char*, size_t) { return false; }
};

template <class T>
using View = typename ElementForm<T>::View;
template <class T>
using Stored = typename ElementForm<T>::Stored;

template <>
struct ElementForm<std::string> {
  using View = std::string_view;
  using Stored = std::string_view;
  static View ViewOf(Stored stored) { return stored; }
  static Stored Store(std::string_view value, Arena& arena) { return arena.Copy(value); }
  /// Whether [data, data + size) lies inside `view`, so that it lives as long.
  static bool Holds(std::string_view view, const char* data, size_t size) {
    return data >= view.data() && data + size <= view.data() + view.size();
  }
};

template <class K, class V>
struct ElementForm<KV<K, V>> {
  using View = KV<typename ElementForm<K>::View, typename ElementForm<V>::View>;
  using Stored = KV<typename ElementForm<K>::Stored, typename ElementForm<V>::Stored>;
  static View ViewOf(const Stored& stored) {
    return View{ElementForm<K>::ViewOf(stored.key), ElementForm<V>::ViewOf(stored.value)};
  }
  template <class U>
  static Stored Store(U&& kv, Arena& arena) {
    return Stored{ElementForm<K>::Store(std::forward<U>(kv).key, arena),
                  ElementForm<V>::Store(std::forward<U>(kv).value, arena)};
  }
  static bool Holds(const View& view, const char* data, size_t size) {
    return ElementForm<K>::Holds(view.key, data, size) ||
           ElementForm<V>::Holds(view.value, data, size);
  }
};

/// A part of a group's values.
template <class V>
struct Page {
  Arena arena;  ///< Where what the values refer to lies.
  std::unique_ptr<Stored<V>[]> values;
  size_t size = 0;
};

/// The values of a group that does not fit into memory, read page by page. Immutable; thread-safe.
template <class V>
class PagedValues {
 public:
  virtual ~PagedValues() = default;
  virtual size_t page_count() const = 0;
  /// Throws StatusException.
  virtual std::shared_ptr<const Page<V>> Load(size_t page) const = 0;
};

/// The values of one group: can be read again and again while the function that was given it runs.
/// Of a group that does not fit into memory only a page at a time is there: what refers to one of
/// its values (a string_view) is good until the iterator that gave it moves on. Each iterator reads
/// the pages for itself.
template <class V>
class Iterable {
 public:
  using value_type = V;

  class iterator {
   public:
    using value_type = joist::View<V>;
    using difference_type = std::ptrdiff_t;
    iterator() = default;
    explicit iterator(const Stored<V>* at) : at_(at) {}
    explicit iterator(const PagedValues<V>* pages) : pages_(pages) { LoadPage(); }
    joist::View<V> operator*() const { return ElementForm<V>::ViewOf(*at_); }
    iterator& operator++() {
      ++at_;
      if (pages_ != nullptr && at_ == page_->values.get() + page_->size) [[unlikely]]
        LoadPage();
      return *this;
    }
    iterator operator++(int) {
      iterator old = *this;
      ++*this;
      return old;
    }
    friend bool operator==(const iterator& a, const iterator& b) { return a.at_ == b.at_; }

   private:
    [[gnu::noinline]] void LoadPage() {
      page_ = nullptr;  // Before the next is made: only one is there at a time.
      at_ = nullptr;
      if (next_page_ == pages_->page_count()) return;
      page_ = pages_->Load(next_page_++);
      at_ = page_->values.get();
    }

    const Stored<V>* at_ = nullptr;
    const PagedValues<V>* pages_ = nullptr;
    size_t next_page_ = 0;
    std::shared_ptr<const Page<V>> page_;
  };

  Iterable() = default;
  Iterable(const Stored<V>* values, size_t size) : values_(values), size_(size) {}
  /// `pages` have `size` values, none of the pages is empty.
  Iterable(const PagedValues<V>* pages, size_t size) : pages_(pages), size_(size) {}

  iterator begin() const { return pages_ != nullptr ? iterator(pages_) : iterator(values_); }
  iterator end() const { return pages_ != nullptr ? iterator() : iterator(values_ + size_); }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  /// Does not fit into memory.
  bool is_paged() const { return pages_ != nullptr; }

 private:
  const Stored<V>* values_ = nullptr;
  const PagedValues<V>* pages_ = nullptr;
  size_t size_ = 0;
};

/// An Iterable with the values that it shows.
template <class V>
struct OwnedIterable {
  std::shared_ptr<const Stored<V>[]>
      values;  // No std::vector: that of bool has no bools to point to.
  size_t size = 0;
};

template <class V>
struct ElementForm<Iterable<V>> {
  using View = Iterable<V>;
  using Stored = OwnedIterable<V>;
  static View ViewOf(const Stored& stored) { return View(stored.values.get(), stored.size); }
  template <class Range>
  static Stored Store(const Range& values, Arena& arena) {
    std::shared_ptr<joist::Stored<V>[]> copy(new joist::Stored<V>[values.size()]);
    size_t size = 0;
    for (const auto& value : values) copy[size++] = ElementForm<V>::Store(value, arena);
    return {std::move(copy), size};
  }
  static bool Holds(const View&, const char*, size_t) { return false; }
};

/// An own copy of what `view` shows, in the type that the user named.
template <class T>
T Own(const View<T>& view) {
  if constexpr (requires {
                  typename T::key_t;
                  view.key;
                }) {
    return T{Own<typename T::key_t>(view.key), Own<typename T::value_t>(view.value)};
  } else {
    return T(view);
  }
}

/// The inverse: what functions are handed of a T that somebody keeps.
template <class T>
View<T> ViewOfOwn(const T& own) {
  if constexpr (requires {
                  typename T::key_t;
                  own.key;
                }) {
    return {ViewOfOwn<typename T::key_t>(own.key), ViewOfOwn<typename T::value_t>(own.value)};
  } else {
    return own;
  }
}

/// The bytes of an element's string (of a KV: its key's, else its value's): a function that emits a
/// piece of them need not have it copied.
struct ByteSpan {
  const char* begin = nullptr;
  const char* end = nullptr;
  bool Contains(std::string_view piece) const {
    return piece.data() >= begin && piece.data() + piece.size() <= end;
  }
};
template <class V>
ByteSpan SpanOf(const V&) {
  return {};
}
inline ByteSpan SpanOf(std::string_view view) { return {view.data(), view.data() + view.size()}; }
template <class K, class V>
ByteSpan SpanOf(const KV<K, V>& kv) {
  if constexpr (std::is_same_v<K, std::string_view>) {
    return SpanOf(kv.key);
  } else {
    return SpanOf(kv.value);
  }
}

/// The element type that a function outputs by returning or emitting an R: std::string for anything
/// that is a piece of text.
template <class R>
struct ElementOf {
  using type = R;
};
template <>
struct ElementOf<std::string_view> {
  using type = std::string;
};
template <>
struct ElementOf<const char*> {
  using type = std::string;
};
template <class R>
using ElementOfT = typename ElementOf<std::remove_cvref_t<R>>::type;
template <class K, class V>
struct ElementOf<KV<K, V>> {
  using type = KV<ElementOfT<K>, ElementOfT<V>>;
};

// --- Columns ------------------------------------------------------------------------------------

/// What a column holds for each element; differs from Stored only where a batch need not own.
template <class T>
struct ColumnForm {
  using Item = Stored<T>;
};
template <class V>
struct ColumnForm<Iterable<V>> {
  using Item = Iterable<V>;
};

template <class T>
class ColumnView {
 public:
  using Item = typename ColumnForm<T>::Item;
  ColumnView() = default;
  explicit ColumnView(const Item* items) : items_(items) {}

  View<T> operator[](size_t i) const {
    if constexpr (std::is_same_v<Item, Stored<T>>) {
      return ElementForm<T>::ViewOf(items_[i]);
    } else {
      return items_[i];
    }
  }
  /// The items themselves, contiguous.
  const Item* data() const { return items_; }
  ColumnView From(size_t first) const { return ColumnView(items_ + first); }

 private:
  const Item* items_ = nullptr;
};

template <>
class ColumnView<Void> {
 public:
  Void operator[](size_t) const { return {}; }
  ColumnView From(size_t) const { return {}; }
};

template <class K, class V>
class ColumnView<KV<K, V>> {
 public:
  ColumnView() = default;
  ColumnView(ColumnView<K> keys, ColumnView<V> values) : keys_(keys), values_(values) {}

  View<KV<K, V>> operator[](size_t i) const { return View<KV<K, V>>{keys_[i], values_[i]}; }
  ColumnView From(size_t first) const { return {keys_.From(first), values_.From(first)}; }
  const ColumnView<K>& keys() const { return keys_; }
  const ColumnView<V>& values() const { return values_; }

 private:
  ColumnView<K> keys_;
  ColumnView<V> values_;
};

/// Writes items of a column that a ColumnBuffer owns; a few pointers, meant to be copied into a
/// loop.
template <class T>
class ColumnWriter {
 public:
  using Item = typename ColumnForm<T>::Item;
  explicit ColumnWriter(Item* items) : items_(items) {}

  /// Writes element `i`. Strings outside of `kept` are copied into `arena`.
  template <class U>
  void Set(size_t i, U&& value, [[maybe_unused]] ByteSpan kept,
           [[maybe_unused]] Arena& arena) const {
    if constexpr (std::is_same_v<T, std::string>) {
      const std::string_view view(value);
      items_[i] = kept.Contains(view) ? view : arena.Copy(view);
    } else {
      items_[i] = std::forward<U>(value);
    }
  }
  /// The same without copying bytes: what `view` refers to outlives the column's next push.
  void SetView(size_t i, const View<T>& view) const { items_[i] = view; }
  void CopyFrom(size_t i, const ColumnView<T>& from, size_t j) const { items_[i] = from.data()[j]; }
  /// The items of `from` where `keep` is 1; returns their number.
  size_t CompressFrom(const ColumnView<T>& from, const uint8_t* keep, size_t count) const {
    return Compress(from.data(), keep, count, items_);
  }

 private:
  Item* items_;
};

template <>
class ColumnWriter<Void> {
 public:
  void Set(size_t, Void, ByteSpan, Arena&) const {}
  void SetView(size_t, Void) const {}
  void CopyFrom(size_t, const ColumnView<Void>&, size_t) const {}
  size_t CompressFrom(const ColumnView<Void>&, const uint8_t* keep, size_t count) const {
    size_t kept = 0;
    for (size_t i = 0; i < count; ++i) kept += keep[i];
    return kept;
  }
};

template <class K, class V>
class ColumnWriter<KV<K, V>> {
 public:
  ColumnWriter(ColumnWriter<K> keys, ColumnWriter<V> values) : keys_(keys), values_(values) {}
  template <class U>
  void Set(size_t i, U&& kv, ByteSpan kept, Arena& arena) const {
    keys_.Set(i, std::forward<U>(kv).key, kept, arena);
    values_.Set(i, std::forward<U>(kv).value, kept, arena);
  }
  void SetView(size_t i, const View<KV<K, V>>& view) const {
    keys_.SetView(i, view.key);
    values_.SetView(i, view.value);
  }
  void CopyFrom(size_t i, const ColumnView<KV<K, V>>& from, size_t j) const {
    keys_.CopyFrom(i, from.keys(), j);
    values_.CopyFrom(i, from.values(), j);
  }
  size_t CompressFrom(const ColumnView<KV<K, V>>& from, const uint8_t* keep, size_t count) const {
    keys_.CompressFrom(from.keys(), keep, count);
    return values_.CompressFrom(from.values(), keep, count);
  }
  const ColumnWriter<K>& keys() const { return keys_; }
  const ColumnWriter<V>& values() const { return values_; }

 private:
  [[no_unique_address]] ColumnWriter<K> keys_;
  [[no_unique_address]] ColumnWriter<V> values_;
};

/// A column being written: room for kBatchSize items that stay in place.
template <class T>
class ColumnBuffer {
 public:
  using Item = typename ColumnForm<T>::Item;
  ColumnBuffer() : items_(new Item[kBatchSize]) {}
  ColumnWriter<T> writer() const { return ColumnWriter<T>(items_.get()); }
  ColumnView<T> view() const { return ColumnView<T>(items_.get()); }
  Item* data() { return items_.get(); }

 private:
  std::unique_ptr<Item[]> items_;
};

template <>
class ColumnBuffer<Void> {
 public:
  ColumnWriter<Void> writer() const { return {}; }
  ColumnView<Void> view() const { return {}; }
};

template <class K, class V>
class ColumnBuffer<KV<K, V>> {
 public:
  ColumnWriter<KV<K, V>> writer() const { return {keys_.writer(), values_.writer()}; }
  ColumnView<KV<K, V>> view() const { return {keys_.view(), values_.view()}; }
  ColumnBuffer<K>& keys() { return keys_; }
  ColumnBuffer<V>& values() { return values_; }

 private:
  ColumnBuffer<K> keys_;
  ColumnBuffer<V> values_;
};

/// Whether a column of T may be copied item by item whether or not the copy is wanted.
template <class T>
inline constexpr bool kCheapItem = std::is_trivially_copyable_v<typename ColumnForm<T>::Item>;
template <class K, class V>
inline constexpr bool kCheapItem<KV<K, V>> = kCheapItem<K> && kCheapItem<V>;

}  // namespace joist

#endif  // JOIST_EXEC_ELEMENT_H_
