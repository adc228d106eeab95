// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// HttpConnection: one client of an HttpServer; part of http_server.cc. Belongs to the thread of its
// loop, and lives as long as something is to come: bytes, an answer, or their deadline.

#ifndef JOIST_SERVE_HTTP_CONNECTION_H_
#define JOIST_SERVE_HTTP_CONNECTION_H_

#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "joist/serve/http.h"
#include "joist/serve/http_core.h"

namespace joist::serve {

class HttpConnection : public std::enable_shared_from_this<HttpConnection> {
 public:
  using Clock = std::chrono::steady_clock;

  /// `is_refused`: its first request is answered 503. The connection has been counted with `core`.
  HttpConnection(boost::asio::ip::tcp::socket socket, std::shared_ptr<HttpCore> core,
                 HttpLoop* loop, bool is_refused);
  HttpConnection(const HttpConnection&) = delete;
  HttpConnection& operator=(const HttpConnection&) = delete;
  ~HttpConnection();

  void Start();
  /// Ends what has taken too long.
  void Sweep(Clock::time_point now);
  /// Closes if no request has begun; otherwise its answer will be the last.
  void CloseIfIdle();
  void Close();

  HttpLoop* loop() const { return loop_; }
  const std::shared_ptr<HttpCore>& core() const { return core_; }
  /// The handler's answer, in the loop's thread.
  void TakeAnswer(HttpAnswer answer);

 private:
  enum class Phase : uint8_t { kIdle, kHeader, kBody, kHandling, kWriting, kLingering, kClosed };

  void Enter(Phase phase, std::chrono::milliseconds time);
  void NextRequest();
  void Parse();
  void ReadMore();
  bool HeaderIsDone();
  bool BodyFits();
  bool Unpack();
  void Handle();
  void FailParsing(boost::beast::error_code error);
  void Refuse(int status, std::string_view why, int retry_after_seconds = 0);
  void WriteContinue();
  void Write(HttpAnswer answer);
  void AfterWriting();
  void Linger();
  void DropRest();
  void EndRequest();

  boost::asio::ip::tcp::socket socket_;
  const std::shared_ptr<HttpCore> core_;
  HttpLoop* const loop_;
  const bool is_refused_;
  Phase phase_ = Phase::kIdle;
  Clock::time_point deadline_ = Clock::time_point::max();
  boost::beast::flat_buffer buffer_;
  std::optional<boost::beast::http::request_parser<boost::beast::http::string_body>> parser_;
  HttpRequest request_;
  std::string unpacked_;     ///< The body where it was compressed.
  bool is_counted_ = false;  ///< With the requests in flight.
  size_t bytes_taken_ = 0;   ///< Of the core's for bodies.
  bool header_is_done_ = false;
  bool is_head_ = false;
  bool keeps_alive_ = true;
  bool has_timed_out_ = false;
  size_t dropped_bytes_ = 0;
  std::string head_out_;
  std::string body_out_;
};

}  // namespace joist::serve

#endif  // JOIST_SERVE_HTTP_CONNECTION_H_
