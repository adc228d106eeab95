// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/net/tcp_stream.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/write.hpp>
#include <cerrno>

#include "joist/io/net/tcp_stream_impl.h"

namespace joist::net {
namespace {

Status Unavailable(const std::string& what, const boost::system::error_code& error) {
  return {StatusCode::kUnavailable, what + ": " + Reason(error)};
}

}  // namespace

TcpStream::TcpStream() : impl_(std::make_unique<Impl>()) {}
TcpStream::~TcpStream() = default;

bool TcpStream::is_open() const { return impl_->is_open; }

void TcpStream::Close() {
  impl_->is_open = false;
  impl_->stream.close();
}

Status TcpStream::Connect(const std::string& host, const std::string& port, Duration timeout) {
  Close();
  boost::system::error_code error;
  boost::asio::ip::tcp::resolver resolver(impl_->context);
  const auto endpoints = resolver.resolve(host, port, error);
  if (error) return Unavailable("cannot find " + host, error);
  error = impl_->Run(
      timeout, [&](auto handler) { impl_->stream.async_connect(endpoints, std::move(handler)); });
  if (error) {
    Close();
    return Unavailable("cannot connect to " + host + " at port " + port, error);
  }
  impl_->stream.socket().set_option(boost::asio::ip::tcp::no_delay(true), error);
  impl_->is_open = true;
  return OkStatus();
}

Status TcpStream::Write(std::string_view bytes, Duration timeout) {
  const auto error = impl_->Run(timeout, [&](auto handler) {
    boost::asio::async_write(impl_->stream, boost::asio::buffer(bytes.data(), bytes.size()),
                             std::move(handler));
  });
  if (!error) return OkStatus();
  Close();
  return Unavailable("cannot send", error);
}

Status TcpStream::ReadReady(std::string* bytes) {
  constexpr size_t kMost = 64 << 10;
  const size_t before = bytes->size();
  bytes->resize(before + kMost);
  const ssize_t size =
      recv(impl_->stream.socket().native_handle(), bytes->data() + before, kMost, MSG_DONTWAIT);
  const int error = errno;
  bytes->resize(before + static_cast<size_t>(std::max<ssize_t>(size, 0)));
  if (size > 0 || (size < 0 && (error == EAGAIN || error == EWOULDBLOCK))) return OkStatus();
  Close();
  if (size == 0) return OkStatus();
  return {StatusCode::kUnavailable, FromErrno(error, "the connection is lost").message()};
}

Status TcpStream::CheckPeer() {
  pollfd state = {impl_->stream.socket().native_handle(), POLLRDHUP, 0};
  if (poll(&state, 1, 0) == 0) return OkStatus();
  Close();
  const bool is_end = (state.revents & POLLERR) == 0;
  return {StatusCode::kUnavailable, is_end ? "the peer has closed" : "the connection is lost"};
}

}  // namespace joist::net
