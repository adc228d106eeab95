// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/net/url.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace joist::net {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string Parts(std::string_view text) {
  const Result<HttpUrl> url = ParseHttpUrl(text);
  if (!url.ok()) return url.status().message();
  return url->host + " " + url->port + " " + url->target;
}

TEST(HttpUrlTest, HasParts) {
  EXPECT_EQ(Parts("http://localhost"), "localhost 80 /");
  EXPECT_EQ(Parts("http://localhost:8080/a/b?c=d"), "localhost 8080 /a/b?c=d");
  EXPECT_EQ(Parts("http://h?x"), "h 80 /?x");
  EXPECT_EQ(Parts("http://[::1]:81/"), "::1 81 /");
  EXPECT_EQ(ParseHttpUrl("http://[::1]:81/x?secret")->ToString(), "http://[::1]:81/x");
}

TEST(HttpUrlTest, RefusesInOneLine) {
  EXPECT_EQ(Parts("https://h/x?key=secret"),
            "https://h/x does not begin with http://, all that can be reached yet");
  for (const char* const text :
       {"http://:80/", "http://h:/", "http://h:0/", "http://h:65536/", "http://h:8o/", "http://"}) {
    EXPECT_THAT(Parts(text), HasSubstr("does not name a host and a port")) << text;
  }
  EXPECT_THAT(Parts("http://[::1/"), HasSubstr("has a [ without its ]"));
  EXPECT_THAT(Parts("http://h/a b"), HasSubstr("none of a URL's"));
  EXPECT_THAT(Parts("http://h/\r\nX: y"), HasSubstr("none of a URL's"));
  for (const char* const text : {"http://me:secret@h/", "https://me:secret@h/"}) {
    EXPECT_THAT(Parts(text), HasSubstr("holds a user")) << text;
    EXPECT_THAT(Parts(text), Not(HasSubstr("secret"))) << text;
  }
}

}  // namespace
}  // namespace joist::net
