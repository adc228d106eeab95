// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/bigquery/rest_client.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <random>
#include <thread>
#include <utility>

#include "joist/io/google/credentials.h"
#include "joist/io/google/service_channel.h"
#include "joist/io/net/http_client.h"
#include "joist/io/net/shown_text.h"

namespace joist::bigquery {
namespace {

using nlohmann::json;

constexpr size_t kMostAnswerBytes = 256 << 20;
constexpr Duration kLongestCall = Duration::Minutes(10);
/// About two seconds in all: who writes and reads tables tries again for longer.
constexpr net::RetryPolicy kRetries = {4, Duration::Millis(250), Duration::Seconds(10)};
constexpr std::chrono::milliseconds kFirstPollPause{20};
constexpr std::chrono::milliseconds kLongestPollPause{2'000};
constexpr char kBoundary[] = "joist-load-3a5f0c";

/// What `pointer` ("/a/b") leads to, if that is a text; else empty.
std::string TextAt(const json& value, const char* pointer) {
  const json::json_pointer at(pointer);
  if (!value.contains(at) || !value.at(at).is_string()) return "";
  return value.at(at).get<std::string>();
}

/// How an attempt ended that may be followed by another.
enum class Ending : uint8_t { kFinal, kWithoutEffect, kOpen };

struct Outcome {
  Result<json> answer;
  Ending ending = Ending::kFinal;
  std::optional<Duration> asked = std::nullopt;  ///< For how long the service wants no other.
};

bool IsOfRate(int status, std::string_view reason) {
  return status == 429 || reason == "rateLimitExceeded" || reason == "jobRateLimitExceeded";
}

/// The code of google/rpc for what an answer's status says.
StatusCode CodeOf(int status, std::string_view reason) {
  if (IsOfRate(status, reason)) return StatusCode::kResourceExhausted;
  switch (status) {
    case 401: return StatusCode::kUnauthenticated;
    case 403: return StatusCode::kPermissionDenied;
    case 404: return StatusCode::kNotFound;
    case 409: return StatusCode::kAlreadyExists;
    case 502:
    case 503:
    case 504: return StatusCode::kUnavailable;
    default: return status < 500 ? StatusCode::kInvalidArgument : StatusCode::kInternal;
  }
}

Ending EndingOf(StatusCode code, std::string_view reason) {
  if (code == StatusCode::kResourceExhausted) return Ending::kWithoutEffect;
  const bool may_pass = code == StatusCode::kUnavailable || reason == "backendError";
  return may_pass ? Ending::kOpen : Ending::kFinal;
}

Timestamp Now() {
  return Timestamp::Millis(std::chrono::duration_cast<std::chrono::milliseconds>(
                               std::chrono::system_clock::now().time_since_epoch())
                               .count());
}

Outcome OutcomeOf(const net::HttpResponse& response, const std::string& token) {
  if (response.is_too_long) {
    return {Status(StatusCode::kOutOfRange, "the server's answer is longer than 256 MB")};
  }
  json answer = response.body.empty() ? json::object()
                                      : json::parse(response.body, nullptr,
                                                    /*allow_exceptions=*/false);
  if (response.status < 300) {
    if (!answer.is_object()) return {DataLoss("the server's answer is no JSON object")};
    return {std::move(answer)};
  }
  const std::string reason = TextAt(answer, "/error/errors/0/reason");
  std::string message = TextAt(answer, "/error/message");
  if (message.empty()) message = "the server answers HTTP " + std::to_string(response.status);
  if (!token.empty() && message.find(token) != std::string::npos) {
    message = net::ShownText(std::move(message), {token});
  }
  const StatusCode code = CodeOf(response.status, reason);
  return {Status(code, std::move(message)), EndingOf(code, reason),
          net::ParseRetryAfter(response.Header("Retry-After"), Now())};
}

/// What became of a request that has no answer.
Outcome OutcomeOf(const Status& failure, const net::HttpUrl& server) {
  const Status status(failure.code() == StatusCode::kUnauthenticated ||
                              failure.code() == StatusCode::kInvalidArgument
                          ? failure.code()
                          : StatusCode::kUnavailable,
                      "cannot reach " + server.Authority() + " (" + failure.message() + ")");
  switch (failure.code()) {
    case StatusCode::kUnavailable: return {status, Ending::kWithoutEffect};
    case StatusCode::kUnknown: return {status, Ending::kOpen};
    default: return {status, Ending::kFinal};
  }
}

/// A name that no other job has.
std::string NewJobId() {
  std::random_device random;
  constexpr char kDigits[] = "0123456789abcdef";
  std::string id = "joist_load_";
  for (int i = 0; i < 32; ++i) id += kDigits[random() % 16];
  return id;
}

}  // namespace

/// Whether a request may take effect twice.
enum class RestClient::Repeating : uint8_t { kIsSafe, kIsNot };

struct RestClient::Connection {
  net::HttpClient http;
  const std::string project;
  const std::shared_ptr<google::Credentials> credentials;  ///< Null where none are asked for.
  const net::RetryPolicy retries;
  std::mt19937 random{std::random_device()()};

  Connection(net::HttpUrl server, std::string of_project, std::shared_ptr<google::Credentials> who,
             net::RetryPolicy policy)
      : http(std::move(server), kLongestCall),
        project(std::move(of_project)),
        credentials(std::move(who)),
        retries(policy) {}

  /// Once; or twice, where the service doesn't take a token any more.
  Outcome Attempt(const net::HttpCall& plain) {
    for (bool is_second = false;; is_second = true) {
      net::HttpCall call = plain;
      std::string token;
      if (credentials != nullptr) {
        Result<std::string> fresh = credentials->Token();
        if (!fresh.ok()) {
          const bool may_pass = fresh.status().code() == StatusCode::kUnavailable;
          return {fresh.status(), may_pass ? Ending::kWithoutEffect : Ending::kFinal};
        }
        token = *std::move(fresh);
        call.headers.emplace_back("Authorization", "Bearer " + token);
        if (!credentials->quota_project().empty()) {
          call.headers.emplace_back("x-goog-user-project", credentials->quota_project());
        }
      }
      const Result<net::HttpResponse> response = http.Call(call);
      if (!response.ok()) return OutcomeOf(response.status(), http.url());
      if (response->status != 401 || credentials == nullptr || is_second) {
        return OutcomeOf(*response, token);
      }
      credentials->Forget(token);
    }
  }
};

RestClient::RestClient(net::HttpUrl server, std::string project)
    : RestClient(std::move(server), std::move(project), nullptr, {.attempts = 1}) {}
RestClient::RestClient(net::HttpUrl server, std::string project,
                       std::shared_ptr<google::Credentials> credentials, net::RetryPolicy retries)
    : connection_(std::make_unique<Connection>(std::move(server), std::move(project),
                                               std::move(credentials), retries)) {}
RestClient::RestClient(RestClient&&) noexcept = default;
RestClient::~RestClient() = default;

const std::string& RestClient::project() const { return connection_->project; }

Result<RestClient> RestClient::Connect(const std::string& endpoint,
                                       const std::string& http_endpoint, std::string project) {
  std::string http = http_endpoint;
  if (http.empty()) {
    JOIST_ASSIGN_OR_RETURN(http, google::HttpAddress(endpoint));
  }
  JOIST_ASSIGN_OR_RETURN(net::HttpUrl server, net::ParseHttpUrl(http));
  std::shared_ptr<google::Credentials> credentials;
  if (endpoint == "google") {
    if (!server.KeepsSecrets()) {
      return InvalidArgument(server.ToString() +
                             " would show your access token to others; it has to begin with "
                             "https://");
    }
    JOIST_ASSIGN_OR_RETURN(credentials, google::Credentials::Default());
  }
  return RestClient(std::move(server), std::move(project), std::move(credentials), kRetries);
}

std::string RestClient::Root() const { return "/bigquery/v2/projects/" + project() + "/"; }

Result<json> RestClient::Send(std::string_view method, const std::string& target,
                              std::string_view content_type,
                              const std::vector<std::string_view>& body,
                              Repeating repeating) const {
  const bool may_repeat = repeating == Repeating::kIsSafe;
  net::HttpCall call;
  call.method = method;
  call.target = target;
  call.content_type = content_type;
  call.body = body;
  call.most_bytes = kMostAnswerBytes;
  call.may_repeat = may_repeat;
  Connection& connection = *connection_;
  bool may_be_done = false;
  for (int64_t failures = 1;; ++failures) {
    Outcome outcome = connection.Attempt(call);
    if (may_be_done && method == "DELETE" &&
        outcome.answer.status().code() == StatusCode::kNotFound) {
      return json::object();  // It was an attempt without an answer that has deleted it.
    }
    const bool may_follow =
        outcome.ending == Ending::kWithoutEffect || (outcome.ending == Ending::kOpen && may_repeat);
    if (!may_follow) return std::move(outcome.answer);
    may_be_done = may_be_done || outcome.ending == Ending::kOpen;
    const std::optional<Duration> delay = connection.retries.DelayAfter(
        failures, outcome.asked, std::uniform_real_distribution<>()(connection.random));
    if (!delay.has_value()) return std::move(outcome.answer);
    std::this_thread::sleep_for(std::chrono::milliseconds(delay->millis));
  }
}

Result<json> RestClient::Request(std::string_view method, const std::string& path,
                                 const json* body) const {
  const bool is_safe = method == "GET" || method == "PUT" || method == "DELETE" ||
                       (body != nullptr && !TextAt(*body, "/jobReference/jobId").empty());
  const std::string text = body == nullptr ? "" : body->dump();
  return Send(method, Root() + path, body == nullptr ? "" : "application/json", {text},
              is_safe ? Repeating::kIsSafe : Repeating::kIsNot);
}

Result<std::vector<json>> RestClient::List(const std::string& path, const char* name) const {
  std::vector<json> all;
  std::string token;
  do {
    const std::string page_path = path + (path.find('?') == std::string::npos ? "?" : "&") +
                                  "maxResults=1000" +
                                  (token.empty() ? "" : "&pageToken=" + net::PercentEncode(token));
    JOIST_ASSIGN_OR_RETURN(json page, Request("GET", page_path));
    if (page.contains(name) && page[name].is_array()) {
      std::move(page[name].begin(), page[name].end(), std::back_inserter(all));
    }
    token = TextAt(page, "/nextPageToken");
    if (token.empty()) token = TextAt(page, "/pageToken");
  } while (!token.empty());
  return all;
}

Status RestClient::Make(const std::string& path, const json& body) const {
  const std::string text = body.dump();
  const Status made =
      Send("POST", Root() + path, "application/json", {text}, Repeating::kIsSafe).status();
  return made.code() == StatusCode::kAlreadyExists ? OkStatus() : made;
}

Result<json> RestClient::Upload(const json& job, std::string_view content) const {
  const std::string boundary(kBoundary);
  const std::string before = "--" + boundary + "\r\nContent-Type: application/json\r\n\r\n" +
                             job.dump() + "\r\n--" + boundary +
                             "\r\nContent-Type: application/octet-stream\r\n\r\n";
  const std::string after = "\r\n--" + boundary + "--\r\n";
  const bool is_safe = !TextAt(job, "/jobReference/jobId").empty();
  return Send("POST", "/upload" + Root() + "jobs?uploadType=multipart",
              "multipart/related; boundary=" + boundary, {before, content, after},
              is_safe ? Repeating::kIsSafe : Repeating::kIsNot);
}

Result<std::string> RestClient::Load(const std::string& dataset, const std::string& table,
                                     const std::string& format, std::string_view content) const {
  json load = {
      {"destinationTable", {{"projectId", project()}, {"datasetId", dataset}, {"tableId", table}}},
      {"sourceFormat", format}};
  if (format == "CSV") load["skipLeadingRows"] = 1;
  // With an id of its own it is there once, however often it is sent.
  const std::string id = NewJobId();
  Result<json> job = Upload({{"jobReference", {{"projectId", project()}, {"jobId", id}}},
                             {"configuration", {{"load", load}}}},
                            content);
  auto pause = kFirstPollPause;
  while (true) {
    const bool is_there = job.ok() || job.status().code() == StatusCode::kAlreadyExists;
    if (!is_there) return job.status();
    if (job.ok() && TextAt(*job, "/status/state") == "DONE") break;
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, kLongestPollPause);
    const std::string location = job.ok() ? TextAt(*job, "/jobReference/location") : "";
    job = Request("GET", "jobs/" + id +
                             (location.empty() ? "" : "?location=" + net::PercentEncode(location)));
  }
  if (job->contains(json::json_pointer("/status/errorResult"))) {
    const std::string message = TextAt(*job, "/status/errorResult/message");
    return InvalidArgument(message.empty() ? "the load failed" : message);
  }
  const std::string rows = TextAt(*job, "/statistics/load/outputRows");
  return rows.empty() ? "0" : rows;
}

}  // namespace joist::bigquery
