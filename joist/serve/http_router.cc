// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/serve/http_router.h"

#include <algorithm>
#include <utility>

#include "joist/serve/http_error.h"

namespace joist::serve {
namespace {

/// Takes the part up to the next slash off `path`, which begins with one.
std::string_view TakePart(std::string_view* path) {
  path->remove_prefix(1);
  const std::string_view part = path->substr(0, path->find('/'));
  path->remove_prefix(part.size());
  return part;
}

bool Fits(std::string_view pattern, std::string_view path) {
  while (!pattern.empty()) {
    const std::string_view wanted = TakePart(&pattern);
    if (wanted == "**") return true;
    if (path.empty()) return false;
    const std::string_view part = TakePart(&path);
    if (wanted == "*" ? part.empty() : wanted != part) return false;
  }
  return path.empty();
}

}  // namespace

void HttpRouter::Add(std::string_view method, std::string_view pattern, HttpHandler handler) {
  routes_.push_back({std::string(method), std::string(pattern), std::move(handler)});
}

void HttpRouter::operator()(const HttpRequest& request, const HttpReply& reply) const {
  std::string allowed;
  for (const Route& route : routes_) {
    if (!request.path.starts_with('/') || !Fits(route.pattern, request.path)) continue;
    if (route.method == "*" || route.method == request.method) {
      return route.handler(request, reply);
    }
    if (!allowed.empty()) allowed += ", ";
    allowed += route.method == "GET" ? "GET, HEAD" : route.method;
  }
  const std::string path(request.path);
  if (allowed.empty()) return reply(ErrorAnswer(404, "there is nothing at " + path));
  HttpAnswer answer = ErrorAnswer(
      405, std::string(request.method) + " is not understood at " + path + ", but " + allowed);
  answer.headers.emplace_back("Allow", allowed);
  reply(std::move(answer));
}

}  // namespace joist::serve
