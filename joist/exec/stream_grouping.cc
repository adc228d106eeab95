// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/exec/stream_grouping.h"

#include <functional>
#include <unordered_map>

#include "joist/base/hash.h"
#include "joist/exec/failure.h"

namespace joist {
namespace {

struct TextHash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const { return HashBytes(text); }
};

const WindowingStrategy& StrategyOf(const OperatorContext& context) {
  static const WindowingStrategy kDefault;
  return context.windowing == nullptr ? kDefault : *context.windowing;
}

/// One value for all, or `count` values.
template <class T>
std::span<const T> SpanOf(const SharedColumn<T>& column, size_t count) {
  return column.is_constant() ? std::span(&column.constant(), 1) : std::span(column.items(), count);
}

}  // namespace

struct StreamGrouping::Keys {
  std::unordered_map<std::string, uint32_t, TextHash, std::equal_to<>> numbers;
  std::vector<const std::string*> texts;  ///< By number; null where it is free.
  std::vector<uint32_t> free;

  uint32_t NumberOf(std::string_view text) {
    const auto found = numbers.find(text);
    if (found != numbers.end()) return found->second;
    if (free.empty()) {
      free.push_back(static_cast<uint32_t>(texts.size()));
      texts.push_back(nullptr);
    }
    const uint32_t number = free.back();
    free.pop_back();
    texts[number] = &numbers.emplace(text, number).first->first;
    return number;
  }
  void Forget(uint32_t number) {
    numbers.erase(numbers.find(*texts[number]));
    texts[number] = nullptr;
    free.push_back(number);
  }
};

StreamGrouping::StreamGrouping(const OperatorContext& context)
    : context_(context),
      groups_(StrategyOf(context), this),
      keys_(std::make_unique<Keys>()),
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

void StreamGrouping::Save(std::string* out) {
  groups_.SaveClocks(out);
  PutVarint(keys_->numbers.size(), out);
  for (const auto& [text, number] : keys_->numbers) {
    PutBytes(text, out, /*nested=*/true);
    groups_.SaveKey(number, out, [&](GroupNumber group) { SaveGroup(group, out); });
  }
}

bool StreamGrouping::Restore(ByteReader* in) {
  uint64_t keys;
  if (!groups_.RestoreClocks(in) || !in->TakeVarint(&keys)) return false;
  for (; keys > 0; --keys) {
    std::string_view text;
    if (!in->TakeBytes(&text, /*nested=*/true)) return false;
    const bool restored = groups_.RestoreKey(
        keys_->NumberOf(text), in, [&](GroupNumber group) { return RestoreGroup(group, in); });
    if (!restored) return false;
  }
  groups_.Settle();
  return true;
}

void StreamGrouping::CountDropped() {
  static const uint32_t kLate =
      InternMetric(MetricKind::kCounter, kBeamMetrics, "DroppedDueToLateness");
  static const uint32_t kClosed =
      InternMetric(MetricKind::kCounter, kBeamMetrics, "DroppedDueToClosedWindow");
  const auto set = [this](uint32_t metric, int64_t dropped) {
    if (dropped > 0) context_.stats->Cell(metric).sum = dropped;
  };
  set(kLate, groups_.dropped_late());
  set(kClosed, groups_.dropped_closed());
}

void StreamGrouping::CountIn(size_t elements) {
  context_.stats->elements_in += elements;
  ++context_.stats->batches_in;
}

const StreamGrouping::GroupNumber* StreamGrouping::Place(const std::string_view* keys,
                                                         const Meta& meta, size_t count) {
  numbers_.resize(count);
  places_.resize(count);
  for (size_t i = 0; i < count; ++i) numbers_[i] = keys_->NumberOf(keys[i]);
  groups_.Place(numbers_, SpanOf(meta.timestamps, count), SpanOf(meta.windows, count),
                places_.data());
  return places_.data();
}

void StreamGrouping::Fire(const WindowGroups::Firing& firing) {
  const std::string_view key = row_keys_.Copy(*keys_->texts[firing.key]);
  if (!WritePane(rows_, key, firing)) return;
  timestamps_[rows_] = firing.timestamp;
  windows_[rows_] = firing.window;
  panes_[rows_] = firing.pane;
  if (++rows_ == kBatchSize) Flush();
}

void StreamGrouping::KeyIsGone(WindowGroups::KeyNumber key) { keys_->Forget(key); }

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
