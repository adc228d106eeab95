// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/net/http_sink.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <memory>
#include <random>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include "joist/io/net/http_client.h"
#include "joist/io/net/shown_text.h"
#include "joist/io/sink/sink_step.h"

namespace joist::net {
namespace {

/// Of an answer, in a message.
constexpr size_t kShownBytes = 200;

bool IsTransient(int status) { return status == 408 || status == 429 || status >= 500; }
bool IsFaultOfRecords(int status) {
  return status == 400 || status == 409 || status == 413 || status == 422;
}
StatusCode CodeOf(int status) {
  if (status == 401) return StatusCode::kUnauthenticated;
  if (status == 403) return StatusCode::kPermissionDenied;
  return status == 404 ? StatusCode::kNotFound : StatusCode::kInvalidArgument;
}

}  // namespace

// The steps' functions are found by their types' names in another process: so these are in no
// unnamed namespace.
namespace http_sink_internal {

/// Gathers records and sends them. Throws.
class Poster {
 public:
  using Refused = std::function<void(RejectedRecord)>;

  Poster(const PostSettings& settings, HttpUrl url)
      : settings_(settings), client_(std::move(url), settings.timeout), token_(ReadToken()) {}

  void Begin() {
    records_.clear();
    bytes_ = 0;
  }
  /// Sends what was gathered if `record` has no room beside it.
  void Add(std::string_view record, const Emit<int64_t>& sent, const Refused& refused) {
    const bool is_full = static_cast<int64_t>(records_.size()) >= settings_.batch_size ||
                         bytes_ + static_cast<int64_t>(record.size()) > settings_.batch_bytes;
    if (is_full) Flush(sent, refused);
    records_.emplace_back(record);
    bytes_ += static_cast<int64_t>(record.size()) + 1;
  }
  void Flush(const Emit<int64_t>& sent, const Refused& refused) {
    if (!records_.empty()) Send(records_, sent, refused);
    Begin();
  }

 private:
  using Records = std::span<const std::string>;

  std::string ReadToken() const {
    std::string token;
    if (!settings_.token_variable.empty()) {
      const char* const value = getenv(settings_.token_variable.c_str());
      if (value == nullptr) {
        throw StatusException(NotFound("the environment has no " + settings_.token_variable +
                                       ", which holds the bearer token"));
      }
      token = value;
    } else if (!settings_.token_file.empty()) {
      std::ifstream file(settings_.token_file);
      if (!std::getline(file, token)) {
        throw StatusException(
            NotFound("cannot read the bearer token from " + settings_.token_file));
      }
    } else {
      return token;
    }
    const bool is_plain = !token.empty() && std::all_of(token.begin(), token.end(),
                                                        [](char c) { return c > ' ' && c < 0x7f; });
    if (!is_plain) {
      throw StatusException(
          InvalidArgument("the bearer token is empty, or holds what no header may"));
    }
    return token;
  }

  /// Cuts what is refused.
  void Send(Records records, const Emit<int64_t>& sent, const Refused& refused) {
    const HttpResponse response = Try(records);
    if (response.status / 100 == 2) {
      sent(static_cast<int64_t>(records.size()));
      return;
    }
    const std::string said = Said(response);
    if (!IsFaultOfRecords(response.status)) {
      throw StatusException(Status(CodeOf(response.status), Name() + ": " + said));
    }
    if (records.size() > 1) {
      const size_t half = records.size() / 2;
      Send(records.first(half), sent, refused);
      Send(records.subspan(half), sent, refused);
    } else if (refused) {
      refused({records[0], response.status, said});
    } else {
      throw StatusException(InvalidArgument(Name() + " refuses a record: " + said + " (record: " +
                                            records[0].substr(0, kShownBytes) + ")"));
    }
  }

  /// The first answer that is not a matter of time.
  HttpResponse Try(Records records) {
    const std::string body = BodyOf(records);
    const bool is_array = settings_.format == BodyFormat::kJsonArray;
    for (int64_t failures = 1;; ++failures) {
      const Result<HttpResponse> response =
          client_.Post(is_array ? "application/json" : "application/x-ndjson", body, token_);
      std::optional<Duration> asked;
      if (response.ok()) {
        if (!IsTransient(response->status)) return *response;
        asked = ParseRetryAfter(response->Header("Retry-After"), Now());
      }
      if (response.status().code() == StatusCode::kUnauthenticated) {
        throw StatusException(
            Status(StatusCode::kUnauthenticated, Name() + ": " + response.status().message()));
      }
      const std::optional<Duration> delay = settings_.retries.DelayAfter(
          failures, asked, std::uniform_real_distribution<>()(random_));
      if (!delay.has_value()) {
        throw StatusException(
            Status(StatusCode::kUnavailable,
                   Name() + ": " + (response.ok() ? Said(*response) : response.status().message()) +
                       ", after " + std::to_string(failures) +
                       (failures == 1 ? " attempt" : " attempts")));
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(delay->millis));
    }
  }
  std::string BodyOf(Records records) const {
    const bool is_array = settings_.format == BodyFormat::kJsonArray;
    std::string body = is_array ? "[" : "";
    for (const std::string& record : records) {
      body += record;
      body += is_array ? ',' : '\n';
    }
    if (is_array) body.back() = ']';
    return body;
  }
  static Timestamp Now() {
    return Timestamp::Millis(std::chrono::duration_cast<std::chrono::milliseconds>(
                                 std::chrono::system_clock::now().time_since_epoch())
                                 .count());
  }
  std::string Name() const { return client_.url().ToString(); }
  /// One line, in which the token is not, whatever the service repeats.
  std::string Said(const HttpResponse& response) const {
    const std::string body = ShownText(response.body, {token_});
    return std::to_string(response.status) + " " + response.reason +
           (body.empty() ? "" : ": " + body);
  }

  PostSettings settings_;
  HttpClient client_;
  std::string token_;
  std::vector<std::string> records_;
  int64_t bytes_ = 0;
  std::mt19937 random_{std::random_device()()};
};

/// What both functions have.
struct PostStep {
  PostSettings settings;
  std::shared_ptr<Poster> poster;  ///< Each copy's own.

  void Setup() {
    Result<HttpUrl> url = ParseHttpUrl(settings.url);
    ThrowIfError(url.status());
    poster = std::make_shared<Poster>(settings, std::move(*url));
  }
  void StartBundle() { poster->Begin(); }
};

struct PostRecords : PostStep {
  void Process(std::string_view record, Emit<int64_t> sent) { poster->Add(record, sent, nullptr); }
  void FinishBundle(Emit<int64_t> sent) { poster->Flush(sent, nullptr); }
};
constexpr FieldList<PostRecords, &PostRecords::settings> JoistFields(const PostRecords*) {
  return {"PostRecords", {"settings"}};
}

struct PostGoodRecords : PostStep {
  using Rejected = Emit<RejectedRecord, Errors>;
  void Process(std::string_view record, Emit<int64_t> sent, Rejected rejected) {
    poster->Add(record, sent, rejected);
  }
  void FinishBundle(Emit<int64_t> sent, Rejected rejected) { poster->Flush(sent, rejected); }
};
constexpr FieldList<PostGoodRecords, &PostGoodRecords::settings> JoistFields(
    const PostGoodRecords*) {
  return {"PostGoodRecords", {"settings"}};
}

/// The records as both functions take them; what is wrong with the settings is a fault.
PCollection<std::string> Check(const PCollection<std::string>& records,
                               const PostSettings& settings) {
  const auto refuse = [&records](bool is_wrong, std::string_view what) {
    if (is_wrong) records.builder().AddFault(what);
  };
  if (const Status url = ParseHttpUrl(settings.url).status(); !url.ok()) {
    records.builder().AddFault("cannot post: " + url.message());
  }
  refuse(settings.batch_size < 1 || settings.batch_bytes < 1, "has batches of nothing");
  refuse(settings.timeout <= Duration::Zero(), "has a timeout that is not positive");
  refuse(settings.retries.attempts < 1, "makes no attempt at all");
  refuse(!settings.token_variable.empty() && !settings.token_file.empty(),
         "takes its bearer token from two places");
  return sink::InAllWindows(records);
}

}  // namespace http_sink_internal

Outputs<Emit<int64_t>, Emit<RejectedRecord, Errors>> PostWithErrors::Expand(
    const PCollection<std::string>& records) const {
  http_sink_internal::PostGoodRecords post;
  post.settings = settings_;
  return http_sink_internal::Check(records, settings_) | "Send" >> ParDo(std::move(post));
}

PCollection<int64_t> Post::Expand(const PCollection<std::string>& records) const {
  http_sink_internal::PostRecords post;
  post.settings = settings_;
  return http_sink_internal::Check(records, settings_) | "Send" >> ParDo(std::move(post));
}

Post Post::WithBatchSize(int64_t records) const {
  return Changed([&](PostSettings& settings) { settings.batch_size = records; });
}
Post Post::WithBatchBytes(int64_t bytes) const {
  return Changed([&](PostSettings& settings) { settings.batch_bytes = bytes; });
}
Post Post::WithJsonArrays() const {
  return Changed([](PostSettings& settings) { settings.format = BodyFormat::kJsonArray; });
}
Post Post::WithTimeout(Duration timeout) const {
  return Changed([&](PostSettings& settings) { settings.timeout = timeout; });
}
Post Post::WithRetries(RetryPolicy retries) const {
  return Changed([&](PostSettings& settings) { settings.retries = retries; });
}
Post Post::WithBearerTokenFromEnvironment(std::string variable) const {
  return Changed([&](PostSettings& settings) { settings.token_variable = std::move(variable); });
}
Post Post::WithBearerTokenFromFile(std::string path) const {
  return Changed([&](PostSettings& settings) { settings.token_file = std::move(path); });
}
void Post::DisplayData(joist::DisplayData& data) const {
  const Result<HttpUrl> url = ParseHttpUrl(settings_.url);
  if (url.ok()) data.Add("url", "URL", url->ToString());
}

}  // namespace joist::net
