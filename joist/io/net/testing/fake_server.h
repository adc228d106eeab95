// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// For tests: a server on a port of its own of this machine. What it does with a connection, its
// function says, which may be called by several threads.

#ifndef JOIST_IO_NET_TESTING_FAKE_SERVER_H_
#define JOIST_IO_NET_TESTING_FAKE_SERVER_H_

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace joist::net {

class FakeServer {
 public:
  using Serve = std::function<void(int connection)>;

  explicit FakeServer(Serve serve) : serve_(std::move(serve)) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    if (bind(listener_, any, size) != 0 || listen(listener_, 64) != 0 ||
        getsockname(listener_, any, &size) != 0) {
      abort();
    }
    port_ = ntohs(address.sin_port);
    acceptor_ = std::thread([this] { Accept(); });
  }
  ~FakeServer() { Stop(); }
  void Stop() {
    if (!acceptor_.joinable()) return;
    shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    {
      const std::lock_guard lock(mutex_);
      for (const int connection : connections_) shutdown(connection, SHUT_RDWR);
    }
    for (std::thread& thread : threads_) thread.join();
    for (const int connection : connections_) close(connection);
    close(listener_);
  }

  uint16_t port() const { return port_; }
  size_t connections() {
    const std::lock_guard lock(mutex_);
    return connections_.size();
  }

 private:
  void Accept() {
    for (int connection; (connection = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC)) >= 0;) {
      const std::lock_guard lock(mutex_);
      connections_.push_back(connection);
      threads_.emplace_back([this, connection] {
        serve_(connection);
        shutdown(connection, SHUT_RDWR);
      });
    }
  }

  const Serve serve_;
  int listener_ = -1;
  uint16_t port_ = 0;
  std::mutex mutex_;
  std::vector<int> connections_;
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

/// What comes next; false at the end.
inline bool ReadMore(int connection, std::string* bytes) {
  char part[4096];
  const ssize_t size = recv(connection, part, sizeof(part), 0);
  if (size > 0) bytes->append(part, static_cast<size_t>(size));
  return size > 0;
}
inline void Answer(int connection, std::string_view bytes) {
  (void)!send(connection, bytes.data(), bytes.size(), MSG_NOSIGNAL);
}
/// "503 Service Unavailable" with a body, and headers that end with "\r\n".
inline std::string HttpAnswer(const std::string& status, const std::string& body = "",
                              const std::string& headers = "") {
  return "HTTP/1.1 " + status + "\r\n" + headers +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

struct HttpRequest {
  std::string head;
  std::string body;
};

/// Answers each request of a connection by what `answer` returns; an empty text closes it.
class FakeHttpServer {
 public:
  using Answers = std::function<std::string(const HttpRequest&)>;
  explicit FakeHttpServer(Answers answer)
      : answer_(std::move(answer)), server_([this](int connection) { Serve(connection); }) {}

  std::string Url(const std::string& path = "/") const {
    return "http://127.0.0.1:" + std::to_string(server_.port()) + path;
  }
  std::vector<HttpRequest> requests() {
    const std::lock_guard lock(mutex_);
    return requests_;
  }
  size_t connections() { return server_.connections(); }

 private:
  void Serve(int connection) {
    std::string bytes;
    while (true) {
      size_t head;
      while ((head = bytes.find("\r\n\r\n")) == std::string::npos) {
        if (!ReadMore(connection, &bytes)) return;
      }
      HttpRequest request{bytes.substr(0, head + 2), ""};
      const size_t length = request.head.find("Content-Length: ");
      const size_t size =
          length == std::string::npos ? 0 : std::stoul(request.head.substr(length + 16));
      while (bytes.size() < head + 4 + size) {
        if (!ReadMore(connection, &bytes)) return;
      }
      request.body = bytes.substr(head + 4, size);
      bytes.erase(0, head + 4 + size);
      {
        const std::lock_guard lock(mutex_);
        requests_.push_back(request);
      }
      const std::string answer = answer_(request);
      if (answer.empty()) return;
      Answer(connection, answer);
    }
  }

  const Answers answer_;
  std::mutex mutex_;
  std::vector<HttpRequest> requests_;
  FakeServer server_;
};

}  // namespace joist::net

#endif  // JOIST_IO_NET_TESTING_FAKE_SERVER_H_
