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

#include <memory>
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

/// An element as assertions compare and show it: encoded, and described.
struct Seen {
  Bytes encoded;
  std::string shown;
  friend auto operator<=>(const Seen&, const Seen&) = default;
};
JOIST_ROW(Seen, encoded, shown)
template <class T>
Seen See(const T& value) {
  return {Bytes(EncodeToString(value)), ToDescription(value)};
}

enum class Panes : uint8_t { kEverything, kAll, kOnTime, kEarly, kLate, kLast };

/// Some panes of a window, or everything.
struct ChosenPanes {
  Window window;
  Panes panes = Panes::kEverything;
  bool Has(const Window& of, const PaneInfo& pane) const;
};

/// Gives what it saw of the chosen elements to the next step, in the global window whatever theirs
/// is: so what comes after it is the same for all types.
class Sight : public Operator {
 public:
  Sight(ChosenPanes chosen, StepStats* stats) : chosen_(chosen), stats_(stats) {}
  void Connect(int, Receiver* consumer) override { output_.Connect(consumer); }

 protected:
  void Begin(size_t count);
  bool Chooses(const Meta& meta, size_t i) const {
    return chosen_.Has(meta.windows[i], meta.panes[i]);
  }
  void Add(Seen seen);
  void Push();

 private:
  ChosenPanes chosen_;
  StepStats* stats_;
  std::vector<Seen> seen_;
  ColumnBuffer<Seen> column_;
  Output<Seen> output_;
};

template <class T>
class SightOf final : public Sight, public BatchReceiver<T> {
 public:
  using Sight::Sight;
  Receiver* input(int) override { return static_cast<BatchReceiver<T>*>(this); }
  void Push(const Batch<T>& batch) override {
    Begin(batch.count);
    ForEachUnsliced(batch, [this](const Batch<T>& unsliced) {
      for (size_t i = 0; i < unsliced.count; ++i) {
        if (Chooses(unsliced.meta, i)) Add(See(Own<T>(unsliced[i])));
      }
      Sight::Push();
    });
  }
};

template <class T>
class SeeStep final : public StepOf<SeeStep<T>, ChosenPanes> {
 public:
  using StepOf<SeeStep<T>, ChosenPanes>::StepOf;
  StepKind kind() const override { return StepKind::kParDo; }
  std::vector<const ElementType*> outputs() const override { return {&element_type<Seen>}; }
  WindowingStrategy OutputWindowing(const WindowingStrategy&) const override { return {}; }
  std::unique_ptr<Operator> MakeOperator(const OperatorContext& context) const override {
    return std::unique_ptr<Operator>(new SightOf<T>(this->definition(), context.stats));
  }
};

/// Adds the step that compares all that was seen, a collection of Seen, with `expected`.
void CheckContains(const PCollection<Seen>& seen, std::vector<Seen> expected,
                   const std::string& where);

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

template <>
struct Coder<passert_internal::ChosenPanes> {
  static constexpr bool kDeterministic = true;
  static CoderSpec Spec();
  static void Encode(const passert_internal::ChosenPanes& value, std::string* out, bool nested);
  static bool Decode(ByteReader* in, passert_internal::ChosenPanes* value, bool nested);
};

template <class T>
struct Coder<passert_internal::Choose<T>> {
  static constexpr bool kDeterministic = true;
  using Chosen = Coder<passert_internal::ChosenPanes>;
  static CoderSpec Spec() { return Chosen::Spec(); }
  static void Encode(const passert_internal::Choose<T>& value, std::string* out, bool nested) {
    Chosen::Encode(value.chosen, out, nested);
  }
  static bool Decode(ByteReader* in, passert_internal::Choose<T>* value, bool nested) {
    return Chosen::Decode(in, &value->chosen, nested);
  }
};

template <class T>
class PAssertion {
 public:
  PAssertion(PCollection<T> actual, std::source_location where)
      : actual_(actual), where_(DescribeLocation(where)), location_(where) {}

  void ContainsInAnyOrder(std::vector<T> expected) const {
    std::vector<passert_internal::Seen> all;
    for (auto&& value : expected) all.push_back(passert_internal::See<T>(value));
    PipelineBuilder& builder = actual_.builder();
    const PipelineBuilder::Scope scope(&builder, "", "PAssert", &location_);
    const auto seen = [this, &builder] {
      const PipelineBuilder::Scope inner(&builder, "See", "", nullptr);
      return AddStep<passert_internal::Seen>(actual_,
                                             MakeStep<passert_internal::SeeStep<T>>(chosen_));
    }();
    passert_internal::CheckContains(seen, std::move(all), where_);
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
    PipelineBuilder& builder = actual_.builder();
    const PipelineBuilder::Scope scope(&builder, "", "PAssert", &location_);
    const PCollection<T> chosen =
        chosen_.panes == passert_internal::Panes::kEverything
            ? actual_
            : actual_ | "Choose" >> Filter(passert_internal::Choose<T>{chosen_});
    // All that comes until the end, whatever its own trigger is.
    const auto all =
        chosen |
        "AllWindows" >>
            WindowInto(GlobalWindows()).Triggering(Trigger::Default()).DiscardingFiredPanes();
    AddImpulse(builder) |
        "Check" >> ParDo(passert_internal::Satisfies<T, F>{std::move(fn), where_}, AsIterable(all));
  }

 private:
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
