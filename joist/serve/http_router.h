// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// HttpRouter: which handler answers which path. Filled before it is used; from then on it is read
// only, by any number of threads.

#ifndef JOIST_SERVE_HTTP_ROUTER_H_
#define JOIST_SERVE_HTTP_ROUTER_H_

#include <string>
#include <string_view>
#include <vector>

#include "joist/serve/http.h"

namespace joist::serve {

class HttpRouter {
 public:
  /// `method` is "POST" and the like, or "*" for all. A pattern's parts are text, `*` (any one
  /// part), or at its end `**` (any number of parts): "/v1/topics/*", "/bigquery/v2/**". Of several
  /// patterns that fit, the one that was added first counts.
  void Add(std::string_view method, std::string_view pattern, HttpHandler handler);

  /// Answers, or hands on to who does. 404 where no pattern fits the path, 405 where only the
  /// method is another.
  void operator()(const HttpRequest& request, const HttpReply& reply) const;

 private:
  struct Route {
    std::string method;
    std::string pattern;
    HttpHandler handler;
  };

  std::vector<Route> routes_;
};

}  // namespace joist::serve

#endif  // JOIST_SERVE_HTTP_ROUTER_H_
