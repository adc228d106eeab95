// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Side inputs: a second collection that a function can look things up in. The function's parameter
// is a SideInput<S>; what S is depends on how the collection is given:
//
//   AsSingleton(c)            S = T                    *side                 exactly one element
//   AsSingleton(c, value)     S = T                    *side                 one element, or value
//   AsIterable(c)             S = IterableView<T>      for (… : *side)
//   AsList(c)                 S = ListView<T>          (*side)[i]
//   AsMap(c)                  S = MapView<K, V>        side->At(key)         keys are unique
//   AsMultimap(c)             S = MultimapView<K, V>   side->Get(key)        an Iterable<V>
//
//   auto total = numbers | joist::Sum::Globally();
//   numbers | joist::Map(
//       [](int64_t n, joist::SideInput<int64_t> total) { return 100.0 * n / *total; },
//       joist::AsSingleton(total));

#ifndef JOIST_SDK_SIDE_INPUT_H_
#define JOIST_SDK_SIDE_INPUT_H_

#include <concepts>
#include <memory>
#include <optional>
#include <utility>

#include "joist/exec/view.h"
#include "joist/sdk/pcollection.h"

namespace joist {

/// A collection together with the view that is wanted of it.
template <class Kind, class State>
class SideInputArgument {
 public:
  using View = typename Kind::View;
  using Element = typename Kind::Element;
  SideInputArgument(PCollection<Element> collection, State state)
      : collection_(collection), state_(std::move(state)) {}

  /// Adds the step that makes the view, under the name of the step that wants it, whose main input
  /// is the collection `main` of `builder`.
  int Materialize(PipelineBuilder& builder, int main) const {
    if (&collection_.builder() != &builder) {
      return builder.InputFrom(collection_.builder(), collection_.id(), main);
    }
    const PipelineBuilder::Scope scope(&builder, "", "SideInput", nullptr);
    return AddStep<Element>(collection_, MakeStep<ViewStep<Kind>>(state_)).id();
  }

 private:
  PCollection<Element> collection_;
  State state_;
};

template <class S>
concept IsSideInputArgument = requires(const S& side, PipelineBuilder& builder) {
  typename S::View;
  { side.Materialize(builder, 0) } -> std::same_as<int>;
};

template <class T>
auto AsSingleton(const PCollection<T>& collection) {
  return SideInputArgument<AsSingletonView<T>, std::optional<T>>(collection, std::nullopt);
}
template <class T>
auto AsSingleton(const PCollection<T>& collection, std::type_identity_t<T> fallback) {
  return SideInputArgument<AsSingletonView<T>, std::optional<T>>(collection, std::move(fallback));
}
template <class T>
auto AsIterable(const PCollection<T>& collection) {
  return SideInputArgument<AsIterableView<T>, AsIterableView<T>>(collection, {});
}
template <class T>
auto AsList(const PCollection<T>& collection) {
  return SideInputArgument<AsListView<T>, AsListView<T>>(collection, {});
}
template <class K, class V>
auto AsMap(const PCollection<KV<K, V>>& collection) {
  JOIST_ASSERT_KEY(K);
  return SideInputArgument<AsMapView<K, V>, AsMapView<K, V>>(collection, {});
}
template <class K, class V>
auto AsMultimap(const PCollection<KV<K, V>>& collection) {
  JOIST_ASSERT_KEY(K);
  return SideInputArgument<AsMultimapView<K, V>, AsMultimapView<K, V>>(collection, {});
}

}  // namespace joist

#endif  // JOIST_SDK_SIDE_INPUT_H_
