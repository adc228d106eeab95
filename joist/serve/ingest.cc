// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/serve/ingest.h"

#include <utility>

#include "joist/serve/event_splitter.h"
#include "joist/serve/http_error.h"

namespace joist::serve {
namespace {

constexpr std::string_view kRetryAfterSeconds = "1";

/// In time that depends on the lengths alone.
bool SameSecret(std::string_view given, std::string_view secret) {
  unsigned difference = given.size() == secret.size() ? 0 : 1;
  for (size_t i = 0; i < given.size(); ++i) {
    difference |= static_cast<unsigned char>(given[i]) ^
                  static_cast<unsigned char>(secret[i % secret.size()]);
  }
  return difference == 0;
}

bool IsAllowed(const HttpRequest& request, const std::string& token) {
  constexpr std::string_view kScheme = "Bearer ";
  if (token.empty()) return true;
  const std::string_view given = request.Header("Authorization");
  return given.starts_with(kScheme) && SameSecret(given.substr(kScheme.size()), token);
}

std::string PublishedText(uint64_t first_id, size_t count, bool with_ids) {
  std::string text = "{\"published\":" + std::to_string(count);
  if (with_ids) {
    text += ",\"messageIds\":[";
    for (size_t i = 0; i < count; ++i) {
      text += (i == 0 ? "\"" : ",\"") + std::to_string(first_id + i) + '"';
    }
    text += ']';
  }
  return text + "}\n";
}

bool IsPushedBack(int status) { return status == 429 || status == 503; }

}  // namespace

class Ingest::Core {
 public:
  Core(IngestSettings settings, PublishEvents publish)
      : settings_(std::move(settings)), publish_(std::move(publish)) {}

  /// `core` is this.
  void Handle(const HttpRequest& request, const HttpReply& reply,
              const std::shared_ptr<Core>& core) {
    Add(&requests_, 1);
    if (!IsAllowed(request, settings_.token)) {
      HttpAnswer answer = ErrorAnswer(
          401, "a bearer token is needed: send the header \"Authorization: Bearer TOKEN\"");
      answer.headers.emplace_back("WWW-Authenticate", "Bearer");
      return Refuse(std::move(answer), reply);
    }
    const std::vector<std::string> parts = PathParts(request.path);
    const std::string topic = parts.empty() ? "" : parts.back();
    const auto schema = settings_.schemas.find(topic);
    thread_local EventSplitter splitter;
    if (!splitter.Split(request.body, settings_,
                        schema == settings_.schemas.end() ? nullptr : &schema->second)) {
      const IngestRefusal& refusal = splitter.refusal();
      return Refuse(ErrorAnswer(refusal.http_status, refusal.message), reply);
    }
    const std::span<const IngestEvent> events = splitter.events();
    if (events.empty()) return reply({.body = PublishedText(0, 0, false)});
    size_t bytes = 0;
    for (const IngestEvent& event : events) bytes += event.data.size();
    const bool with_ids = QueryParameter(request.query, "ids") == "true";
    const Status status = publish_(
        topic, events,
        [core, reply, count = events.size(), bytes, with_ids](const Result<uint64_t>& first) {
          if (!first.ok()) return core->Refuse(AnswerTo(first.status()), reply);
          core->Add(&core->published_, count);
          core->Add(&core->published_bytes_, bytes);
          reply({.body = PublishedText(*first, count, with_ids)});
        });
    if (!status.ok()) Refuse(AnswerTo(status), reply);
  }

  IngestFigures figures() const {
    IngestFigures figures;
    figures.requests = requests_.load(std::memory_order_relaxed);
    figures.published = published_.load(std::memory_order_relaxed);
    figures.published_bytes = published_bytes_.load(std::memory_order_relaxed);
    figures.refused = refused_.load(std::memory_order_relaxed);
    figures.pushed_back = pushed_back_.load(std::memory_order_relaxed);
    figures.failed = failed_.load(std::memory_order_relaxed);
    return figures;
  }

 private:
  static void Add(std::atomic<uint64_t>* figure, uint64_t count) {
    figure->fetch_add(count, std::memory_order_relaxed);
  }

  static HttpAnswer AnswerTo(const Status& status) {
    HttpAnswer answer = ErrorAnswer(status);
    if (IsPushedBack(answer.status)) answer.headers.emplace_back("Retry-After", kRetryAfterSeconds);
    return answer;
  }

  void Refuse(HttpAnswer answer, const HttpReply& reply) {
    const bool is_clients_fault = answer.status >= 400 && answer.status < 500;
    Add(IsPushedBack(answer.status) ? &pushed_back_ : is_clients_fault ? &refused_ : &failed_, 1);
    reply(std::move(answer));
  }

  const IngestSettings settings_;
  const PublishEvents publish_;
  std::atomic<uint64_t> requests_ = 0;
  std::atomic<uint64_t> published_ = 0;
  std::atomic<uint64_t> published_bytes_ = 0;
  std::atomic<uint64_t> refused_ = 0;
  std::atomic<uint64_t> pushed_back_ = 0;
  std::atomic<uint64_t> failed_ = 0;
};

Ingest::Ingest(IngestSettings settings, PublishEvents publish)
    : core_(std::make_shared<Core>(std::move(settings), std::move(publish))) {}

HttpHandler Ingest::Handler() const {
  return [core = core_](const HttpRequest& request, const HttpReply& reply) {
    core->Handle(request, reply, core);
  };
}

IngestFigures Ingest::figures() const { return core_->figures(); }

}  // namespace joist::serve
