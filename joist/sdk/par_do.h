// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// ParDo, Map, FlatMap, Filter, MapBatches: a user's function over every element.
//
// A function is a callable with one non-generic operator(), a function pointer, or a struct (a
// DoFn) with Process and, if it wants, Setup, StartBundle, FinishBundle, Teardown. Its first
// parameter is the element: of a PCollection<std::string> a std::string_view or a const
// std::string&, of a PCollection<KV<K, V>> a KV of either, otherwise a const T& or a T. After it,
// in any order, by type:
//
//   Emit<O>          outputs to the main output         Timestamp   the element's event time
//   Emit<O, Tag>     outputs to the output named Tag    Window      the element's window
//   SideInput<S>     reads a side input (AsSingleton…)  PaneInfo    the firing it came with
//   Arena&           room for text that it returns
//   BundleFinalizer  calls back when what was emitted is safe
//   of KVs: ValueState<T, Tag>, BagState… (joist/exec/state.h), EventTimer<Tag>… (exec/timer.h)
//   RestrictionTracker<R>& makes it a splittable function (docs/guide/splittable.md)
//
// A DoFn may say by constants
//
//   static constexpr bool kRequiresTimeSortedInput = true;   with state: its elements come in the
//                                                            order of their timestamps
//   static constexpr bool kRequiresStableInput = true;       what is tried again is the same
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

#include "joist/exec/group_for_state.h"
#include "joist/exec/keep_work.h"
#include "joist/exec/par_do.h"
#include "joist/exec/splittable_call.h"
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
    if constexpr (kIndex < sizeof...(E)) {
      using Out = typename std::tuple_element_t<kIndex, std::tuple<E...>>::value_type;
      return PCollection<Out>(builder_, builder_->OutputOf(node_, static_cast<int>(kIndex)));
    } else {
      return Ended();
    }
  }

  /// What is left where a mistake was made.
  PCollection<Invalid> Ended() const { return PCollection<Invalid>(builder_); }

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

/// A mistake that is easily made, as one sentence.
template <class... E, class X>
auto operator|(const Outputs<E...>& outputs, const X&) {
  static_assert(sizeof...(E) == 0,
                "Joist: this step has several outputs; choose one of them, outputs.Get<Tag>() or "
                "outputs.Get<joist::Main>(), and apply the transform to that.");
  return outputs.Ended();
}

namespace par_do_internal {

/// Whether the lifecycle's other functions can be called: with nothing, FinishBundle with outputs.
template <class F>
consteval bool LifecycleIsCallable() {
  if constexpr (requires { &F::Setup; }) {
    if constexpr (!requires(F f) { f.Setup(); }) return false;
  }
  if constexpr (requires { &F::StartBundle; }) {
    if constexpr (!requires(F f) { f.StartBundle(); }) return false;
  }
  if constexpr (requires { &F::Teardown; }) {
    if constexpr (!requires(F f) { f.Teardown(); }) return false;
  }
  return true;
}
template <class... A, class Emits>
consteval bool AllAmong(TypeList<A...>, Emits) {
  return (signature::Contains<std::remove_cvref_t<A>, Emits>::value && ...);
}
template <class F, class Emits>
consteval bool FinishBundleIsCallable() {
  if constexpr (requires { &F::FinishBundle; }) {
    using Parameters = typename signature::MemberFunction<decltype(&F::FinishBundle)>::Parameters;
    return AllAmong(Parameters(), Emits());
  } else {
    return true;
  }
}

/// Says in one static_assert what is wrong with F over PCollection<In> where it is given the side
/// inputs in the TypeList `Given`; true if nothing is.
template <class F, class In, ParDoForm kForm, class Given>
consteval bool Check() {
  using Signature = signature::Of<F>;
  if constexpr (!Signature::kReadable) {
    static_assert(
        Signature::kReadable,
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
      static_assert(kIsBatch,
                    "Joist: the first parameter of a MapBatches function is a "
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
                    "Window, PaneInfo, Arena&, BundleFinalizer, and of KVs states and timers.");
      return false;
    } else if constexpr (kIsStateful<typename Traits::Others> &&
                         (kForm != ParDoForm::kEmit || !kIsGroupable<In>)) {
      static_assert(kForm == ParDoForm::kEmit && kIsGroupable<In>,
                    "Joist: state and timers belong to a key: a function that takes them is for "
                    "ParDo or FlatMap, over a collection of KVs whose key can be grouped by.");
      return false;
    } else if constexpr (!std::is_same_v<typename Traits::Sides, Given>) {
      static_assert(std::is_same_v<typename Traits::Sides, Given>,
                    "Joist: the side inputs given to the transform and the SideInput parameters of "
                    "the function differ in number, order or type.");
      return false;
    } else if constexpr (kForm == ParDoForm::kMap && std::is_void_v<typename Traits::Return>) {
      static_assert(!std::is_void_v<typename Traits::Return>,
                    "Joist: a Map function returns its output; one that emits goes to FlatMap.");
      return false;
    } else if constexpr (kForm == ParDoForm::kFilter &&
                         !std::is_convertible_v<typename Traits::Return, bool>) {
      static_assert(std::is_convertible_v<typename Traits::Return, bool>,
                    "Joist: a Filter function returns bool.");
      return false;
    } else if constexpr ((kForm == ParDoForm::kEmit || kForm == ParDoForm::kBatch) &&
                         !std::is_void_v<typename Traits::Return> &&
                         (!RangeResult<typename Traits::Return> ||
                          std::is_convertible_v<typename Traits::Return, std::string_view>)) {
      static_assert(std::is_void_v<typename Traits::Return>,
                    "Joist: this function returns a single value, which goes to Map; "
                    "here it takes an Emit<T> or returns a container.");
      return false;
    } else if constexpr (kForm == ParDoForm::kBatch && !std::is_void_v<typename Traits::Return>) {
      static_assert(std::is_void_v<typename Traits::Return>,
                    "Joist: a MapBatches function returns nothing; it takes an Emit<T>.");
      return false;
    } else {
      using InParameters = typename signature::Emits<typename Traits::Others>::type;
      using Emits = typename ParDoTraits<F, In, kForm>::Emits;
      constexpr bool kOneWay = std::is_void_v<typename Traits::Return> || InParameters::kSize == 0;
      static_assert(kOneWay,
                    "Joist: this function returns its output and takes an Emit as well; let "
                    "it return nothing and emit everything (FlatMap).");
      constexpr bool kTagsDiffer = signature::TagsDiffer<Emits>::value;
      static_assert(kTagsDiffer,
                    "Joist: two of this function's outputs have the same tag; give each "
                    "Emit<T, Tag> a tag of its own.");
      constexpr bool kLifecycle = LifecycleIsCallable<F>();
      static_assert(kLifecycle, "Joist: Setup, StartBundle and Teardown take no parameters.");
      constexpr bool kFinish = FinishBundleIsCallable<F, Emits>();
      static_assert(kFinish,
                    "Joist: FinishBundle takes nothing but the outputs that Process has: "
                    "Emit<T> and Emit<T, Tag>.");
      return kOneWay && kTagsDiffer && kLifecycle && kFinish;
    }
  }
}

/// The same of what only splittable functions have.
template <class F, class In, ParDoForm kForm>
consteval bool CheckSplittable() {
  using R = typename SplittableTraits<F>::Restriction;
  constexpr bool kHasInitial = requires(const F& fn, const In& element) {
    { fn.InitialRestriction(element) } -> std::same_as<R>;
  };
  static_assert(kHasInitial,
                "Joist: a function with a RestrictionTracker<R>& is splittable: beside Process it "
                "has `R InitialRestriction(const T& element) const`, T being the collection's "
                "element type.");
  using Return = typename signature::Of<F>::Return;
  constexpr bool kReturns = std::is_void_v<Return> || std::is_same_v<Return, ProcessContinuation>;
  static_assert(kReturns && kForm == ParDoForm::kEmit,
                "Joist: a splittable function is for ParDo or FlatMap; its Process emits, and "
                "returns nothing or a ProcessContinuation.");
  constexpr bool kHasNoState = !kIsStateful<typename SplittableTraits<F>::Ordinary>;
  static_assert(kHasNoState, "Joist: a splittable function cannot have state or timers.");
  return kHasInitial && kReturns && kForm == ParDoForm::kEmit && kHasNoState;
}

/// What a function says of itself by constants; in the names of Beam's annotations.
template <class F>
consteval bool RequiresTimeSortedInput() {
  if constexpr (requires { F::kRequiresTimeSortedInput; }) {
    return F::kRequiresTimeSortedInput;
  } else {
    return false;
  }
}
template <class F>
consteval bool RequiresStableInput() {
  if constexpr (requires { F::kRequiresStableInput; }) {
    return F::kRequiresStableInput;
  } else {
    return false;
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
    } else if constexpr (par_do_internal::RequiresStableInput<F>()) {
      // What is kept between stages, or until a checkpoint, is the same when the function is tried
      // again.
      const auto stable = [&in] {
        const PipelineBuilder::Scope scope(&in.builder(), "Stable", "", nullptr);
        return AddStep<In>(in, MakeStep<ReshuffleStep<In, /*kIsStable=*/true>>(NoState()));
      }();
      return ExpandStable(stable);
    } else {
      return ExpandStable(in);
    }
  }

 private:
  template <class OtherF, ParDoForm, class... OtherSides>
  friend struct ParDoTransform;

  template <class In>
  auto ExpandStable(const PCollection<In>& in) const {
    if constexpr (kIsSplittable<F>) {
      return ApplySplittable(in);
    } else if constexpr (kIsGroupable<In> && kIsStateful<typename ParDoTraitsBase<F>::Others>) {
      if (in.builder().graph().collections()[in.id()].windowing.merges()) {
        in.builder().AddFault(
            "has state in windows that may merge, which state cannot; group "
            "first, or use other windows");
      }
      const auto by_key = [&in] {
        const PipelineBuilder::Scope scope(&in.builder(), "ByKey", "", nullptr);
        using StepType = GroupForStateStep<typename In::key_t, typename In::value_t,
                                           par_do_internal::RequiresTimeSortedInput<F>()>;
        return AddStep<In>(in, MakeStep<StepType>(NoState()));
      }();
      return Apply(by_key);
    } else if constexpr (par_do_internal::RequiresTimeSortedInput<F>()) {
      static_assert(!par_do_internal::RequiresTimeSortedInput<F>(),
                    "Joist: kRequiresTimeSortedInput is for functions of KVs with state or timers; "
                    "nothing else has an order.");
      return PCollection<Invalid>(&in.builder());
    } else {
      return Apply(in);
    }
  }
  template <class In>
  auto ApplySplittable(const PCollection<In>& in) const {
    if constexpr (!par_do_internal::CheckSplittable<F, In, kForm>()) {
      return PCollection<Invalid>(&in.builder());
    } else {
      using R = typename SplittableTraits<F>::Restriction;
      using Step = KeepWorkStep<In, R, kIsBoundedForEachElement<F>>;
      const auto work = in | "Restrictions" >> ParDoTransform<RestrictionsOf<F, In>, kForm>(
                                                   RestrictionsOf<F, In>(fn), {}, where);
      const auto kept = [&work] {
        const PipelineBuilder::Scope scope(&work.builder(), "Keep", "", nullptr);
        return AddStep<KV<In, RestrictionWork<R>>>(work, MakeStep<Step>(NoState()));
      }();
      using Call = SplittableCall<F, In>;
      return ParDoTransform<Call, kForm, Sides...>(Call(fn), sides, where).Apply(kept);
    }
  }
  template <class In>
  auto Apply(const PCollection<In>& in) const {
    if constexpr (!par_do_internal::Check<F, In, kForm,
                                          TypeList<SideInput<typename Sides::View>...>>()) {
      return PCollection<Invalid>(&in.builder());
    } else {
      using StepType = ParDoStep<F, In, kForm>;
      PipelineBuilder& builder = in.builder();
      std::vector<int> side_ids;
      std::apply(
          [&](const auto&... side) {
            (side_ids.push_back(side.Materialize(builder, in.id())), ...);
          },
          sides);
      auto step = MakeStep<StepType>(fn);
      auto outputs = step->outputs();
      const int node = builder.Add(StepKind::kParDo, std::move(step), {in.id()},
                                   std::move(side_ids), std::move(outputs));
      return par_do_internal::OutputsOf<typename ParDoTraits<F, In, kForm>::Emits>::Make(&builder,
                                                                                         node);
    }
  }

 public:
  F fn;
  std::tuple<Sides...> sides;
};

/// The last argument of the functions below may not be deduced behind a pack, so each exists with
/// side inputs and without. `where` is the caller's line.
#define JOIST_PAR_DO(NAME, FORM)                                                             \
  template <class F>                                                                         \
  auto NAME(F fn, std::source_location where = std::source_location::current()) {            \
    return ParDoTransform<F, FORM>(std::move(fn), {}, where);                                \
  }                                                                                          \
  template <class F, IsSideInputArgument... Sides>                                           \
    requires(sizeof...(Sides) > 0)                                                           \
  auto NAME(F fn, Sides... sides) {                                                          \
    return ParDoTransform<F, FORM, Sides...>(std::move(fn), std::tuple(std::move(sides)...), \
                                             std::source_location());                        \
  }

/// Whatever the function emits, or the elements of what it returns. Also takes DoFn structs.
JOIST_PAR_DO(ParDo, ParDoForm::kEmit)
/// The same as ParDo; the name for functions.
JOIST_PAR_DO(FlatMap, ParDoForm::kEmit)
/// One output for each element: what the function returns.
JOIST_PAR_DO(Map, ParDoForm::kMap)
/// Those elements for which the function returns true.
JOIST_PAR_DO(Filter, ParDoForm::kFilter)
/// A function over whole batches, for work that is done faster on many elements at once. All
/// elements of a batch have one timestamp, window and pane, and so has what it emits.
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
  using First = typename signature::Of<F>::Return;
  using Second = std::remove_cvref_t<typename signature::Of<G>::Return>;
  /// What second returns may be a view of what first has returned, which ends here; if that is
  /// itself a view, it is one of the element.
  using Result = std::conditional_t<std::is_same_v<ElementOfT<First>, std::remove_cvref_t<First>>,
                                    ElementOfT<Second>, Second>;
  Result operator()(Parameter element) {
    if constexpr (std::is_invocable_v<G&, First>) {
      return Result(this->second(this->first(std::forward<Parameter>(element))));
    } else {
      using T = ElementOfT<First>;
      const T between = Own<T>(this->first(std::forward<Parameter>(element)));
      ElementArgument<typename signature::First<typename signature::Of<G>::Parameters>::type, T>
          argument;
      return Result(this->second(argument(ViewOfOwn<T>(between))));
    }
  }
};

template <class F>
concept PlainMap = signature::Of<F>::kReadable && signature::HasCall<F> &&
                   signature::Of<F>::Parameters::kSize == 1;

}  // namespace par_do_internal

namespace par_do_internal {
/// The second takes what the first returns as it would take it from a collection.
template <class F, class G>
concept Fusible = !std::is_void_v<typename signature::Of<F>::Return> &&
                  !std::is_void_v<typename signature::Of<G>::Return> &&
                  PassingOf<typename signature::First<typename signature::Of<G>::Parameters>::type,
                            ElementOfT<typename signature::Of<F>::Return>>() != Passing::kNone;
}  // namespace par_do_internal

/// `Map(f) | Map(g)`, before it is applied to a collection: one step, which the compiler sees as
/// one loop. Works where both functions take the element alone.
template <par_do_internal::PlainMap F, par_do_internal::PlainMap G>
  requires(par_do_internal::Fusible<F, G>)
auto operator|(const ParDoTransform<F, ParDoForm::kMap>& first,
               const ParDoTransform<G, ParDoForm::kMap>& second) {
  using Parameter = typename signature::First<typename signature::Of<F>::Parameters>::type;
  using Fused = par_do_internal::ComposedCall<F, G, Parameter>;
  return ParDoTransform<Fused, ParDoForm::kMap>(Fused{{first.fn, second.fn}}, {}, first.where);
}

}  // namespace joist

#endif  // JOIST_SDK_PAR_DO_H_
