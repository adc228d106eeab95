// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Flatten: several collections of one type as one. Costs nothing at run time.
//
//   joist::Flatten(pages, images)
//   joist::Flatten("All", pages, images)                   // With a name.
//   joist::Flatten("All", std::vector{pages, images})      // As many as there are.

#ifndef JOIST_SDK_FLATTEN_H_
#define JOIST_SDK_FLATTEN_H_

#include <source_location>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "joist/sdk/pcollection.h"

namespace joist {

namespace flatten_internal {

/// `where` may be null: not known.
template <class T>
PCollection<T> Apply(std::string_view name, const std::vector<PCollection<T>>& collections,
                     const std::source_location* where) {
  JOIST_CHECK(!collections.empty());
  PipelineBuilder& builder = collections.front().builder();
  const PipelineBuilder::Scope scope(&builder, name, "Flatten", where);
  std::vector<int> inputs;
  for (const PCollection<T>& collection : collections) {
    inputs.push_back(
        builder.InputFrom(collection.builder(), collection.id(), collections.front().id()));
  }
  const int node =
      builder.Add(StepKind::kFlatten, nullptr, std::move(inputs), {}, {&element_type<T>});
  return PCollection<T>(&builder, builder.OutputOf(node));
}

}  // namespace flatten_internal

/// All elements of `collections`, which must not be empty, as a step called `name`.
template <class T>
PCollection<T> Flatten(std::string_view name, const std::vector<PCollection<T>>& collections,
                       std::source_location where = std::source_location::current()) {
  return flatten_internal::Apply(name, collections, &where);
}

template <class T>
PCollection<T> Flatten(const std::vector<PCollection<T>>& collections,
                       std::source_location where = std::source_location::current()) {
  return flatten_internal::Apply("", collections, &where);
}

template <class T, class... Rest>
auto Flatten(std::string_view name, const PCollection<T>& first, const PCollection<Rest>&... rest) {
  constexpr bool kOneType = (std::is_same_v<T, Rest> && ...);
  static_assert(kOneType, "Joist: Flatten takes collections of one type of elements.");
  if constexpr (kOneType) {
    return flatten_internal::Apply(name, std::vector<PCollection<T>>{first, rest...}, nullptr);
  } else {
    return PCollection<Invalid>(&first.builder());
  }
}

template <class T, class... Rest>
auto Flatten(const PCollection<T>& first, const PCollection<Rest>&... rest) {
  return Flatten("", first, rest...);
}

}  // namespace joist

#endif  // JOIST_SDK_FLATTEN_H_
