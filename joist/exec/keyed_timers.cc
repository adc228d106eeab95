// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/exec/keyed_timers.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace joist {

void KeyedTimers::Set(TimeDomain domain, uint32_t cell, uint32_t timer, std::string_view name,
                      Timestamp time, Timestamp output) {
  Id id{cell, domain, timer, std::string(name)};
  if (const auto found = pending_.find(id); found != pending_.end()) Remove(found);
  Add(std::move(id), {time, output, next_order_++});
}

void KeyedTimers::Add(Id id, const Pending& pending) {
  queues_[static_cast<size_t>(std::get<TimeDomain>(id))].emplace(pending.time, pending.order, id);
  ++holds_[pending.output];
  pending_.emplace(std::move(id), pending);
}

void KeyedTimers::Remove(Pendings::iterator at) {
  const auto& [id, pending] = *at;
  queues_[static_cast<size_t>(std::get<TimeDomain>(id))].erase({pending.time, pending.order, id});
  const auto hold = holds_.find(pending.output);
  if (--hold->second == 0) holds_.erase(hold);
  pending_.erase(at);
}

void KeyedTimers::Clear(TimeDomain domain, uint32_t cell, uint32_t timer, std::string_view name) {
  const auto found = pending_.find({cell, domain, timer, std::string(name)});
  if (found != pending_.end()) Remove(found);
}

bool KeyedTimers::Has(uint32_t cell) const {
  const auto first = pending_.lower_bound({cell, TimeDomain::kEvent, 0, ""});
  return first != pending_.end() && std::get<0>(first->first) == cell;
}

void KeyedTimers::ClearCell(uint32_t cell) {
  while (true) {
    const auto first = pending_.lower_bound({cell, TimeDomain::kEvent, 0, ""});
    if (first == pending_.end() || std::get<0>(first->first) != cell) return;
    Remove(first);
  }
}

void KeyedTimers::SaveCell(uint32_t cell, std::string* out) const {
  const auto first = pending_.lower_bound({cell, TimeDomain::kEvent, 0, ""});
  uint64_t count = 0;
  for (auto at = first; at != pending_.end() && std::get<0>(at->first) == cell; ++at) ++count;
  PutVarint(count, out);
  for (auto at = first; count > 0; ++at, --count) {
    const auto& [id, pending] = *at;
    PutByte(static_cast<uint8_t>(std::get<TimeDomain>(id)), out);
    PutVarint(std::get<2>(id), out);
    PutBytes(std::get<std::string>(id), out, /*nested=*/true);
    PutInstant(pending.time.millis, out);
    PutInstant(pending.output.millis, out);
    PutVarint(pending.order, out);
  }
}

bool KeyedTimers::RestoreCell(uint32_t cell, ByteReader* in) {
  uint64_t count;
  if (!in->TakeVarint(&count)) return false;
  for (; count > 0; --count) {
    uint8_t domain;
    uint64_t timer;
    std::string_view name;
    Pending pending;
    if (!in->TakeByte(&domain) || domain > 1 || !in->TakeVarint(&timer) ||
        !in->TakeBytes(&name, /*nested=*/true) || !in->TakeInstant(&pending.time.millis) ||
        !in->TakeInstant(&pending.output.millis) || !in->TakeVarint(&pending.order)) {
      return false;
    }
    next_order_ = std::max(next_order_, pending.order + 1);
    Add({cell, static_cast<TimeDomain>(domain), static_cast<uint32_t>(timer), std::string(name)},
        pending);
  }
  return true;
}

std::optional<KeyedTimers::Fired> KeyedTimers::Next(TimeDomain domain, Timestamp now) {
  auto& queue = queues_[static_cast<size_t>(domain)];
  if (queue.empty() || std::get<Timestamp>(*queue.begin()) >= now) return std::nullopt;
  const auto at = pending_.find(std::get<Id>(*queue.begin()));
  const auto& [id, pending] = *at;
  Fired fired{std::get<0>(id), std::get<2>(id), std::get<std::string>(id),
              pending.time,    pending.output,  pending.order};
  Remove(at);
  return fired;
}

void KeyedTimers::PutBack(TimeDomain domain, const Fired& fired) {
  Add({fired.cell, domain, fired.timer, fired.name}, {fired.time, fired.output, fired.order});
}

void TimerContext::Set(uint32_t timer, std::string_view name, Timestamp at,
                       std::optional<Timestamp> output) const {
  const bool is_event = domains[timer] == TimeDomain::kEvent;
  if (is_event && at > expiration) {
    throw std::invalid_argument("a timer is set for " + at.ToString() +
                                ", after its window's expiration at " + expiration.ToString());
  }
  const Timestamp default_output = is_event ? at : std::min(element, expiration);
  const Timestamp with = output.value_or(default_output);
  if (with > expiration || (is_event && with > at)) {
    throw std::invalid_argument("a timer's output timestamp " + with.ToString() +
                                " is after its time or its window's expiration at " +
                                expiration.ToString());
  }
  timers->Set(domains[timer], cell, timer, name, at, with);
}

void TimerContext::SetRelative(uint32_t timer, std::string_view name, Duration after,
                               Duration period, std::optional<Timestamp> output) const {
  const bool is_event = domains[timer] == TimeDomain::kEvent;
  Timestamp at = (is_event ? watermark : processing_time) + after;
  if (period.millis > 0) {
    const int64_t into = FloorMod(at.millis, period.millis);
    if (into > 0) at = at + Duration::Millis(period.millis - into);
  }
  if (is_event) at = std::min(at, expiration);
  Set(timer, name, at, output);
}

}  // namespace joist
