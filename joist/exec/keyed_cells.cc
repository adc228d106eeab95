// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/exec/keyed_cells.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "joist/base/status.h"
#include "joist/exec/bundle_record.h"
#include "joist/exec/exchange.h"
#include "joist/exec/saved_element.h"

namespace joist {
namespace {

/// What a cell takes beside its states: its text, place, entry in tables and expiration.
constexpr uint32_t kPlaceBytes = 160;

// Of a cell in a checkpoint.
constexpr uint8_t kHasStates = 1;
constexpr uint8_t kIsThere = 2;

}  // namespace

KeyedCells::KeyedCells(const OperatorContext& context, bool has_words, bool holds_end)
    : is_stream_(context.is_stream),
      lane_(context.lane),
      lanes_(context.lanes),
      has_words_(has_words),
      holds_end_(holds_end),
      has_checkpoints_(context.has_checkpoints),
      most_bytes_(context.memory_bytes),
      cold_(context.cold),
      record_(context.record),
      memory_(context.memory) {
  if (context.windowing != nullptr) lateness_ = context.windowing->allowed_lateness;
  timers_context_.timers = &timers_;
}

KeyedCells::~KeyedCells() = default;

Timestamp KeyedCells::ExpirationOf(const Window& window) const {
  return std::min(window.max_timestamp() + lateness_, Window::Global().max_timestamp());
}

uint32_t KeyedCells::PartitionOf(std::string_view text) const {
  return PartitionOfText(CellTable::KeyOf(text), has_words_);
}

void KeyedCells::SetContext(uint32_t cell, Timestamp element) {
  timers_context_.cell = cell;
  timers_context_.element = element;
  timers_context_.expiration = ExpirationOf(table_.window(cell));
  timers_context_.watermark = watermark_;
  timers_context_.processing_time = processing_time_;
  if (has_checkpoints_) {
    if (record_ != nullptr) [[unlikely]]
      Note(cell);
    changed_.Add(std::span(&cell, 1));
  }
  if (cold_ != nullptr) used_.Add(std::span(&cell, 1));
}

void KeyedCells::Note(uint32_t cell) {
  const std::string_view text = table_.text(cell);
  if (!record_->IsNewKey(text)) return;
  state_.clear();
  SaveCell(cell, &state_);
  record_->AddKey(PartitionOf(text), text, state_);
}

bool KeyedCells::EnterCell(std::string_view key, const Window& window, Timestamp element) {
  if (ExpirationOf(window) < watermark_) return false;
  const auto [cell, is_new] = table_.Of(key, window);
  if (is_new) {
    Add(cell);
    MakeStates(cell);
    cells_[cell].is_here = true;
    if (may_be_cold_ && !Expires(window) && cold_->Get(table_.text(cell), &state_)) {
      cells_[cell].is_there = true;
      ByteReader in(state_);
      if (!RestoreStates(cell, &in)) ThrowIfError(DataLoss("state on disk makes no sense"));
    } else if (record_ != nullptr) {
      record_->IsNewKey(table_.text(cell));  // There was none.
    }
  } else if (!cells_[cell].is_here) {
    Fetch(cell);
  }
  SetContext(cell, element);
  return true;
}

void KeyedCells::Enter(const KeyedTimers::Fired& fired) {
  // Where nothing is to be done when a window expires, its states need not come back for that.
  const bool is_wanted = fired.timer != KeyedTimers::kExpiration || holds_end_;
  if (is_wanted && !cells_[fired.cell].is_here) Fetch(fired.cell);
  const Timestamp end = table_.window(fired.cell).max_timestamp() + lateness_;
  if (record_ != nullptr && fired.timer != KeyedTimers::kExpiration) [[unlikely]] {
    const TimeDomain domain = timers_context_.domains[fired.timer];
    timers_.PutBack(domain, fired);
    Note(fired.cell);
    timers_.Clear(domain, fired.cell, fired.timer, fired.name);
  }
  SetContext(fired.cell, std::min(fired.output, end));
  fired_name_ = fired.name;
}

void KeyedCells::Add(uint32_t cell) {
  if (cell >= cells_.size()) cells_.resize(cell + 1);
  cells_[cell] = {.bytes = kPlaceBytes};
  bytes_ += kPlaceBytes;
  const Window& window = table_.window(cell);
  if (!Expires(window)) return;
  expirations_.Push(ExpirationOf(window), cell);
  if (holds_end_) ++held_ends_[window.max_timestamp()];
}

void KeyedCells::Remove(uint32_t cell) {
  if (has_checkpoints_) changed_.AddRemoved(cell, table_.text(cell));
  used_.Forget(cell);
  bytes_ -= cells_[cell].bytes;
  table_.Erase(cell);
}

void KeyedCells::Expire(uint32_t cell) {
  timers_.ClearCell(cell);
  if (cells_[cell].is_here) DropStates(cell);
  if (cells_[cell].is_there) cold_->Erase(table_.text(cell));
  if (holds_end_) {
    const auto held = held_ends_.find(table_.window(cell).max_timestamp());
    if (--held->second == 0) held_ends_.erase(held);
  }
  Remove(cell);
}

void KeyedCells::RestartClocks() {
  watermark_ = Timestamp::Min();
  processing_time_ = Timestamp::Min();
  expirations_.Restart();
}

std::optional<KeyedTimers::Fired> KeyedCells::NextTimer(TimeDomain domain) {
  if (domain == TimeDomain::kProcessing) return timers_.Next(domain, processing_time_);
  const Timestamp end = Window::Global().max_timestamp();
  if (watermark_ > end && !std::exchange(has_ended_, true)) {
    // What does not expire before has an end all the same.
    for (uint32_t cell = 0; cell < table_.end(); ++cell) {
      if (table_.contains(cell) && !Expires(table_.window(cell))) expirations_.Push(end, cell);
    }
  }
  const TimeQueue::Entry* const expires = expirations_.FirstBefore(watermark_);
  if (expires == nullptr) return timers_.Next(domain, watermark_);
  if (auto fired = timers_.Next(domain, expires->time + Duration::Millis(1))) return fired;
  const auto [time, cell] = *expires;
  expirations_.Pop();
  const Timestamp output = holds_end_ ? table_.window(cell).max_timestamp() : Timestamp::Max();
  return KeyedTimers::Fired{cell, KeyedTimers::kExpiration, "", time, output};
}

Timestamp KeyedCells::hold() const {
  return held_ends_.empty() ? timers_.hold() : std::min(timers_.hold(), held_ends_.begin()->first);
}

// ---- Memory and disk

void KeyedCells::EndBundle() {
  if (cold_ == nullptr) return;
  const auto measure = [this](uint32_t cell) {
    OfCell& of = cells_[cell];
    of.is_recent = true;
    const auto bytes = static_cast<uint32_t>(
        std::min<size_t>(kPlaceBytes + BytesOfStates(cell), std::numeric_limits<uint32_t>::max()));
    bytes_ += static_cast<int64_t>(bytes) - of.bytes;
    of.bytes = bytes;
  };
  used_.Put(measure, [this](uint32_t cell) {
    if (cells_[cell].is_here) PrefetchStates(cell);
  });
  if (bytes_ > most_bytes_) {
    // The clock algorithm. Some more than has to be, so that it isn't done again at once.
    for (size_t left = 2 * size_t{table_.end()}; left > 0 && bytes_ > most_bytes_ / 8 * 7; --left) {
      hand_ = hand_ + 1 < table_.end() ? hand_ + 1 : 0;
      if (!table_.contains(hand_) || !cells_[hand_].is_here) continue;
      if (cells_[hand_].is_recent) {
        cells_[hand_].is_recent = false;
      } else {
        Evict(hand_);
      }
    }
  }
  memory_.Set(bytes_);
}

void KeyedCells::Evict(uint32_t cell) {
  state_.clear();
  SaveStates(cell, &state_);
  cold_->Put(table_.text(cell), state_);
  DropStates(cell);
  OfCell& of = cells_[cell];
  of.is_here = false;
  of.is_there = true;
  if (!Expires(table_.window(cell)) && !timers_.Has(cell)) {
    may_be_cold_ = true;
    Remove(cell);
    return;
  }
  bytes_ -= of.bytes - kPlaceBytes;
  of.bytes = kPlaceBytes;
  if (has_checkpoints_) changed_.Add(std::span(&cell, 1));
}

void KeyedCells::Fetch(uint32_t cell) {
  MakeStates(cell);
  if (cold_ == nullptr || !cold_->Get(table_.text(cell), &state_)) {
    ThrowIfError(DataLoss("state that was on disk is not there any more"));
  }
  ByteReader in(state_);
  if (!RestoreStates(cell, &in)) ThrowIfError(DataLoss("state on disk makes no sense"));
  cells_[cell].is_here = true;
}

// ---- Checkpoints

void KeyedCells::SaveClocks(std::string* out) const {
  SaveValue(watermark_, out);
  SaveValue(processing_time_, out);
  PutByte(may_be_cold_ ? 1 : 0, out);
}

void KeyedCells::SaveCells(SavedState* out) {
  changed_.Remove([&](std::string_view text) {
    if (!table_.Knows(text)) out->Remove(PartitionOf(text), text);
  });
  const auto put = [&](uint32_t cell) {
    state_.clear();
    SaveCell(cell, &state_);
    const std::string_view text = table_.text(cell);
    out->Put(PartitionOf(text), text, state_);
  };
  changed_.Put(put, [this](uint32_t cell) {
    if (cells_[cell].is_here) PrefetchStates(cell);
    __builtin_prefetch(table_.text(cell).data());
  });
}

bool KeyedCells::RestoreClocks(ByteReader* in) {
  uint8_t may_be_cold;
  if (!RestoreValue(in, &watermark_) || !RestoreValue(in, &processing_time_) ||
      !in->TakeByte(&may_be_cold)) {
    return false;
  }
  may_be_cold_ = may_be_cold_ || may_be_cold != 0;
  return !may_be_cold_ || cold_ != nullptr;
}

void KeyedCells::SaveCell(uint32_t cell, std::string* out) const {
  const OfCell& of = cells_[cell];
  PutByte(static_cast<uint8_t>((of.is_here ? kHasStates : 0) | (of.is_there ? kIsThere : 0)), out);
  timers_.SaveCell(cell, out);
  if (of.is_here) SaveStates(cell, out);
}

bool KeyedCells::RestoreCell(const SavedKey& saved) {
  if (!CellTable::IsText(saved.key) ||
      (has_words_ && CellTable::KeyOf(saved.key).size() != sizeof(uint64_t))) {
    return false;
  }
  if (table_.Knows(saved.key)) return true;
  const uint32_t cell = table_.OfText(saved.key).first;
  ByteReader in(saved.state);
  uint8_t flags;
  if (!in.TakeByte(&flags)) return false;
  Add(cell);
  OfCell& of = cells_[cell];
  of.is_there = (flags & kIsThere) != 0;
  of.is_here = (flags & kHasStates) != 0;
  if ((of.is_there && cold_ == nullptr) || !timers_.RestoreCell(cell, &in)) return false;
  if (!of.is_here) return of.is_there && in.remaining() == 0;
  MakeStates(cell);
  if (cold_ != nullptr) used_.Add(std::span(&cell, 1));
  return RestoreStates(cell, &in) && in.remaining() == 0;
}

}  // namespace joist
