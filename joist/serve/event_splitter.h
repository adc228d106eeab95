// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// EventSplitter: cuts the body of an ingest request into events (joist/serve/ingest.h), checks them
// and takes out the members that are wanted. Belongs to one thread; kept for its memory.

#ifndef JOIST_SERVE_EVENT_SPLITTER_H_
#define JOIST_SERVE_EVENT_SPLITTER_H_

#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "joist/serve/ingest.h"
#include "joist/serve/json_scanner.h"

namespace joist::serve {

/// Why a body was refused.
struct IngestRefusal {
  int http_status = 400;
  std::string message = {};
};

class EventSplitter {
 public:
  /// Whether all of `body` is good; otherwise refusal() says why. `schema` may be null. What
  /// events() has refers to `body`, `settings` and this.
  bool Split(std::string_view body, const IngestSettings& settings, const JsonSchema* schema);

  std::span<const IngestEvent> events() const { return events_; }
  const IngestRefusal& refusal() const { return refusal_; }

 private:
  bool TakeEvent(JsonScanner* in);
  bool Check(std::string_view event);
  bool TakeMembers(IngestEvent* event);
  bool TakeTime(JsonScanner* in, IngestEvent* event);
  bool TakeKey(JsonScanner* in, IngestEvent* event);
  bool Refuse(int status, std::string message);
  /// "event 3: …", of the one that is being taken.
  bool RefuseEvent(int status, const std::string& message);
  bool Malformed(const JsonScanner& in);

  std::string_view body_;
  const IngestSettings* settings_ = nullptr;
  const JsonSchema* schema_ = nullptr;
  std::vector<IngestEvent> events_;
  std::deque<std::string> made_texts_;  ///< Which stay where they are.
  IngestRefusal refusal_;
};

}  // namespace joist::serve

#endif  // JOIST_SERVE_EVENT_SPLITTER_H_
