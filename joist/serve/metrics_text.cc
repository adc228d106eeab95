// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/serve/metrics_text.h"

#include <charconv>

namespace joist::serve {

void MetricsText::Begin(std::string_view name, std::string_view type, std::string_view help) {
  name_ = name;
  text_.append("# HELP ").append(name).append(" ").append(help).append("\n# TYPE ");
  text_.append(name).append(" ").append(type).append("\n");
}

void MetricsText::Sample(double value, std::string_view label, std::string_view label_value) {
  text_ += name_;
  if (!label.empty()) {
    text_.append("{").append(label).append("=\"");
    for (const char c : label_value) {
      if (c == '\\' || c == '"') text_ += '\\';
      if (c == '\n') {
        text_ += "\\n";
      } else {
        text_ += c;
      }
    }
    text_ += "\"}";
  }
  char number[32];
  text_ += ' ';
  text_.append(number, std::to_chars(number, number + sizeof(number), value).ptr);
  text_ += '\n';
}

void MetricsText::Counter(std::string_view name, std::string_view help, uint64_t value) {
  Begin(name, "counter", help);
  Sample(static_cast<double>(value));
}

void MetricsText::Gauge(std::string_view name, std::string_view help, double value) {
  Begin(name, "gauge", help);
  Sample(value);
}

}  // namespace joist::serve
