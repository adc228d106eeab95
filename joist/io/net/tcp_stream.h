// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// TcpStream: a connection whose every operation ends after a time. The only files that know the
// library beneath it (docs/adr/0015-sinks.md) are tcp_stream.cc, tls_session.cc and http_client.cc.
// Belongs to one thread.

#ifndef JOIST_IO_NET_TCP_STREAM_H_
#define JOIST_IO_NET_TCP_STREAM_H_

#include <memory>
#include <string>
#include <string_view>

#include "joist/base/status.h"
#include "joist/model/timestamp.h"

namespace joist::net {

class TcpStream {
 public:
  TcpStream();
  ~TcpStream();
  TcpStream(const TcpStream&) = delete;
  TcpStream& operator=(const TcpStream&) = delete;

  /// All errors are kUnavailable, and close the connection. `timeout` is that of the whole call,
  /// but for the look-up of a name.
  Status Connect(const std::string& host, const std::string& port, Duration timeout);
  Status Write(std::string_view bytes, Duration timeout);
  /// Appends what is there to read, at most 64 KB, without waiting. At the peer's end the stream is
  /// closed, without an error.
  Status ReadReady(std::string* bytes);
  /// An error if the peer has closed its side, as far as that is known here.
  Status CheckPeer();
  bool is_open() const;
  void Close();

  struct Impl;
  Impl& impl() { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace joist::net

#endif  // JOIST_IO_NET_TCP_STREAM_H_
