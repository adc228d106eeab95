// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#ifndef JOIST_SERVE_HTTP_H_
#define JOIST_SERVE_HTTP_H_

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace joist::serve {

/// What an HTTP client has sent, whole. Its texts live until the handler has returned.
struct HttpRequest {
  std::string_view method = {};
  /// The target up to `?`, as it was sent: percent-encoded.
  std::string_view path = {};
  /// What follows `?`; "" without.
  std::string_view query = {};
  std::string_view body = {};
  std::vector<std::pair<std::string_view, std::string_view>> headers = {};

  /// The header's value; "" without. `name` is compared without regard to case.
  std::string_view Header(std::string_view name) const;
};

/// What it is answered.
struct HttpAnswer {
  int status = 200;
  std::string body = {};
  std::string content_type = "application/json";
  std::vector<std::pair<std::string, std::string>> headers = {};
};

/// To be called once, from any thread, during the handler's call or after it.
using HttpReply = std::function<void(HttpAnswer)>;

/// Called by one of the server's threads, several at a time; it must not block for long.
using HttpHandler = std::function<void(const HttpRequest&, const HttpReply&)>;

/// The parts of `path` between slashes, percent-decoded: "/v1/a%2Fb" has "v1" and "a/b".
std::vector<std::string> PathParts(std::string_view path);
/// The value of a query's parameter, decoded; "" without.
std::string QueryParameter(std::string_view query, std::string_view name);

}  // namespace joist::serve

#endif  // JOIST_SERVE_HTTP_H_
