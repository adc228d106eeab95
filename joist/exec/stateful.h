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

#include "joist/exec/cell_table.h"
#include "joist/exec/erased_grouping.h"
#include "joist/exec/exchange.h"
#include "joist/exec/saved_element.h"
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
  explicit NotStateful(const OperatorContext&) {}
};

/// `Others`: the function's parameters after the element, which is a KV<K, …>.
template <class K, class Others>
class StatefulCells {
 public:
  using States = typename StateParameters<Others>::States;
  using Timers = typename StateParameters<Others>::Timers;

  explicit StatefulCells(const OperatorContext& context)
      : is_stream_(context.is_stream), lane_(context.lane), lanes_(context.lanes) {
    if (context.windowing != nullptr) lateness_ = context.windowing->allowed_lateness;
    timers_context_.timers = &timers_;
    timers_context_.domains = DomainsOf(Timers());
  }

  /// Whether the elements of the key before `key` are all there, so that its time can run.
  bool EndsKey(const View<K>& key) {
    if (is_stream_) return false;
    const std::string_view text = TextOf(key);
    return has_key_ && text != current_key_;
  }
  /// The next calls are for an element; false if its window has expired.
  bool Enter(const View<K>& key, const Window& window, Timestamp element, bool holds_end) {
    const Timestamp expiration = ExpirationOf(window);
    if (expiration < watermark_) return false;
    const std::string_view text = TextOf(key);
    if (!is_stream_ && !has_key_) {
      has_key_ = true;
      current_key_ = text;
    }
    const auto [cell, is_new] = table_.Of(text, window);
    if (is_new) {
      if (cell >= cells_.size()) cells_.resize(cell + 1);
      cells_[cell] = std::make_unique<CellsOf>();
      timers_.Set(TimeDomain::kEvent, cell, KeyedTimers::kExpiration, "", expiration,
                  holds_end ? window.max_timestamp() : Timestamp::Max());
    }
    SetContext(cell, element);
    return true;
  }
  /// The next calls are for a timer that has fired.
  void Enter(const KeyedTimers::Fired& fired) {
    SetContext(fired.cell, std::min(fired.output, window(fired.cell).max_timestamp() + lateness_));
    fired_name_ = fired.name;
  }

  /// The handle of a state or timer that Process has, for the cell entered.
  template <class P>
  P Get() {
    if constexpr (kIsState<P>) {
      return P(
          &std::get<signature::IndexOf<P, States>::value>(cells_[timers_context_.cell]->states));
    } else {
      return P(&timers_context_, signature::IndexOf<P, Timers>::value);
    }
  }
  Timestamp timestamp() const { return timers_context_.element; }
  const Window& window() const { return window(timers_context_.cell); }
  std::string_view fired_name() const { return fired_name_; }
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
  void Expire(uint32_t cell) {
    timers_.ClearCell(cell);
    cells_[cell].reset();
    table_.Erase(cell);
  }

  // In a stream, between bundles.

  void Save(std::string* out) {
    SaveValue(watermark_, out);
    SaveValue(processing_time_, out);
    PutVarint(table_.size(), out);
    std::string state;
    for (uint32_t cell = 0; cell < table_.end(); ++cell) {
      if (!table_.contains(cell)) continue;
      state.clear();
      SaveValue(table_.window(cell), &state);
      SaveStates(States(), cell, &state);
      timers_.SaveCell(cell, &state);
      PutBytes(table_.key(cell), out, /*nested=*/true);
      PutBytes(state, out, /*nested=*/true);
    }
  }
  bool Restore(ByteReader* in) {
    uint64_t count;
    if (!RestoreValue(in, &watermark_) || !RestoreValue(in, &processing_time_) ||
        !in->TakeVarint(&count)) {
      return false;
    }
    for (; count > 0; --count) {
      std::string_view key;
      std::string_view state;
      Window window;
      if (!in->TakeBytes(&key, /*nested=*/true) || !in->TakeBytes(&state, /*nested=*/true) ||
          (ErasedKey<K>::kIsWord && key.size() != sizeof(uint64_t))) {
        return false;
      }
      if (!IsTextOfThisLane(key)) continue;
      ByteReader of_cell(state);
      if (!RestoreValue(&of_cell, &window)) return false;
      const uint32_t cell = table_.Of(key, window).first;
      if (cell >= cells_.size()) cells_.resize(cell + 1);
      cells_[cell] = std::make_unique<CellsOf>();
      if (!RestoreStates(States(), cell, &of_cell) || !timers_.RestoreCell(cell, &of_cell) ||
          of_cell.remaining() > 0) {
        return false;
      }
    }
    return true;
  }
  bool IsOfThisLane(const View<K>& key) { return IsTextOfThisLane(TextOf(key)); }

  // Clocks.
  void set_watermark(Timestamp watermark) { watermark_ = watermark; }
  void set_processing_time(Timestamp now) { processing_time_ = now; }
  std::optional<KeyedTimers::Fired> NextTimer(TimeDomain domain) {
    return timers_.Next(domain, domain == TimeDomain::kEvent ? watermark_ : processing_time_);
  }
  Timestamp hold() const { return timers_.hold(); }
  size_t cells() const { return table_.size(); }
  bool has_key() const { return has_key_; }
  /// After the time of a bounded key has run: the next one's begins.
  void BeginNextKey() {
    has_key_ = false;
    watermark_ = Timestamp::Min();
    processing_time_ = Timestamp::Min();
  }

 private:
  template <class List>
  struct TupleOfCells;
  template <class... S>
  struct TupleOfCells<TypeList<S...>> {
    using type = std::tuple<typename S::Cell...>;
  };
  struct CellsOf {
    typename TupleOfCells<States>::type states;
  };
  template <class... T>
  static std::vector<TimeDomain> DomainsOf(TypeList<T...>) {
    return {T::kDomain...};
  }

  template <class... S>
  void SaveStates(TypeList<S...>, uint32_t cell, std::string* out) {
    std::apply([&](const auto&... of) { (S::Save(of, out), ...); }, cells_[cell]->states);
  }
  template <class... S>
  bool RestoreStates(TypeList<S...>, uint32_t cell, ByteReader* in) {
    return std::apply([&](auto&... of) { return (S::Restore(in, &of) && ...); },
                      cells_[cell]->states);
  }
  bool IsTextOfThisLane(std::string_view key) const {
    return LaneOfText(key, ErasedKey<K>::kIsWord, lanes_) == lane_;
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
  Timestamp ExpirationOf(const Window& window) const {
    return std::min(window.max_timestamp() + lateness_, Window::Global().max_timestamp());
  }
  const Window& window(uint32_t cell) const { return table_.window(cell); }
  void SetContext(uint32_t cell, Timestamp element) {
    timers_context_.cell = cell;
    timers_context_.element = element;
    timers_context_.expiration = ExpirationOf(table_.window(cell));
    timers_context_.watermark = watermark_;
    timers_context_.processing_time = processing_time_;
  }

  const bool is_stream_;
  const int lane_;
  const int lanes_;
  Duration lateness_;
  CellTable table_;
  std::vector<std::unique_ptr<CellsOf>> cells_;  ///< By number.
  KeyedTimers timers_;
  TimerContext timers_context_;
  std::string fired_name_;
  Timestamp watermark_ = Timestamp::Min();
  Timestamp processing_time_ = Timestamp::Min();
  bool has_key_ = false;  ///< Bounded input: that of current_key_ is coming.
  std::string current_key_;
  Arena arena_;
  std::string scratch_;
  K own_key_{};
};

}  // namespace joist

#endif  // JOIST_EXEC_STATEFUL_H_
