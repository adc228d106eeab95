// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// HttpClient: requests to one server, over a connection that is kept. Belongs to one thread.

#ifndef JOIST_IO_NET_HTTP_CLIENT_H_
#define JOIST_IO_NET_HTTP_CLIENT_H_

#include <string>
#include <string_view>
#include <utility>

#include "joist/base/status.h"
#include "joist/io/net/tcp_stream.h"
#include "joist/io/net/url.h"
#include "joist/model/timestamp.h"

namespace joist::net {

struct HttpResponse {
  int status = 0;
  std::string reason;       ///< "Not Found".
  std::string retry_after;  ///< The header, empty if there is none.
  std::string body;         ///< Empty where it is longer than kLongestBody.
  static constexpr size_t kLongestBody = 1 << 20;
};

class HttpClient {
 public:
  /// `timeout` is that of each: connecting, sending, and waiting for the answer.
  HttpClient(HttpUrl url, Duration timeout) : url_(std::move(url)), timeout_(timeout) {}

  /// `token` is sent as a bearer token unless it is empty. Where a kept connection turns out to be
  /// closed the request is sent once more. Errors are kUnavailable: there was no answer.
  Result<HttpResponse> Post(std::string_view content_type, const std::string& body,
                            const std::string& token);

  const HttpUrl& url() const { return url_; }

 private:
  Result<HttpResponse> Send(std::string_view content_type, const std::string& body,
                            const std::string& token);

  HttpUrl url_;
  Duration timeout_;
  TcpStream stream_;
};

}  // namespace joist::net

#endif  // JOIST_IO_NET_HTTP_CLIENT_H_
