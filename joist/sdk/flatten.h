// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Flatten: several collections of one type as one. Costs nothing at run time.
//
//   joist::Flatten(pages, images)
//   joist::Flatten("All", std::vector{pages, images})      // With a name.

#ifndef JOIST_SDK_FLATTEN_H_
#define JOIST_SDK_FLATTEN_H_

#include <initializer_list>
#include <string_view>
#include <vector>

#include "joist/sdk/pcollection.h"

namespace joist {

/// All elements of `collections`, which must not be empty, as a step called `name`.
template <class T>
PCollection<T> Flatten(std::string_view name, const std::vector<PCollection<T>>& collections,
                       std::source_location where = std::source_location::current()) {
  JOIST_CHECK(!collections.empty());
  PipelineBuilder& builder = collections.front().builder();
  const PipelineBuilder::Scope scope(&builder, name, "Flatten", &where);
  std::vector<int> inputs;
  for (const PCollection<T>& collection : collections) inputs.push_back(collection.id());
  const int node =
      builder.Add(StepKind::kFlatten, nullptr, std::move(inputs), {}, {&element_type<T>});
  return PCollection<T>(&builder, builder.OutputOf(node));
}

template <class T>
PCollection<T> Flatten(const std::vector<PCollection<T>>& collections,
                       std::source_location where = std::source_location::current()) {
  return Flatten<T>("", collections, where);
}

template <class T, class... Rest>
  requires(std::is_same_v<PCollection<T>, Rest> && ...)
PCollection<T> Flatten(const PCollection<T>& first, const Rest&... rest) {
  return Flatten<T>("", std::vector<PCollection<T>>{first, rest...});
}

}  // namespace joist

#endif  // JOIST_SDK_FLATTEN_H_
