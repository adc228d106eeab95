// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// StatefulCells: what a function with state or timers has for each key and window; the part of a
// ParDoOperator that only such functions need.
//
// In a stream clocks are moved from outside. Of bounded input all elements of a key come one after
// the other; then its time runs to the end at once: timers fire in the order of event time, windows
// expire, and what is set in processing time fires at last.

#ifndef JOIST_EXEC_STATEFUL_H_
#define JOIST_EXEC_STATEFUL_H_

#include <algorithm>
#include <memory>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "joist/exec/erased_grouping.h"
#include "joist/exec/exchange.h"
#include "joist/exec/keyed_cells.h"
#include "joist/exec/signature.h"
#include "joist/exec/step.h"
#include "joist/exec/timer.h"

namespace joist {

/// Those of a function's parameters that are states, or timers, each type once.
template <class Found, template <class> class Is, class... A>
struct ParametersThat {
  using type = Found;
};
template <class... Found, template <class> class Is, class A, class... Rest>
struct ParametersThat<TypeList<Found...>, Is, A, Rest...>
    : ParametersThat<
          std::conditional_t<Is<std::remove_cvref_t<A>>::value &&
                                 !signature::kTakes<std::remove_cvref_t<A>, TypeList<Found...>>,
                             TypeList<Found..., std::remove_cvref_t<A>>, TypeList<Found...>>,
          Is, Rest...> {};
template <class P>
struct IsStateParameter : std::bool_constant<kIsState<P>> {};
template <class P>
struct IsTimerParameter : std::bool_constant<kIsTimer<P>> {};

template <class List>
struct StateParameters;
template <class... A>
struct StateParameters<TypeList<A...>> {
  using States = typename ParametersThat<TypeList<>, IsStateParameter, A...>::type;
  using Timers = typename ParametersThat<TypeList<>, IsTimerParameter, A...>::type;
};

/// Whether a function whose parameters after the element are `Others` has state or timers.
template <class Others>
inline constexpr bool kIsStateful =
    StateParameters<Others>::States::kSize + StateParameters<Others>::Timers::kSize > 0;

struct NotStateful {
  NotStateful(const OperatorContext&, bool) {}
};

/// `Others`: the function's parameters after the element, which is a KV<K, …>.
template <class K, class Others>
class StatefulCells final : public KeyedCells {
 public:
  using States = typename StateParameters<Others>::States;
  using Timers = typename StateParameters<Others>::Timers;

  StatefulCells(const OperatorContext& context, bool holds_end)
      : KeyedCells(context, ErasedKey<K>::kIsWord, holds_end) {
    timers_context_.domains = DomainsOf(Timers());
  }

  /// Whether the elements of the key before `key` are all there, so that its time can run.
  bool EndsKey(const View<K>& key) {
    if (is_stream_) return false;
    const std::string_view text = TextOf(key);
    return has_key_ && text != current_key_;
  }
  using KeyedCells::Enter;
  /// The next calls are for an element; false if its window has expired.
  bool Enter(const View<K>& key, const Window& window, Timestamp element) {
    const std::string_view text = TextOf(key);
    if (!EnterCell(text, window, element)) return false;
    if (!is_stream_ && !has_key_) {
      has_key_ = true;
      current_key_ = text;
    }
    return true;
  }

  /// The handle of a state or timer that Process has, for the cell entered.
  template <class P>
  P Get() {
    if constexpr (kIsState<P>) {
      return P(&std::get<signature::IndexOf<P, States>::value>(*states_[timers_context_.cell]));
    } else {
      return P(&timers_context_, signature::IndexOf<P, Timers>::value);
    }
  }
  /// The key of the cell entered.
  const K& key() {
    const std::string_view text = table_.key(timers_context_.cell);
    if constexpr (ErasedKey<K>::kIsWord) {
      uint64_t word;
      std::memcpy(&word, text.data(), sizeof(word));
      own_key_ = Own<K>(ErasedKey<K>::Restore(word, nullptr));
    } else {
      K decoded{};
      own_key_ = Own<K>(ErasedKey<K>::Restore(text, &decoded));
    }
    return own_key_;
  }
  bool IsOfThisLane(const View<K>& key) {
    return LaneOfPartition(PartitionOfText(TextOf(key), ErasedKey<K>::kIsWord), lanes_) == lane_;
  }

  bool has_key() const { return has_key_; }
  /// After the time of a bounded key has run: the next one's begins.
  void BeginNextKey() {
    has_key_ = false;
    RestartClocks();
  }

 private:
  template <class List>
  struct TupleOfCells;
  template <class... S>
  struct TupleOfCells<TypeList<S...>> {
    using type = std::tuple<typename S::Cell...>;
  };
  using Cells = typename TupleOfCells<States>::type;
  template <class... T>
  static std::vector<TimeDomain> DomainsOf(TypeList<T...>) {
    return {T::kDomain...};
  }

  void MakeStates(uint32_t cell) override {
    if (cell >= states_.size()) states_.resize(cell + 1);
    states_[cell] = std::make_unique<Cells>();
  }
  void DropStates(uint32_t cell) override { states_[cell].reset(); }
  void SaveStates(uint32_t cell, std::string* out) const override {
    SaveEach(States(), *states_[cell], out);
  }
  bool RestoreStates(uint32_t cell, ByteReader* in) override {
    return RestoreEach(States(), in, states_[cell].get());
  }
  void PrefetchStates(uint32_t cell) const override { __builtin_prefetch(states_[cell].get()); }
  size_t BytesOfStates(uint32_t cell) const override {
    return sizeof(Cells) + BytesOfEach(States(), *states_[cell]);
  }
  template <class... S>
  static void SaveEach(TypeList<S...>, const Cells& cells, std::string* out) {
    std::apply([&](const auto&... of) { (S::Save(of, out), ...); }, cells);
  }
  template <class... S>
  static bool RestoreEach(TypeList<S...>, ByteReader* in, Cells* cells) {
    return std::apply([&](auto&... of) { return (S::Restore(in, &of) && ...); }, *cells);
  }
  template <class... S>
  static size_t BytesOfEach(TypeList<S...>, const Cells& cells) {
    return std::apply([&](const auto&... of) { return (size_t{0} + ... + S::HeapBytes(of)); },
                      cells);
  }
  std::string_view TextOf(const View<K>& key) {
    arena_.Reset();
    const auto erased = ErasedKey<K>::Erase(key, &scratch_, arena_);
    if constexpr (ErasedKey<K>::kIsWord) {
      scratch_.assign(reinterpret_cast<const char*>(&erased), sizeof(erased));
      return scratch_;
    } else {
      return erased;
    }
  }

  std::vector<std::unique_ptr<Cells>> states_;  ///< By cell; null where they are not in memory.
  bool has_key_ = false;                        ///< Bounded input: that of current_key_ is coming.
  std::string current_key_;
  Arena arena_;
  std::string scratch_;
  K own_key_{};
};

}  // namespace joist

#endif  // JOIST_EXEC_STATEFUL_H_
