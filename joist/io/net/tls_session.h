// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// TlsSession: TLS over a TcpStream, for a client that verifies whom it speaks to. For .cc files of
// this folder alone. Belongs to one thread.

#ifndef JOIST_IO_NET_TLS_SESSION_H_
#define JOIST_IO_NET_TLS_SESSION_H_

#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>

#include <optional>
#include <string>

#include "joist/base/status.h"
#include "joist/io/net/tcp_stream_impl.h"

namespace joist::net {

class TlsSession {
 public:
  using Stream = boost::asio::ssl::stream<boost::beast::tcp_stream&>;

  /// Reads the authorities that are trusted.
  TlsSession();

  /// Agrees on keys over `connection`, which was just made and outlives the session, with a server
  /// that has a certificate for `host`, a name or an address. Errors close the connection:
  /// kUnauthenticated where the certificate is not trusted, else kUnavailable.
  Status Begin(TcpStream* connection, const std::string& host, Duration timeout);
  /// Before the connection is made anew.
  void End() { stream_.reset(); }
  Stream& stream() { return *stream_; }

 private:
  boost::asio::ssl::context context_{boost::asio::ssl::context::tls_client};
  std::optional<Stream> stream_;
};

}  // namespace joist::net

#endif  // JOIST_IO_NET_TLS_SESSION_H_
