// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// What transforms need that call a user's function of one element from a step of their own.

#ifndef JOIST_TRANSFORMS_ELEMENT_FUNCTION_H_
#define JOIST_TRANSFORMS_ELEMENT_FUNCTION_H_

#include <tuple>
#include <type_traits>
#include <utility>

#include "joist/sdk/par_do.h"
#include "joist/transforms/parts.h"

namespace joist {

namespace element_function_internal {

template <class T>
struct Lent {
  using type = std::conditional_t<std::is_reference_v<View<T>>, T, View<T>>;
  static type Of(const View<T>& view) { return view; }
};
template <class K, class V>
struct Lent<KV<K, V>> {
  using type = KV<typename Lent<K>::type, typename Lent<V>::type>;
  static type Of(const View<KV<K, V>>& view) {
    return {Lent<K>::Of(view.key), Lent<V>::Of(view.value)};
  }
};

}  // namespace element_function_internal

/// What a function returns to output a T that it was handed: its view where that is a value (text
/// is then not copied), else a T.
template <class T>
using Lent = typename element_function_internal::Lent<T>::type;
template <class T>
Lent<T> Lend(const View<T>& view) {
  return element_function_internal::Lent<T>::Of(view);
}

/// A user's function of an element of a PCollection<T> and nothing else.
template <class F, class T>
struct ElementFunction {
  using Parameters = typename signature::Of<F>::Parameters;
  [[no_unique_address]] F fn;
  [[no_unique_address]] ElementArgument<typename signature::First<Parameters>::type, T> argument;

  static auto Parts(auto& self) { return std::tie(self.fn); }

  /// What is returned may refer to the element, and to this object until the next call.
  decltype(auto) operator()(const View<T>& view) {
    if constexpr (signature::HasProcess<F>) {
      return fn.Process(argument(view));
    } else {
      return fn(argument(view));
    }
  }
};

/// Whether F is one and returns something; says in one static_assert why not.
template <class F, class T>
consteval bool IsElementFunction() {
  if constexpr (!par_do_internal::Check<F, T, ParDoForm::kMap, TypeList<>>()) {
    return false;
  } else {
    constexpr bool kAlone = signature::Of<F>::Parameters::kSize == 1;
    static_assert(kAlone, "Joist: this function takes the element alone.");
    return kAlone;
  }
}

}  // namespace joist

#endif  // JOIST_TRANSFORMS_ELEMENT_FUNCTION_H_
