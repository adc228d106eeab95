// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Ingest: POST /v1/topics/NAME publishes JSON events to a topic.
//
// The body is one object, an array of objects, or objects one behind the other (JSON lines). Each
// becomes a message, its text as it came. All are published, or none and the answer says why:
//
//  - 200 {"published":N} once they are durable; with ?ids=true "messageIds", too.
//  - 400 malformed: which event, at which byte. 422 an event breaks the topic's schema, or lacks a
//    field that is wanted. 413 an event too large, or too many of them. 401 without the token.
//  - 404 there is no such topic. 429 and 503 with Retry-After: send the same again later.
//
// Constant once made; used by any number of threads.

#ifndef JOIST_SERVE_INGEST_H_
#define JOIST_SERVE_INGEST_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "joist/base/status.h"
#include "joist/serve/http.h"
#include "joist/serve/json_schema.h"

namespace joist::serve {

/// A message to be.
struct IngestEvent {
  std::string_view data = {};
  /// The attribute that has its time; none where the name is empty.
  std::string_view attribute_name = {};
  std::string_view attribute_value = {};
  std::string_view ordering_key = {};
};

/// Publishes the events, all or none; their texts live until it returns. Where it is OK `done` is
/// called once, by any thread, with the first message's id when all are durable (the others follow
/// it); otherwise it is not called. RESOURCE_EXHAUSTED and UNAVAILABLE become 429 and 503.
using PublishEvents = std::function<Status(std::string_view topic, std::span<const IngestEvent>,
                                           std::function<void(Result<uint64_t>)> done)>;

/// What the numbers of a field of time count.
enum class TimeUnit : uint8_t { kSeconds, kMillis, kMicros };

struct IngestSettings {
  size_t most_events = 10'000;
  size_t most_event_bytes = 1 << 20;
  /// A member of each event whose text becomes the messages' ordering key; "" for none.
  std::string ordering_key_field = {};
  /// A member of each event that says when it happened: a whole number of `timestamp_unit` since
  /// 1970, or text, which is taken as it is; "" for none.
  std::string timestamp_field = {};
  TimeUnit timestamp_unit = TimeUnit::kMillis;
  /// Under which it is published: milliseconds since 1970, as Beam's timestamp attribute.
  std::string timestamp_attribute = "timestamp";
  /// By the topic's name as it stands in the path.
  std::map<std::string, JsonSchema, std::less<>> schemas = {};
  /// Who publishes must bring it, unless it is empty: "Authorization: Bearer TOKEN".
  std::string token = {};
};

struct IngestFigures {
  uint64_t requests = 0;
  uint64_t published = 0;        ///< Events, durable.
  uint64_t published_bytes = 0;  ///< Of those events.
  uint64_t refused = 0;          ///< Requests that were the client's fault (4xx without 429).
  uint64_t pushed_back = 0;      ///< Requests that were told to come again (429, 503).
  uint64_t failed = 0;           ///< Other requests without success.
};

class Ingest {
 public:
  Ingest(IngestSettings settings, PublishEvents publish);

  /// For `POST /v1/topics/*`. What it gives may outlive this.
  HttpHandler Handler() const;
  IngestFigures figures() const;

 private:
  class Core;

  std::shared_ptr<Core> core_;
};

}  // namespace joist::serve

#endif  // JOIST_SERVE_INGEST_H_
