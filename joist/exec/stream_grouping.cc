// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/exec/stream_grouping.h"

#include <cstring>
#include <utility>

#include "joist/exec/failure.h"

namespace joist {
namespace {

const WindowingStrategy& StrategyOf(const OperatorContext& context) {
  static const WindowingStrategy kDefault;
  return context.windowing == nullptr ? kDefault : *context.windowing;
}

uint64_t WordOf(std::string_view text) {
  uint64_t word;
  std::memcpy(&word, text.data(), sizeof(word));
  return word;
}

/// One value for all, or `count` values.
template <class T>
std::span<const T> SpanOf(const SharedColumn<T>& column, size_t count) {
  return column.is_constant() ? std::span(&column.constant(), 1) : std::span(column.items(), count);
}

}  // namespace

StreamGrouping::StreamGrouping(const OperatorContext& context, bool has_words)
    : context_(context),
      has_words_(has_words),
      groups_(StrategyOf(context), this),
      timestamps_(kBatchSize),
      windows_(kBatchSize),
      panes_(kBatchSize) {}

StreamGrouping::~StreamGrouping() = default;

template <class Call>
void StreamGrouping::Guard(Call call) {
  const StepScope scope(context_.stats);
  try {
    call();
    Flush();
  } catch (...) {
    RethrowAsStepFailure(context_.step, "");
  }
}

void StreamGrouping::Finish() {
  Guard([this] {
    groups_.Settle();
    CountDropped();
  });
}
void StreamGrouping::AdvanceWatermark(Timestamp input) {
  Guard([&] { groups_.AdvanceWatermark(input); });
}
void StreamGrouping::AdvanceProcessingTime(Timestamp now) {
  Guard([&] { groups_.AdvanceProcessingTime(now); });
}
Timestamp StreamGrouping::hold() const { return groups_.output_watermark(); }

OperatorStatus StreamGrouping::status() const {
  OperatorStatus status;
  status.holds = OperatorStatus::Holds::kWindows;
  status.keys = has_words_ ? words_.size() : texts_.size();
  status.cells = groups_.known_groups();
  return status;
}

void StreamGrouping::Save(SavedState* out) {
  groups_.SaveClocks(out->whole());
  changed_.Remove([&](std::string_view text) {
    if (!IsKnown(text)) out->Remove(PartitionOf(text), text);
  });
  std::string state;
  const auto put = [&](WindowGroups::KeyNumber key) {
    state.clear();
    groups_.SaveKey(key, &state, [&](GroupNumber group) { SaveGroup(group, &state); });
    const std::string_view text = TextOf(key);
    out->Put(PartitionOf(text), text, state);
  };
  changed_.Put(put, [this](WindowGroups::KeyNumber key) { groups_.PrefetchKey(key); });
}

bool StreamGrouping::Restore(ByteReader* in, bool) { return groups_.RestoreClocks(in); }

bool StreamGrouping::IsKnown(std::string_view text) const {
  return has_words_ ? words_.Contains(WordOf(text)) : texts_.Contains(text);
}

bool StreamGrouping::RestoreKey(const SavedKey& saved) {
  if (has_words_ && saved.key.size() != sizeof(uint64_t)) return false;
  if (IsKnown(saved.key)) return true;
  WindowGroups::KeyNumber key;
  if (has_words_) {
    const uint64_t word = WordOf(saved.key);
    words_.Find(&word, 1, &key);
  } else {
    texts_.Find(&saved.key, 1, &key);
  }
  ByteReader in(saved.state);
  return groups_.RestoreKey(key, &in, [&](GroupNumber group) {
    return RestoreGroup(group, &in);
  }) && in.remaining() == 0;
}

void StreamGrouping::Restored() {
  groups_.Settle();
  // Metrics are restored as such.
  counted_late_ = groups_.dropped_late();
  counted_closed_ = groups_.dropped_closed();
}

void StreamGrouping::CountDropped() {
  static const uint32_t kLate =
      InternMetric(MetricKind::kCounter, kBeamMetrics, "DroppedDueToLateness");
  static const uint32_t kClosed =
      InternMetric(MetricKind::kCounter, kBeamMetrics, "DroppedDueToClosedWindow");
  const auto count = [this](uint32_t metric, int64_t dropped, int64_t* counted) {
    if (dropped > *counted) context_.stats->Cell(metric).sum += dropped - *counted;
    *counted = dropped;
  };
  count(kLate, groups_.dropped_late(), &counted_late_);
  count(kClosed, groups_.dropped_closed(), &counted_closed_);
}

void StreamGrouping::CountIn(size_t elements) {
  context_.stats->elements_in += elements;
  ++context_.stats->batches_in;
}

const StreamGrouping::GroupNumber* StreamGrouping::Place(const uint64_t* keys, const Meta& meta,
                                                         size_t count) {
  numbers_.resize(count);
  words_.Find(keys, count, numbers_.data());
  return PlaceNumbers(meta, count);
}
const StreamGrouping::GroupNumber* StreamGrouping::Place(const std::string_view* keys,
                                                         const Meta& meta, size_t count) {
  numbers_.resize(count);
  texts_.Find(keys, count, numbers_.data());
  return PlaceNumbers(meta, count);
}
const StreamGrouping::GroupNumber* StreamGrouping::PlaceNumbers(const Meta& meta, size_t count) {
  places_.resize(count);
  if (context_.has_checkpoints) changed_.Add(numbers_);
  groups_.Place(numbers_, SpanOf(meta.timestamps, count), SpanOf(meta.windows, count),
                places_.data());
  return places_.data();
}

std::string_view StreamGrouping::TextOf(WindowGroups::KeyNumber key) const {
  if (!has_words_) return texts_.key(key);
  return {reinterpret_cast<const char*>(&words_.key(key)), sizeof(uint64_t)};
}

void StreamGrouping::Fire(const WindowGroups::Firing& firing) {
  const std::string_view key = row_keys_.Copy(TextOf(firing.key));
  if (!WritePane(rows_, key, firing)) return;
  timestamps_[rows_] = firing.timestamp;
  windows_[rows_] = firing.window;
  panes_[rows_] = firing.pane;
  if (++rows_ == kBatchSize) Flush();
}

void StreamGrouping::Changes(WindowGroups::KeyNumber key) {
  if (context_.has_checkpoints) changed_.Add(std::span(&key, 1));
}

void StreamGrouping::KeyIsGone(WindowGroups::KeyNumber key) {
  if (context_.has_checkpoints) changed_.AddRemoved(key, TextOf(key));
  if (has_words_) {
    words_.Forget(key);
  } else {
    texts_.Forget(key);
  }
}

void StreamGrouping::Flush() {
  if (rows_ > 0) {
    context_.stats->elements_out += rows_;
    Meta meta;
    meta.timestamps = SharedColumn<Timestamp>(timestamps_.data());
    meta.windows = SharedColumn<Window>(windows_.data());
    meta.panes = SharedColumn<PaneInfo>(panes_.data());
    PushPanes(std::exchange(rows_, 0), meta);
  }
  row_keys_.Reset();
}

}  // namespace joist
