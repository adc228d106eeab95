// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// ToString: elements as text.
//
//   numbers | joist::ToString::Elements()        // 7 → "7"
//   counts | joist::ToString::KVs(": ")          // {"cat", 2} → "cat: 2"
//   rows | joist::ToString::Iterables()          // {1, 2, 3} → "1,2,3"
//
// Text stays as it is; numbers are decimal, floating ones the shortest that read back as the same
// number; Timestamps and whatever else has a ToString as that gives it; all else as messages show
// it (joist/model/describe.h).

#ifndef JOIST_TRANSFORMS_TO_STRING_H_
#define JOIST_TRANSFORMS_TO_STRING_H_

#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include "joist/model/describe.h"
#include "joist/sdk/par_do.h"
#include "joist/transforms/parts.h"

namespace joist {

namespace to_string_internal {

template <class V>
void Append(const V& view, std::string* to) {
  if constexpr (std::is_convertible_v<const V&, std::string_view>) {
    to->append(std::string_view(view));
  } else {
    Describe(view, to);
  }
}

struct Whole {
  template <class V>
  static void Write(const V& view, const std::string&, std::string* to) {
    Append(view, to);
  }
};
struct Pair {
  template <class V>
  static void Write(const V& kv, const std::string& delimiter, std::string* to) {
    Append(kv.key, to);
    *to += delimiter;
    Append(kv.value, to);
  }
};
struct Joined {
  template <class V>
  static void Write(const V& values, const std::string& delimiter, std::string* to) {
    bool first = true;
    for (const auto& value : values) {
      if (!std::exchange(first, false)) *to += delimiter;
      Append(value, to);
    }
  }
};

template <class Form, class T>
struct ToText {
  std::string delimiter;
  std::string text;  ///< Keeps its memory from element to element.
  static auto Parts(auto& self) { return std::tie(self.delimiter); }
  std::string_view operator()(const View<T>& view, Arena& arena) {
    text.clear();
    Form::Write(view, delimiter, &text);
    return arena.Copy(text);
  }
};

template <class V>
concept IsIterable = requires(const V& view) { view.begin() != view.end(); } &&
                     !std::is_convertible_v<const V&, std::string_view>;

}  // namespace to_string_internal

namespace ToString {  // NOLINT: Beam's names.

/// Every element as text.
struct Elements : Transform {
  explicit Elements(std::source_location where = std::source_location::current())
      : Transform(where) {}
  static constexpr std::string_view kKind = "ToString.Elements";
  template <class T>
  auto Expand(const PCollection<T>& in) const {
    return in | "Map" >> Map(to_string_internal::ToText<to_string_internal::Whole, T>{});
  }
};

/// KVs as key, delimiter, value.
struct KVs : Transform {
  explicit KVs(std::string delimiter = ",",
               std::source_location where = std::source_location::current())
      : Transform(where), delimiter(std::move(delimiter)) {}
  static constexpr std::string_view kKind = "ToString.KVs";
  template <class T>
  auto Expand(const PCollection<T>& in) const {
    if constexpr (!kIsKV<T>) {
      static_assert(kIsKV<T>, "Joist: ToString::KVs takes a collection of KVs.");
      return PCollection<Invalid>(&in.builder());
    } else {
      return in |
             "Map" >> Map(to_string_internal::ToText<to_string_internal::Pair, T>{delimiter, {}});
    }
  }
  std::string delimiter;
};

/// Containers as their elements with the delimiter between them.
struct Iterables : Transform {
  explicit Iterables(std::string delimiter = ",",
                     std::source_location where = std::source_location::current())
      : Transform(where), delimiter(std::move(delimiter)) {}
  static constexpr std::string_view kKind = "ToString.Iterables";
  template <class T>
  auto Expand(const PCollection<T>& in) const {
    constexpr bool kIterable = to_string_internal::IsIterable<std::remove_cvref_t<View<T>>>;
    if constexpr (!kIterable) {
      static_assert(kIterable, "Joist: ToString::Iterables takes a collection of containers.");
      return PCollection<Invalid>(&in.builder());
    } else {
      return in |
             "Map" >> Map(to_string_internal::ToText<to_string_internal::Joined, T>{delimiter, {}});
    }
  }
  std::string delimiter;
};

}  // namespace ToString

}  // namespace joist

#endif  // JOIST_TRANSFORMS_TO_STRING_H_
