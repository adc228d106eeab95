// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// LogElements: shows a collection while it passes: a line on stdout for each element, in the order
// in which threads come by. Its output is its input. For trying things out; a line is a call to
// the C library.
//
//   counts | joist::LogElements()                        // {"cat": 2}
//   names | joist::LogElements("name: ")                 // name: ann
//   events | joist::LogElements().WithTimestamp()        // 7, timestamp=1970-01-01T00:00:01.000Z
//
// Text stays as it is; all else is shown as in messages (joist/model/describe.h).

#ifndef JOIST_TRANSFORMS_LOG_ELEMENTS_H_
#define JOIST_TRANSFORMS_LOG_ELEMENTS_H_

#include <cstdio>
#include <string>
#include <tuple>
#include <utility>

#include "joist/sdk/par_do.h"
#include "joist/transforms/parts.h"
#include "joist/transforms/to_string.h"

namespace joist {

namespace log_elements_internal {

template <class T>
struct Print {
  std::string prefix;
  bool with_timestamp = false;
  bool with_window = false;
  std::string line;  ///< Keeps its memory from element to element.
  static auto Parts(auto& self) {
    return std::tie(self.prefix, self.with_timestamp, self.with_window);
  }
  bool operator()(const View<T>& view, Timestamp timestamp, Window window) {
    line = prefix;
    to_string_internal::Append(view, &line);
    if (with_timestamp) line += ", timestamp=" + timestamp.ToString();
    if (with_window) line += ", window=" + window.ToString();
    line += '\n';
    std::fwrite(line.data(), 1, line.size(), stdout);  // At once, so that lines stay whole.
    return true;
  }
};

}  // namespace log_elements_internal

struct LogElements : Transform {
  explicit LogElements(std::string prefix = "",
                       std::source_location where = std::source_location::current())
      : Transform(where), prefix(std::move(prefix)) {}
  static constexpr std::string_view kKind = "LogElements";

  LogElements WithTimestamp() const {
    LogElements copy = *this;
    copy.with_timestamp = true;
    return copy;
  }
  LogElements WithWindow() const {
    LogElements copy = *this;
    copy.with_window = true;
    return copy;
  }

  template <class T>
  auto Expand(const PCollection<T>& in) const {
    return in | "Print" >> Filter(log_elements_internal::Print<T>{
                               prefix, with_timestamp, with_window, {}});
  }

  std::string prefix;
  bool with_timestamp = false;
  bool with_window = false;
};

}  // namespace joist

#endif  // JOIST_TRANSFORMS_LOG_ELEMENTS_H_
