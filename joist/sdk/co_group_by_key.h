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
#include <tuple>
#include <utility>
#include <vector>

#include "joist/exec/group_by_key.h"
#include "joist/sdk/pcollection.h"

namespace joist {

/// The values of `first` and `rest` under each key, as a step called `name`. The collections are of
/// one pipeline; one that appears twice is grouped with itself.
template <class K, class... Vs>
PCollection<KV<K, CoGbkResult<Vs...>>> CoGroupByKey(std::string_view name,
                                                    const PCollection<KV<K, Vs>>&... collections) {
  static_assert(sizeof...(Vs) >= 2,
                "Joist: CoGroupByKey takes two collections or more; of one, use GroupByKey.");
  JOIST_ASSERT_KEY(K);
  PipelineBuilder& builder = std::get<0>(std::tie(collections...)).builder();
  const PipelineBuilder::Scope scope(&builder, name, "CoGroupByKey", nullptr);
  auto step = std::make_shared<GroupByKeyStep<K, Vs...>>(NoState());
  std::vector<const ElementType*> outputs = step->outputs();
  const int node =
      builder.Add(StepKind::kGroup, std::move(step), {collections.id()...}, {}, std::move(outputs));
  return {&builder, builder.OutputOf(node)};
}
template <class K, class... Vs>
PCollection<KV<K, CoGbkResult<Vs...>>> CoGroupByKey(const PCollection<KV<K, Vs>>&... collections) {
  return CoGroupByKey<K, Vs...>("", collections...);
}

}  // namespace joist

#endif  // JOIST_SDK_CO_GROUP_BY_KEY_H_
