// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// CoGroupByKey: several collections of KVs with one type of key, grouped together: for each key
// what each collection has, none of it copied into a common type.
//
//   joist::CoGroupByKey(orders, addresses)              // KV<K, CoGbkResult<Order, Address>>
//   joist::CoGroupByKey("By user", orders, addresses)   // With a name.

#ifndef JOIST_SDK_CO_GROUP_BY_KEY_H_
#define JOIST_SDK_CO_GROUP_BY_KEY_H_

#include <memory>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "joist/exec/group_by_key.h"
#include "joist/sdk/pcollection.h"

namespace joist {

namespace co_group_internal {

template <class T>
struct KeyOf {
  using type = void;
};
template <class K, class V>
struct KeyOf<KV<K, V>> {
  using type = K;
};

/// `first` is the id of one of the collections, which is of `builder`.
template <class K, class... Vs>
PCollection<KV<K, CoGbkResult<Vs...>>> Apply(PipelineBuilder& builder, int first,
                                             const PCollection<KV<K, Vs>>&... collections) {
  auto step = MakeStep<GroupByKeyStep<K, Vs...>>(NoState());
  std::vector<const ElementType*> outputs = step->outputs();
  const int node =
      builder.Add(StepKind::kGroup, std::move(step),
                  {builder.InputFrom(collections.builder(), collections.id(), first)...}, {},
                  std::move(outputs));
  return {&builder, builder.OutputOf(node)};
}

}  // namespace co_group_internal

/// Whether all of Ts are KVs with one type of key.
template <class T, class... Ts>
inline constexpr bool kHaveOneKey =
    kIsKV<T> && (std::is_same_v<typename co_group_internal::KeyOf<T>::type,
                                typename co_group_internal::KeyOf<Ts>::type> &&
                 ...);

/// The values of each collection under each key, as a step called `name`. The collections are of
/// one pipeline; one that appears twice is grouped with itself.
template <class T, class... Ts>
auto CoGroupByKey(std::string_view name, const PCollection<T>& first,
                  const PCollection<Ts>&... rest) {
  static_assert(sizeof...(Ts) > 0,
                "Joist: CoGroupByKey takes two collections or more; of one, use GroupByKey.");
  static_assert(kHaveOneKey<T, Ts...>,
                "Joist: CoGroupByKey takes collections of KVs with one type of key.");
  if constexpr (!kHaveOneKey<T, Ts...>) {
    return PCollection<Invalid>(&first.builder());
  } else if constexpr (!kIsGroupable<T>) {
    JOIST_ASSERT_KEY(typename T::key_t);
    return PCollection<Invalid>(&first.builder());
  } else {
    const PipelineBuilder::Scope scope(&first.builder(), name, "CoGroupByKey", nullptr);
    return co_group_internal::Apply(first.builder(), first.id(), first, rest...);
  }
}
template <class T, class... Ts>
auto CoGroupByKey(const PCollection<T>& first, const PCollection<Ts>&... rest) {
  return CoGroupByKey("", first, rest...);
}

}  // namespace joist

#endif  // JOIST_SDK_CO_GROUP_BY_KEY_H_
