// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/engine/metrics_server.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

#include <exception>
#include <limits>
#include <thread>
#include <utility>

namespace joist {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;

http::response<http::string_body> Answer(const http::request<http::empty_body>& request,
                                         const std::function<std::string()>& metrics) {
  http::response<http::string_body> response;
  response.version(request.version());
  response.set(http::field::content_type, "text/plain; charset=utf-8");
  if (request.method() != http::verb::get && request.method() != http::verb::head) {
    response.result(http::status::method_not_allowed);
    response.set(http::field::allow, "GET, HEAD");
    response.body() = "only GET is understood\n";
  } else if (const auto path = request.target().substr(0, request.target().find('?'));
             path == "/metrics") {
    response.set(http::field::content_type, "text/plain; version=0.0.4; charset=utf-8");
    response.body() = metrics();
  } else if (path == "/healthz") {
    response.body() = "ok\n";
  } else {
    response.result(http::status::not_found);
    response.body() = "there are /metrics and /healthz\n";
  }
  return response;
}

/// One connection; lives as long as something is to come.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  /// Both outlive it.
  Connection(tcp::socket socket, const std::function<std::string()>* metrics, int* open)
      : stream_(std::move(socket)), metrics_(metrics), open_(open) {
    ++*open_;
    parser_.header_limit(MetricsServer::kMostBytes);
    parser_.body_limit(std::numeric_limits<uint64_t>::max());  // It is not read.
  }
  ~Connection() { --*open_; }

  void Read() {
    stream_.expires_after(MetricsServer::kLongest);
    http::async_read_header(
        stream_, buffer_, parser_,
        [self = shared_from_this()](beast::error_code error, size_t) { self->Write(error); });
  }

 private:
  void Write(beast::error_code error) {
    if (error == http::error::header_limit || error == http::error::buffer_overflow) {
      response_.result(http::status::request_header_fields_too_large);
    } else if (error.category() == http::make_error_code(http::error::bad_target).category() &&
               error != http::error::end_of_stream && error != http::error::partial_message) {
      response_.result(http::status::bad_request);
    } else if (error) {
      return;  // Nobody is there any more.
    } else {
      try {
        response_ = Answer(parser_.get(), *metrics_);
      } catch (const std::exception&) {  // Out of memory; the job is to live on.
        response_ = {http::status::internal_server_error, 11};
      }
    }
    const bool is_head = !error && parser_.get().method() == http::verb::head;
    response_.keep_alive(false);
    response_.prepare_payload();
    if (is_head) response_.body().clear();  // Its length stays.
    stream_.expires_after(MetricsServer::kLongest);
    http::async_write(stream_, response_, [self = shared_from_this()](beast::error_code, size_t) {
      beast::error_code ignored;
      self->stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
    });
  }

  beast::tcp_stream stream_;
  const std::function<std::string()>* const metrics_;
  int* const open_;
  beast::flat_buffer buffer_{MetricsServer::kMostBytes};
  http::request_parser<http::empty_body> parser_;
  http::response<http::string_body> response_;
};

class BeastServer final : public MetricsServer {
 public:
  explicit BeastServer(std::function<std::string()> metrics) : metrics_(std::move(metrics)) {}
  ~BeastServer() override {
    context_.stop();
    if (thread_.joinable()) thread_.join();
  }

  Status Listen(const std::string& host, int port) {
    beast::error_code error;
    const asio::ip::address address = asio::ip::make_address(host, error);
    if (error) return InvalidArgument("\"" + host + "\" is no address, as 127.0.0.1 is one");
    const tcp::endpoint endpoint(address, static_cast<uint16_t>(port));
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    const std::string where = host + " port " + std::to_string(port);
    if (error == asio::error::address_in_use) {
      return {StatusCode::kUnavailable, where + " is in use by another program"};
    }
    if (error) return FromErrno(error.value(), "cannot listen on " + where);
    port_ = acceptor_.local_endpoint().port();
    Accept();
    thread_ = std::thread([this] { context_.run(); });
    return OkStatus();
  }
  int port() const override { return port_; }

 private:
  void Accept() {
    acceptor_.async_accept([this](beast::error_code error, tcp::socket socket) {
      // A connection too many is closed here.
      if (!error && open_ < kMostConnections) {
        std::make_shared<Connection>(std::move(socket), &metrics_, &open_)->Read();
      }
      if (!error) return Accept();
      // Out of file descriptors, say: later there may be some.
      again_.expires_after(std::chrono::milliseconds(100));
      again_.async_wait([this](beast::error_code) { Accept(); });
    });
  }

  const std::function<std::string()> metrics_;
  int open_ = 0;
  int port_ = 0;
  asio::io_context context_{1};  // Destroys its connections before what they refer to.
  tcp::acceptor acceptor_{context_};
  asio::steady_timer again_{context_};
  std::thread thread_;
};

}  // namespace

Result<std::unique_ptr<MetricsServer>> MetricsServer::Start(const std::string& host, int port,
                                                            std::function<std::string()> metrics) {
  auto server = std::make_unique<BeastServer>(std::move(metrics));
  JOIST_RETURN_IF_ERROR(server->Listen(host, port));
  return std::unique_ptr<MetricsServer>(std::move(server));
}

}  // namespace joist
