// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// HttpClient: requests to one server, over a connection that is kept; over TLS where its URL begins
// with https. Belongs to one thread.
//
// Of TLS 1.2 or later; the certificate's chain, dates and host name are verified. Trusted are the
// authorities of the system, or those that OpenSSL's variables SSL_CERT_FILE and SSL_CERT_DIR name.

#ifndef JOIST_IO_NET_HTTP_CLIENT_H_
#define JOIST_IO_NET_HTTP_CLIENT_H_

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "joist/base/status.h"
#include "joist/io/net/url.h"
#include "joist/model/timestamp.h"

namespace joist::net {

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

/// A request. What it refers to lives until Call has returned.
struct HttpCall {
  static constexpr size_t kLongestBody = 1 << 20;

  std::string_view method = "GET";
  std::string_view target = "";  ///< Path and query; those of the client's URL if empty.
  HttpHeaders headers = {};
  std::string_view content_type = "";
  std::vector<std::string_view> body = {};  ///< Parts, one after the other; sent where they lie.
  size_t most_bytes = kLongestBody;         ///< Of the answer's body.
  /// Whether the request may take effect twice. If so, it is sent once more where a kept connection
  /// ends without an answer.
  bool may_repeat = false;
};

struct HttpResponse {
  int status = 0;
  std::string reason = "";  ///< "Not Found".
  HttpHeaders headers = {};
  std::string body = "";
  bool is_too_long = false;  ///< More than `most_bytes`; the body is empty then.

  /// Empty if there is none. Names are the same in any case of letters.
  std::string_view Header(std::string_view name) const;
};

class HttpClient {
 public:
  /// `timeout` is that of each: connecting, agreeing on TLS, sending, and waiting for the answer;
  /// of the first two 30 seconds at the most.
  HttpClient(HttpUrl url, Duration timeout);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  /// Any answer is a response. Errors: kUnavailable, the server could not be reached, and nothing
  /// was sent; kUnauthenticated, the server's certificate is not trusted, and nothing was sent;
  /// kUnknown, or kDeadlineExceeded after the timeout, there was no answer, and whether the request
  /// took effect is open; kInvalidArgument, something could not stand in a request.
  Result<HttpResponse> Call(const HttpCall& call);
  /// A POST that may be repeated. `token` is sent as a bearer token unless it is empty.
  Result<HttpResponse> Post(std::string_view content_type, const std::string& body,
                            const std::string& token);

  const HttpUrl& url() const { return url_; }

 private:
  class Connection;

  Result<HttpResponse> Send(const HttpCall& call);

  HttpUrl url_;
  Duration timeout_;
  std::unique_ptr<Connection> connection_;
};

}  // namespace joist::net

#endif  // JOIST_IO_NET_HTTP_CLIENT_H_
