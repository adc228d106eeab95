// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/serve/http_connection.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/status.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <ctime>
#include <exception>
#include <utility>

#include "joist/serve/gunzip.h"
#include "joist/serve/http_error.h"

namespace joist::serve {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;

constexpr size_t kReadBytes = 16 << 10;
/// Of a body in chunks, how much room is asked for at a time.
constexpr size_t kBodyStep = 1 << 20;
/// What a client that was refused may still send, so that it comes to read why.
constexpr size_t kMostDroppedBytes = 64 << 20;
constexpr std::chrono::seconds kLingerTime{2};
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

/// What an HttpReply stands for. Without an answer when the last copy is gone: 500.
class AwaitedAnswer {
 public:
  explicit AwaitedAnswer(std::shared_ptr<HttpConnection> connection)
      : core_(connection->core()), connection_(std::move(connection)) {}
  AwaitedAnswer(const AwaitedAnswer&) = delete;
  AwaitedAnswer& operator=(const AwaitedAnswer&) = delete;
  ~AwaitedAnswer() {
    if (!is_given_) Give(ErrorAnswer(500, "the server has lost the request"));
  }

  void Give(HttpAnswer answer) {
    if (is_given_.exchange(true)) return;
    HttpConnection& connection = *connection_;
    if (connection.loop()->context().get_executor().running_in_this_thread()) {
      return connection.TakeAnswer(std::move(answer));
    }
    connection.loop()->Post([to = std::move(connection_), answer = std::move(answer)]() mutable {
      to->TakeAnswer(std::move(answer));
    });
  }

 private:
  std::atomic<bool> is_given_ = false;
  const std::shared_ptr<HttpCore> core_;  ///< The loop's owner while Give speaks to it.
  std::shared_ptr<HttpConnection> connection_;
};

std::string_view View(beast::string_view text) { return {text.data(), text.size()}; }

/// As HTTP wants it, made once a second.
std::string_view DateNow() {
  thread_local time_t made_at = 0;
  thread_local char text[32] = "";
  if (const time_t now = std::time(nullptr); now != made_at) {
    tm parts = {};
    gmtime_r(&now, &parts);
    std::strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &parts);
    made_at = now;
  }
  return text;
}

/// Nobody may end a line of the header that way.
void AppendField(std::string_view name, std::string_view value, std::string* out) {
  out->append(name).append(": ");
  const size_t start = out->size();
  out->append(value);
  std::replace_if(
      out->begin() + static_cast<std::ptrdiff_t>(start), out->end(),
      [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
  out->append("\r\n");
}

bool HasNoBody(int status) { return status == 204 || status == 304; }

std::string Head(const HttpAnswer& answer, unsigned version, bool keeps_alive) {
  std::string head = version < 11 ? "HTTP/1.0 " : "HTTP/1.1 ";
  head += std::to_string(answer.status) + ' ';
  head += View(http::obsolete_reason(http::int_to_status(static_cast<unsigned>(answer.status))));
  head += "\r\n";
  AppendField("Date", DateNow(), &head);
  if (!HasNoBody(answer.status)) {
    if (!answer.content_type.empty()) AppendField("Content-Type", answer.content_type, &head);
    AppendField("Content-Length", std::to_string(answer.body.size()), &head);
  }
  for (const auto& [name, value] : answer.headers) AppendField(name, value, &head);
  if (!keeps_alive) {
    head += "Connection: close\r\n";
  } else if (version < 11) {
    head += "Connection: keep-alive\r\n";
  }
  return head + "\r\n";
}

}  // namespace

HttpConnection::HttpConnection(tcp::socket socket, std::shared_ptr<HttpCore> core, HttpLoop* loop,
                               bool is_refused)
    : socket_(std::move(socket)),
      core_(std::move(core)),
      loop_(loop),
      is_refused_(is_refused),
      buffer_(core_->settings().most_header_bytes + 2 * kReadBytes) {}

HttpConnection::~HttpConnection() {
  EndRequest();
  core_->Closed();
}

void HttpConnection::Start() {
  if (core_->is_stopping()) return Close();
  loop_->connections().emplace(this, weak_from_this());
  NextRequest();
}

void HttpConnection::Sweep(Clock::time_point now) {
  if (now < deadline_) return;
  deadline_ = Clock::time_point::max();
  if (phase_ != Phase::kHeader && phase_ != Phase::kBody) return Close();
  has_timed_out_ = true;  // The read that is cancelled says 408.
  beast::error_code ignored;
  socket_.cancel(ignored);
}

void HttpConnection::CloseIfIdle() {
  if (phase_ == Phase::kIdle) Close();
}

void HttpConnection::Close() {
  phase_ = Phase::kClosed;
  loop_->connections().erase(this);
  beast::error_code ignored;
  socket_.close(ignored);
}

void HttpConnection::Enter(Phase phase, std::chrono::milliseconds time) {
  phase_ = phase;
  deadline_ = Clock::now() + time;
}

void HttpConnection::NextRequest() {
  if (core_->is_stopping() && buffer_.size() == 0) return Close();
  parser_.emplace();
  parser_->header_limit(static_cast<uint32_t>(core_->settings().most_header_bytes));
  parser_->body_limit(core_->settings().most_body_bytes);
  header_is_done_ = false;
  is_head_ = false;
  if (buffer_.size() > 0) {
    Enter(Phase::kHeader, core_->settings().header_timeout);
    return Parse();
  }
  Enter(Phase::kIdle, core_->settings().idle_timeout);
  ReadMore();
}

void HttpConnection::Parse() {
  while (!parser_->is_done()) {
    if (buffer_.size() == 0) return ReadMore();
    beast::error_code error;
    const size_t used = parser_->put(buffer_.data(), error);
    buffer_.consume(used);
    if (error == http::error::need_more) return ReadMore();
    if (error) return FailParsing(error);
    if (!header_is_done_ && parser_->is_header_done()) {
      header_is_done_ = true;
      if (!HeaderIsDone()) return;
    }
    if (!BodyFits()) return;
  }
  Handle();
}

void HttpConnection::ReadMore() {
  if (buffer_.size() + kReadBytes > buffer_.max_size()) {
    return Refuse(400, "a line of the request is too long");
  }
  socket_.async_read_some(buffer_.prepare(kReadBytes),
                          [self = shared_from_this()](beast::error_code error, size_t bytes) {
                            HttpConnection& me = *self;
                            if (me.phase_ == Phase::kClosed) return;
                            if (me.has_timed_out_)
                              return me.Refuse(408, "the request came too slowly");
                            if (error) return me.Close();
                            me.buffer_.commit(bytes);
                            if (me.phase_ == Phase::kIdle) {
                              me.Enter(Phase::kHeader, me.core_->settings().header_timeout);
                            }
                            me.Parse();
                          });
}

/// Whether the body may come; false where the request has been refused.
bool HttpConnection::HeaderIsDone() {
  const auto& message = parser_->get();
  is_head_ = message.method() == http::verb::head;
  keeps_alive_ = message.keep_alive();
  if (is_refused_ || !core_->BeginRequest()) {
    Refuse(503, "the server is busy; try again in a moment", 1);
    return false;
  }
  is_counted_ = true;
  if (!BodyFits()) return false;
  if (parser_->is_done()) return true;
  Enter(Phase::kBody, core_->settings().body_timeout);
  parser_->eager(true);
  if (const auto expect = message[http::field::expect]; !expect.empty()) {
    if (!beast::iequals(expect, "100-continue")) {
      Refuse(417, "only 100-continue can be expected");
      return false;
    }
    if (message.version() >= 11 && buffer_.size() == 0) {
      WriteContinue();
      return false;
    }
  }
  return true;
}

void HttpConnection::WriteContinue() {
  asio::async_write(socket_, asio::buffer(kContinue),
                    [self = shared_from_this()](beast::error_code error, size_t) {
                      if (self->phase_ == Phase::kClosed) return;
                      if (error) return self->Close();
                      self->Parse();
                    });
}

/// Whether there is room for the body, as far as its size is known; false where it was refused.
bool HttpConnection::BodyFits() {
  size_t wanted = parser_->get().body().size();
  if (const auto length = parser_->content_length()) wanted = std::max<size_t>(wanted, *length);
  if (wanted <= bytes_taken_) return true;
  if (!parser_->content_length()) wanted = (wanted / kBodyStep + 1) * kBodyStep;
  if (core_->TakeBytes(wanted - bytes_taken_)) {
    bytes_taken_ = wanted;
    return true;
  }
  Refuse(503, "the server holds too many bytes of requests; try again in a moment", 1);
  return false;
}

/// Whether the body is plain now; false where it was refused.
bool HttpConnection::Unpack() {
  const beast::string_view encoding = parser_->get()[http::field::content_encoding];
  if (encoding.empty() || beast::iequals(encoding, "identity")) return true;
  if (!beast::iequals(encoding, "gzip") && !beast::iequals(encoding, "x-gzip")) {
    Refuse(415, "of encodings only gzip is known, not " + std::string(View(encoding)));
    return false;
  }
  Result<std::string> unpacked = Gunzip(request_.body, core_->settings().most_body_bytes);
  if (!unpacked.ok()) {
    const bool too_large = unpacked.status().code() == StatusCode::kResourceExhausted;
    Refuse(too_large ? 413 : 400, unpacked.status().message());
    return false;
  }
  if (!core_->TakeBytes(unpacked->size())) {
    Refuse(503, "the server holds too many bytes of requests; try again in a moment", 1);
    return false;
  }
  bytes_taken_ += unpacked->size();
  unpacked_ = std::move(*unpacked);
  request_.body = unpacked_;
  return true;
}

void HttpConnection::Handle() {
  const auto& message = parser_->get();
  const std::string_view target = View(message.target());
  const size_t question = std::min(target.find('?'), target.size());
  request_.method = is_head_ ? "GET" : View(message.method_string());
  request_.path = target.substr(0, question);
  request_.query = target.substr(std::min(question + 1, target.size()));
  request_.body = message.body();
  request_.headers.clear();
  for (const auto& field : message) {
    request_.headers.emplace_back(View(field.name_string()), View(field.value()));
  }
  core_->CountBody(request_.body.size());
  if (!Unpack()) return;
  phase_ = Phase::kHandling;
  deadline_ = Clock::time_point::max();
  const auto awaited = std::make_shared<AwaitedAnswer>(shared_from_this());
  try {
    core_->handler()(request_, [awaited](HttpAnswer answer) { awaited->Give(std::move(answer)); });
  } catch (const std::exception& error) {
    awaited->Give(ErrorAnswer(500, std::string("the request failed: ") + error.what()));
  }
  // The texts have had their time.
  unpacked_ = std::string();
  parser_->get().body() = std::string();
  core_->GiveBytes(std::exchange(bytes_taken_, 0));
}

void HttpConnection::TakeAnswer(HttpAnswer answer) {
  if (phase_ == Phase::kHandling) Write(std::move(answer));
}

void HttpConnection::FailParsing(beast::error_code error) {
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    return Refuse(431, "the header has more than " +
                           std::to_string(core_->settings().most_header_bytes) + " bytes");
  }
  if (error == http::error::body_limit) {
    return Refuse(413, "the body has more than " +
                           std::to_string(core_->settings().most_body_bytes) + " bytes");
  }
  Refuse(400, "the request is no HTTP/1.1: " + error.message());
}

/// Answers and closes, as nobody knows where the next request would begin.
void HttpConnection::Refuse(int status, std::string_view why, int retry_after_seconds) {
  keeps_alive_ = false;
  HttpAnswer answer = ErrorAnswer(status, why);
  if (retry_after_seconds > 0) {
    answer.headers.emplace_back("Retry-After", std::to_string(retry_after_seconds));
  }
  Write(std::move(answer));
}

void HttpConnection::Write(HttpAnswer answer) {
  core_->CountAnswer(answer.status);
  if (core_->is_stopping() && buffer_.size() == 0) keeps_alive_ = false;
  const unsigned version = header_is_done_ ? parser_->get().version() : 11;
  head_out_ = Head(answer, version, keeps_alive_);
  body_out_ = is_head_ || HasNoBody(answer.status) ? std::string() : std::move(answer.body);
  Enter(Phase::kWriting, core_->settings().write_timeout);
  asio::async_write(
      socket_, std::array<asio::const_buffer, 2>{asio::buffer(head_out_), asio::buffer(body_out_)},
      [self = shared_from_this()](beast::error_code error, size_t) {
        if (self->phase_ == Phase::kClosed) return;
        if (error) return self->Close();
        self->AfterWriting();
      });
}

void HttpConnection::AfterWriting() {
  EndRequest();
  body_out_ = std::string();
  if (keeps_alive_) return NextRequest();
  Linger();
}

/// A socket that is closed with bytes unread is reset, and the client may never see its answer.
void HttpConnection::Linger() {
  beast::error_code ignored;
  socket_.shutdown(tcp::socket::shutdown_send, ignored);
  Enter(Phase::kLingering, kLingerTime);
  buffer_.consume(buffer_.size());
  DropRest();
}

void HttpConnection::DropRest() {
  socket_.async_read_some(buffer_.prepare(kReadBytes),
                          [self = shared_from_this()](beast::error_code error, size_t bytes) {
                            if (self->phase_ == Phase::kClosed) return;
                            self->dropped_bytes_ += bytes;
                            if (error || self->dropped_bytes_ > kMostDroppedBytes) {
                              return self->Close();
                            }
                            self->DropRest();
                          });
}

void HttpConnection::EndRequest() {
  if (std::exchange(is_counted_, false)) core_->EndRequest();
  core_->GiveBytes(std::exchange(bytes_taken_, 0));
}

}  // namespace joist::serve
