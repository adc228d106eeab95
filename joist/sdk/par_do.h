// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// ParDo, Map, FlatMap, Filter, MapBatches: a user's function over every element.
//
// A function is a callable with one non-generic operator(), a function pointer, or a struct (a
// DoFn) with Process and, if it wants, Setup, StartBundle, FinishBundle, Teardown. Its first
// parameter is the element: of a PCollection<std::string> a std::string_view or a const
// std::string&, of a PCollection<KV<K, V>> a KV of either, otherwise a const T& or a T. After it, in
// any order, by type:
//
//   Emit<O>          outputs to the main output         Timestamp   the element's event time
//   Emit<O, Tag>     outputs to the output named Tag    Window      the element's window
//   SideInput<S>     reads a side input (AsSingleton…)  PaneInfo    the firing it came with
//   Arena&           room for text that it returns
//
// Every worker has a copy of the function, so it may keep state in itself from element to element;
// there are no data races to fear. See docs/guide/functions.md.
//
//   lines | "Lengths" >> joist::Map([](std::string_view line) { return line.size(); })
//         | "Long"    >> joist::Filter([](size_t n) { return n > 80; });

#ifndef JOIST_SDK_PAR_DO_H_
#define JOIST_SDK_PAR_DO_H_

#include <memory>
#include <source_location>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "joist/exec/par_do.h"
#include "joist/sdk/pcollection.h"
#include "joist/sdk/side_input.h"

namespace joist {

/// The outputs of a ParDo that has several: outputs.Get<Tag>(), outputs.Get<Main>().
template <class... E>
class Outputs {
 public:
  Outputs(PipelineBuilder* builder, int node) : builder_(builder), node_(node) {}

  template <class Tag>
  auto Get() const {
    constexpr size_t kIndex = IndexOf<Tag>();
    static_assert(kIndex < sizeof...(E), "Joist: this step has no output with that tag.");
    using Out = typename std::tuple_element_t<kIndex, std::tuple<E...>>::value_type;
    return PCollection<Out>(builder_, builder_->OutputOf(node_, static_cast<int>(kIndex)));
  }

 private:
  template <class Tag>
  static consteval size_t IndexOf() {
    size_t index = 0;
    const bool found = ((std::is_same_v<typename E::tag_type, Tag> || (++index, false)) || ...);
    return found ? index : sizeof...(E);
  }

  PipelineBuilder* builder_;
  int node_;
};

namespace par_do_internal {

/// Says in one static_assert what is wrong with F over PCollection<In> where it is given the side
/// inputs in the TypeList `Given`; true if nothing is.
template <class F, class In, ParDoForm kForm, class Given>
consteval bool Check() {
  using Signature = signature::Of<F>;
  if constexpr (!Signature::kReadable) {
    static_assert(Signature::kReadable,
                  "Joist cannot read this function's parameter types: it is a generic lambda (auto), "
                  "is overloaded, or is no function; write the element's type.");
    return false;
  } else {
    using Traits = ParDoTraitsBase<F>;
    using Element = typename Traits::ElementParameter;
    if constexpr (Traits::Parameters::kSize == 0) {
      static_assert(Traits::Parameters::kSize > 0,
                    "Joist: this function takes no parameter; the first one is the element.");
      return false;
    } else if constexpr (kForm == ParDoForm::kBatch) {
      constexpr bool kIsBatch = std::is_same_v<std::remove_cvref_t<Element>, Batch<In>>;
      static_assert(kIsBatch, "Joist: the first parameter of a MapBatches function is a "
                              "const joist::Batch<T>& of the collection's element type.");
      if constexpr (!kIsBatch) return false;
    } else if constexpr (PassingOf<Element, In>() == Passing::kNone) {
      static_assert(PassingOf<Element, In>() != Passing::kNone,
                    "Joist: this function's first parameter cannot take the collection's elements "
                    "(take them as T, const T& or, for text, std::string_view).");
      return false;
    }
    if constexpr (!signature::AllSuppliable<typename Traits::Others>::value) {
      static_assert(signature::AllSuppliable<typename Traits::Others>::value,
                    "Joist cannot supply one of this function's parameters. After the element a "
                    "function may take, by type: Emit<T>, Emit<T, Tag>, SideInput<S>, Timestamp, "
                    "Window, PaneInfo, Arena&.");
      return false;
    } else if constexpr (!std::is_same_v<typename Traits::Sides, Given>) {
      static_assert(std::is_same_v<typename Traits::Sides, Given>,
                    "Joist: the side inputs given to the transform and the SideInput parameters of "
                    "the function differ in number, order or type.");
      return false;
    } else if constexpr (kForm == ParDoForm::kMap) {
      static_assert(!std::is_void_v<typename Traits::Return>,
                    "Joist: a Map function returns its output; one that emits goes to FlatMap.");
      return !std::is_void_v<typename Traits::Return>;
    } else if constexpr (kForm == ParDoForm::kFilter) {
      constexpr bool kIsBool = std::is_convertible_v<typename Traits::Return, bool>;
      static_assert(kIsBool, "Joist: a Filter function returns bool.");
      return kIsBool;
    } else {
      constexpr bool kHasResult = RangeResult<typename Traits::Return> ||
                                  std::is_void_v<typename Traits::Return>;
      static_assert(kHasResult, "Joist: this function returns a single value, which goes to Map; "
                                "here it takes an Emit<T> or returns a container.");
      return kHasResult;
    }
  }
}

template <class List>
struct OutputsOf;
template <class... E>
struct OutputsOf<TypeList<E...>> {
  static auto Make(PipelineBuilder* builder, int node) {
    (Check<typename E::value_type>(), ...);
    if constexpr (sizeof...(E) == 1 && (std::is_same_v<typename E::tag_type, Main> && ...)) {
      return PCollection<typename std::tuple_element_t<0, std::tuple<E...>>::value_type>(
          builder, builder->OutputOf(node));
    } else if constexpr (sizeof...(E) > 0) {
      return Outputs<E...>(builder, node);
    }
  }
  template <class T>
  static void Check() {
    JOIST_ASSERT_ELEMENT(T);
  }
};

}  // namespace par_do_internal

/// A ParDo of any form, with its side inputs; made by the functions below.
template <class F, ParDoForm kForm, class... Sides>
struct ParDoTransform : Transform {
  static constexpr std::string_view kKind = kForm == ParDoForm::kMap      ? "Map"
                                            : kForm == ParDoForm::kFilter ? "Filter"
                                            : kForm == ParDoForm::kBatch  ? "MapBatches"
                                                                          : "ParDo";
  ParDoTransform(F fn, std::tuple<Sides...> sides, std::source_location where)
      : Transform(where), fn(std::move(fn)), sides(std::move(sides)) {}

  template <class In>
  auto Expand(const PCollection<In>& in) const {
    if constexpr (std::is_same_v<In, Invalid>) {
      return in;
    } else if constexpr (!par_do_internal::Check<F, In, kForm, TypeList<SideInput<typename Sides::View>...>>()) {
      return PCollection<Invalid>(&in.builder());
    } else {
      using StepType = ParDoStep<F, In, kForm>;
      PipelineBuilder& builder = in.builder();
      std::vector<int> side_ids;
      std::apply([&](const auto&... side) { (side_ids.push_back(side.Materialize()), ...); }, sides);
      auto step = std::make_shared<StepType>(fn);
      auto outputs = step->outputs();
      const int node = builder.Add(StepKind::kParDo, std::move(step), {in.id()}, std::move(side_ids),
                                   std::move(outputs));
      return par_do_internal::OutputsOf<typename ParDoTraits<F, In, kForm>::Emits>::Make(&builder,
                                                                                       node);
    }
  }

  F fn;
  std::tuple<Sides...> sides;
};

/// The last argument of the functions below may not be deduced behind a pack, so each exists with
/// side inputs and without. `where` is the caller's line.
#define JOIST_PAR_DO(NAME, FORM)                                                              \
  template <class F>                                                                          \
  auto NAME(F fn, std::source_location where = std::source_location::current()) {             \
    return ParDoTransform<F, FORM>(std::move(fn), {}, where);                                 \
  }                                                                                           \
  template <class F, IsSideInputArgument... Sides>                                            \
    requires(sizeof...(Sides) > 0)                                                            \
  auto NAME(F fn, Sides... sides) {                                                           \
    return ParDoTransform<F, FORM, Sides...>(std::move(fn), std::tuple(std::move(sides)...),  \
                                             std::source_location());                         \
  }

/// Whatever the function emits, or the elements of what it returns. Also takes DoFn structs.
JOIST_PAR_DO(ParDo, ParDoForm::kEmit)
/// The same as ParDo; the name for functions.
JOIST_PAR_DO(FlatMap, ParDoForm::kEmit)
/// One output for each element: what the function returns.
JOIST_PAR_DO(Map, ParDoForm::kMap)
/// Those elements for which the function returns true.
JOIST_PAR_DO(Filter, ParDoForm::kFilter)
/// A function over whole batches, for work that is done faster on many elements at once. All elements
/// of a batch have one timestamp, window and pane, and so has what it emits.
///
///   numbers | joist::MapBatches([](const joist::Batch<int64_t>& in, joist::Emit<int64_t> emit) {
///     for (size_t i = 0; i < in.size(); ++i) emit(in[i] * 2);
///   });
JOIST_PAR_DO(MapBatches, ParDoForm::kBatch)
#undef JOIST_PAR_DO

namespace par_do_internal {

/// G after F as one function.
template <class F, class G>
struct Composed {
  [[no_unique_address]] F first;
  [[no_unique_address]] G second;
};

template <class F, class G, class Parameter>
struct ComposedCall : Composed<F, G> {
  auto operator()(Parameter element) {
    return this->second(this->first(std::forward<Parameter>(element)));
  }
};

template <class F>
concept PlainMap = signature::Of<F>::kReadable && signature::HasCall<F> &&
                   signature::Of<F>::Parameters::kSize == 1;

}  // namespace par_do_internal

/// `Map(f) | Map(g)`, before it is applied to a collection: one step, which the compiler sees as one
/// loop. Works where both functions take the element alone.
template <par_do_internal::PlainMap F, par_do_internal::PlainMap G>
auto operator|(const ParDoTransform<F, ParDoForm::kMap>& first,
               const ParDoTransform<G, ParDoForm::kMap>& second) {
  using Parameter = typename signature::First<typename signature::Of<F>::Parameters>::type;
  using Fused = par_do_internal::ComposedCall<F, G, Parameter>;
  return ParDoTransform<Fused, ParDoForm::kMap>(Fused{{first.fn, second.fn}}, {}, first.where);
}

}  // namespace joist

#endif  // JOIST_SDK_PAR_DO_H_
