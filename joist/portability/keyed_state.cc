// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/keyed_state.h"

#include <org/apache/beam/model/fn_execution/v1/beam_fn_api.pb.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <exception>
#include <random>
#include <utility>

#include "joist/exec/exchange.h"
#include "joist/exec/wall_time.h"
#include "joist/portability/quoted.h"

namespace joist::portability {
namespace {

/// How many timers of keys that are with the SDK are looked past for those of others.
constexpr size_t kMostAside = 1024;
/// Timers that are set for the end of processing time, or after it, fire when it comes.
constexpr Timestamp kLatestDue = Timestamp::Max() - Duration::Millis(1);

bool HasExpiration(const KeyedStateSpec& spec) {
  return std::any_of(spec.timers.begin(), spec.timers.end(),
                     [](const TimerFamilySpec& family) { return family.is_expiration; });
}

std::string NewCacheToken() {
  std::random_device random;
  std::array<uint32_t, 4> words;
  for (uint32_t& word : words) word = random();
  std::string bytes(sizeof(words), '\0');
  std::memcpy(bytes.data(), words.data(), sizeof(words));
  fn::ProcessBundleRequest::CacheToken token;
  token.mutable_user_state();
  token.set_token(bytes);
  return token.SerializeAsString();
}

/// What the keys of all user states have.
struct StateName {
  const std::string* transform_id = nullptr;
  const std::string* user_state_id = nullptr;
  const std::string* window = nullptr;
  const std::string* key = nullptr;
};
template <class Key>
StateName NameIn(const Key& key) {
  return {&key.transform_id(), &key.user_state_id(), &key.window(), &key.key()};
}
std::optional<StateName> NameOf(const fn::StateKey& key) {
  switch (key.type_case()) {
    case fn::StateKey::kBagUserState: return NameIn(key.bag_user_state());
    case fn::StateKey::kMultimapUserState: return NameIn(key.multimap_user_state());
    case fn::StateKey::kMultimapKeysUserState: return NameIn(key.multimap_keys_user_state());
    case fn::StateKey::kMultimapEntriesUserState: return NameIn(key.multimap_entries_user_state());
    case fn::StateKey::kOrderedListUserState: return NameIn(key.ordered_list_user_state());
    default: return std::nullopt;
  }
}

}  // namespace

KeyedState::KeyedState(const OperatorContext& context, KeyedStateSpec spec)
    : KeyedCells(context, /*has_words=*/false, HasExpiration(spec)),
      spec_(std::move(spec)),
      cache_token_(NewCacheToken()) {
  if (context.windowing != nullptr) lateness_ = context.windowing->allowed_lateness;
  for (const TimerFamilySpec& family : spec_.timers) {
    timers_context_.domains.push_back(family.domain);
  }
}

KeyedState::~KeyedState() = default;

bool KeyedState::Enter(std::string_view key, const Window& window, Timestamp element) {
  const std::lock_guard lock(mutex_);
  if (!EnterCell(key, window, element)) return false;
  Remember(window);
  return true;
}

void KeyedState::Remember(const Window& window) {
  if (!spec_.windows.is_opaque() || remembered_ == window) return;
  Result<std::string> encoding = spec_.windows.EncodingOf(window);
  ThrowIfError(encoding.status());
  own_windows_[*std::move(encoding)] = window;
  remembered_ = window;
}

Result<Window> KeyedState::WindowOf(const std::string& bytes) const {
  if (const auto own = own_windows_.find(bytes); own != own_windows_.end()) return own->second;
  return spec_.windows.Decode(bytes);
}

void KeyedState::EndRequests() {
  const std::lock_guard lock(mutex_);
  own_windows_.clear();
  remembered_.reset();
}

bool KeyedState::IsOfThisLane(std::string_view key) const {
  return LaneOfPartition(PartitionOfText(key, /*is_word=*/false), lanes_) == lane_;
}

bool KeyedState::IsKey(std::string_view key) const {
  ByteReader in(key);
  return spec_.key.Skip(&in) && in.remaining() == 0 && IsOfThisLane(key);
}

Timestamp KeyedState::ExpirationOf(const Window& window) const {
  return std::min(window.max_timestamp() + lateness_, Window::Global().max_timestamp());
}

// ---- States

void KeyedState::MakeStates(uint32_t cell) {
  if (cell >= states_.size()) states_.resize(cell + 1);
  states_[cell] = std::make_unique<States>(spec_.states.size());
}

void KeyedState::DropStates(uint32_t cell) { states_[cell].reset(); }

void KeyedState::SaveStates(uint32_t cell, std::string* out) const {
  PutVarint(states_[cell]->size(), out);
  for (const UserState& state : *states_[cell]) state.Save(out);
}

bool KeyedState::RestoreStates(uint32_t cell, ByteReader* in) {
  uint64_t count;
  if (!in->TakeVarint(&count)) return false;
  if (count != spec_.states.size()) return in->Fail("a stage has not the states that it had");
  return std::all_of(states_[cell]->begin(), states_[cell]->end(),
                     [&](UserState& state) { return state.Restore(in); });
}

void KeyedState::PrefetchStates(uint32_t cell) const {
  if (states_[cell] != nullptr) __builtin_prefetch(states_[cell]->data());
}

size_t KeyedState::BytesOfStates(uint32_t cell) const {
  size_t bytes = sizeof(States);
  for (const UserState& state : *states_[cell]) bytes += sizeof(UserState) + state.held_bytes();
  return bytes;
}

Status KeyedState::Handle(const fn::StateRequest& request, fn::StateResponse* response) {
  const std::lock_guard lock(mutex_);
  try {
    return HandleOf(request, response);
  } catch (const StatusException& e) {
    return e.status();
  } catch (const std::exception& e) {
    return Internal(std::string("reading a state: ") + e.what());
  }
}

Status KeyedState::HandleOf(const fn::StateRequest& request, fn::StateResponse* response) {
  const std::optional<StateName> name = NameOf(request.state_key());
  if (!name.has_value()) return InvalidArgument("a state request is for no user state");
  const auto spec =
      std::find_if(spec_.states.begin(), spec_.states.end(), [&](const UserStateSpec& one) {
        return one.transform_id == *name->transform_id && one.user_state_id == *name->user_state_id;
      });
  if (spec == spec_.states.end()) {
    return InvalidArgument("transform " + Quoted(*name->transform_id) + " has no state " +
                           Quoted(*name->user_state_id) + " in this stage");
  }
  const auto what = [&] {
    return "state " + Quoted(spec->user_state_id) + " of " + Quoted(spec->transform_id);
  };
  const Result<Window> window = WindowOf(*name->window);
  if (!window.ok()) return InvalidArgument(what() + ": " + window.status().message());
  if (!IsKey(*name->key))
    return InvalidArgument(what() + " is asked for by a key that is none here");
  const WireCoder* const values = spec->values.has_value() ? &*spec->values : nullptr;
  const std::optional<uint32_t> cell = FindCell(*name->key, *window);
  if (!cell.has_value()) return UserState().Handle(request, values, response);
  UserState& state = (*states_[*cell])[static_cast<size_t>(spec - spec_.states.begin())];
  return state.Handle(request, values, response);
}

std::optional<uint32_t> KeyedState::FindCell(std::string_view key, const Window& window) {
  if (EnterCell(key, window, Timestamp::Min())) return timers_context_.cell;
  // What has expired is still there as long as its last timers are with the SDK.
  const auto [cell, is_new] = table_.Of(key, window);
  if (is_new) {
    table_.Erase(cell);
  } else if (with_sdk_.contains(cell)) {
    return cell;
  }
  return std::nullopt;
}

// ---- Timers

Status KeyedState::TakeTimers(std::string_view transform_id, std::string_view timer_family_id,
                              std::string_view bytes) {
  const std::lock_guard lock(mutex_);
  const auto family =
      std::find_if(spec_.timers.begin(), spec_.timers.end(), [&](const TimerFamilySpec& one) {
        return one.transform_id == transform_id && one.timer_family_id == timer_family_id;
      });
  const std::string what =
      "timer family " + Quoted(timer_family_id) + " of " + Quoted(transform_id);
  if (family == spec_.timers.end()) return InvalidArgument(what + " is none of this stage");
  if (family->is_expiration) return InvalidArgument(what + " is set by the runner alone");
  PutBackAside();
  ByteReader in(bytes);
  WireTimer timer;
  while (in.remaining() > 0) {
    if (!TakeTimer(&in, spec_.key, spec_.windows, &timer)) {
      return InvalidArgument(what + ": what the SDK has sent is no timer: " + in.error());
    }
    if (!IsOfThisLane(timer.key)) {
      return InvalidArgument(what + " is set for a key that is none here");
    }
    for (const Window& window : timer.windows) {
      if (const auto cell = FindCell(timer.key, window)) {
        SetTimer(timer, static_cast<uint32_t>(family - spec_.timers.begin()), *cell);
      }
    }
  }
  return OkStatus();
}

void KeyedState::SetTimer(const WireTimer& timer, uint32_t family, uint32_t cell) {
  const TimeDomain domain = spec_.timers[family].domain;
  KeyedTimers& timers = *timers_context_.timers;
  if (timer.is_cleared) return timers.Clear(domain, cell, family, timer.tag);
  const Timestamp expiration = ExpirationOf(table_.window(cell));
  const auto running = with_sdk_.find(cell);
  Timestamp fires = timer.fires;
  Timestamp latest_hold = expiration;
  if (domain == TimeDomain::kEvent) {
    const bool is_at_end = running != with_sdk_.end() && running->second.time >= expiration;
    if (fires > expiration && is_at_end) {
      return timers.Clear(domain, cell, family, timer.tag);  // One that sets itself would go on.
    }
    fires = std::min(fires, expiration);
    latest_hold = fires;
  } else {
    if (is_draining_ && running != with_sdk_.end()) {
      return timers.Clear(domain, cell, family, timer.tag);
    }
    fires = std::min(ByClock(fires), kLatestDue);
  }
  // A hold at the end of time is none.
  const Timestamp hold =
      timer.hold >= Timestamp::Max() ? Timestamp::Max() : std::min(timer.hold, latest_hold);
  timers.Set(domain, cell, family, timer.tag, fires, hold);
}

Timestamp KeyedState::ByClock(Timestamp of_sdk) const {
  const Timestamp now = clocks_[static_cast<size_t>(TimeDomain::kProcessing)];
  if (!spec_.has_script || now == Timestamp::Max()) return of_sdk;
  return std::max(now, Timestamp::Millis(0)) + (of_sdk - WallTime());  // A script begins at 0.
}

Timestamp KeyedState::next_due() const {
  KeyedTimers& timers = *timers_context_.timers;
  const auto next = timers.Next(TimeDomain::kProcessing, Timestamp::Max());
  if (!next.has_value()) return Timestamp::Max();
  timers.PutBack(TimeDomain::kProcessing, *next);
  return next->time;
}

std::optional<KeyedTimers::Fired> KeyedState::Pop(TimeDomain domain) {
  if (domain == TimeDomain::kEvent && expiration_.has_value()) {
    const Timestamp limit = expiration_->time + Duration::Millis(1);
    if (auto fired = timers_context_.timers->Next(domain, limit)) return fired;
    return std::exchange(expiration_, std::nullopt);
  }
  if (auto next = NextTimer(domain)) return next;
  // Beam's timers fire when a clock has come to their time, not only when it is past it.
  const Timestamp limit = clocks_[static_cast<size_t>(domain)] + Duration::Millis(1);
  if (auto next = timers_context_.timers->Next(domain, limit)) return next;
  if (domain != TimeDomain::kEvent || released_.empty()) return std::nullopt;
  std::optional<KeyedTimers::Fired> released = std::move(released_.back());
  released_.pop_back();
  return released;
}

bool KeyedState::NextTimers(TimeDomain domain, std::vector<FiredTimer>* fired) {
  const std::lock_guard lock(mutex_);
  fired->clear();
  if (domain != aside_domain_) PutBackAside();
  aside_domain_ = domain;
  while (aside_.size() < kMostAside) {
    std::optional<KeyedTimers::Fired> next = Pop(domain);
    if (!next.has_value()) break;
    const bool expires = next->timer == KeyedTimers::kExpiration;
    if (with_sdk_.contains(next->cell)) {
      if (expires) {
        expiration_ = std::move(next);
        break;
      }
      aside_.push_back(std::move(*next));
      continue;
    }
    const bool has_ended = clocks_[static_cast<size_t>(TimeDomain::kEvent)] == Timestamp::Max();
    if (expires && has_ended && timers_context_.timers->Has(next->cell)) {
      kept_.emplace(next->cell, std::move(*next));
      continue;
    }
    KeyedCells::Enter(*next);
    if (!expires) {
      const Timestamp time = domain == TimeDomain::kEvent ? next->time : Timestamp::Min();
      with_sdk_.emplace(next->cell, WithSdk{time, false});
      Emit(*next, next->timer, fired);
      return true;
    }
    for (uint32_t family = 0; family < spec_.timers.size(); ++family) {
      if (spec_.timers[family].is_expiration) Emit(*next, family, fired);
    }
    if (!fired->empty()) {
      with_sdk_.emplace(next->cell, WithSdk{next->time, true});
      return true;
    }
    Expire(next->cell);
  }
  PutBackAside();
  return false;
}

void KeyedState::PutBackAside() {
  for (const KeyedTimers::Fired& fired : aside_) {
    timers_context_.timers->PutBack(aside_domain_, fired);
  }
  aside_.clear();
}

void KeyedState::Emit(const KeyedTimers::Fired& fired, uint32_t family,
                      std::vector<FiredTimer>* out) {
  Remember(table_.window(fired.cell));
  FiredTimer& timer = out->emplace_back();
  timer.family = &spec_.timers[family];
  ThrowIfError(EncodeTimer({.key = table_.key(fired.cell),
                            .tag = fired.name,
                            .windows = {table_.window(fired.cell)},
                            .fires = fired.time,
                            .hold = fired.output},
                           spec_.windows, &timer.bytes));
}

void KeyedState::EndTimers() {
  const std::lock_guard lock(mutex_);
  PutBackAside();
  for (const auto& [cell, with] : std::exchange(with_sdk_, {})) {
    if (with.expires) {
      Expire(cell);
    } else if (const auto kept = kept_.find(cell);
               kept != kept_.end() && !timers_context_.timers->Has(cell)) {
      released_.push_back(std::move(kept->second));
      kept_.erase(kept);
    }
  }
}

void KeyedState::EndTime() {
  set_watermark(Timestamp::Max());
  set_processing_time(Timestamp::Max());
}

}  // namespace joist::portability
