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
  EXPECT_EQ(Parts("https://h/a"), "h 443 /a");
  EXPECT_EQ(ParseHttpUrl("https://h/x?secret")->ToString(), "https://h/x");
  EXPECT_EQ(ParseHttpUrl("https://h:80/")->Authority(), "h:80");
  EXPECT_EQ(ParseHttpUrl("http://h:443/")->Authority(), "h:443");
}

TEST(HttpUrlTest, SaysWhoMayReadWhatIsSent) {
  for (const char* const text :
       {"https://h/", "http://localhost:1/", "http://127.1.2.3/", "http://[::1]/"}) {
    EXPECT_TRUE(ParseHttpUrl(text)->KeepsSecrets()) << text;
  }
  for (const char* const text : {"http://h/", "http://127.evil.example/", "http://10.0.0.1/"}) {
    EXPECT_FALSE(ParseHttpUrl(text)->KeepsSecrets()) << text;
  }
}

TEST(PercentEncodeTest, LeavesWhatIsPlain) {
  EXPECT_EQ(PercentEncode("aZ09-._~"), "aZ09-._~");
  EXPECT_EQ(PercentEncode("a b/=&\xc3\xa4"), "a%20b%2F%3D%26%C3%A4");
}

TEST(HttpUrlTest, RefusesInOneLine) {
  EXPECT_EQ(Parts("ftp://h/x?key=secret"), "ftp://h/x does not begin with http:// or https://");
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
