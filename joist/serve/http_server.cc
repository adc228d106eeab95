// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/serve/http_server.h"

#include <boost/asio/ip/tcp.hpp>

#include <algorithm>
#include <thread>
#include <utility>
#include <vector>

#include "joist/serve/http_connection.h"
#include "joist/serve/http_core.h"

namespace joist::serve {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::beast::error_code;
using std::chrono::milliseconds;

/// Connections beyond the limit that are told so; those beyond these are closed without a word.
constexpr int kMostRefusedConnections = 64;
/// After running out of file descriptors, say.
constexpr milliseconds kAcceptPause{100};

Status Check(const HttpServerSettings& settings) {
  const auto wrong = [](const char* what) {
    return InvalidArgument(std::string("HTTP server: ") + what);
  };
  if (settings.port < 0 || settings.port > 65535) return wrong("the port is not in 0 to 65535");
  if (settings.threads < 1 || settings.threads > 256) return wrong("threads are not in 1 to 256");
  if (settings.most_header_bytes < 256 || settings.most_header_bytes > (1 << 20)) {
    return wrong("the limit of headers is not in 256 bytes to 1 MiB");
  }
  if (settings.most_connections < 1 || settings.most_requests_in_flight < 1) {
    return wrong("at least one connection and one request must be allowed");
  }
  const milliseconds shortest =
      std::min({settings.header_timeout, settings.body_timeout, settings.idle_timeout,
                settings.write_timeout, settings.drain_timeout});
  return shortest > milliseconds(0) ? OkStatus() : wrong("a timeout is not positive");
}

/// How often deadlines are looked at.
milliseconds SweepPause(const HttpServerSettings& settings) {
  const milliseconds shortest = std::min({settings.header_timeout, settings.body_timeout,
                                          settings.idle_timeout, settings.write_timeout});
  return std::clamp(shortest / 4, milliseconds(10), milliseconds(250));
}

class BeastHttpServer final : public HttpServer {
 public:
  BeastHttpServer(const HttpServerSettings& settings, HttpHandler handler)
      : core_(std::make_shared<HttpCore>(settings, std::move(handler))),
        acceptor_(Loop(0).context()),
        accept_again_(Loop(0).context()) {}
  ~BeastHttpServer() override { Stop(); }

  Status Listen() {
    const HttpServerSettings& settings = core_->settings();
    error_code error;
    const asio::ip::address address = asio::ip::make_address(settings.address, error);
    if (error)
      return InvalidArgument("\"" + settings.address + "\" is no address, as 127.0.0.1 is");
    const tcp::endpoint endpoint(address, static_cast<uint16_t>(settings.port));
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    const std::string where = settings.address + " port " + std::to_string(settings.port);
    if (error == asio::error::address_in_use) {
      return {StatusCode::kUnavailable, "cannot serve HTTP: " + where +
                                            " is in use by another program; stop that one or "
                                            "choose another port (0 is any that is free)"};
    }
    if (error) return FromErrno(error.value(), "cannot serve HTTP on " + where);
    port_ = acceptor_.local_endpoint(error).port();
    Accept();
    for (const auto& loop : core_->loops()) {
      loop->SweepEvery(SweepPause(settings), [loop = loop.get()] {
        const auto now = HttpConnection::Clock::now();
        ForEachOf(loop, [now](HttpConnection* connection) { connection->Sweep(now); });
      });
      threads_.emplace_back([core = core_, loop = loop.get()] { loop->context().run(); });
    }
    return OkStatus();
  }

  int port() const override { return port_; }
  HttpFigures figures() const override { return core_->figures(); }

  void Stop() override {
    if (threads_.empty()) return;
    core_->SetStopping();
    Loop(0).Post([this] {
      error_code ignored;
      acceptor_.close(ignored);
      accept_again_.cancel();
    });
    ForEach(&HttpConnection::CloseIfIdle);
    core_->WaitUntilClosed(core_->settings().drain_timeout);
    ForEach(&HttpConnection::Close);
    for (const auto& loop : core_->loops()) {
      loop->Post([loop = loop.get()] { loop->EndSweeps(); });
      loop->Close();
    }
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

 private:
  HttpLoop& Loop(size_t i) { return *core_->loops()[i]; }

  /// Calls it for each connection, in its loop's thread, where this is called too.
  template <class Act>
  static void ForEachOf(HttpLoop* loop, Act act) {
    std::vector<std::shared_ptr<HttpConnection>> connections;  // They leave the list as they close.
    for (const auto& [key, connection] : loop->connections()) {
      if (auto alive = connection.lock()) connections.push_back(std::move(alive));
    }
    for (const auto& connection : connections) act(connection.get());
  }

  void ForEach(void (HttpConnection::*act)()) {
    for (const auto& loop : core_->loops()) {
      loop->Post([loop = loop.get(), act] {
        ForEachOf(loop, [act](HttpConnection* connection) { (connection->*act)(); });
      });
    }
  }

  void Accept() {
    HttpLoop& loop = Loop(next_loop_++ % core_->loops().size());
    acceptor_.async_accept(loop.context(), [this, &loop](error_code error, tcp::socket socket) {
      if (core_->is_stopping()) return;
      if (!error) {
        Welcome(std::move(socket), &loop);
        return Accept();
      }
      accept_again_.expires_after(kAcceptPause);
      accept_again_.async_wait([this](error_code cancelled) {
        if (!cancelled) Accept();
      });
    });
  }

  void Welcome(tcp::socket socket, HttpLoop* loop) {
    const int open = core_->Open();
    const int most = core_->settings().most_connections;
    if (open > most + kMostRefusedConnections) return core_->Closed();
    error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    auto connection = std::make_shared<HttpConnection>(std::move(socket), core_, loop, open > most);
    loop->Post([connection = std::move(connection)] { connection->Start(); });
  }

  const std::shared_ptr<HttpCore> core_;
  tcp::acceptor acceptor_;
  asio::steady_timer accept_again_;
  size_t next_loop_ = 0;
  int port_ = 0;
  std::vector<std::thread> threads_;
};

}  // namespace

Result<std::unique_ptr<HttpServer>> HttpServer::Start(const HttpServerSettings& settings,
                                                      HttpHandler handler) {
  JOIST_RETURN_IF_ERROR(Check(settings));
  auto server = std::make_unique<BeastHttpServer>(settings, std::move(handler));
  JOIST_RETURN_IF_ERROR(server->Listen());
  return std::unique_ptr<HttpServer>(std::move(server));
}

}  // namespace joist::serve
