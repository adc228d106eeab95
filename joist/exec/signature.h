// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Signatures: what a user's function takes and gives, read off its type at compile time.
//
// A function is a callable with one non-generic operator(), a function pointer, or a struct with
// Process. Its first parameter is the element; the others, in any order, are supplied by type:
// Emit<T>, Emit<T, Tag>, Timestamp, Window, PaneInfo, Arena&, SideInput<S>, BundleFinalizer, and of
// KVs states and timers (exec/state.h, exec/timer.h).

#ifndef JOIST_EXEC_SIGNATURE_H_
#define JOIST_EXEC_SIGNATURE_H_

#include <tuple>
#include <type_traits>

#include "joist/exec/bundle_finalizer.h"
#include "joist/exec/emit.h"
#include "joist/exec/state.h"
#include "joist/exec/timer.h"

namespace joist {

/// A side input as a function sees it: `*side` or `side->` is an S (a T, IterableView<T>,
/// ListView<T>, MapView<K, V> or MultimapView<K, V>).
template <class S>
class SideInput {
 public:
  using value_type = S;
  explicit SideInput(const S* view) : view_(view) {}
  const S& operator*() const { return *view_; }
  const S* operator->() const { return view_; }

 private:
  const S* view_;
};

template <class... A>
struct TypeList {
  static constexpr size_t kSize = sizeof...(A);
};

namespace signature {

template <class M>
struct MemberFunction {};
#define JOIST_MEMBER_FUNCTION(QUALIFIERS)            \
  template <class R, class C, class... A>            \
  struct MemberFunction<R (C::*)(A...) QUALIFIERS> { \
    using Return = R;                                \
    using Parameters = TypeList<A...>;               \
  };
JOIST_MEMBER_FUNCTION()
JOIST_MEMBER_FUNCTION(const)
JOIST_MEMBER_FUNCTION(noexcept)
JOIST_MEMBER_FUNCTION(const noexcept)
#undef JOIST_MEMBER_FUNCTION
template <class R, class... A>
struct MemberFunction<R (*)(A...)> {
  using Return = R;
  using Parameters = TypeList<A...>;
};
template <class R, class... A>
struct MemberFunction<R (*)(A...) noexcept> : MemberFunction<R (*)(A...)> {};

template <class F>
concept HasProcess = requires { &F::Process; };
template <class F>
concept HasCall = requires { &F::operator(); };
template <class F>
concept IsPointer = std::is_pointer_v<F> && std::is_function_v<std::remove_pointer_t<F>>;

template <class F>
struct Of {
  static constexpr bool kReadable = false;
  using Return = void;
  using Parameters = TypeList<>;
};
template <HasProcess F>
struct Of<F> : MemberFunction<decltype(&F::Process)> {
  static constexpr bool kReadable = true;
};
template <class F>
  requires(HasCall<F> && !HasProcess<F>)
struct Of<F> : MemberFunction<decltype(&F::operator())> {
  static constexpr bool kReadable = true;
};
template <IsPointer F>
struct Of<F> : MemberFunction<F> {
  static constexpr bool kReadable = true;
};

template <class List>
struct First {
  using type = void;
};
template <class A, class... Rest>
struct First<TypeList<A, Rest...>> {
  using type = A;
};
template <class List>
struct AfterFirst {
  using type = TypeList<>;
};
template <class A, class... Rest>
struct AfterFirst<TypeList<A, Rest...>> {
  using type = TypeList<Rest...>;
};

template <class A>
struct IsEmit : std::false_type {};
template <class T, class Tag>
struct IsEmit<Emit<T, Tag>> : std::true_type {};
template <class A>
struct IsSideInput : std::false_type {};
template <class S>
struct IsSideInput<SideInput<S>> : std::true_type {};

template <class A>
inline constexpr bool kSuppliable =
    IsEmit<std::remove_cvref_t<A>>::value || IsSideInput<std::remove_cvref_t<A>>::value ||
    std::is_same_v<std::remove_cvref_t<A>, Timestamp> ||
    std::is_same_v<std::remove_cvref_t<A>, Window> ||
    std::is_same_v<std::remove_cvref_t<A>, PaneInfo> || std::is_same_v<A, Arena&> ||
    std::is_same_v<std::remove_cvref_t<A>, BundleFinalizer> || kIsState<std::remove_cvref_t<A>> ||
    kIsTimer<std::remove_cvref_t<A>>;

template <class List>
struct AllSuppliable;
template <class... A>
struct AllSuppliable<TypeList<A...>> {
  static constexpr bool value = (kSuppliable<A> && ...);
};

/// The Emit parameters, in order.
template <class List, class... Found>
struct Emits {
  using type = TypeList<Found...>;
};
template <class A, class... Rest, class... Found>
struct Emits<TypeList<A, Rest...>, Found...> {
  using type =
      typename std::conditional_t<IsEmit<std::remove_cvref_t<A>>::value,
                                  Emits<TypeList<Rest...>, Found..., std::remove_cvref_t<A>>,
                                  Emits<TypeList<Rest...>, Found...>>::type;
};
/// The SideInput parameters, in order.
template <class List, class... Found>
struct SideInputs {
  using type = TypeList<Found...>;
};
template <class A, class... Rest, class... Found>
struct SideInputs<TypeList<A, Rest...>, Found...> {
  using type =
      typename std::conditional_t<IsSideInput<std::remove_cvref_t<A>>::value,
                                  SideInputs<TypeList<Rest...>, Found..., std::remove_cvref_t<A>>,
                                  SideInputs<TypeList<Rest...>, Found...>>::type;
};

/// One of the parameters is an A, by value or by reference.
template <class A, class List>
inline constexpr bool kTakes = false;
template <class A, class... B>
inline constexpr bool kTakes<A, TypeList<B...>> =
    (std::is_same_v<A, std::remove_cvref_t<B>> || ...);

/// How many of the first `position` parameters are SideInputs.
template <class... A>
consteval size_t SideInputsBefore(TypeList<A...>, size_t position) {
  const bool is_side[] = {IsSideInput<std::remove_cvref_t<A>>::value..., false};
  size_t count = 0;
  for (size_t i = 0; i < position; ++i) count += is_side[i] ? 1 : 0;
  return count;
}

/// No two outputs have the same tag.
template <class List>
struct TagsDiffer : std::true_type {};
template <class E, class... Rest>
struct TagsDiffer<TypeList<E, Rest...>>
    : std::bool_constant<(!std::is_same_v<typename E::tag_type, typename Rest::tag_type> && ...) &&
                         TagsDiffer<TypeList<Rest...>>::value> {};

template <class A, class List>
struct Contains;
template <class A, class... B>
struct Contains<A, TypeList<B...>> : std::bool_constant<(std::is_same_v<A, B> || ...)> {};

template <class A, class List>
struct IndexOf;
template <class A, class... Rest>
struct IndexOf<A, TypeList<A, Rest...>> : std::integral_constant<size_t, 0> {};
template <class A, class B, class... Rest>
struct IndexOf<A, TypeList<B, Rest...>>
    : std::integral_constant<size_t, 1 + IndexOf<A, TypeList<Rest...>>::value> {};

}  // namespace signature

// --- Handing an element to a parameter ----------------------------------------------------------

/// How a parameter of type P is made from an element of a PCollection<T>.
enum class Passing {
  kView,  ///< P is the view, or is made from it without loss.
  kPart,  ///< P is a KV whose parts are made from the view's parts.
  kOwn,   ///< P refers to a T, which is filled from the view for each element.
  kNone,
};

template <class P, class T>
consteval Passing PassingOf() {
  using V = View<T>;
  using Bare = std::remove_cvref_t<P>;
  if constexpr (std::is_reference_v<P> &&
                (std::is_rvalue_reference_v<P> || !std::is_const_v<std::remove_reference_t<P>>)) {
    return Passing::kNone;
  } else if constexpr (std::is_same_v<Bare, std::remove_cvref_t<V>>) {
    return Passing::kView;
  } else if constexpr (std::is_same_v<Bare, T>) {
    return Passing::kOwn;
  } else if constexpr (
      requires(Bare p) {
        typename Bare::key_t;
        typename Bare::value_t;
      } &&
      requires(T t) {
        typename T::key_t;
        typename T::value_t;
      }) {
    return PassingOf<typename Bare::key_t, typename T::key_t>() != Passing::kNone &&
                   PassingOf<typename Bare::value_t, typename T::value_t>() != Passing::kNone
               ? Passing::kPart
               : Passing::kNone;
  } else if constexpr (requires(V v) { Bare{v}; } && std::is_convertible_v<V, Bare>) {
    return Passing::kView;
  } else {
    return Passing::kNone;
  }
}

/// Holds what the parameter P of a function over a PCollection<T> refers to. One for each call
/// site; keeps its memory from element to element.
template <class P, class T, Passing = PassingOf<P, T>()>
struct ElementArgument {
  decltype(auto) operator()(const View<T>& view) { return static_cast<const View<T>&>(view); }
};
template <class P, class T>
struct ElementArgument<P, T, Passing::kOwn> {
  T own{};
  const T& operator()(const View<T>& view) {
    Assign(own, view);
    return own;
  }
  static void Assign(std::string& to, std::string_view from) { to.assign(from); }
  template <class K, class V>
  static void Assign(KV<K, V>& to, const View<KV<K, V>>& from) {
    Assign(to.key, from.key);
    Assign(to.value, from.value);
  }
  template <class A>
  static void Assign(A& to, const A& from) {
    to = from;
  }
};
template <class P, class T>
struct ElementArgument<P, T, Passing::kPart> {
  using Bare = std::remove_cvref_t<P>;
  ElementArgument<typename Bare::key_t, typename T::key_t> key;
  ElementArgument<typename Bare::value_t, typename T::value_t> value;
  Bare operator()(const View<T>& view) { return Bare{key(view.key), value(view.value)}; }
};

}  // namespace joist

#endif  // JOIST_EXEC_SIGNATURE_H_
