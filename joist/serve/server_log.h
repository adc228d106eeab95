// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// ServerLog: what a server says of itself, a line on stderr each: JSON for machines
// ({"time":…,"severity":"INFO","message":…, and what else is known}), or text. Thread-safe.

#ifndef JOIST_SERVE_SERVER_LOG_H_
#define JOIST_SERVE_SERVER_LOG_H_

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "joist/model/fields.h"

namespace joist::serve {

enum class LogFormat : uint8_t { kNone, kJson, kText };
JOIST_ENUM(LogFormat, kNone, kJson, kText)
enum class Severity : uint8_t { kInfo, kWarning, kError };

class ServerLog {
 public:
  using Facts = std::initializer_list<std::pair<std::string_view, std::string>>;

  /// `write` takes the lines, without their ends, instead of stderr; any thread.
  explicit ServerLog(LogFormat format, std::function<void(std::string_view)> write = {})
      : format_(format), write_(std::move(write)) {}

  void Say(Severity severity, std::string_view message, Facts facts = {}) const;
  /// The line, without its end, said at `time`, which is RFC 3339.
  std::string Line(std::string_view time, Severity severity, std::string_view message,
                   Facts facts) const;

 private:
  LogFormat format_;
  std::function<void(std::string_view)> write_;
};

}  // namespace joist::serve

#endif  // JOIST_SERVE_SERVER_LOG_H_
