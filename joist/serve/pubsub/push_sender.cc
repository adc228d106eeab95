// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/serve/pubsub/push_sender.h"

#include <google/protobuf/util/json_util.h>
#include <google/protobuf/util/time_util.h>
#include <google/protobuf/wrappers.pb.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

#include <algorithm>
#include <chrono>
#include <functional>
#include <utility>

#include "joist/io/net/url.h"
#include "joist/serve/pubsub/resource_settings.h"

namespace joist::serve {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using std::chrono::milliseconds;

constexpr size_t kMostBytesAtOnce = 10 << 20;
constexpr size_t kMostAnswerBytes = 64 << 10;
constexpr milliseconds kLeastPause{100};
constexpr milliseconds kMostPause{60'000};

bool IsSuccess(unsigned status) {
  return status == 102 || status == 200 || status == 201 || status == 202 || status == 204;
}

/// A text as JSON has it.
std::string JsonText(const std::string& text) {
  google::protobuf::StringValue value;
  value.set_value(text);
  std::string json;
  return google::protobuf::util::MessageToJsonString(value, &json).ok() ? json : "\"\"";
}

/// One request over a connection of its own. `done` is called once, with whether it was accepted.
class Post : public std::enable_shared_from_this<Post> {
 public:
  Post(asio::io_context* context, const net::HttpUrl& url, milliseconds timeout,
       http::request<http::string_body> request, std::function<void(bool)> done)
      : resolver_(*context),
        stream_(*context),
        url_(url),
        timeout_(timeout),
        request_(std::move(request)),
        done_(std::move(done)) {
    parser_.body_limit(kMostAnswerBytes);
  }

  void Start() {
    stream_.expires_after(timeout_);
    resolver_.async_resolve(
        url_.host, url_.port,
        [self = shared_from_this()](beast::error_code error, const auto& addresses) {
          if (error) return self->done_(false);
          self->stream_.async_connect(addresses,
                                      [self](beast::error_code failed, const tcp::endpoint&) {
                                        if (failed) return self->done_(false);
                                        self->Send();
                                      });
        });
  }

 private:
  void Send() {
    http::async_write(stream_, request_,
                      [self = shared_from_this()](beast::error_code error, size_t) {
                        if (error) return self->done_(false);
                        self->Receive();
                      });
  }
  void Receive() {
    http::async_read(stream_, buffer_, parser_,
                     [self = shared_from_this()](beast::error_code error, size_t) {
                       // A body that is too long changes nothing.
                       const bool is_answer = !error || self->parser_.is_header_done();
                       self->done_(is_answer && IsSuccess(self->parser_.get().result_int()));
                     });
  }

  tcp::resolver resolver_;
  beast::tcp_stream stream_;
  const net::HttpUrl url_;
  const milliseconds timeout_;
  const http::request<http::string_body> request_;
  const std::function<void(bool)> done_;
  beast::flat_buffer buffer_;
  http::response_parser<http::string_body> parser_;
};

http::request<http::string_body> RequestOf(const v1::ReceivedMessage& received,
                                           const std::string& subscription,
                                           const v1::PushConfig& config, const net::HttpUrl& url) {
  http::request<http::string_body> request(http::verb::post, url.target, 11);
  request.set(http::field::host, url.Authority());
  request.set(http::field::user_agent, "APIs-Google");
  request.keep_alive(false);
  const v1::PubsubMessage& message = received.message();
  if (config.has_no_wrapper()) {
    request.set(http::field::content_type, "application/octet-stream");
    if (config.no_wrapper().write_metadata()) {
      request.set("x-goog-pubsub-subscription-name", subscription);
      request.set("x-goog-pubsub-message-id", message.message_id());
      request.set("x-goog-pubsub-publish-time",
                  google::protobuf::util::TimeUtil::ToString(message.publish_time()));
      if (!message.ordering_key().empty()) {
        request.set("x-goog-pubsub-ordering-key", message.ordering_key());
      }
    }
    request.body() = message.data();
  } else {
    request.set(http::field::content_type, "application/json");
    std::string json;
    if (!google::protobuf::util::MessageToJsonString(message, &json).ok()) json = "{}";
    std::string attempt;
    if (received.delivery_attempt() > 0) {
      attempt = ",\"deliveryAttempt\":" + std::to_string(received.delivery_attempt());
    }
    request.body() =
        "{\"message\":" + json + ",\"subscription\":" + JsonText(subscription) + attempt + "}";
  }
  request.prepare_payload();
  return request;
}

}  // namespace

class Pusher : public std::enable_shared_from_this<Pusher> {
 public:
  Pusher(PubsubCore* core, std::string subscription, v1::PushConfig config, net::HttpUrl url,
         const store::SubscriptionSettings& settings)
      : core_(*core),
        subscription_(std::move(subscription)),
        config_(std::move(config)),
        url_(std::move(url)),
        timeout_(settings.ack_deadline_micros / 1000),
        has_dead_letters_(!settings.dead_letter_topic.empty()) {}

  void Start() {
    waiter_ = std::make_shared<const std::function<void()>>([weak = weak_from_this()] {
      if (const auto pusher = weak.lock()) pusher->Wake();
    });
    Wake();
  }
  void Stop() {
    const std::lock_guard lock(mutex_);
    is_stopped_ = true;
  }

 private:
  void Wake() {
    core_.tasks().Post([weak = weak_from_this()] {
      if (const auto pusher = weak.lock()) pusher->Run();
    });
  }

  void Run() {
    v1::PullResponse messages;
    {
      const std::lock_guard lock(mutex_);
      if (is_stopped_ || is_pausing_ || posts_ >= PushSender::kMostPosts) return;
      const auto pulled =
          core_.log().Pull(subscription_,
                           {.messages = static_cast<size_t>(PushSender::kMostPosts - posts_),
                            .bytes = kMostBytesAtOnce},
                           waiter_);
      // Deleted or detached; where reading fails, the next change tries again.
      if (!pulled.ok()) return;
      PubsubCore::AddMessages(pulled.value(), has_dead_letters_,
                              messages.mutable_received_messages());
      posts_ += messages.received_messages_size();
    }
    // What comes while these are on their way is not to wait for their answers.
    if (messages.received_messages_size() > 0) Wake();
    for (const v1::ReceivedMessage& received : messages.received_messages()) {
      const auto id = ParseAckId(received.ack_id());
      std::make_shared<Post>(
          &core_.tasks().context(), url_, timeout_,
          RequestOf(received, subscription_, config_, url_),
          [self = shared_from_this(), id](bool is_accepted) { self->Posted(*id, is_accepted); })
          ->Start();
    }
  }

  void Posted(const store::AckId& id, bool is_accepted) {
    if (is_accepted) {
      (void)core_.log().Acknowledge(subscription_, {&id, 1}, nullptr);
    } else {
      (void)core_.log().ModifyAckDeadline(subscription_, {&id, 1}, 0);
    }
    {
      const std::lock_guard lock(mutex_);
      --posts_;
      if (is_accepted) {
        pause_ = milliseconds(0);
      } else if (!is_pausing_) {
        pause_ = std::clamp(2 * pause_, kLeastPause, kMostPause);
        is_pausing_ = true;
        core_.tasks().After(pause_, [weak = weak_from_this()] {
          if (const auto pusher = weak.lock()) pusher->EndPause();
        });
      }
    }
    Wake();
  }

  void EndPause() {
    {
      const std::lock_guard lock(mutex_);
      is_pausing_ = false;
    }
    Wake();
  }

  PubsubCore& core_;
  const std::string subscription_;
  const v1::PushConfig config_;
  const net::HttpUrl url_;
  const milliseconds timeout_;
  const bool has_dead_letters_;
  std::mutex mutex_;
  store::Waiter waiter_;
  int posts_ = 0;
  milliseconds pause_{0};
  bool is_pausing_ = false;
  bool is_stopped_ = false;
};

PushSender::PushSender(PubsubCore* core) : core_(*core) {
  for (const auto& subscription : core_.log().ListSubscriptions("", "", SIZE_MAX)) {
    Changed(subscription.name);
  }
}

void PushSender::Changed(const std::string& name) {
  std::shared_ptr<Pusher> added;
  const auto description = core_.log().GetSubscription(name);
  if (description.ok()) {
    const v1::Subscription subscription = SubscriptionOf(description.value());
    auto url = net::ParseHttpUrl(subscription.push_config().push_endpoint());
    if (url.ok() && !subscription.detached()) {
      added = std::make_shared<Pusher>(&core_, name, subscription.push_config(), std::move(*url),
                                       description.value().settings);
    }
  }
  std::shared_ptr<Pusher> removed = added;
  {
    const std::lock_guard lock(mutex_);
    if (added != nullptr) {
      removed.swap(pushers_[name]);
    } else if (const auto found = pushers_.find(name); found != pushers_.end()) {
      removed = std::move(found->second);
      pushers_.erase(found);
    }
  }
  if (removed != nullptr) removed->Stop();
  if (added != nullptr) added->Start();
}

}  // namespace joist::serve
