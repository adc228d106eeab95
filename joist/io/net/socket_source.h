// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// ReadLines: the lines that a TCP server sends, until it closes. A collection without end, for a
// stream:
//
//   pipeline | joist::net::ReadLines("127.0.0.1", 9000)
//
// It can lose lines, and nothing can be done about it: a socket cannot be read again. Lines that
// were read and are in no checkpoint when the job dies, or fails and goes on from the last one, are
// gone; the job connects anew, and reads what the server sends then. For what must not be lost use
// files (joist/io/files/watch.h) or a queue.
//
// A line has the time at which it was read, which is the watermark too. A server that closes ends
// the collection; a connection that breaks is a failure. One thread reads.

#ifndef JOIST_IO_NET_SOCKET_SOURCE_H_
#define JOIST_IO_NET_SOCKET_SOURCE_H_

#include <source_location>
#include <string>
#include <string_view>
#include <utility>

#include "joist/io/net/socket_settings.h"
#include "joist/sdk/pipeline.h"

namespace joist::net {

class ReadLines : public Transform {
 public:
  static constexpr std::string_view kKind = "net::ReadLines";
  /// A line that is longer is a failure, in bytes.
  static constexpr size_t kLongestLine = 16 << 20;

  /// `port` is from 1 to 65535.
  ReadLines(std::string host, int64_t port,
            std::source_location where = std::source_location::current())
      : Transform(where) {
    settings_.host = std::move(host);
    settings_.port = port;
  }
  /// Of connecting. The stream goes on while it waits for the next attempt.
  ReadLines WithRetries(RetryPolicy retries) && {
    settings_.retries = retries;
    return std::move(*this);
  }

  PCollection<std::string> Expand(const Pipeline& pipeline) const;

 private:
  SocketSettings settings_;
};

}  // namespace joist::net

#endif  // JOIST_IO_NET_SOCKET_SOURCE_H_
