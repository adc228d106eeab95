// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// CoGbkResult<V1, V2, …>: what several collections have under one key, the value of a
// CoGroupByKey's output. Lent to functions, as an Iterable is.
//
//   [](const joist::KV<std::string, joist::CoGbkResult<Order, Address>>& of_user) {
//     const auto& [orders, addresses] = of_user.value;
//     for (const Order& order : orders) …
//   }

#ifndef JOIST_EXEC_CO_GBK_RESULT_H_
#define JOIST_EXEC_CO_GBK_RESULT_H_

#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "joist/exec/element_code.h"
#include "joist/exec/step.h"

namespace joist {

template <class... Vs>
class CoGbkResult {
 public:
  template <size_t I>
  using Value = std::tuple_element_t<I, std::tuple<Vs...>>;

  CoGbkResult() = default;
  explicit CoGbkResult(Iterable<Vs>... values) : values_(values...) {}

  /// The values that the I-th collection has under the key, none or several.
  template <size_t I>
  const Iterable<Value<I>>& Get() const {
    return std::get<I>(values_);
  }
  template <size_t I>
  const Iterable<Value<I>>& get() const {  // What structured bindings call.
    return Get<I>();
  }
  /// The one value that the I-th collection has; throws if it has none or several.
  template <size_t I>
  View<Value<I>> GetOnly() const {
    if (Get<I>().size() != 1) ThrowNotOne(I, Get<I>().size());
    return *Get<I>().begin();
  }
  /// The same, or `fallback` if it has none.
  template <size_t I>
  std::remove_cvref_t<View<Value<I>>> GetOnly(std::remove_cvref_t<View<Value<I>>> fallback) const {
    if (Get<I>().empty()) return fallback;
    return GetOnly<I>();
  }

 private:
  [[noreturn]] static void ThrowNotOne(size_t input, size_t size) {
    throw std::out_of_range("GetOnly: collection " + std::to_string(input) + " has " +
                            std::to_string(size) + " values under this key, not one");
  }

  std::tuple<Iterable<Vs>...> values_;
};

/// The values of a group of one collection, or of several.
template <class... Vs>
struct GroupOf {
  using type = CoGbkResult<Vs...>;
};
template <class V>
struct GroupOf<V> {
  using type = Iterable<V>;
};
template <class... Vs>
using GroupOfT = typename GroupOf<Vs...>::type;

template <class... Vs>
struct ElementForm<CoGbkResult<Vs...>> {
  using View = CoGbkResult<Vs...>;
  using Stored = std::tuple<OwnedIterable<Vs>...>;
  static View ViewOf(const Stored& stored) {
    return std::apply(
        [](const auto&... values) { return View(ElementForm<Iterable<Vs>>::ViewOf(values)...); },
        stored);
  }
  static Stored Store(const View& values, Arena& arena) {
    const auto store = [&]<size_t... I>(std::index_sequence<I...>) {
      return Stored{ElementForm<Iterable<Vs>>::Store(values.template Get<I>(), arena)...};
    };
    return store(std::index_sequence_for<Vs...>());
  }
  static bool Holds(const View&, const char*, size_t) { return false; }
};

template <class... Vs>
struct ColumnForm<CoGbkResult<Vs...>> {
  using Item = CoGbkResult<Vs...>;
};

template <class... Vs>
struct ElementCode<CoGbkResult<Vs...>> {
  static constexpr bool kExists = (ElementCode<Vs>::kExists && ...);
  static void Encode(const CoGbkResult<Vs...>& view, std::string* out) {
    const auto encode = [&]<size_t... I>(std::index_sequence<I...>) {
      (ElementCode<Iterable<Vs>>::Encode(view.template Get<I>(), out), ...);
    };
    encode(std::index_sequence_for<Vs...>());
  }
  static bool Decode(ByteReader* in, std::tuple<OwnedIterable<Vs>...>* to) {
    return std::apply(
        [&](auto&... values) { return (ElementCode<Iterable<Vs>>::Decode(in, &values) && ...); },
        *to);
  }
};

/// On a wire, a tuple of Beam's iterables.
template <class... Vs>
struct ElementCoder<CoGbkResult<Vs...>> {
  static constexpr bool kExists = (ElementCoder<Vs>::kExists && ...);
  static CoderSpec Spec() { return Coder<std::tuple<std::vector<Vs>...>>::Spec(); }
};

}  // namespace joist

template <class... Vs>
struct std::tuple_size<joist::CoGbkResult<Vs...>> : std::integral_constant<size_t, sizeof...(Vs)> {
};
template <size_t I, class... Vs>
struct std::tuple_element<I, joist::CoGbkResult<Vs...>> {
  using type = const joist::Iterable<std::tuple_element_t<I, std::tuple<Vs...>>>;
};

#endif  // JOIST_EXEC_CO_GBK_RESULT_H_
