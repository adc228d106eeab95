// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// ParDoStep: a user's function over each element, or over each batch. The function is inlined into
// a loop over the batch; what surrounds it (time, counting, failure) is paid by the batch.

#ifndef JOIST_EXEC_PAR_DO_H_
#define JOIST_EXEC_PAR_DO_H_

#include <exception>
#include <iterator>
#include <memory>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "joist/exec/emit.h"
#include "joist/exec/failure.h"
#include "joist/exec/reshuffle.h"
#include "joist/exec/signature.h"
#include "joist/exec/stateful.h"
#include "joist/exec/step.h"
#include "joist/exec/waiting_elements.h"
#include "joist/model/describe.h"

namespace joist {

/// How a function's results become outputs.
enum class ParDoForm {
  kMap,     ///< One element out for each in: what the function returns.
  kFilter,  ///< The element itself, where the function returns true.
  kEmit,    ///< Whatever it emits; if it returns a range, that range's elements.
  kBatch,   ///< Whole batches in: the function's first parameter is a Batch<In>.
};

template <class R>
concept RangeResult = !std::is_void_v<R> && requires(R r) {
  r.begin();
  r.end();
};

/// What a range's elements are; not what its iterator returns, which may stand for one
/// (vector<bool>).
template <class R>
using RangeValue = typename std::iterator_traits<
    std::remove_cvref_t<decltype(std::declval<R>().begin())>>::value_type;

/// What a function's type says by itself.
template <class F>
struct ParDoTraitsBase {
  using Parameters = typename signature::Of<F>::Parameters;
  using ElementParameter = typename signature::First<Parameters>::type;
  using Others = typename signature::AfterFirst<Parameters>::type;
  using Return = typename signature::Of<F>::Return;
  using Sides = typename signature::SideInputs<Others>::type;
};

/// And over a PCollection<In>.
template <class F, class In, ParDoForm kForm>
struct ParDoTraits : ParDoTraitsBase<F> {
  using typename ParDoTraitsBase<F>::Others;
  using typename ParDoTraitsBase<F>::Return;

  template <class R>
  static auto EmittedByReturn() {
    if constexpr (kForm == ParDoForm::kFilter) {
      return TypeList<Emit<In>>();
    } else if constexpr (kForm == ParDoForm::kMap) {
      return TypeList<Emit<ElementOfT<R>>>();
    } else {
      return TypeList<Emit<ElementOfT<RangeValue<R>>>>();
    }
  }
  static auto FindEmits() {
    if constexpr (kForm == ParDoForm::kMap || kForm == ParDoForm::kFilter || RangeResult<Return>) {
      return EmittedByReturn<Return>();
    } else {
      return typename signature::Emits<Others>::type();
    }
  }
  /// TypeList<Emit<T, Tag>…>: the outputs, in order.
  using Emits = decltype(FindEmits());
};

template <class List>
struct CursorsOf;
template <class... E>
struct CursorsOf<TypeList<E...>> {
  using type = std::tuple<OutputCursor<typename E::value_type>...>;
  static std::vector<const ElementType*> Types() {
    return {&element_type<typename E::value_type>...};
  }
};

/// The part of a ParDoOperator that only functions with state have.
template <class In, class Others>
struct StatefulPartOf {
  using type = NotStateful;
};
template <class K, class V, class Others>
  requires kIsStateful<Others>
struct StatefulPartOf<KV<K, V>, Others> {
  using type = StatefulCells<K, Others>;
};

template <class F, class In, ParDoForm kForm>
class ParDoOperator final : public Operator, public BatchReceiver<In> {
  using Traits = ParDoTraits<F, In, kForm>;
  using Emits = typename Traits::Emits;
  using Cursors = typename CursorsOf<Emits>::type;
  using Cells = typename StatefulPartOf<In, typename Traits::Others>::type;
  static constexpr bool kStateful = kIsStateful<typename Traits::Others>;

 public:
  ParDoOperator(F fn, const OperatorContext& context)
      : fn_(std::move(fn)), context_(context), cells_(context, kHasExpiration) {
    std::apply([&](auto&... cursor) { (cursor.set_stats(context.stats), ...); }, cursors_);
  }
  ~ParDoOperator() override {
    if constexpr (requires { fn_.Teardown(); }) {
      if (set_up_) {
        try {
          fn_.Teardown();
        } catch (...) {  // Beam: Teardown is best effort.
        }
      }
    }
  }

  Receiver* input(int) override { return static_cast<BatchReceiver<In>*>(this); }
  void Connect(int output, Receiver* consumer) override {
    ConnectTo(output, consumer, std::make_index_sequence<std::tuple_size_v<Cursors>>());
  }

  void Start() override {
    const StepScope scope(context_.stats);
    try {
      if (!set_up_) {
        if constexpr (requires { fn_.Setup(); }) fn_.Setup();
        set_up_ = true;
      }
      if constexpr (requires { fn_.StartBundle(); }) fn_.StartBundle();
    } catch (...) {
      RethrowAsStepFailure(context_.step, "");
    }
  }

  void Finish() override {
    const StepScope scope(context_.stats);
    try {
      if constexpr (kStateful) {
        if (!context_.is_stream) EndKey();
      }
      if constexpr (requires { &F::FinishBundle; }) {
        using Parameters =
            typename signature::MemberFunction<decltype(&F::FinishBundle)>::Parameters;
        BeginBatch(finish_meta_);
        CallFinish(Parameters());
        EndBatch();
      }
      if constexpr (kStateful) cells_.EndBundle();
    } catch (...) {
      RethrowSwallowed();
      RethrowAsStepFailure(context_.step, "");
    }
  }

  void Committed() override {
    if constexpr (kFinalizes) {
      if (!context_.has_checkpoints) callbacks_.Saved();
      callbacks_.Run();
    }
  }

  void Resume() override {
    if constexpr (kHasSides) {
      waiting_.Release([this](const Window& window) { return FindSides(window); }, this);
    }
  }
  void AdvanceProcessingTime([[maybe_unused]] Timestamp now) override {
    if constexpr (kStateful) {
      const StepScope scope(context_.stats);
      cells_.set_processing_time(now);
      FireTimers(TimeDomain::kProcessing);
    }
  }
  void AdvanceWatermark([[maybe_unused]] Timestamp input) override {
    if constexpr (kStateful) {
      const StepScope scope(context_.stats);
      // Elements that wait for a side input have not been seen yet.
      if constexpr (kHasSides) input = std::min(input, waiting_.earliest());
      cells_.set_watermark(input);
      FireTimers(TimeDomain::kEvent);
    }
  }
  void SaveWhole([[maybe_unused]] std::string* out) override {
    if constexpr (kHasSides) waiting_.Save(out);
    if constexpr (kStateful) cells_.SaveClocks(out);
  }
  void Save(SavedState* out) override {
    SaveWhole(out->whole());
    if constexpr (kStateful) cells_.SaveCells(out);
    if constexpr (kFinalizes) callbacks_.Saved();
  }
  bool Restore([[maybe_unused]] ByteReader* in, [[maybe_unused]] bool is_own) override {
    if constexpr (kHasSides) {
      const auto takes = [&]([[maybe_unused]] const View<In>& element) {
        if constexpr (kStateful) {
          return cells_.IsOfThisLane(element.key);
        } else {
          return is_own;
        }
      };
      if (!waiting_.Restore(in, takes)) return false;
    }
    if constexpr (kStateful) return cells_.RestoreClocks(in);
    return true;
  }
  bool RestoreKey([[maybe_unused]] const SavedKey& key) override {
    if constexpr (kStateful) {
      return cells_.RestoreCell(key);
    } else {
      return false;
    }
  }
  Timestamp hold() const override {
    Timestamp hold = Timestamp::Max();
    if constexpr (kHasSides) hold = waiting_.earliest();
    if constexpr (kStateful) hold = std::min(hold, cells_.hold());
    return hold;
  }
  OperatorStatus status() const override {
    OperatorStatus status;
    if constexpr (kStateful) {
      status.cells = cells_.cells();
      status.bytes = cells_.bytes();
      status.holds = OperatorStatus::Holds::kTimers;
    }
    if constexpr (kHasSides) {
      status.waiting = waiting_.size();
      if (waiting_.earliest() <= hold()) status.holds = OperatorStatus::Holds::kSideInput;
    }
    return status;
  }

  void Push(const Batch<In>& batch) override {
    const StepScope scope(context_.stats);
    if constexpr (kHasSides) {
      ForEachUnsliced(batch, [this](const Batch<In>& unsliced) { RunByWindow(unsliced); });
    } else if constexpr (kSeesWindows) {
      ForEachUnsliced(batch, [this](const Batch<In>& unsliced) { Run(unsliced); });
    } else {
      Run(batch);
    }
  }

 private:
  static constexpr bool kHasSides = Traits::Sides::kSize > 0;
  static constexpr bool kFinalizes = signature::kTakes<BundleFinalizer, typename Traits::Others>;
  /// Whether it matters to the function in which window an element is.
  static constexpr bool kSeesWindows =
      kForm == ParDoForm::kBatch || kStateful || signature::kTakes<Window, typename Traits::Others>;

  /// With the side inputs of one window at a time.
  void RunByWindow(const Batch<In>& batch) {
    ForEachWindowRun(batch, [&](const Window& window, size_t first, size_t count) {
      const Batch<In> run{batch.values.From(first), count, batch.meta.From(first)};
      if (FindSides(window)) {
        Run(run);
      } else {
        waiting_.Add(run);
      }
    });
  }
  /// The side inputs of an element in `window`; false if one isn't there yet.
  bool FindSides(const Window& window) {
    sides_.clear();
    try {
      for (const auto& side : context_.side_inputs) {
        const void* const view = side->At(window);
        if (view == nullptr) return false;
        sides_.push_back(view);
      }
    } catch (...) {
      RethrowAsStepFailure(context_.step, "");
    }
    return true;
  }

  void Run(const Batch<In>& batch) {
    context_.stats->elements_in += batch.count;
    ++context_.stats->batches_in;
    if (failure_ != nullptr) [[unlikely]]
      std::rethrow_exception(failure_);
    size_t i = 0;
    try {
      BeginBatch(batch.meta);
      Arena scratch = std::move(scratch_);
      if constexpr (kIsLentToLoop) {
        F fn = fn_;
        Loop(fn, {batch, scratch}, i);
        fn_ = fn;
      } else {
        Loop(fn_, {batch, scratch}, i);
      }
      scratch_ = std::move(scratch);
      EndBatch();
    } catch (...) {
      Fail(batch, i);
    }
    if (!scratch_.empty()) scratch_.Reset();
  }

  /// What is handed out in one loop.
  struct Frame {
    const Batch<In>& batch;
    Arena& scratch;  ///< Local to the loop.
  };

  /// A small function runs as a copy that is local to the loop, so that what it counts in itself
  /// can stay in registers: the compiler must assume that a member is read through every column.
  static constexpr bool kIsLentToLoop =
      std::is_trivially_copyable_v<F> && std::is_copy_assignable_v<F> && sizeof(F) <= 64;

  /// Throws the exception being handled as this step's or a later step's failure.
  [[gnu::noinline, noreturn]] void Fail(const Batch<In>& batch, size_t i) {
    try {
      RethrowSwallowed();
      try {
        throw;
      } catch (const StepFailure&) {
        throw;
      } catch (...) {
        std::string element;
        if (kForm != ParDoForm::kBatch && i < batch.count) Describe(batch[i], &element);
        RethrowAsStepFailure(context_.step, element);
      }
    } catch (...) {
      failure_ = std::current_exception();
      throw;
    }
  }
  /// The failure of a later step comes before whatever the function made of it.
  void RethrowSwallowed() const {
    std::apply([](const auto&... cursor) { (cursor.RethrowFailure(), ...); }, cursors_);
  }
  template <size_t... I>
  void ConnectTo([[maybe_unused]] int output, [[maybe_unused]] Receiver* consumer,
                 std::index_sequence<I...>) {
    ((static_cast<int>(I) == output ? std::get<I>(cursors_).Connect(consumer) : void()), ...);
  }
  void BeginBatch(const Meta& meta) {
    std::apply([&](auto&... cursor) { (cursor.BeginBatch(meta), ...); }, cursors_);
  }
  void BeginElement(size_t i, ByteSpan kept) {
    std::apply([&](auto&... cursor) { (cursor.BeginElement(i, kept), ...); }, cursors_);
  }
  void EndElement() {
    std::apply([&](auto&... cursor) { (cursor.EndElement(), ...); }, cursors_);
  }
  void EndBatch() {
    std::apply([&](auto&... cursor) { (cursor.EndBatch(), ...); }, cursors_);
  }

  /// The argument for a parameter that is no element.
  template <class A, size_t kPosition>
  [[gnu::always_inline]] decltype(auto) Supply([[maybe_unused]] const Frame& frame,
                                               [[maybe_unused]] size_t i) {
    using Bare = std::remove_cvref_t<A>;
    if constexpr (signature::IsEmit<Bare>::value) {
      return Bare(&std::get<signature::IndexOf<Bare, Emits>::value>(cursors_));
    } else if constexpr (signature::IsSideInput<Bare>::value) {
      constexpr size_t kIndex = signature::SideInputsBefore(typename Traits::Others(), kPosition);
      return SideOf<Bare, kIndex>();
    } else if constexpr (kIsState<Bare> || kIsTimer<Bare>) {
      return cells_.template Get<Bare>();
    } else if constexpr (std::is_same_v<Bare, BundleFinalizer>) {
      return BundleFinalizer(&callbacks_);
    } else if constexpr (std::is_same_v<Bare, Timestamp>) {
      return frame.batch.timestamp(i);
    } else if constexpr (std::is_same_v<Bare, Window>) {
      return frame.batch.window(i);
    } else if constexpr (std::is_same_v<Bare, PaneInfo>) {
      return frame.batch.pane(i);
    } else {
      static_assert(std::is_same_v<A, Arena&>);
      return static_cast<Arena&>(frame.scratch);
    }
  }
  template <class Side, size_t kIndex>
  Side SideOf() {
    using S = typename Side::value_type;
    const S* const view = static_cast<const S*>(sides_[kIndex]);
    if constexpr (requires { view->BeginCall(); }) view->BeginCall();
    return Side(view);
  }

  template <class Element, class... A>
  [[gnu::always_inline]] decltype(auto) Call(F& fn, const Frame& frame, size_t i, Element&& element,
                                             TypeList<A...> others) {
    return CallWith(fn, frame, i, std::forward<Element>(element), others,
                    std::make_index_sequence<sizeof...(A)>());
  }
  template <class Element, class... A, size_t... kPosition>
  [[gnu::always_inline]] decltype(auto) CallWith(F& fn, const Frame& frame, size_t i,
                                                 Element&& element, TypeList<A...>,
                                                 std::index_sequence<kPosition...>) {
    if constexpr (signature::HasProcess<F>) {
      return fn.Process(std::forward<Element>(element), Supply<A, kPosition>(frame, i)...);
    } else {
      return fn(std::forward<Element>(element), Supply<A, kPosition>(frame, i)...);
    }
  }

  [[gnu::always_inline]] void Loop(F& fn, const Frame& frame, size_t& failed) {
    if constexpr (kForm == ParDoForm::kMap) {
      LoopMap(fn, frame, failed);
    } else if constexpr (kForm == ParDoForm::kFilter) {
      LoopFilter(fn, frame, failed);
    } else if constexpr (kForm == ParDoForm::kEmit) {
      LoopEmit(fn, frame, failed);
    } else {
      LoopBatch(fn, frame);
    }
  }

  // --- State and timers ---

  static constexpr bool kHasExpiration = requires { &F::OnWindowExpiration; };

  /// False if the element's window has expired.
  bool EnterCell(const Batch<In>& batch, size_t i) {
    const View<In> view = batch.values[i];
    if (cells_.EndsKey(view.key)) {
      EndBatch();
      EndKey();
      BeginBatch(batch.meta);
    }
    if (cells_.Enter(view.key, batch.window(i), batch.timestamp(i))) return true;
    CountDroppedLate(context_.stats);
    return false;
  }
  /// Lets the time of a bounded key run to its end.
  void EndKey() {
    if (!cells_.has_key()) return;
    cells_.set_watermark(Timestamp::Max());
    cells_.set_processing_time(Timestamp::Max());
    FireTimers(TimeDomain::kProcessing);
    FireTimers(TimeDomain::kEvent);
    cells_.BeginNextKey();
  }
  void FireTimers(TimeDomain domain) {
    bool has_bundle = !context_.is_stream;
    while (const std::optional<KeyedTimers::Fired> fired = cells_.NextTimer(domain)) {
      if (!std::exchange(has_bundle, true)) Start();
      cells_.Enter(*fired);
      timer_meta_.timestamps = SharedColumn<Timestamp>(cells_.timestamp());
      timer_meta_.windows = SharedColumn<Window>(cells_.window());
      try {
        BeginBatch(timer_meta_);
        BeginElement(0, {});
        if (fired->timer == KeyedTimers::kExpiration) {
          if constexpr (kHasExpiration) {
            CallWithSupplied([this](auto... a) -> decltype(fn_.OnWindowExpiration(a...)) {
              return fn_.OnWindowExpiration(a...);
            });
          }
        } else {
          CallTimer(fired->timer, typename Cells::Timers());
        }
        EndElement();
        EndBatch();
      } catch (...) {
        RethrowSwallowed();
        std::string key = "timer of key ";
        Describe(cells_.key(), &key);
        RethrowAsStepFailure(context_.step, key);
      }
      if (fired->timer == KeyedTimers::kExpiration) cells_.Expire(fired->cell);
    }
    if (context_.is_stream && has_bundle) Finish();
  }
  template <class... T>
  void CallTimer(uint32_t timer, TypeList<T...>) {
    uint32_t index = 0;
    ((index++ == timer ? CallTimerOf<typename T::tag_type>() : void()), ...);
  }
  template <class Tag>
  void CallTimerOf() {
    CallWithSupplied([this](auto... a) -> decltype(fn_.OnTimer(Tag(), a...)) {
      return fn_.OnTimer(Tag(), a...);
    });
  }
  /// Becomes whatever the parameter is that it is given to.
  struct Supplied {
    ParDoOperator* op;
    template <class A>
    operator A() const {  // NOLINT(google-explicit-constructor): what it is for.
      return op->template SupplyTimer<A>();
    }
  };
  /// Calls with as many arguments as can be.
  template <class Call, class... A>
  void CallWithSupplied(Call call, A... a) {
    if constexpr (std::is_invocable_v<Call, A...>) {
      call(a...);
    } else if constexpr (sizeof...(A) < 16) {
      CallWithSupplied(call, a..., Supplied{this});
    } else {
      static_assert(
          sizeof...(A) < 16,
          "Joist: OnTimer takes the timer's tag and then, by value, states and timers "
          "that Process has, Emit, Timestamp, Window, TimerKey<K>, TimerName; there is one "
          "for each timer of Process. OnWindowExpiration takes the same without a tag.");
    }
  }
  template <class A>
  A SupplyTimer() {
    constexpr bool kKnown = [] {
      if constexpr (signature::IsEmit<A>::value) {
        return signature::Contains<A, Emits>::value;
      } else if constexpr (kIsState<A>) {
        return signature::Contains<A, typename Cells::States>::value;
      } else if constexpr (kIsTimer<A>) {
        return signature::Contains<A, typename Cells::Timers>::value;
      } else {
        return std::is_same_v<A, Timestamp> || std::is_same_v<A, Window> ||
               std::is_same_v<A, TimerName> || std::is_same_v<A, TimerKey<typename In::key_t>>;
      }
    }();
    static_assert(
        kKnown,
        "Joist: after its tag OnTimer takes, by value, states, timers and outputs that "
        "Process has, Timestamp, Window, TimerKey<K> of the collection's key, and TimerName.");
    if constexpr (!kKnown) {
      throw std::logic_error("unreachable");
    } else if constexpr (signature::IsEmit<A>::value) {
      return A(&std::get<signature::IndexOf<A, Emits>::value>(cursors_));
    } else if constexpr (kIsState<A> || kIsTimer<A>) {
      return cells_.template Get<A>();
    } else if constexpr (std::is_same_v<A, Timestamp>) {
      return cells_.timestamp();
    } else if constexpr (std::is_same_v<A, Window>) {
      return cells_.window();
    } else if constexpr (std::is_same_v<A, TimerName>) {
      return TimerName(cells_.fired_name());
    } else {
      return A(&cells_.key());
    }
  }

  template <class... A>
  void CallFinish(TypeList<A...>) {
    BeginElement(0, {});
    fn_.FinishBundle(
        A(&std::get<signature::IndexOf<std::remove_cvref_t<A>, Emits>::value>(cursors_))...);
    EndElement();
  }

  [[gnu::always_inline]] void LoopMap(F& fn, const Frame& frame, size_t& failed) {
    const ColumnView<In> values = frame.batch.values;
    std::get<0>(cursors_).Map(
        frame.batch, failed,
        [&, values](size_t i) -> decltype(auto) {
          return Call(fn, frame, i, argument_(values[i]), typename Traits::Others());
        },
        [&frame, values](size_t i) { return KeptBytes(frame, values[i]); });
  }

  [[gnu::always_inline]] void LoopFilter(F& fn, const Frame& frame, size_t& failed) {
    const ColumnView<In> values = frame.batch.values;
    std::get<0>(cursors_).Filter(frame.batch, failed, [&, values](size_t i) -> bool {
      return Call(fn, frame, i, argument_(values[i]), typename Traits::Others());
    });
  }

  /// Elements with one time, window and pane at a time, so that what is emitted has them too.
  void LoopBatch(F& fn, const Frame& frame) {
    ForEachRun(frame.batch, [&](const Batch<In>& run) {
      BeginBatch(run.meta);
      Call(fn, {run, frame.scratch}, 0, run, typename Traits::Others());
      EndBatch();
    });
  }

  /// What a function's result may refer to without being copied: its element, and its Arena.
  static ByteSpan KeptBytes(const Frame& frame, const View<In>& view) {
    if constexpr (signature::Contains<Arena&, typename Traits::Others>::value) {
      const auto [begin, end] = frame.scratch.latest_chunk();
      return {begin, end};
    } else {
      return SpanOf(view);
    }
  }

  [[gnu::always_inline]] void LoopEmit(F& fn, const Frame& frame, size_t& failed) {
    const ColumnView<In> values = frame.batch.values;
    const size_t count = frame.batch.count;
    const bool constant = frame.batch.meta.is_constant();
    size_t i = 0;
    try {
      for (; i < count; ++i) {
        const View<In> view = values[i];
        if constexpr (kStateful) {
          if (!EnterCell(frame.batch, i)) continue;
        }
        BeginElement(i, KeptBytes(frame, view));
        if constexpr (RangeResult<typename Traits::Return>) {
          auto&& range = Call(fn, frame, i, argument_(view), typename Traits::Others());
          for (auto&& value : range) {
            std::get<0>(cursors_).Put(std::forward<decltype(value)>(value));
          }
        } else {
          Call(fn, frame, i, argument_(view), typename Traits::Others());
        }
        if (!constant) [[unlikely]]
          EndElement();
      }
    } catch (...) {
      failed = i;
      throw;
    }
  }

  F fn_;
  OperatorContext context_;
  [[no_unique_address]] ElementArgument<
      std::conditional_t<kForm == ParDoForm::kBatch, const View<In>&,
                         typename Traits::ElementParameter>,
      In> argument_;
  Cursors cursors_;
  std::vector<const void*> sides_;  ///< Views of the side inputs for the window of the batch.
  struct Nothing {};
  [[no_unique_address]] std::conditional_t<kHasSides, WaitingElements<In>, Nothing> waiting_;
  [[no_unique_address]] std::conditional_t<kFinalizes, BundleCallbacks, Nothing> callbacks_;
  Arena scratch_;
  [[no_unique_address]] Cells cells_;
  Meta timer_meta_;
  Meta finish_meta_{SharedColumn<Timestamp>(Window::Global().max_timestamp()),
                    SharedColumn<Window>(Window::Global()),
                    {}};
  bool set_up_ = false;
  std::exception_ptr failure_;  ///< Having failed, it fails for good.
};

template <class F, class In, ParDoForm kForm>
class ParDoStep final : public StepOf<ParDoStep<F, In, kForm>, F> {
 public:
  using StepOf<ParDoStep<F, In, kForm>, F>::StepOf;
  StepKind kind() const override { return StepKind::kParDo; }
  std::vector<const ElementType*> outputs() const override {
    return CursorsOf<typename ParDoTraits<F, In, kForm>::Emits>::Types();
  }
  std::unique_ptr<Operator> MakeOperator(const OperatorContext& context) const override {
    return std::unique_ptr<Operator>(new ParDoOperator<F, In, kForm>(this->definition(), context));
  }
  std::vector<StateCell> state_cells() const override {
    return StateCellsOf(
        typename StateParameters<typename ParDoTraits<F, In, kForm>::Others>::States());
  }
  std::unique_ptr<Breaker> MakeInputBreaker(
      [[maybe_unused]] const BreakerContext& context) const override {
    if constexpr (ParDoTraits<F, In, kForm>::Sides::kSize > 0) {
      return std::unique_ptr<Breaker>(new ReshuffleBreaker<In>(context));
    } else {
      return nullptr;
    }
  }

 private:
  static std::string LastName(std::string_view type) {
    return std::string(type.substr(type.rfind(':') + 1));
  }
  template <class... S>
  static std::vector<StateCell> StateCellsOf(TypeList<S...>) {
    return {StateCell{LastName(TypeName<typename S::tag_type>()), S::Spec()}...};
  }
};

}  // namespace joist

#endif  // JOIST_EXEC_PAR_DO_H_
