// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// For tests: a type of elements goes through every kind of step, and is a key in every kind of
// table.

#ifndef JOIST_SDK_CHECK_TYPE_H_
#define JOIST_SDK_CHECK_TYPE_H_

#include <vector>

#include "joist/sdk/testing/test_pipeline.h"

namespace joist {

/// `values` differ. They are fused, kept between stages, values of groups, kept for a step that
/// waits for a side input.
template <class T>
void CheckAsElement(const std::vector<T>& values) {
  std::vector<T> twice = values;
  twice.insert(twice.end(), values.begin(), values.end());
  TestPipeline p;
  auto elements = p | Create<T>(std::vector<T>(values));
  auto doubled = elements | FlatMap([](const T& value) { return std::vector<T>(2, value); });
  PAssert::That(doubled | Reshuffle() | Filter([](const T&) { return true; }))
      .ContainsInAnyOrder(twice);
  auto groups = elements | Map([](const T& value) { return KV<int, T>{7, value}; }) | GroupByKey();
  PAssert::That(groups | FlatMap([](const KV<int, Iterable<T>>& group, Emit<T> emit) {
                  for (const auto& value : group.value) emit(Own<T>(value));
                }))
      .ContainsInAnyOrder(values);
  PAssert::That(Flatten(elements, elements) |
                Map([](const T& value, SideInput<int64_t>) { return value; },
                    AsSingleton(elements | Count::Globally())))
      .ContainsInAnyOrder(twice);
  EXPECT_TRUE(p.RunOk());
}

template <class T>
void CheckAsKey(const std::vector<T>& values) {
  std::vector<T> twice = values;
  twice.insert(twice.end(), values.begin(), values.end());
  std::vector<KV<T, int64_t>> counts;
  for (const T& value : values) counts.push_back({value, 2});
  TestPipeline p;
  auto elements = p | Create<T>(std::vector<T>(twice));
  auto pairs = elements | Map([](const T& value) { return KV<T, int64_t>{value, 1}; });
  auto table = pairs | Sum::PerKey();
  PAssert::That(table).ContainsInAnyOrder(counts);
  PAssert::That(pairs | GroupByKey() | Map([](const KV<T, Iterable<int64_t>>& group) {
                  return KV<T, int64_t>{group.key, static_cast<int64_t>(group.value.size())};
                }))
      .ContainsInAnyOrder(counts);
  PAssert::That(pairs | SwapKV() | Values() |
                Map(
                    [](const T& value, SideInput<MapView<T, int64_t>> table) {
                      return KV<T, int64_t>{value, table->At(ViewOfOwn<T>(value))};
                    },
                    AsMap(table)) |
                Keys())
      .ContainsInAnyOrder(twice);
  EXPECT_TRUE(p.RunOk());
}

template <class T>
void CheckType(const std::vector<T>& values) {
  CheckAsElement<T>(values);
  CheckAsKey<T>(values);
}

}  // namespace joist

#endif  // JOIST_SDK_CHECK_TYPE_H_
