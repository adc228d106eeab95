// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// PAssert: says what a collection must hold; checked while the pipeline runs, which fails if it
// does not. Elements are compared by their encoded bytes.
//
//   joist::PAssert::That(counts).ContainsInAnyOrder({{"cat", 1}, {"dog", 2}});
//   joist::PAssert::ThatSingleton(total).IsEqualTo(3);
//   joist::PAssert::That(words).Satisfies([](const joist::IterableView<std::string>& words) {
//     return words.size() > 2;
//   });

#ifndef JOIST_SDK_TESTING_PASSERT_H_
#define JOIST_SDK_TESTING_PASSERT_H_

#include <algorithm>
#include <source_location>
#include <string>
#include <utility>
#include <vector>

#include "joist/model/describe.h"
#include "joist/sdk/par_do.h"
#include "joist/sdk/read.h"
#include "joist/sdk/window_into.h"

namespace joist {

namespace passert_internal {

/// Fails the job; no retry can help.
[[noreturn]] void Fail(const std::string& where, const std::string& what);

/// Fails unless the two sequences hold the same elements: each as (encoded, described).
void ExpectSame(std::vector<std::pair<std::string, std::string>> expected,
                std::vector<std::pair<std::string, std::string>> got, const std::string& where);

template <class T>
std::pair<std::string, std::string> Shown(const T& value) {
  return {EncodeToString(value), ToDescription(value)};
}

template <class T>
struct Contains {
  std::vector<T> expected;
  std::string where;
  void Process(const Bytes&, SideInput<IterableView<T>> actual) const {
    std::vector<std::pair<std::string, std::string>> want, got;
    for (const T& value : expected) want.push_back(Shown(value));
    for (const auto& view : *actual) got.push_back(Shown(Own<T>(view)));
    ExpectSame(std::move(want), std::move(got), where);
  }
};

enum class Panes : uint8_t { kEverything, kAll, kOnTime, kEarly, kLate, kLast };

/// Some panes of a window, or everything.
struct ChosenPanes {
  Window window;
  Panes panes = Panes::kEverything;
  bool Has(const Window& of, const PaneInfo& pane) const;
};

template <class T>
struct Choose {
  ChosenPanes chosen;
  bool operator()(const View<T>&, const Window& window, const PaneInfo& pane) const {
    return chosen.Has(window, pane);
  }
};

template <class T, class F>
struct Satisfies {
  F fn;
  std::string where;
  void Process(const Bytes&, SideInput<IterableView<T>> actual) {
    if (!fn(*actual)) {
      std::string what = "a collection does not satisfy the given function; it holds [";
      size_t shown = 0;
      for (const auto& view : *actual) {
        if (++shown > 20) break;
        if (shown > 1) what += ", ";
        Describe(Own<T>(view), &what);
      }
      Fail(where, what + (shown > 20 ? ", …]" : "]"));
    }
  }
};

}  // namespace passert_internal

template <class T>
struct Coder<passert_internal::Choose<T>> {
  static constexpr bool kDeterministic = true;
  static CoderSpec Spec() { return Coder<KV<Window, passert_internal::Panes>>::Spec(); }
  static void Encode(const passert_internal::Choose<T>& value, std::string* out, bool) {
    Coder<Window>::Encode(value.chosen.window, out, true);
    Coder<passert_internal::Panes>::Encode(value.chosen.panes, out, true);
  }
  static bool Decode(ByteReader* in, passert_internal::Choose<T>* value, bool) {
    return Coder<Window>::Decode(in, &value->chosen.window, true) &&
           Coder<passert_internal::Panes>::Decode(in, &value->chosen.panes, true);
  }
};

template <class T>
struct Coder<passert_internal::Contains<T>> {
  static constexpr bool kDeterministic = false;
  static CoderSpec Spec() { return Coder<std::vector<T>>::Spec(); }
  static void Encode(const passert_internal::Contains<T>& value, std::string* out, bool nested) {
    Coder<std::string>::Encode(value.where, out, true);
    Coder<std::vector<T>>::Encode(value.expected, out, nested);
  }
  static bool Decode(ByteReader* in, passert_internal::Contains<T>* value, bool nested) {
    return Coder<std::string>::Decode(in, &value->where, true) &&
           Coder<std::vector<T>>::Decode(in, &value->expected, nested);
  }
};

template <class T>
class PAssertion {
 public:
  PAssertion(PCollection<T> actual, std::source_location where)
      : actual_(actual), where_(DescribeLocation(where)), location_(where) {}

  void ContainsInAnyOrder(std::vector<T> expected) const {
    Check(passert_internal::Contains<T>{std::move(expected), where_});
  }
  void IsEmpty() const { ContainsInAnyOrder({}); }
  /// The same of the elements in `window` alone.
  PAssertion InWindow(const Window& window) const {
    return With({window, passert_internal::Panes::kAll});
  }
  /// Of those in the pane on time, in early panes, in late ones, and in the last one of `window`.
  PAssertion InOnTimePane(const Window& window) const {
    return With({window, passert_internal::Panes::kOnTime});
  }
  PAssertion InEarlyPane(const Window& window) const {
    return With({window, passert_internal::Panes::kEarly});
  }
  PAssertion InLatePane(const Window& window) const {
    return With({window, passert_internal::Panes::kLate});
  }
  PAssertion InFinalPane(const Window& window) const {
    return With({window, passert_internal::Panes::kLast});
  }
  /// `fn` is given an IterableView<T> and returns whether all is well.
  template <class F>
  void Satisfies(F fn) const {
    Check(passert_internal::Satisfies<T, F>{std::move(fn), where_});
  }

 private:
  template <class Fn>
  void Check(Fn fn) const {
    PipelineBuilder& builder = actual_.builder();
    const PipelineBuilder::Scope scope(&builder, "", "PAssert", &location_);
    auto start = [&] {
      const PipelineBuilder::Scope inner(&builder, "Impulse", "", nullptr);
      return AddRoot<Bytes>(builder, MakeStep<CreateStep<Bytes>>(std::vector<Bytes>(1)));
    }();
    const PCollection<T> chosen =
        chosen_.panes == passert_internal::Panes::kEverything
            ? actual_
            : actual_ | "Choose" >> Filter(passert_internal::Choose<T>{chosen_});
    // All that comes until the end, whatever its own trigger is.
    const auto all =
        chosen |
        "AllWindows" >>
            WindowInto(GlobalWindows()).Triggering(Trigger::Default()).DiscardingFiredPanes();
    start | "Check" >> ParDo(std::move(fn), AsIterable(all));
  }

  PAssertion With(passert_internal::ChosenPanes chosen) const {
    PAssertion other = *this;
    other.chosen_ = chosen;
    return other;
  }

  PCollection<T> actual_;
  std::string where_;
  std::source_location location_;
  passert_internal::ChosenPanes chosen_;
};

template <class T>
class PSingletonAssertion {
 public:
  explicit PSingletonAssertion(PAssertion<T> assertion) : assertion_(std::move(assertion)) {}
  /// The same of the element in `window`.
  PSingletonAssertion InWindow(const Window& window) const {
    return PSingletonAssertion(assertion_.InWindow(window));
  }
  void IsEqualTo(std::type_identity_t<T> expected) const {
    assertion_.ContainsInAnyOrder({std::move(expected)});
  }

 private:
  PAssertion<T> assertion_;
};

namespace PAssert {  // NOLINT: Beam's name.
template <class T>
PAssertion<T> That(const PCollection<T>& actual,
                   std::source_location where = std::source_location::current()) {
  return PAssertion<T>(actual, where);
}
template <class T>
PSingletonAssertion<T> ThatSingleton(const PCollection<T>& actual,
                                     std::source_location where = std::source_location::current()) {
  return PSingletonAssertion<T>(PAssertion<T>(actual, where));
}
}  // namespace PAssert

}  // namespace joist

#endif  // JOIST_SDK_TESTING_PASSERT_H_
