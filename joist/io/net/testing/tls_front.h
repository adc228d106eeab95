// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// For tests: TLS before a server of this machine that has none. What clients send, it keeps.

#ifndef JOIST_IO_NET_TESTING_TLS_FRONT_H_
#define JOIST_IO_NET_TESTING_TLS_FRONT_H_

#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>

#include <memory>
#include <mutex>
#include <string>

#include "joist/io/net/testing/fake_server.h"
#include "joist/io/net/testing/test_certificate.h"

namespace joist::net {

class TlsFront {
 public:
  struct Settings {
    int newest_version = TLS1_3_VERSION;
    bool says_goodbye = true;  ///< At a connection's end.
  };

  TlsFront(const TestCertificate& certificate, uint16_t target, Settings settings)
      : certificate_(certificate),
        target_(target),
        settings_(settings),
        context_(SSL_CTX_new(TLS_server_method()), &SSL_CTX_free),
        server_([this](int connection) { Serve(connection); }) {
    SSL_CTX_set_max_proto_version(context_.get(), settings.newest_version);
    // Also those that no client should accept.
    SSL_CTX_set_min_proto_version(context_.get(), TLS1_VERSION);
    if (settings.newest_version < TLS1_2_VERSION) SSL_CTX_set_security_level(context_.get(), 0);
    SSL_CTX_set_mode(context_.get(), SSL_MODE_AUTO_RETRY);
    SSL_CTX_use_certificate(context_.get(), certificate.certificate.get());
    SSL_CTX_use_PrivateKey(context_.get(), certificate.key.get());
  }
  TlsFront(const TestCertificate& certificate, uint16_t target)
      : TlsFront(certificate, target, Settings()) {}
  ~TlsFront() { server_.Stop(); }

  std::string Url(const std::string& host = "localhost", const std::string& path = "/") const {
    return "https://" + host + ":" + std::to_string(server_.port()) + path;
  }
  size_t connections() { return server_.connections(); }
  /// All bytes that clients have sent, decrypted.
  std::string received() {
    const std::lock_guard lock(mutex_);
    return received_;
  }
  /// The host that a client has asked for last.
  std::string asked_host() {
    const std::lock_guard lock(mutex_);
    return asked_host_;
  }

 private:
  void Serve(int connection) {
    // A client that is gone fails what OpenSSL writes, and ends no test.
    sigset_t broken_pipe;
    sigemptyset(&broken_pipe);
    sigaddset(&broken_pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &broken_pipe, nullptr);
    const std::unique_ptr<SSL, decltype(&SSL_free)> tls(SSL_new(context_.get()), &SSL_free);
    SSL_set_fd(tls.get(), connection);
    if (SSL_accept(tls.get()) != 1) return;
    if (const char* const name = SSL_get_servername(tls.get(), TLSEXT_NAMETYPE_host_name)) {
      const std::lock_guard lock(mutex_);
      asked_host_ = name;
    }
    const int target = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(target_);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(target, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0) {
      Relay(tls.get(), connection, target);
    }
    close(target);
    if (settings_.says_goodbye) SSL_shutdown(tls.get());
  }
  /// Until one of both ends.
  void Relay(SSL* tls, int connection, int target) {
    std::string part(64 << 10, '\0');
    while (true) {
      pollfd ready[] = {{connection, POLLIN, 0}, {target, POLLIN, 0}};
      if (SSL_pending(tls) == 0 && poll(ready, 2, -1) < 0) return;
      if (SSL_pending(tls) > 0 || ready[0].revents != 0) {
        const int size = SSL_read(tls, part.data(), static_cast<int>(part.size()));
        if (size <= 0) return;
        Answer(target, {part.data(), static_cast<size_t>(size)});
        const std::lock_guard lock(mutex_);
        received_.append(part, 0, static_cast<size_t>(size));
      }
      if (ready[1].revents != 0) {
        const ssize_t size = recv(target, part.data(), part.size(), 0);
        if (size <= 0 || SSL_write(tls, part.data(), static_cast<int>(size)) <= 0) return;
      }
    }
  }

  const TestCertificate certificate_;
  const uint16_t target_;
  const Settings settings_;
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_;
  std::mutex mutex_;
  std::string received_;
  std::string asked_host_;
  FakeServer server_;
};

}  // namespace joist::net

#endif  // JOIST_IO_NET_TESTING_TLS_FRONT_H_
