// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// A splittable function as two ordinary ones: RestrictionsOf makes the restrictions of an element,
// SplittableCall works on one of them. Between the two work is kept and shared out
// (joist/exec/keep_work.h).

#ifndef JOIST_EXEC_SPLITTABLE_CALL_H_
#define JOIST_EXEC_SPLITTABLE_CALL_H_

#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include "joist/exec/restriction_work.h"
#include "joist/exec/signature.h"
#include "joist/model/coder.h"

namespace joist {

/// The parameters that only splittable functions have.
template <class P>
inline constexpr bool kIsSplittableParameter =
    kIsRestrictionTracker<std::remove_cvref_t<P>> || kIsWatermarkEstimator<std::remove_cvref_t<P>>;

/// Those of a function's parameters, after the element, that an ordinary function has too.
template <class List, class... Found>
struct OrdinaryParameters {
  using type = TypeList<Found...>;
};
template <class P, class... Rest, class... Found>
struct OrdinaryParameters<TypeList<P, Rest...>, Found...> {
  using type =
      typename std::conditional_t<kIsSplittableParameter<P>,
                                  OrdinaryParameters<TypeList<Rest...>, Found...>,
                                  OrdinaryParameters<TypeList<Rest...>, Found..., P>>::type;
};

template <class List>
struct FindRestriction {
  using type = void;
};
template <class P, class... Rest>
struct FindRestriction<TypeList<P, Rest...>> : FindRestriction<TypeList<Rest...>> {};
template <class R, class... Rest>
struct FindRestriction<TypeList<RestrictionTracker<R>&, Rest...>> {
  using type = R;
};

template <class List>
struct FindEstimator {
  using type = NoWatermarkEstimator;
};
template <class P, class... Rest>
struct FindEstimator<TypeList<P, Rest...>>
    : std::conditional_t<kIsWatermarkEstimator<std::remove_cvref_t<P>>,
                         std::type_identity<std::remove_cvref_t<P>>,
                         FindEstimator<TypeList<Rest...>>> {};

/// What a function's parameters say of it as a splittable one.
template <class F>
struct SplittableTraits {
  using Parameters = typename signature::Of<F>::Parameters;
  using Element = typename signature::First<Parameters>::type;
  using Others = typename signature::AfterFirst<Parameters>::type;
  using Ordinary = typename OrdinaryParameters<Others>::type;
  /// void: the function is none.
  using Restriction = typename FindRestriction<Others>::type;
  using Estimator = typename FindEstimator<Others>::type;
};
template <class F>
inline constexpr bool kIsSplittable = !std::is_void_v<typename SplittableTraits<F>::Restriction>;

/// What a splittable function says: `static constexpr bool kIsBounded`.
template <class F>
inline constexpr bool kIsBoundedForEachElement = [] {
  if constexpr (requires { F::kIsBounded; }) {
    return F::kIsBounded;
  } else {
    return true;
  }
}();

/// Gives each element its restrictions.
template <class F, class T>
class RestrictionsOf : F {
 public:
  using R = typename SplittableTraits<F>::Restriction;
  using Work = KV<T, RestrictionWork<R>>;
  RestrictionsOf() = default;
  explicit RestrictionsOf(F fn) : F(std::move(fn)) {}

  void Process(const T& element, Timestamp timestamp, Emit<Work> emit) {
    R whole = F::InitialRestriction(element);
    if constexpr (requires { fn().SplitRestriction(element, whole); }) {
      for (R& piece : F::SplitRestriction(element, whole)) {
        emit(Work{element, {std::move(piece), timestamp}});
      }
    } else {
      emit(Work{element, {std::move(whole), timestamp}});
    }
  }
  F& fn() { return *this; }
  const F& fn() const { return *this; }
};

/// As often a function is looked after in a replay: some ten million claims, more than a stream
/// allows at a time.
inline constexpr int64_t kMostReplayedLooks = 1'000'000;

/// The work of one call. `T` is the element, `Ordinary` the parameters that are supplied as to any
/// function.
template <class F, class T, class Ordinary = typename SplittableTraits<F>::Ordinary>
class SplittableCall;

/// Derived from the function, so that the rest of its lifecycle is its own.
template <class F, class T, class... A>
class SplittableCall<F, T, TypeList<A...>> : public F {
  using Traits = SplittableTraits<F>;
  using R = typename Traits::Restriction;
  using Estimator = typename Traits::Estimator;
  using Work = KV<T, RestrictionWork<R>>;
  static constexpr bool kObserves =
      requires(Estimator estimator) { estimator.ObserveTimestamp(Timestamp()); };

 public:
  SplittableCall() = default;
  explicit SplittableCall(F fn) : F(std::move(fn)) {}

  void Process(const View<Work>& work, A... ordinary) {
    std::optional<WorkControl<R>> own;  // In a replay, where nobody hears of what is left.
    if (work.value.control == nullptr) own.emplace(nullptr).Begin(WallTime(), std::nullopt);
    WorkControl<R>& control = own.has_value() ? *own : *work.value.control;
    // What has no end of its own gets one then.
    int64_t looks = own.has_value() && !kIsBoundedForEachElement<F> ? kMostReplayedLooks : 0;
    Estimator estimator(work.value.watermark, control.now());
    Timestamp latest = Timestamp::Min();  // Of what was emitted.
    if constexpr (kObserves) (Observe(ordinary, &latest), ...);
    const auto watermark = [&] {
      if constexpr (kObserves) estimator.ObserveTimestamp(latest);
      return estimator.watermark();
    };
    const auto look = [&](typename R::Tracker& tracker) {
      if (--looks == 0) control.Leave(tracker, watermark(), {});
      return control.Look(tracker, watermark());
    };
    R restriction = work.value.restriction;
    if (control.truncates() && !Truncate(work.key, &restriction)) return;
    ElementArgument<typename Traits::Element, T> element;
    RestrictionTracker<R> tracker(std::move(restriction), control.now(), &control, look);
    std::tuple<A&...> supplied(ordinary...);
    ProcessContinuation end = ProcessContinuation::Stop();
    const auto call = [&] {
      return Call(element(work.key), tracker, estimator, supplied, typename Traits::Others());
    };
    if constexpr (std::is_void_v<typename signature::Of<F>::Return>) {
      call();
    } else {
      end = call();
    }
    if constexpr (kObserves) (Observe(ordinary, nullptr), ...);
    if (end.resumes()) {
      control.Leave(tracker.tracker_, watermark(), end.delay());
    } else if (const Status done = tracker.tracker_.CheckDone();
               !done.ok() && !control.cancelled()) {
      throw std::logic_error(done.message());
    }
  }
  F& fn() { return *this; }
  const F& fn() const { return *this; }

 private:
  /// What is to be done before a drain ends; false if nothing. As Beam has it: all of what has an
  /// end, and nothing of what has none, unless the function says something else.
  bool Truncate([[maybe_unused]] const View<T>& view, [[maybe_unused]] R* restriction) const {
    if constexpr (requires { &F::TruncateRestriction; }) {
      ElementArgument<const T&, T> element;
      std::optional<R> left = F::TruncateRestriction(element(view), *restriction);
      if (left.has_value()) *restriction = std::move(*left);
      return left.has_value();
    } else {
      return kIsBoundedForEachElement<F>;
    }
  }
  template <class P>
  static void Observe(P& parameter, Timestamp* latest) {
    if constexpr (signature::IsEmit<std::remove_cvref_t<P>>::value) parameter.Observe(latest);
  }

  template <class Element, class... P>
  auto Call(Element&& element, RestrictionTracker<R>& tracker, Estimator& estimator,
            std::tuple<A&...>& supplied, TypeList<P...> parameters) {
    return CallWith(std::forward<Element>(element), tracker, estimator, supplied, parameters,
                    std::index_sequence_for<P...>());
  }
  template <class Element, class... P, size_t... kPosition>
  auto CallWith(Element&& element, RestrictionTracker<R>& tracker, Estimator& estimator,
                std::tuple<A&...>& supplied, TypeList<P...>, std::index_sequence<kPosition...>) {
    return F::Process(
        std::forward<Element>(element),
        Argument<P, OrdinaryBefore(TypeList<P...>(), kPosition)>(tracker, estimator, supplied)...);
  }
  template <class P, size_t kIndex>
  static decltype(auto) Argument(RestrictionTracker<R>& tracker, Estimator& estimator,
                                 std::tuple<A&...>& supplied) {
    if constexpr (kIsRestrictionTracker<std::remove_cvref_t<P>>) {
      return (tracker);
    } else if constexpr (kIsWatermarkEstimator<std::remove_cvref_t<P>>) {
      return (estimator);
    } else {
      return (std::get<kIndex>(supplied));
    }
  }
  /// How many of the first `position` parameters are ordinary ones.
  template <class... P>
  static consteval size_t OrdinaryBefore(TypeList<P...>, size_t position) {
    const bool is_ordinary[] = {!kIsSplittableParameter<P>..., false};
    size_t count = 0;
    for (size_t i = 0; i < position; ++i) count += is_ordinary[i] ? 1 : 0;
    return count;
  }
};

/// Both travel as their function does.
template <class Call, class F>
struct CoderOfFunction {
  static constexpr bool kDeterministic = false;
  static CoderSpec Spec() { return Coder<F>::Spec(); }
  static void Encode(const Call& call, std::string* out, bool nested) {
    Coder<F>::Encode(call.fn(), out, nested);
  }
  static bool Decode(ByteReader* in, Call* call, bool nested) {
    return Coder<F>::Decode(in, &call->fn(), nested);
  }
};
template <class F, class T>
  requires(!std::is_empty_v<F> && HasCoder<F>)
struct Coder<RestrictionsOf<F, T>> : CoderOfFunction<RestrictionsOf<F, T>, F> {};
template <class F, class T, class Ordinary>
  requires(!std::is_empty_v<F> && HasCoder<F>)
struct Coder<SplittableCall<F, T, Ordinary>> : CoderOfFunction<SplittableCall<F, T, Ordinary>, F> {
};

}  // namespace joist

#endif  // JOIST_EXEC_SPLITTABLE_CALL_H_
