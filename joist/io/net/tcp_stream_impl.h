// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// What TcpStream is made of. For its own .cc files alone.

#ifndef JOIST_IO_NET_TCP_STREAM_IMPL_H_
#define JOIST_IO_NET_TCP_STREAM_IMPL_H_

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/tcp_stream.hpp>

#include <chrono>
#include <string>

#include "joist/io/net/tcp_stream.h"

namespace joist::net {

struct TcpStream::Impl {
  boost::asio::io_context context;
  boost::beast::tcp_stream stream{context};
  bool is_open = false;

  /// Starts one operation by start(handler), and waits for its end. The stream gives up by itself.
  template <class Start>
  boost::system::error_code Run(Duration timeout, Start start) {
    boost::system::error_code result;
    stream.expires_after(std::chrono::milliseconds(timeout.millis));
    start([&result](boost::system::error_code error, const auto&...) { result = error; });
    context.restart();
    context.run();
    stream.expires_never();
    return result;
  }
};

/// "timed out", "Connection refused" and the like.
inline std::string Reason(const boost::system::error_code& error) {
  return error == boost::beast::error::timeout ? "timed out" : error.message();
}

}  // namespace joist::net

#endif  // JOIST_IO_NET_TCP_STREAM_IMPL_H_
