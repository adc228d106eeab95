// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/model/windowing_change.h"

#include <utility>

#include "joist/model/custom_windows.h"

namespace joist {
namespace {

// A program's own triggers are not deep; bytes from outside might be.
constexpr int kMostDepth = 50;
constexpr uint64_t kMostParts = 1000;

void Put(int64_t value, std::string* out) { PutVarint(static_cast<uint64_t>(value), out); }
bool Take(ByteReader* in, int64_t* value) {
  uint64_t word;
  if (!in->TakeVarint(&word)) return false;
  *value = static_cast<int64_t>(word);
  return true;
}

void Put(Duration value, std::string* out) { Put(value.millis, out); }
bool Take(ByteReader* in, Duration* value) { return Take(in, &value->millis); }

template <class E>
  requires std::is_enum_v<E>
void Put(E value, std::string* out) {
  PutByte(static_cast<uint8_t>(value), out);
}
template <class E>
bool TakeEnum(ByteReader* in, E last, E* value) {
  uint8_t byte;
  if (!in->TakeByte(&byte)) return false;
  if (byte > static_cast<uint8_t>(last)) return in->Fail("an enumerator is unknown");
  *value = static_cast<E>(byte);
  return true;
}
bool Take(ByteReader* in, AccumulationMode* value) {
  return TakeEnum(in, AccumulationMode::kRetracting, value);
}
bool Take(ByteReader* in, TimestampCombiner* value) {
  return TakeEnum(in, TimestampCombiner::kLatest, value);
}
bool Take(ByteReader* in, ClosingBehavior* value) {
  return TakeEnum(in, ClosingBehavior::kEmitAlways, value);
}
bool Take(ByteReader* in, OnTimeBehavior* value) {
  return TakeEnum(in, OnTimeBehavior::kFireIfNonempty, value);
}

void Put(const WindowFn& fn, std::string* out) {
  Put(fn.kind, out);
  Put(fn.size, out);
  Put(fn.period, out);
  Put(fn.offset, out);
  PutBytes(fn.urn, out, /*nested=*/true);
  PutBytes(fn.payload, out, /*nested=*/true);
}
bool Take(ByteReader* in, WindowFn* fn) {
  if (!TakeEnum(in, WindowFn::Kind::kCustom, &fn->kind) || !Take(in, &fn->size) ||
      !Take(in, &fn->period) || !Take(in, &fn->offset) ||
      !Coder<std::string>::Decode(in, &fn->urn, /*nested=*/true) ||
      !Coder<std::string>::Decode(in, &fn->payload, /*nested=*/true)) {
    return false;
  }
  if (fn->kind != WindowFn::Kind::kCustom) return true;
  fn->custom = FindCustomWindowFn(fn->urn, fn->payload);
  return fn->custom != nullptr || in->Fail("a window function is not known here");
}

void Put(const Trigger& trigger, std::string* out) {
  Put(trigger.kind, out);
  Put(trigger.count, out);
  PutVarint(trigger.delays.size(), out);
  for (const Trigger::Delay& delay : trigger.delays) {
    Put(delay.delay, out);
    Put(delay.period, out);
    Put(delay.offset, out);
  }
  PutVarint(trigger.children.size(), out);
  for (const Trigger& child : trigger.children) Put(child, out);
}
bool TakeTrigger(ByteReader* in, int depth, Trigger* trigger) {
  uint64_t size;
  if (depth > kMostDepth) return in->Fail("a trigger is too deep");
  if (!TakeEnum(in, Trigger::Kind::kNever, &trigger->kind) || !Take(in, &trigger->count) ||
      !in->TakeVarint(&size)) {
    return false;
  }
  if (size > kMostParts) return in->Fail("a trigger has too many parts");
  trigger->delays.resize(size);
  for (Trigger::Delay& delay : trigger->delays) {
    if (!Take(in, &delay.delay) || !Take(in, &delay.period) || !Take(in, &delay.offset)) {
      return false;
    }
  }
  if (!in->TakeVarint(&size)) return false;
  if (size > kMostParts) return in->Fail("a trigger has too many parts");
  for (uint64_t i = 0; i < size; ++i) {
    if (!TakeTrigger(in, depth + 1, &trigger->children.emplace_back())) return false;
  }
  return true;
}
bool Take(ByteReader* in, Trigger* trigger) { return TakeTrigger(in, 0, trigger); }

template <class T>
void PutOptional(const std::optional<T>& value, std::string* out) {
  PutByte(value.has_value() ? 1 : 0, out);
  if (value.has_value()) Put(*value, out);
}
template <class T>
bool TakeOptional(ByteReader* in, std::optional<T>* value) {
  bool has_value;
  if (!Coder<bool>::Decode(in, &has_value, /*nested=*/true)) return false;
  return !has_value || Take(in, &value->emplace());
}

}  // namespace

WindowingStrategy WindowingChange::Apply(WindowingStrategy to) const {
  if (window_fn) {
    to.window_fn = *window_fn;
    to.windows_are_merged = false;
  }
  if (trigger) to.trigger = *trigger;
  if (accumulation_mode) to.accumulation_mode = *accumulation_mode;
  if (allowed_lateness) to.allowed_lateness = *allowed_lateness;
  if (timestamp_combiner) to.timestamp_combiner = *timestamp_combiner;
  if (closing_behavior) to.closing_behavior = *closing_behavior;
  if (on_time_behavior) to.on_time_behavior = *on_time_behavior;
  return to;
}

void Coder<WindowingChange>::Encode(const WindowingChange& change, std::string* out, bool nested) {
  std::string bytes;
  PutOptional(change.window_fn, &bytes);
  PutOptional(change.trigger, &bytes);
  PutOptional(change.accumulation_mode, &bytes);
  PutOptional(change.allowed_lateness, &bytes);
  PutOptional(change.timestamp_combiner, &bytes);
  PutOptional(change.closing_behavior, &bytes);
  PutOptional(change.on_time_behavior, &bytes);
  PutBytes(bytes, out, nested);
}

bool Coder<WindowingChange>::Decode(ByteReader* in, WindowingChange* change, bool nested) {
  std::string_view bytes;
  if (!in->TakeBytes(&bytes, nested)) return false;
  ByteReader inside(bytes);
  *change = {};
  const bool ok = TakeOptional(&inside, &change->window_fn) &&
                  TakeOptional(&inside, &change->trigger) &&
                  TakeOptional(&inside, &change->accumulation_mode) &&
                  TakeOptional(&inside, &change->allowed_lateness) &&
                  TakeOptional(&inside, &change->timestamp_combiner) &&
                  TakeOptional(&inside, &change->closing_behavior) &&
                  TakeOptional(&inside, &change->on_time_behavior) && inside.remaining() == 0;
  return ok || in->Fail("a change of windowing is malformed");
}

}  // namespace joist
