// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// WriteLines: each element as a line over TCP, ended by "\n", to a server that is there before.
//
//   lines | joist::net::WriteLines("127.0.0.1", 9000)
//
// At least once, and no more than that: a bundle's lines are sent before it is finished, and once
// more when it is tried again; a connection that broke may have ended with part of a line. TCP says
// nothing of what a server has read: lines that it had only received are lost if it dies, and
// nobody knows. A server that must not lose anything has to answer: joist/io/net/http_sink.h.
//
// Each thread has a connection of its own, so lines of several come mixed. Text with a line's end
// in it is two lines.

#ifndef JOIST_IO_NET_SOCKET_SINK_H_
#define JOIST_IO_NET_SOCKET_SINK_H_

#include <cstdint>
#include <source_location>
#include <string>
#include <string_view>
#include <utility>

#include "joist/io/net/socket_settings.h"
#include "joist/sdk/pcollection.h"

namespace joist::net {

class WriteLines : public Transform {
 public:
  static constexpr std::string_view kKind = "net::WriteLines";
  /// `port` is from 1 to 65535.
  WriteLines(std::string host, int64_t port,
             std::source_location where = std::source_location::current())
      : Transform(where) {
    settings_.host = std::move(host);
    settings_.port = port;
  }
  /// For connecting and for sending 64 KB; positive.
  WriteLines WithTimeout(Duration timeout) && {
    settings_.timeout = timeout;
    return std::move(*this);
  }
  /// Of connecting. What fails while it sends is the bundle's failure, which the engine tries
  /// again.
  WriteLines WithRetries(RetryPolicy retries) && {
    settings_.retries = retries;
    return std::move(*this);
  }
  void Expand(const PCollection<std::string>& lines) const;

 private:
  SocketSettings settings_;
};

}  // namespace joist::net

#endif  // JOIST_IO_NET_SOCKET_SINK_H_
