// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/serve/http_router.h"

#include <gtest/gtest.h>

#include "joist/serve/http_error.h"

namespace joist::serve {
namespace {

HttpHandler Saying(const std::string& text) {
  return [text](const HttpRequest&, const HttpReply& reply) { reply({.body = text}); };
}

HttpAnswer Ask(const HttpRouter& router, std::string_view method, std::string_view path) {
  HttpAnswer given;
  router({.method = method, .path = path}, [&](HttpAnswer answer) { given = std::move(answer); });
  return given;
}

TEST(HttpRouter, TakesTheFirstThatFits) {
  HttpRouter router;
  router.Add("GET", "/healthz", Saying("health"));
  router.Add("POST", "/v1/topics/*", Saying("topic"));
  router.Add("*", "/v1/**", Saying("rest"));
  EXPECT_EQ(Ask(router, "GET", "/healthz").body, "health");
  EXPECT_EQ(Ask(router, "POST", "/v1/topics/clicks").body, "topic");
  EXPECT_EQ(Ask(router, "POST", "/v1/topics/").body, "rest");
  EXPECT_EQ(Ask(router, "GET", "/v1/topics/clicks").body, "rest");
  EXPECT_EQ(Ask(router, "DELETE", "/v1/a/b/c").body, "rest");
  EXPECT_EQ(Ask(router, "GET", "/v1").body, "rest");
}

TEST(HttpRouter, RefusesTheOthers) {
  HttpRouter router;
  router.Add("GET", "/a", Saying("a"));
  router.Add("POST", "/a", Saying("a"));
  for (const char* path : {"/", "", "/ab", "/a/", "/a/b", "a", "*"}) {
    EXPECT_EQ(Ask(router, "GET", path).status, 404) << path;
  }
  const HttpAnswer answer = Ask(router, "PUT", "/a");
  EXPECT_EQ(answer.status, 405);
  EXPECT_EQ(answer.headers[0].second, "GET, HEAD, POST");
}

TEST(HttpError, IsJsonWhateverItSays) {
  EXPECT_EQ(ErrorAnswer(NotFound("no \"x\"\n\xff")).body,
            "{\"error\":{\"code\":404,\"message\":\"no \\\"x\\\"\\u000a\xEF\xBF\xBD\","
            "\"status\":\"NOT_FOUND\"}}\n");
  EXPECT_EQ(ErrorAnswer(413, "too large").status, 413);
}

}  // namespace
}  // namespace joist::serve
