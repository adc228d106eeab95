// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/exec/metrics.h"

#include <mutex>

namespace joist {
namespace {

struct Names {
  std::mutex mutex;
  std::vector<MetricName> names;
};

Names& AllNames() {
  static Names& names = *new Names;  // Metrics are made by static initialisers and outlive main.
  return names;
}

}  // namespace

uint32_t InternMetric(MetricKind kind, std::string_view space, std::string_view name) {
  Names& all = AllNames();
  const std::lock_guard lock(all.mutex);
  for (uint32_t id = 0; id < all.names.size(); ++id) {
    const MetricName& known = all.names[id];
    if (known.kind == kind && known.space == space && known.name == name) return id;
  }
  all.names.push_back({kind, std::string(space), std::string(name)});
  return static_cast<uint32_t>(all.names.size() - 1);
}

MetricName MetricNameOf(uint32_t id) {
  Names& all = AllNames();
  const std::lock_guard lock(all.mutex);
  return all.names.at(id);
}

void MetricCell::Add(std::string_view text) {
  const auto at = std::lower_bound(strings.begin(), strings.end(), text);
  if (at == strings.end() || *at != text) strings.insert(at, std::string(text));
}

void MetricCell::Merge(const MetricCell& other) {
  sum += other.sum;
  touched = touched || other.touched;
  count += other.count;
  min = std::min(min, other.min);
  max = std::max(max, other.max);
  if (other.latest_at >= latest_at) {
    latest = other.latest;
    latest_at = other.latest_at;
  }
  for (const std::string& text : other.strings) Add(text);
}

void StepStats::Merge(const StepStats& other) {
  elements_in += other.elements_in;
  elements_out += other.elements_out;
  sampled_elements += other.sampled_elements;
  sampled_bytes += other.sampled_bytes;
  batches_in += other.batches_in;
  ticks += other.ticks;
  for (uint32_t id = 0; id < other.cells.size(); ++id) {
    if (other.cells[id].touched) Cell(id).Merge(other.cells[id]);
  }
}

void CountDroppedLate(StepStats* stats, size_t count) {
  static const uint32_t kLate =
      InternMetric(MetricKind::kCounter, kBeamMetrics, "DroppedDueToLateness");
  stats->Cell(kLate).sum += static_cast<int64_t>(count);
}

}  // namespace joist
