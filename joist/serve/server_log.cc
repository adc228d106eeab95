// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/serve/server_log.h"

#include <unistd.h>

#include <chrono>

#include "joist/model/timestamp.h"
#include "joist/serve/http_error.h"

namespace joist::serve {
namespace {

std::string_view NameOf(Severity severity) {
  switch (severity) {
    case Severity::kInfo: return "INFO";
    case Severity::kWarning: return "WARNING";
    case Severity::kError: break;
  }
  return "ERROR";
}

}  // namespace

std::string ServerLog::Line(std::string_view time, Severity severity, std::string_view message,
                            Facts facts) const {
  std::string line;
  if (format_ == LogFormat::kText) {
    line.append(time).append(" ").append(NameOf(severity)).append(" ").append(message);
    for (const auto& [name, value] : facts) {
      line.append(" ").append(name).append("=").append(JsonText(value));
    }
    return line;
  }
  line.append("{\"time\":").append(JsonText(time)).append(",\"severity\":\"");
  line.append(NameOf(severity)).append("\",\"message\":").append(JsonText(message));
  for (const auto& [name, value] : facts) {
    line.append(",").append(JsonText(name)).append(":").append(JsonText(value));
  }
  return line + "}";
}

void ServerLog::Say(Severity severity, std::string_view message, Facts facts) const {
  if (format_ == LogFormat::kNone) return;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto millis = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
  std::string line = Line(Timestamp::Millis(millis).ToString(), severity, message, facts);
  if (write_) return write_(line);
  line += "\n";
  // One write, so that lines of several threads stay whole; nothing can be done where it fails.
  if (write(STDERR_FILENO, line.data(), line.size()) < 0) return;
}

}  // namespace joist::serve
