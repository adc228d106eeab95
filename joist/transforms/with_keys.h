// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// WithKeys: a key for each element, by a function or the same for all.
//
//   words | joist::WithKeys([](std::string_view word) { return word.size(); })
//   words | joist::WithKeys("word")              // KV<std::string, std::string>{"word", …}

#ifndef JOIST_TRANSFORMS_WITH_KEYS_H_
#define JOIST_TRANSFORMS_WITH_KEYS_H_

#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include "joist/sdk/par_do.h"
#include "joist/transforms/element_function.h"

namespace joist {

namespace with_keys_internal {

template <class F, class T>
struct ByFunction {
  using Result = decltype(std::declval<ElementFunction<F, T>&>()(std::declval<const View<T>&>()));
  [[no_unique_address]] ElementFunction<F, T> key_of;
  static auto Parts(auto& self) { return std::tie(self.key_of); }
  KV<std::remove_cvref_t<Result>, Lent<T>> operator()(const View<T>& element) {
    return {key_of(element), Lend<T>(element)};
  }
};

template <class K, class T>
struct Constant {
  K key;
  static auto Parts(auto& self) { return std::tie(self.key); }
  KV<Lent<K>, Lent<T>> operator()(const View<T>& element) const {
    return {Lend<K>(ViewOfOwn<K>(key)), Lend<T>(element)};
  }
};

}  // namespace with_keys_internal

/// Elements T as KV<K, T>. `key` is a function of the element that returns the key, or the key.
template <class F>
struct WithKeys : Transform {
  explicit WithKeys(F key, std::source_location where = std::source_location::current())
      : Transform(where), key(std::move(key)) {}
  static constexpr std::string_view kKind = "WithKeys";
  template <class T>
  auto Expand(const PCollection<T>& in) const {
    if constexpr (!signature::Of<F>::kReadable && kIsKey<ElementOfT<F>>) {
      return in | "Map" >> Map(with_keys_internal::Constant<ElementOfT<F>, T>{key});
    } else if constexpr (!IsElementFunction<F, T>()) {
      return PCollection<Invalid>(&in.builder());
    } else {
      return in | "Map" >> Map(with_keys_internal::ByFunction<F, T>{{key, {}}});
    }
  }
  F key;
};
WithKeys(const char*) -> WithKeys<std::string>;

}  // namespace joist

#endif  // JOIST_TRANSFORMS_WITH_KEYS_H_
