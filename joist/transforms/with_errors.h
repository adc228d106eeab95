// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// WithErrors: a ParDo, Map, FlatMap or Filter whose function may throw. Elements that fail go to an
// output of their own, with what went wrong, instead of ending the job ("dead letters").
//
//   auto numbers = lines | "Parse" >> joist::WithErrors(joist::Map([](const std::string& line) {
//     return std::stoll(line);
//   }));
//   numbers.Get<joist::Main>() | …               // A PCollection<long long>.
//   numbers.Get<joist::Errors>() | …             // A PCollection<KV<std::string, ErrorRecord>>.
//
//  - An element that fails has no output but its error, whatever it emitted before: a function that
//    emits does so into a buffer, which costs a virtual call and a copy of the output an element.
//    Functions that return their output have no such cost.
//  - A failure of a later step, which a function's `emit` may run into, is no error of this one: it
//    ends the job (or is tried again) as without WithErrors.
//  - Any exception counts as an error, one that trying again might help as well: catch that in the
//    function. Errors in Setup, StartBundle and Teardown are not those of an element.
//  - Not for functions with a FinishBundle that emits, and not for MapBatches.

#ifndef JOIST_TRANSFORMS_WITH_ERRORS_H_
#define JOIST_TRANSFORMS_WITH_ERRORS_H_

#include <cxxabi.h>

#include <cstdlib>
#include <exception>
#include <memory>
#include <string>
#include <tuple>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

#include "joist/sdk/par_do.h"
#include "joist/transforms/element_function.h"
#include "joist/transforms/parts.h"

namespace joist {

/// Tag of the output with the elements that failed.
struct Errors {};

/// Why an element failed.
struct ErrorRecord {
  std::string step;     ///< Full name of the WithErrors step.
  std::string type;     ///< Of the exception: "std::invalid_argument".
  std::string message;  ///< What it says; empty if it is neither a std::exception nor text.
};
JOIST_ROW(ErrorRecord, step, type, message)

namespace with_errors_internal {

/// The exception being handled; a StepFailure is thrown on, since it is a later step's.
inline ErrorRecord Caught() {
  ErrorRecord record;
  if (const std::type_info* type = abi::__cxa_current_exception_type()) {
    int status = 0;
    char* const name = abi::__cxa_demangle(type->name(), nullptr, nullptr, &status);
    record.type = status == 0 ? name : type->name();
    std::free(name);  // NOLINT: allocated by malloc.
  }
  try {
    throw;
  } catch (const StepFailure&) {
    throw;
  } catch (const std::exception& e) {
    record.message = e.what();
  } catch (const std::string& text) {
    record.message = text;
  } catch (const char* text) {
    record.message = text;
  } catch (...) {  // It has no message.
  }
  return record;
}

/// Keeps what a function emits until it has returned.
template <class E>
class Stage;
template <class T, class Tag>
class Stage<Emit<T, Tag>> final : public BatchReceiver<T> {
 public:
  Stage() {
    cursor_.set_stats(&stats_);
    cursor_.Connect(static_cast<BatchReceiver<T>*>(this));
  }
  Emit<T, Tag> Begin(Timestamp time) {
    meta_.timestamps = SharedColumn<Timestamp>(time);
    time_ = time;
    cursor_.BeginBatch(meta_);
    cursor_.BeginElement(0, {});
    values_.clear();
    return Emit<T, Tag>(&cursor_);
  }
  /// The function has returned: its outputs go to `emit`.
  void Pass(const Emit<T, Tag>& emit) {
    emit_ = &emit;
    for (const auto& [value, time] : values_) Put(ViewOfOwn<T>(value), time);
    End();
  }
  /// It has thrown, and its outputs are dropped.
  void Drop() {
    dropping_ = true;
    End();
  }

  void Push(const Batch<T>& batch) override {
    if (dropping_) return;
    for (size_t i = 0; i < batch.count; ++i) {
      if (emit_ != nullptr) {
        Put(batch[i], batch.timestamp(i));
      } else {
        values_.push_back({Own<T>(batch[i]), batch.timestamp(i)});
      }
    }
  }

 private:
  void End() {
    cursor_.EndElement();
    cursor_.EndBatch();
    values_.clear();
    emit_ = nullptr;
    dropping_ = false;
  }
  void Put(const View<T>& value, Timestamp time) {
    if (time == time_) {
      (*emit_)(Lend<T>(value));
    } else {
      (*emit_)(Lend<T>(value), time);
    }
  }

  OutputCursor<T> cursor_;
  StepStats stats_;
  Meta meta_;
  Timestamp time_;
  const Emit<T, Tag>* emit_ = nullptr;
  bool dropping_ = false;
  std::vector<std::pair<T, Timestamp>> values_;  ///< More than a column of one element's outputs.
};

/// What a worker has for itself: a copy begins without.
template <class T>
class PerWorker {
 public:
  PerWorker() = default;
  PerWorker(const PerWorker&) {}
  PerWorker& operator=(const PerWorker&) {
    return *this;
  }  // NOLINT(bugprone-unhandled-self-assignment)
  ~PerWorker() = default;
  T& operator*() {
    if (value_ == nullptr) value_ = std::make_unique<T>();
    return *value_;
  }

 private:
  std::unique_ptr<T> value_;
};

template <class A>
inline constexpr bool kIsEmit = signature::IsEmit<std::remove_cvref_t<A>>::value;

template <class List>
struct StagesOf;
template <class... E>
struct StagesOf<TypeList<E...>> {
  using type = std::tuple<Stage<E>...>;
};

/// What all forms of a guarded function have.
template <class F, class In, ParDoForm kForm>
struct GuardedBase {
  using Traits = ParDoTraits<F, In, kForm>;
  using Emits = typename Traits::Emits;
  using ErrorEmit = Emit<KV<In, ErrorRecord>, Errors>;

  [[no_unique_address]] F fn;
  [[no_unique_address]] ElementArgument<typename Traits::ElementParameter, In> argument;
  static auto Parts(auto& self) { return std::tie(self.fn); }

  void Setup()
    requires requires(F f) { f.Setup(); }
  {
    fn.Setup();
  }
  void StartBundle()
    requires requires(F f) { f.StartBundle(); }
  {
    fn.StartBundle();
  }
  void FinishBundle()
    requires requires(F f) { f.FinishBundle(); }
  {
    fn.FinishBundle();
  }
  void Teardown()
    requires requires(F f) { f.Teardown(); }
  {
    fn.Teardown();
  }

 protected:
  template <class... A>
  decltype(auto) Call(const View<In>& element, A&&... others) {
    if constexpr (signature::HasProcess<F>) {
      return fn.Process(argument(element), std::forward<A>(others)...);
    } else {
      return fn(argument(element), std::forward<A>(others)...);
    }
  }
  /// Inside of a catch block.
  static void EmitError(const View<In>& element, const ErrorEmit& errors) {
    errors(KV<Lent<In>, ErrorRecord>{Lend<In>(element), Caught()});
  }
};

/// A function that returns its output: in the place of `Other` come also what it goes to.
template <class F, class In, ParDoForm kForm, class Others, class Result>
struct Returning;
template <class F, class In, ParDoForm kForm, class... Other, class Result>
struct Returning<F, In, kForm, TypeList<Other...>, TypeList<Result>> : GuardedBase<F, In, kForm> {
  void Process(const View<In>& element, Other... others, Result emit,
               typename Returning::ErrorEmit errors) {
    try {
      if constexpr (kForm == ParDoForm::kMap) {
        emit(this->Call(element, others...));
      } else if constexpr (kForm == ParDoForm::kFilter) {
        if (this->Call(element, others...)) emit(Lend<In>(element));
      } else {
        for (auto&& value : this->Call(element, others...)) {
          emit(std::forward<decltype(value)>(value));
        }
      }
    } catch (...) {
      this->EmitError(element, errors);
    }
  }
};

/// A function that emits. `time` tells which of its outputs have times of their own.
template <class F, class In, class Others>
struct Emitting;
template <class F, class In, class... Other>
struct Emitting<F, In, TypeList<Other...>> : GuardedBase<F, In, ParDoForm::kEmit> {
  using Emits = typename Emitting::Emits;
  using Stages = typename StagesOf<Emits>::type;
  PerWorker<Stages> stages;

  void Process(const View<In>& element, [[maybe_unused]] Timestamp time, Other... others,
               typename Emitting::ErrorEmit errors) {
    Stages& outputs = *stages;
    try {
      this->Call(element, Supply<Other>(outputs, time, others)...);
    } catch (...) {
      std::apply([](auto&... stage) { (stage.Drop(), ...); }, outputs);
      this->EmitError(element, errors);
      return;
    }
    (Pass<Other>(outputs, others), ...);
  }

 private:
  template <class A>
  static auto& StageOf(Stages& outputs) {
    return std::get<signature::IndexOf<std::remove_cvref_t<A>, Emits>::value>(outputs);
  }
  template <class A>
  static decltype(auto) Supply(Stages& outputs, Timestamp time, A& other) {
    if constexpr (kIsEmit<A>) {
      return StageOf<A>(outputs).Begin(time);
    } else {
      return (other);
    }
  }
  template <class A>
  static void Pass([[maybe_unused]] Stages& outputs, [[maybe_unused]] A& other) {
    if constexpr (kIsEmit<A>) StageOf<A>(outputs).Pass(other);
  }
};

template <class F, class In, ParDoForm kForm>
auto Guard(F fn) {
  using Traits = ParDoTraits<F, In, kForm>;
  if constexpr (kForm == ParDoForm::kEmit && std::is_void_v<typename Traits::Return>) {
    return Emitting<F, In, typename Traits::Others>{{std::move(fn), {}}, {}};
  } else {
    return Returning<F, In, kForm, typename Traits::Others, typename Traits::Emits>{
        {std::move(fn), {}}};
  }
}

template <class In>
struct NameStep {
  std::string step;
  static auto Parts(auto& self) { return std::tie(self.step); }
  KV<Lent<In>, ErrorRecord> operator()(const View<KV<In, ErrorRecord>>& error) const {
    return {Lend<In>(error.key), {step, error.value.type, error.value.message}};
  }
};

}  // namespace with_errors_internal

/// The outputs of WithErrors: Get<Main>() and the function's others by their tags, Get<Errors>().
template <class In, class Inner>
class OutputsWithErrors {
 public:
  OutputsWithErrors(Inner outputs, PCollection<KV<In, ErrorRecord>> errors)
      : outputs_(outputs), errors_(errors) {}
  template <class Tag>
  auto Get() const {
    if constexpr (std::is_same_v<Tag, Errors>) {
      return errors_;
    } else {
      return outputs_.template Get<Tag>();
    }
  }

 private:
  Inner outputs_;
  PCollection<KV<In, ErrorRecord>> errors_;
};

/// `WithErrors(Map(f))`: the same, where elements of which `f` throws go to Errors.
template <class F, ParDoForm kForm, class... Sides>
struct WithErrors : Transform {
  explicit WithErrors(ParDoTransform<F, kForm, Sides...> guarded,
                      std::source_location where = std::source_location::current())
      : Transform(where), guarded(std::move(guarded)) {}
  static constexpr std::string_view kKind = "WithErrors";

  template <class In>
  auto Expand(const PCollection<In>& in) const {
    using Given = TypeList<SideInput<typename Sides::View>...>;
    if constexpr (kForm == ParDoForm::kBatch) {
      static_assert(kForm != ParDoForm::kBatch,
                    "Joist: WithErrors is not for MapBatches, whose errors are no element's.");
      return PCollection<Invalid>(&in.builder());
    } else if constexpr (!par_do_internal::Check<F, In, kForm, Given>()) {
      return PCollection<Invalid>(&in.builder());
    } else if constexpr (requires { &F::FinishBundle; } && !requires(F f) { f.FinishBundle(); }) {
      static_assert(!std::is_same_v<In, In>,
                    "Joist: WithErrors is not for functions with a FinishBundle that emits.");
      return PCollection<Invalid>(&in.builder());
    } else {
      auto guard = with_errors_internal::Guard<F, In, kForm>(guarded.fn);
      using Try = ParDoTransform<decltype(guard), ParDoForm::kEmit, Sides...>;
      auto outputs = in | "Try" >> Try(std::move(guard), guarded.sides, guarded.where);
      std::string step = in.builder().graph().nodes().back().name;
      step.resize(step.size() - std::string_view("/Try").size());
      auto errors = outputs.template Get<Errors>() |
                    "Name" >> Map(with_errors_internal::NameStep<In>{std::move(step)});
      return OutputsWithErrors<In, decltype(outputs)>(outputs, errors);
    }
  }

  ParDoTransform<F, kForm, Sides...> guarded;
};

}  // namespace joist

#endif  // JOIST_TRANSFORMS_WITH_ERRORS_H_
