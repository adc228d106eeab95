// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Distinct: each element once.
//
//   words | joist::Distinct()
//   orders | joist::Distinct::WithRepresentativeValue(
//                [](const Order& order) { return order.customer; })   // One order a customer.
//
// Elements are the same where their encodings are, as keys are. Which one of several represents
// its value, is not said.

#ifndef JOIST_TRANSFORMS_DISTINCT_H_
#define JOIST_TRANSFORMS_DISTINCT_H_

#include <tuple>
#include <utility>

#include "joist/sdk/combine.h"
#include "joist/sdk/keys.h"
#include "joist/transforms/with_keys.h"

namespace joist {

/// One of the values.
template <class T>
struct AnyFn {
  struct Accumulator {
    bool filled = false;
    T value{};
    static auto Parts(auto& self) { return std::tie(self.filled, self.value); }
  };
  Accumulator CreateAccumulator() const { return {}; }
  void AddInput(Accumulator& to, const View<T>& value) const {
    if (to.filled) return;
    to.filled = true;
    to.value = Own<T>(value);
  }
  void MergeAccumulators(Accumulator& to, const Accumulator& from) const {
    if (!to.filled) to = from;
  }
  /// T() of nothing.
  T ExtractOutput(const Accumulator& from) const { return from.value; }
};

namespace distinct_internal {
struct Nothing {
  Void CreateAccumulator() const { return {}; }
  void AddInput(Void&, Void) const {}
  void MergeAccumulators(Void&, const Void&) const {}
  Void ExtractOutput(const Void&) const { return {}; }
};

template <class F>
struct ByRepresentative : Transform {
  ByRepresentative(F value_of, std::source_location where)
      : Transform(where), value_of(std::move(value_of)) {}
  static constexpr std::string_view kKind = "Distinct.WithRepresentativeValue";
  template <class T>
  auto Expand(const PCollection<T>& in) const {
    return in | "WithKeys" >> WithKeys(value_of) | "Any" >> Combine::PerKey(AnyFn<T>()) |
           "Values" >> Values();
  }
  F value_of;
};
}  // namespace distinct_internal

/// Each element once.
struct Distinct : Transform {
  explicit Distinct(std::source_location where = std::source_location::current())
      : Transform(where) {}
  static constexpr std::string_view kKind = "Distinct";
  template <class T>
  auto Expand(const PCollection<T>& in) const {
    return in | "WithVoidValue" >> Relabel<GiveVoidValue>() |
           "PerKey" >> Combine::PerKey(distinct_internal::Nothing()) | "Keys" >> Keys();
  }

  /// One element for each value that `value_of`, a function of the element, returns.
  template <class F>
  static auto WithRepresentativeValue(
      F value_of, std::source_location where = std::source_location::current()) {
    return distinct_internal::ByRepresentative<F>(std::move(value_of), where);
  }
};

}  // namespace joist

#endif  // JOIST_TRANSFORMS_DISTINCT_H_
