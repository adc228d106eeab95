// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Keys, Values, SwapKV: the parts of KVs. They move no data.
//
//   counts | joist::Keys()      // KV<K, V> to K

#ifndef JOIST_SDK_KEYS_H_
#define JOIST_SDK_KEYS_H_

#include <memory>

#include "joist/exec/relabel.h"
#include "joist/sdk/pcollection.h"

namespace joist {

namespace keys_internal {
template <class V>
struct ElementOfColumn;
template <class T>
struct ElementOfColumn<ColumnView<T>> {
  using type = T;
};
}  // namespace keys_internal

/// The same columns under other names; `How` is one of joist/exec/relabel.h.
template <class How>
struct Relabel : Transform {
  explicit Relabel(std::source_location where = std::source_location::current())
      : Transform(where) {}
  static constexpr std::string_view kKind = "Relabel";
  template <class In>
  auto Expand(const PCollection<In>& in) const {
    constexpr bool kApplies = requires(const ColumnView<In>& column) { How::Apply(column); };
    static_assert(kApplies, "Joist: Keys, Values and SwapKV take a collection of KVs.");
    if constexpr (kApplies) {
      using Column = decltype(How::Apply(std::declval<const ColumnView<In>&>()));
      using Out = typename keys_internal::ElementOfColumn<Column>::type;
      return AddStep<Out>(in, MakeStep<RelabelStep<In, Out, How>>(How()));
    } else {
      return PCollection<Invalid>(&in.builder());
    }
  }
};

using Keys = Relabel<TakeKeys>;
using Values = Relabel<TakeValues>;
using SwapKV = Relabel<SwapKeyAndValue>;

}  // namespace joist

#endif  // JOIST_SDK_KEYS_H_
