// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Select: some fields of rows, as a joist::Row or as a row type of one's own. Convert: the same
// fields as another type.
//
//   orders | joist::Select<"user", "address.city">()          // Row of user and city.
//   orders | joist::Select<&Order::user, &Order::cents>()     // joist::Selected<&Order::user, …>.
//   orders | joist::Select<Sale>()                            // The fields that Sale has.
//   orders | joist::Convert<Other>()                          // All fields, each once.
//
// Fields of two types belong together by name. A field keeps its type, becomes optional, or a wider
// number; rows within rows are converted likewise. A wrong name or type is one error of the
// compiler. Each is one Map.

#ifndef JOIST_TRANSFORMS_SELECT_H_
#define JOIST_TRANSFORMS_SELECT_H_

#include <limits>
#include <optional>
#include <source_location>
#include <type_traits>
#include <utility>

#include "joist/sdk/par_do.h"
#include "joist/transforms/field_ref.h"

namespace joist {

namespace select_internal {

template <class M>
struct ClassOf;
template <class C, class M>
struct ClassOf<M C::*> {
  using type = C;
};

template <auto kFirst, auto...>
struct RowOfMember : ClassOf<decltype(kFirst)> {};

/// A From becomes a To without losing anything.
template <class To, class From>
consteval bool Becomes();

template <class To, class From, size_t... kIndex>
consteval bool AllBecome(std::index_sequence<kIndex...>) {
  using field_ref_internal::At;
  using field_ref_internal::FieldAt;
  using field_ref_internal::IndexOfName;
  const auto one = []<class F>(F) {
    using In = decltype(At<From, IndexOfName<From>(F::kName)>());
    if constexpr (In::kExists) return Becomes<typename F::type, typename In::type>();
    return false;
  };
  return (one(FieldAt<To, kIndex>()) && ...);
}

template <class To, class From>
consteval bool Becomes() {
  if constexpr (std::is_same_v<To, From>) {
    return true;
  } else if constexpr (std::is_arithmetic_v<To> && std::is_arithmetic_v<From>) {
    using ToLimits = std::numeric_limits<To>;
    using FromLimits = std::numeric_limits<From>;
    return std::is_same_v<To, bool> == std::is_same_v<From, bool> &&
           ToLimits::digits >= FromLimits::digits && ToLimits::is_signed >= FromLimits::is_signed &&
           ToLimits::is_integer <= FromLimits::is_integer;
  } else if constexpr (IsRow<To> && IsRow<From>) {
    return AllBecome<To, From>(std::make_index_sequence<RowTraits<To>::kFieldCount>());
  } else if constexpr (requires { typename To::value_type; }) {
    if constexpr (std::is_same_v<To, std::optional<typename To::value_type>>) {
      if constexpr (requires { typename From::value_type; }) {
        if constexpr (std::is_same_v<From, std::optional<typename From::value_type>>) {
          return Becomes<typename To::value_type, typename From::value_type>();
        }
      }
      return Becomes<typename To::value_type, From>();
    }
  }
  return false;
}

template <class To, class From>
To Converted(const From& from) {
  if constexpr (std::is_same_v<To, From>) {
    return from;
  } else if constexpr (std::is_arithmetic_v<To>) {
    return static_cast<To>(from);
  } else if constexpr (IsRow<To>) {
    using field_ref_internal::FieldAt;
    using field_ref_internal::IndexOfName;
    To to{};
    [&]<size_t... kIndex>(std::index_sequence<kIndex...>) {
      ((FieldAt<To, kIndex>::Get(to) = Converted<typename FieldAt<To, kIndex>::type>(
            FieldAt<From, IndexOfName<From>(FieldAt<To, kIndex>::kName)>::Get(from))),
       ...);
    }(std::make_index_sequence<RowTraits<To>::kFieldCount>());
    return to;
  } else if constexpr (requires { from.has_value(); }) {
    return from.has_value() ? To(Converted<typename To::value_type>(*from)) : To();
  } else {
    return To(Converted<typename To::value_type>(from));
  }
}

/// Whether field kIndex of Target can be made of a field of Source; if not, says so.
template <class Target, class Source, FieldName kField, size_t kIndex>
consteval bool CheckTarget() {
  using field_ref_internal::At;
  using In = decltype(At<Source, field_ref_internal::IndexOfName<Source>(kField.view())>());
  static_assert(In::kExists,
                "Joist: the target of this conversion has a field that the rows of the collection "
                "have not; the line \"with Target = …; Source = …; kField = …\" above names it.");
  if constexpr (In::kExists) {
    using To = typename field_ref_internal::FieldAt<Target, kIndex>::type;
    constexpr bool kBecomes = Becomes<To, typename In::type>();
    static_assert(kBecomes,
                  "Joist: a field of the target of this conversion has another type than the "
                  "collection's field of that name; the line \"with Target = …; Source = …; kField "
                  "= …\" above names it.");
    return kBecomes;
  }
  return false;
}

template <class Target, class Source, size_t... kIndex>
consteval bool CheckTargets(std::index_sequence<kIndex...>) {
  using field_ref_internal::FieldAt;
  return (CheckTarget<Target, Source, kFieldNameOf<FieldAt<Target, kIndex>>, kIndex>() && ...);
}

template <class To, class From>
struct ConvertRow {
  To operator()(const From& row) const { return Converted<To>(row); }
};

template <class... Refs>
struct SelectFields : Transform {
  explicit SelectFields(std::source_location where) : Transform(where) {}
  static constexpr std::string_view kKind = "Select";
  template <class T>
  auto Expand(const PCollection<T>& in) const {
    if constexpr (!CheckFields<T, Refs...>()) {
      return PCollection<Invalid>(&in.builder());
    } else {
      return in | "Fields" >> Map(PickFields<T, RowOf<T, Refs...>, FieldOf<Refs, T>...>());
    }
  }
};

template <class Target, bool kAll>
struct ConvertTransform : Transform {
  explicit ConvertTransform(std::source_location where) : Transform(where) {}
  static constexpr std::string_view kKind = kAll ? "Convert" : "Select";
  template <class T>
  auto Expand(const PCollection<T>& in) const {
    if constexpr (!CheckFields<T>()) {
      return PCollection<Invalid>(&in.builder());
    } else if constexpr (!CheckTargets<Target, T>(
                             std::make_index_sequence<RowTraits<Target>::kFieldCount>())) {
      return PCollection<Invalid>(&in.builder());
    } else {
      constexpr bool kNoneLeft = RowTraits<Target>::kFieldCount == RowTraits<T>::kFieldCount;
      static_assert(!kAll || kNoneLeft,
                    "Joist: Convert keeps all fields, and the rows of this collection have more "
                    "than its target; Select takes some of them.");
      return in | "Fields" >> Map(ConvertRow<Target, T>());
    }
  }
};

}  // namespace select_internal

/// What Select<kMembers…>() outputs.
template <auto... kMembers>
using Selected =
    RowOf<typename select_internal::RowOfMember<kMembers...>::type, MemberRef<kMembers>...>;

template <auto... kMembers>
  requires(sizeof...(kMembers) > 0 && (IsMember<kMembers> && ...))
auto Select(std::source_location where = std::source_location::current()) {
  return select_internal::SelectFields<MemberRef<kMembers>...>(where);
}
template <FieldName... kNames>
  requires(sizeof...(kNames) > 0)
auto Select(std::source_location where = std::source_location::current()) {
  return select_internal::SelectFields<NameRef<kNames>...>(where);
}
/// The fields of the row type Target, each by its name.
template <class Target>
auto Select(std::source_location where = std::source_location::current()) {
  static_assert(IsRow<Target>, "Joist: the target of a Select is a row type (JOIST_ROW).");
  return select_internal::ConvertTransform<Target, false>(where);
}

/// Rows as rows of the type Target, which has the same fields, in any order.
template <class Target>
auto Convert(std::source_location where = std::source_location::current()) {
  static_assert(IsRow<Target>, "Joist: the target of a Convert is a row type (JOIST_ROW).");
  return select_internal::ConvertTransform<Target, true>(where);
}

}  // namespace joist

#endif  // JOIST_TRANSFORMS_SELECT_H_
