// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/engine/saved_run.h"

#include <tuple>

#include "joist/engine/metric_code.h"
#include "joist/model/coder.h"
#include "joist/model/wire.h"

namespace joist {
namespace {

// Elements in, elements out, batches in, metrics.
using StatsCode = std::tuple<uint64_t, uint64_t, uint64_t, std::vector<MetricCode>>;

}  // namespace

std::string EncodeSavedRun(const SavedRun& run) {
  std::string bytes;
  PutByte(run.is_drained ? 1 : 0, &bytes);
  PutVarint(run.steps.size(), &bytes);
  for (const SavedStep& step : run.steps) {
    PutBytes(step.name, &bytes, /*nested=*/true);
    PutVarint(step.id, &bytes);
    PutInstant(step.watermark.millis, &bytes);
    PutBytes(step.stats, &bytes, /*nested=*/true);
    EncodeLayout(step.layout, &bytes);
    PutVarint(step.states.size(), &bytes);
    for (const std::string_view state : step.states) PutBytes(state, &bytes, /*nested=*/true);
  }
  return bytes;
}

bool DecodeSavedRun(std::string_view bytes, SavedRun* run) {
  ByteReader in(bytes);
  uint8_t is_drained;
  uint64_t count;
  if (!in.TakeByte(&is_drained) || !in.TakeVarint(&count)) return false;
  run->is_drained = is_drained != 0;
  run->steps.clear();
  for (; count > 0; --count) {
    SavedStep& step = run->steps.emplace_back();
    uint64_t id;
    uint64_t lanes;
    if (!in.TakeBytes(&step.name, /*nested=*/true) || !in.TakeVarint(&id) || id > UINT32_MAX ||
        !in.TakeInstant(&step.watermark.millis) || !in.TakeBytes(&step.stats, /*nested=*/true) ||
        !DecodeLayout(&in, &step.layout) || !in.TakeVarint(&lanes)) {
      return false;
    }
    step.id = static_cast<uint32_t>(id);
    for (; lanes > 0; --lanes) {
      std::string_view state;
      if (!in.TakeBytes(&state, /*nested=*/true)) return false;
      step.states.push_back(state);
    }
  }
  return in.remaining() == 0;
}

std::string EncodeStats(const StepStats& stats) {
  std::vector<MetricCode> metrics;
  for (uint32_t id = 0; id < stats.cells.size(); ++id) {
    if (stats.cells[id].touched) metrics.push_back(EncodeMetric(MetricNameOf(id), stats.cells[id]));
  }
  return EncodeToString(
      StatsCode(stats.elements_in, stats.elements_out, stats.batches_in, std::move(metrics)));
}

bool DecodeStats(std::string_view bytes, StepStats* stats) {
  const Result<StatsCode> code = DecodeFromString<StatsCode>(bytes);
  if (!code.ok()) return false;
  const auto& [in, out, batches, metrics] = *code;
  stats->elements_in = in;
  stats->elements_out = out;
  stats->batches_in = batches;
  for (const MetricCode& metric : metrics) {
    MetricName name;
    MetricCell cell;
    if (!DecodeMetric(metric, &name, &cell)) return false;
    stats->Cell(InternMetric(name.kind, name.space, name.name)) = std::move(cell);
  }
  return true;
}

}  // namespace joist
