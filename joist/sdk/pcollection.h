// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// PCollection<T> and what is done with it: `collection | "Name" >> transform`. Building a pipeline
// is the work of one thread; nothing runs until Pipeline::Run.
//
// A transform is anything that can be applied to a collection (or to the pipeline, at its
// beginning): a struct derived from joist::Transform with Expand, or any callable. Transforms that
// consist of others are written the same way; the names of their steps are prefixed with theirs:
//
//   struct CountWords : joist::Transform {
//     auto Expand(joist::PCollection<std::string> lines) const {
//       return lines | "Split" >> joist::text::Words() | "Count" >> joist::Count::PerElement();
//     }
//   };

#ifndef JOIST_SDK_PCOLLECTION_H_
#define JOIST_SDK_PCOLLECTION_H_

#include <functional>
#include <memory>
#include <source_location>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "joist/exec/step.h"
#include "joist/model/graph.h"
#include "joist/model/key_traits.h"

namespace joist {

/// The pipeline under construction, which its collections point to. Not for users.
class PipelineBuilder {
 public:
  /// Adds a step under the current name; returns its node.
  int Add(StepKind kind, std::shared_ptr<const StepPayload> payload, std::vector<int> inputs,
          std::vector<int> side_inputs, std::vector<const ElementType*> outputs);
  /// The collection of output `port` of `node`.
  int OutputOf(int node, int port = 0) const { return graph_.nodes()[node].outputs[port]; }

  /// The id of a collection as an input of the step that is being made here. `owner` is the builder
  /// of the collection: if that is of another pipeline, this one is refused when it is to run, and
  /// the id is `instead`, one of this pipeline's.
  int InputFrom(const PipelineBuilder& owner, int id, int instead);

  /// The step that is being made here has a fault: "step "NAME" at LINE WHAT".
  void AddFault(std::string_view what);

  /// While one lives, steps are named below `name`. An empty name is replaced by `kind`, numbered
  /// where it is taken.
  class Scope {
   public:
    Scope(PipelineBuilder* builder, std::string_view name, std::string_view kind,
          const std::source_location* where);
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    PipelineBuilder* builder_;
  };

  Graph& graph() { return graph_; }
  const Graph& graph() const { return graph_; }

  /// Is called when the job has ended, however it did, in the program that started it; but not
  /// where the job is to go on from a checkpoint.
  void AtEnd(std::function<void()> cleanup) { cleanups_.push_back(std::move(cleanup)); }
  void RunCleanups() {
    for (const auto& cleanup : std::exchange(cleanups_, {})) cleanup();
  }

 private:
  struct Given {
    std::string name;
    std::source_location where;
  };
  struct Level {
    std::string path;
    std::source_location where;
    std::vector<Given> given;  ///< The scopes directly inside.
  };
  std::vector<Level> levels_{1};
  std::vector<std::string> used_;
  std::vector<std::function<void()>> cleanups_;
  Graph graph_;
};

/// What a step that could not be applied gives, so that one mistake is one error.
struct Invalid {};

/// The elements that flow between two steps, while the pipeline is being built: a handle, cheap to
/// copy.
template <class T>
class PCollection {
 public:
  using Element = T;
  PCollection(PipelineBuilder* builder, int id) : builder_(builder), id_(id) {}
  PipelineBuilder& builder() const { return *builder_; }
  int id() const { return id_; }

 private:
  PipelineBuilder* builder_;
  int id_;
};

template <>
class PCollection<Invalid> {
 public:
  using Element = Invalid;
  explicit PCollection(PipelineBuilder* builder) : builder_(builder) {}
  PipelineBuilder& builder() const { return *builder_; }

 private:
  PipelineBuilder* builder_;
};

/// T is a KV, so that its collections have keys.
template <class T>
inline constexpr bool kIsKV = false;
template <class K, class V>
inline constexpr bool kIsKV<KV<K, V>> = true;
/// T is a KV whose key can be grouped by.
template <class T>
inline constexpr bool kIsGroupable = false;
template <class K, class V>
inline constexpr bool kIsGroupable<KV<K, V>> = kIsKey<K>;

/// Base of transforms; makes `"Name" >> transform` work from any namespace. Remembers the line
/// where the transform was made, for messages.
struct Transform {
  // NOLINTNEXTLINE(google-explicit-constructor): a transform without members is made by {}.
  Transform(std::source_location where = std::source_location::current()) : where(where) {}
  std::source_location where;
};

template <class X>
struct Named {
  std::string_view name;
  X transform;
};

template <class X>
concept TransformLike = std::is_base_of_v<Transform, std::remove_cvref_t<X>>;

template <TransformLike X>
Named<std::remove_cvref_t<X>> operator>>(std::string_view name, X&& transform) {
  return {name, std::forward<X>(transform)};
}

/// A callable as a transform that can be given a name: "Name" >> Composite([](auto lines) { … }).
template <class F>
struct Composite : Transform {
  explicit Composite(F fn, std::source_location where = std::source_location::current())
      : Transform(where), fn(std::move(fn)) {}
  static constexpr std::string_view kKind = "Composite";
  template <class In>
  auto Expand(In&& in) const {
    return fn(std::forward<In>(in));
  }
  F fn;
};

namespace apply_internal {

template <class X>
std::string_view KindOf() {
  if constexpr (requires { X::kKind; }) {
    return X::kKind;
  } else {
    return "Transform";
  }
}

template <class In, class X>
auto Apply(PipelineBuilder& builder, const In& in, std::string_view name, const X& transform) {
  if constexpr (std::is_same_v<In, PCollection<Invalid>>) {
    return in;
  } else if constexpr (requires { transform.Expand(in); }) {
    const std::source_location* where = nullptr;
    if constexpr (TransformLike<X>) where = &transform.where;
    const PipelineBuilder::Scope scope(&builder, name, KindOf<X>(), where);
    return transform.Expand(in);
  } else if constexpr (requires { transform(in); }) {
    return transform(in);
  } else {
    static_assert(
        requires { transform.Expand(in); },
        "Joist: this transform cannot be applied to this collection; see the types in the "
        "first line of this error, and the Expand functions of the transform.");
    return PCollection<Invalid>(&builder);
  }
}

}  // namespace apply_internal

template <class T, class X>
auto operator|(const PCollection<T>& in, const X& transform) {
  return apply_internal::Apply(in.builder(), in, "", transform);
}
template <class T, class X>
auto operator|(const PCollection<T>& in, const Named<X>& named) {
  return apply_internal::Apply(in.builder(), in, named.name, named.transform);
}

/// A step whose payload is a `S`, applied to `in`; its first output. For the transforms of the SDK.
template <class Out, class In>
PCollection<Out> AddStep(const PCollection<In>& in, std::shared_ptr<const StepPayload> step,
                         std::vector<int> side_inputs = {}) {
  PipelineBuilder& builder = in.builder();
  const StepKind kind = step->kind();
  std::vector<const ElementType*> outputs = step->outputs();
  const int node =
      builder.Add(kind, std::move(step), {in.id()}, std::move(side_inputs), std::move(outputs));
  return PCollection<Out>(&builder, builder.OutputOf(node));
}

#define JOIST_ASSERT_ELEMENT(...)                                                                  \
  static_assert(::joist::ElementCoder<__VA_ARGS__>::kExists,                                       \
                "Joist has no coder for the elements of this collection; declare their type with " \
                "JOIST_ROW(Type, fields…) or specialise joist::Coder<Type>")

}  // namespace joist

#endif  // JOIST_SDK_PCOLLECTION_H_
