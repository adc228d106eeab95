// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/serve/event_splitter.h"

#include <charconv>
#include <utility>

namespace joist::serve {
namespace {

/// As Pub/Sub has it.
constexpr size_t kMostKeyBytes = 1024;
constexpr size_t kMostAttributeBytes = 1024;

/// Milliseconds since 1970; rounded down.
int64_t MillisOf(int64_t number, TimeUnit unit) {
  switch (unit) {
    case TimeUnit::kSeconds: return number * 1000;
    case TimeUnit::kMicros: return number / 1000 - (number % 1000 < 0 ? 1 : 0);
    case TimeUnit::kMillis: break;
  }
  return number;
}

/// Numbers of seconds whose milliseconds are no int64.
bool IsTooLarge(int64_t number, TimeUnit unit) {
  constexpr int64_t kMost = INT64_MAX / 1000;
  return unit == TimeUnit::kSeconds && (number > kMost || number < -kMost);
}

}  // namespace

bool EventSplitter::Split(std::string_view body, const IngestSettings& settings,
                          const JsonSchema* schema) {
  body_ = body;
  settings_ = &settings;
  schema_ = schema;
  events_.clear();
  made_texts_.clear();
  JsonScanner in(body);
  if (in.AtEnd()) return Refuse(400, "the body is empty; send an event: a JSON object");
  if (in.Next() == JsonKind::kArray) {
    if (!in.TakeArray([&] { return TakeEvent(&in); })) return Malformed(in);
    return in.AtEnd() || Refuse(400, "byte " + std::to_string(in.position()) +
                                         ": something follows the array of events");
  }
  while (!in.AtEnd()) {
    if (!TakeEvent(&in)) return Malformed(in);
  }
  return true;
}

bool EventSplitter::TakeEvent(JsonScanner* in) {
  if (events_.size() == settings_->most_events) {
    return Refuse(413, "more than " + std::to_string(settings_->most_events) +
                           " events; send fewer in a request");
  }
  const JsonKind kind = in->Next();
  if (kind != JsonKind::kObject && kind != JsonKind::kNone) {
    return RefuseEvent(400, "byte " + std::to_string(in->position()) +
                                ": an event is an object, but this is " +
                                std::string(JsonKindName(kind)));
  }
  const size_t begin = in->position();
  std::string violation;
  if (schema_ == nullptr ? !in->Skip() : !schema_->Take(in, &violation)) {
    return violation.empty() ? false : RefuseEvent(422, violation);
  }
  const std::string_view data = body_.substr(begin, in->position() - begin);
  if (data.size() > settings_->most_event_bytes) {
    return RefuseEvent(413, "has " + std::to_string(data.size()) + " bytes, but " +
                                std::to_string(settings_->most_event_bytes) + " are the most");
  }
  IngestEvent event;
  event.data = data;
  if (!TakeMembers(&event)) return false;
  events_.push_back(event);
  return true;
}

bool EventSplitter::TakeMembers(IngestEvent* event) {
  const std::string& time = settings_->timestamp_field;
  const std::string& key = settings_->ordering_key_field;
  if (time.empty() && key.empty()) return true;
  JsonScanner in(event->data);
  bool has_time = time.empty();
  bool has_key = key.empty();
  const bool taken = in.TakeObject([&](std::string_view name) {
    if (!time.empty() && name == time) {
      has_time = true;
      const JsonScanner before = in;
      if (!TakeTime(&in, event)) return false;
      if (name != key) return true;
      in = before;
    }
    if (!key.empty() && name == key) {
      has_key = true;
      return TakeKey(&in, event);
    }
    return in.Skip();
  });
  if (!taken) return false;
  if (!has_time) return RefuseEvent(422, "/" + time + " is missing, which says when it happened");
  return has_key || RefuseEvent(422, "/" + key + " is missing, which is the ordering key");
}

bool EventSplitter::TakeTime(JsonScanner* in, IngestEvent* event) {
  event->attribute_name = settings_->timestamp_attribute;
  std::string_view text;
  const JsonKind kind = in->Next();
  if (kind == JsonKind::kString) {
    if (!in->TakeString(&text)) return false;
    if (text.empty() || text.size() > kMostAttributeBytes ||
        text.find('\\') != std::string_view::npos) {
      return RefuseEvent(422, "/" + settings_->timestamp_field + " is no time");
    }
    event->attribute_value = text;
    return true;
  }
  int64_t number = 0;
  if (kind == JsonKind::kNumber) {
    if (!in->TakeNumber(&text)) return false;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error == std::errc() && end == text.data() + text.size() &&
        !IsTooLarge(number, settings_->timestamp_unit)) {
      made_texts_.push_back(std::to_string(MillisOf(number, settings_->timestamp_unit)));
      event->attribute_value = made_texts_.back();
      return true;
    }
  }
  return RefuseEvent(422, "/" + settings_->timestamp_field + " must be a whole number or text");
}

bool EventSplitter::TakeKey(JsonScanner* in, IngestEvent* event) {
  const JsonKind kind = in->Next();
  std::string_view text;
  if (kind == JsonKind::kString ? !in->TakeString(&text)
                                : kind != JsonKind::kNumber || !in->TakeNumber(&text)) {
    return RefuseEvent(422, "/" + settings_->ordering_key_field + " must be a string or a number");
  }
  if (kind == JsonKind::kString && text.find('\\') != std::string_view::npos) {
    made_texts_.push_back(DecodeJsonString(text));
    text = made_texts_.back();
  }
  if (text.size() > kMostKeyBytes) {
    return RefuseEvent(422, "/" + settings_->ordering_key_field + " has more than " +
                                std::to_string(kMostKeyBytes) + " bytes");
  }
  event->ordering_key = text;
  return true;
}

bool EventSplitter::Refuse(int status, std::string message) {
  events_.clear();
  refusal_ = {status, std::move(message)};
  return false;
}

bool EventSplitter::RefuseEvent(int status, const std::string& message) {
  return Refuse(status, "event " + std::to_string(events_.size()) + ": " + message);
}

/// After a function that returned false: it has refused already, or the text is no JSON.
bool EventSplitter::Malformed(const JsonScanner& in) {
  const std::string problem = in.problem();
  return problem.empty() ? false : RefuseEvent(400, problem);
}

}  // namespace joist::serve
