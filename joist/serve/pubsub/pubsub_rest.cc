// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/serve/pubsub/pubsub_rest.h"

#include <google/protobuf/util/json_util.h>
#include <google/protobuf/wrappers.pb.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace joist::serve {
namespace {

constexpr std::chrono::milliseconds kRestPatience{10'000};
constexpr size_t kMostBodyBytes = 20 << 20;

int HttpCode(StatusCode code) {
  switch (code) {
    case StatusCode::kOk: return 200;
    case StatusCode::kInvalidArgument:
    case StatusCode::kFailedPrecondition:
    case StatusCode::kOutOfRange: return 400;
    case StatusCode::kUnauthenticated: return 401;
    case StatusCode::kPermissionDenied: return 403;
    case StatusCode::kNotFound: return 404;
    case StatusCode::kAlreadyExists:
    case StatusCode::kAborted: return 409;
    case StatusCode::kResourceExhausted: return 429;
    case StatusCode::kCancelled: return 499;
    case StatusCode::kUnimplemented: return 501;
    case StatusCode::kUnavailable: return 503;
    case StatusCode::kDeadlineExceeded: return 504;
    case StatusCode::kUnknown:
    case StatusCode::kInternal:
    case StatusCode::kDataLoss: return 500;
  }
  return 500;
}

/// The text as JSON has it.
std::string Quoted(const std::string& text) {
  // Errors name what was asked for, which may be any bytes; JSON is UTF-8.
  std::string plain = text;
  std::replace_if(plain.begin(), plain.end(), [](unsigned char c) { return c >= 0x80; }, '?');
  google::protobuf::StringValue value;
  value.set_value(plain);
  std::string json;
  if (!google::protobuf::util::MessageToJsonString(value, &json).ok()) return "\"\"";
  return json;
}

HttpAnswer ErrorAnswer(const Status& status) {
  const int code = HttpCode(status.code());
  return {.status = code,
          .body = "{\"error\":{\"code\":" + std::to_string(code) +
                  ",\"message\":" + Quoted(status.message()) + ",\"status\":\"" +
                  std::string(StatusCodeName(status.code())) + "\"}}"};
}

HttpAnswer AnswerOf(const Status& status, const google::protobuf::Message& response) {
  if (!status.ok()) return ErrorAnswer(status);
  HttpAnswer answer;
  const auto printed = google::protobuf::util::MessageToJsonString(response, &answer.body);
  if (!printed.ok()) return ErrorAnswer(Internal(printed.ToString()));
  return answer;
}

Status ParseBody(std::string_view body, google::protobuf::Message* message) {
  if (body.size() > kMostBodyBytes) return InvalidArgument("the body has more than 20 MiB");
  if (body.empty()) return OkStatus();
  const auto parsed = google::protobuf::util::JsonStringToMessage(
      google::protobuf::StringPiece(body.data(), body.size()), message);
  if (parsed.ok()) return OkStatus();
  return InvalidArgument("Invalid JSON payload received. " + parsed.ToString());
}

int PageSizeOf(std::string_view query) {
  const std::string text = QueryParameter(query, "pageSize");
  int size = 0;
  std::from_chars(text.data(), text.data() + text.size(), size);
  return size;
}

/// A request whose path is taken apart: /v1/projects/P[/KIND[/ID[:VERB | /UNDER]]].
struct Call {
  const HttpRequest* request = nullptr;
  const HttpReply* reply = nullptr;
  std::string project = {};  // projects/P
  std::string kind = {};     // topics, subscriptions, snapshots
  std::string name = {};     // The whole name of the resource; "" for a list.
  std::string verb = {};
  std::string under = {};

  bool Is(std::string_view method, std::string_view wanted_verb = "") const {
    return request->method == method && verb == wanted_verb && under.empty() && !name.empty();
  }
  bool IsList(std::string_view of_kind) const {
    return request->method == "GET" && kind == of_kind && name.empty();
  }
};

/// Fills `request` from the body, then by `fill`, and answers with what `method` gives.
template <class Request, class Response, class Fill>
void Do(PubsubCore* core, const Call& call, Status (PubsubCore::*method)(const Request&, Response*),
        const Fill& fill) {
  Request request;
  Response response;
  Status status = ParseBody(call.request->body, &request);
  if (status.ok()) {
    fill(&request);
    status = (core->*method)(request, &response);
  }
  (*call.reply)(AnswerOf(status, response));
}

template <class Request, class Response>
void DoList(PubsubCore* core, const Call& call,
            Status (PubsubCore::*method)(const Request&, Response*)) {
  Do(core, call, method, [&](Request* request) {
    request->set_project(call.project);
    request->set_page_size(PageSizeOf(call.request->query));
    request->set_page_token(QueryParameter(call.request->query, "pageToken"));
  });
}

void Publish(PubsubCore* core, const Call& call) {
  const auto request = std::make_shared<v1::PublishRequest>();
  if (Status status = ParseBody(call.request->body, request.get()); !status.ok()) {
    return (*call.reply)(ErrorAnswer(status));
  }
  request->set_topic(call.name);
  const auto response = std::make_shared<v1::PublishResponse>();
  core->Publish(*request, response.get(), [response, reply = *call.reply](const Status& status) {
    reply(AnswerOf(status, *response));
  });
}

void Pull(PubsubCore* core, const Call& call) {
  v1::PullRequest request;
  if (Status status = ParseBody(call.request->body, &request); !status.ok()) {
    return (*call.reply)(ErrorAnswer(status));
  }
  request.set_subscription(call.name);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"  // Old clients still set it.
  const bool is_impatient = request.return_immediately();
#pragma GCC diagnostic pop
  const auto response = std::make_shared<v1::PullResponse>();
  const auto waiting = std::make_shared<std::shared_ptr<WaitingPull>>();
  // The answer owns the pull while it waits.
  *waiting =
      core->Pull(request, is_impatient ? std::chrono::milliseconds(0) : kRestPatience,
                 response.get(), [response, waiting, reply = *call.reply](const Status& status) {
                   reply(AnswerOf(status, *response));
                 });
}

void Acknowledge(PubsubCore* core, const Call& call) {
  v1::AcknowledgeRequest request;
  if (Status status = ParseBody(call.request->body, &request); !status.ok()) {
    return (*call.reply)(ErrorAnswer(status));
  }
  request.set_subscription(call.name);
  core->Acknowledge(request, [reply = *call.reply](const Status& status, const auto& refused) {
    if (status.ok() && !refused.empty()) {
      return reply(ErrorAnswer({StatusCode::kFailedPrecondition,
                                "Some acknowledgement ids in the request were invalid."}));
    }
    reply(AnswerOf(status, google::protobuf::Empty()));
  });
}

bool DoTopics(PubsubCore* core, const Call& call) {
  if (call.IsList("topics")) {
    DoList(core, call, &PubsubCore::ListTopics);
  } else if (call.Is("PUT")) {
    Do(core, call, &PubsubCore::CreateTopic, [&](auto* request) { request->set_name(call.name); });
  } else if (call.Is("PATCH")) {
    Do(core, call, &PubsubCore::UpdateTopic,
       [&](auto* request) { request->mutable_topic()->set_name(call.name); });
  } else if (call.Is("GET")) {
    Do(core, call, &PubsubCore::GetTopic, [&](auto* request) { request->set_topic(call.name); });
  } else if (call.Is("DELETE")) {
    Do(core, call, &PubsubCore::DeleteTopic, [&](auto* request) { request->set_topic(call.name); });
  } else if (call.Is("POST", "publish")) {
    Publish(core, call);
  } else if (call.request->method == "GET" && call.under == "subscriptions") {
    Do(core, call, &PubsubCore::ListTopicSubscriptions, [&](auto* request) {
      request->set_topic(call.name);
      request->set_page_size(PageSizeOf(call.request->query));
      request->set_page_token(QueryParameter(call.request->query, "pageToken"));
    });
  } else if (call.request->method == "GET" && call.under == "snapshots") {
    Do(core, call, &PubsubCore::ListTopicSnapshots, [&](auto* request) {
      request->set_topic(call.name);
      request->set_page_size(PageSizeOf(call.request->query));
      request->set_page_token(QueryParameter(call.request->query, "pageToken"));
    });
  } else {
    return false;
  }
  return true;
}

bool DoSubscriptions(PubsubCore* core, const Call& call) {
  const auto set_subscription = [&](auto* request) { request->set_subscription(call.name); };
  if (call.IsList("subscriptions")) {
    DoList(core, call, &PubsubCore::ListSubscriptions);
  } else if (call.Is("PUT")) {
    Do(core, call, &PubsubCore::CreateSubscription,
       [&](auto* request) { request->set_name(call.name); });
  } else if (call.Is("PATCH")) {
    Do(core, call, &PubsubCore::UpdateSubscription,
       [&](auto* request) { request->mutable_subscription()->set_name(call.name); });
  } else if (call.Is("GET")) {
    Do(core, call, &PubsubCore::GetSubscription, set_subscription);
  } else if (call.Is("DELETE")) {
    Do(core, call, &PubsubCore::DeleteSubscription, set_subscription);
  } else if (call.Is("POST", "pull")) {
    Pull(core, call);
  } else if (call.Is("POST", "acknowledge")) {
    Acknowledge(core, call);
  } else if (call.Is("POST", "modifyAckDeadline")) {
    Do(core, call, &PubsubCore::ModifyAckDeadline, set_subscription);
  } else if (call.Is("POST", "modifyPushConfig")) {
    Do(core, call, &PubsubCore::ModifyPushConfig, set_subscription);
  } else if (call.Is("POST", "seek")) {
    Do(core, call, &PubsubCore::Seek, set_subscription);
  } else if (call.Is("POST", "detach")) {
    Do(core, call, &PubsubCore::DetachSubscription, set_subscription);
  } else {
    return false;
  }
  return true;
}

bool DoSnapshots(PubsubCore* core, const Call& call) {
  const auto set_snapshot = [&](auto* request) { request->set_snapshot(call.name); };
  if (call.IsList("snapshots")) {
    DoList(core, call, &PubsubCore::ListSnapshots);
  } else if (call.Is("PUT")) {
    Do(core, call, &PubsubCore::CreateSnapshot,
       [&](auto* request) { request->set_name(call.name); });
  } else if (call.Is("PATCH")) {
    Do(core, call, &PubsubCore::UpdateSnapshot,
       [&](auto* request) { request->mutable_snapshot()->set_name(call.name); });
  } else if (call.Is("GET")) {
    Do(core, call, &PubsubCore::GetSnapshot, set_snapshot);
  } else if (call.Is("DELETE")) {
    Do(core, call, &PubsubCore::DeleteSnapshot, set_snapshot);
  } else {
    return false;
  }
  return true;
}

bool Answered(PubsubCore* core, const HttpRequest& request, const HttpReply& reply) {
  std::vector<std::string> parts = PathParts(request.path);
  if (parts.size() < 4 || parts.size() > 6 || parts[0] != "v1" || parts[1] != "projects") {
    return false;
  }
  Call call = {.request = &request, .reply = &reply};
  call.project = "projects/" + parts[2];
  call.kind = parts[3];
  if (parts.size() > 4) {
    std::string& id = parts[4];
    if (const size_t colon = id.rfind(':'); colon != std::string::npos) {
      call.verb = id.substr(colon + 1);
      id.resize(colon);
    }
    call.name = call.project + "/" + call.kind + "/" + id;
  }
  if (parts.size() > 5) call.under = parts[5];
  if (call.kind == "topics") return DoTopics(core, call);
  if (call.kind == "subscriptions") return DoSubscriptions(core, call);
  if (call.kind == "snapshots") return DoSnapshots(core, call);
  return false;
}

}  // namespace

HttpHandler PubsubRest(PubsubCore* core) {
  return [core](const HttpRequest& request, const HttpReply& reply) {
    if (Answered(core, request, reply)) return;
    reply(ErrorAnswer(NotFound("Pub/Sub has no " + std::string(request.method) + " " +
                               std::string(request.path.substr(0, 300)))));
  };
}

}  // namespace joist::serve
