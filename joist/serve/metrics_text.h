// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// MetricsText: figures in Prometheus' text format, version 0.0.4. A value of one thread.

#ifndef JOIST_SERVE_METRICS_TEXT_H_
#define JOIST_SERVE_METRICS_TEXT_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace joist::serve {

class MetricsText {
 public:
  /// Begins a metric; its samples follow. `type` is "counter" or "gauge".
  void Begin(std::string_view name, std::string_view type, std::string_view help);
  /// With one label, or none where its name is empty.
  void Sample(double value, std::string_view label = {}, std::string_view label_value = {});
  /// Begin and one sample.
  void Counter(std::string_view name, std::string_view help, uint64_t value);
  void Gauge(std::string_view name, std::string_view help, double value);

  const std::string& text() const { return text_; }

 private:
  std::string name_;
  std::string text_;
};

}  // namespace joist::serve

#endif  // JOIST_SERVE_METRICS_TEXT_H_
