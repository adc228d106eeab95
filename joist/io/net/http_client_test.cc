// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/net/http_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>

#include "joist/io/net/testing/fake_server.h"
#include "joist/io/net/testing/tls_front.h"

namespace joist::net {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr Duration kSoon = Duration::Seconds(20);

HttpUrl Parsed(const std::string& url) { return *ParseHttpUrl(url); }
std::string Echo(const HttpRequest& request) { return HttpAnswer("200 OK", request.body); }

/// "200 body", or the code and message of what went wrong.
std::string Shown(const Result<HttpResponse>& response) {
  if (response.ok()) return std::to_string(response->status) + " " + response->body;
  return std::string(StatusCodeName(response.status().code())) + " " + response.status().message();
}
std::string Posted(const std::string& url, const std::string& body) {
  return Shown(HttpClient(Parsed(url), kSoon).Post("text/plain", body, "t0ken"));
}

TEST(HttpClientTest, SendsWhatItIsGiven) {
  FakeHttpServer server([](const HttpRequest& request) {
    return HttpAnswer("201 Created", request.body, "X-One: 1\r\nretry-after: 7\r\n");
  });
  HttpClient client(Parsed(server.Url("/base?x")), kSoon);
  HttpCall call;
  call.method = "PATCH";
  call.target = "/a/b?c=d";
  call.headers = {{"X-Mine", "yes"}};
  call.content_type = "text/plain";
  call.body = {"one", "", " two"};
  const Result<HttpResponse> response = client.Call(call);
  EXPECT_EQ(Shown(response), "201 one two");
  EXPECT_EQ(response->reason, "Created");
  EXPECT_EQ(response->Header("x-ONE"), "1");
  EXPECT_EQ(response->Header("Retry-After"), "7");
  EXPECT_EQ(response->Header("X-Two"), "");
  EXPECT_EQ(Shown(client.Call({})), "201 ");
  EXPECT_EQ(server.connections(), 1U);
  const auto requests = server.requests();
  ASSERT_EQ(requests.size(), 2U);
  EXPECT_THAT(requests[0].head,
              AllOf(HasSubstr("PATCH /a/b?c=d HTTP/1.1\r\n"), HasSubstr("X-Mine: yes\r\n"),
                    HasSubstr("Content-Type: text/plain\r\n"), HasSubstr("Content-Length: 7\r\n")));
  EXPECT_THAT(requests[1].head, HasSubstr("GET /base?x HTTP/1.1\r\n"));
}

TEST(HttpClientTest, AHeadHasNoBody) {
  FakeHttpServer server(
      [](const HttpRequest&) { return "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"; });
  HttpClient client(Parsed(server.Url()), kSoon);
  HttpCall call;
  call.method = "HEAD";
  EXPECT_EQ(Shown(client.Call(call)), "200 ");
  EXPECT_EQ(Shown(client.Call(call)), "200 ");
}

TEST(HttpClientTest, BoundsAnswers) {
  FakeHttpServer server(
      [](const HttpRequest&) { return HttpAnswer("200 OK", std::string(101, 'x')); });
  HttpClient client(Parsed(server.Url()), kSoon);
  HttpCall call;
  call.most_bytes = 100;
  Result<HttpResponse> response = client.Call(call);
  EXPECT_EQ(Shown(response), "200 ");
  EXPECT_TRUE(response->is_too_long);
  call.most_bytes = 101;
  response = client.Call(call);
  EXPECT_EQ(response->body.size(), 101U);
  EXPECT_FALSE(response->is_too_long);
}

TEST(HttpClientTest, BoundsAnswersThatPromiseMore) {
  for (const char* const body :
       {"Content-Length: 9000000000000000000\r\n\r\nbegin",
        "Transfer-Encoding: chunked\r\n\r\n7fffffffffffffff\r\nbegin",
        "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n", "\r\nabcde"}) {
    FakeHttpServer server(
        [&](const HttpRequest&) { return std::string("HTTP/1.1 200 OK\r\n") + body; });
    HttpClient client(Parsed(server.Url()), Duration::Seconds(2));
    HttpCall call;
    call.most_bytes = 4;
    EXPECT_TRUE(client.Call(call)->is_too_long) << body;
  }
}

TEST(HttpClientTest, RefusesWhatWouldBeAnotherHeader) {
  HttpClient client(Parsed("http://127.0.0.1:1/"), kSoon);
  HttpCall bad_target;
  bad_target.target = "/a b";
  HttpCall bad_value;
  bad_value.headers = {{"X-Mine", "1\r\nX-Yours: 2"}};
  HttpCall bad_name;
  bad_name.headers = {{"X Mine", "1"}};
  HttpCall bad_method;
  bad_method.method = "GET /";
  for (const HttpCall* const call : {&bad_target, &bad_value, &bad_name, &bad_method}) {
    EXPECT_THAT(
        Shown(client.Call(*call)),
        AllOf(HasSubstr("INVALID_ARGUMENT a request to 127.0.0.1:1 has"), Not(HasSubstr("Yours"))));
  }
}

TEST(HttpClientTest, RepeatsOnlyWhatMayBe) {
  std::atomic<int> calls{0};
  FakeHttpServer server([&](const HttpRequest& request) {
    return ++calls % 2 == 1 ? Echo(request) : "";  // Each connection is good for one.
  });
  HttpClient client(Parsed(server.Url()), kSoon);
  HttpCall call;
  call.method = "POST";
  call.body = {"x"};
  EXPECT_EQ(Shown(client.Call(call)), "200 x");
  EXPECT_THAT(Shown(client.Call(call)), HasSubstr("UNKNOWN no answer: "));
  EXPECT_EQ(calls, 2);
  EXPECT_EQ(Shown(client.Call(call)), "200 x");
  call.may_repeat = true;
  EXPECT_EQ(Shown(client.Call(call)), "200 x");
  EXPECT_EQ(calls, 5) << "the fourth, and once more";
}

/// Answers one request of each connection, and closes it without saying so before.
void ServeOne(int connection) {
  std::string bytes;
  while (bytes.find("\r\n\r\n") == std::string::npos) {
    if (!ReadMore(connection, &bytes)) return;
  }
  Answer(connection, HttpAnswer("200 OK", "one"));
}

TEST(HttpClientTest, NothingIsSentOnAConnectionThatIsClosed) {
  FakeServer server(ServeOne);
  HttpClient client(Parsed("http://127.0.0.1:" + std::to_string(server.port())), kSoon);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(Shown(client.Call({})), "200 one");
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  EXPECT_EQ(server.connections(), 3U);
}

TEST(HttpClientTest, AnAnswerThatComesBeforeTheWholeRequest) {
  FakeServer server([](int connection) {
    std::string bytes;
    ReadMore(connection, &bytes);
    Answer(connection, HttpAnswer("413 Payload Too Large", "too much"));
    // As who closes with something unread: the connection is reset.
    sockaddr nobody = {};
    nobody.sa_family = AF_UNSPEC;
    (void)!connect(connection, &nobody, sizeof(nobody));
  });
  HttpClient client(Parsed("http://127.0.0.1:" + std::to_string(server.port())), kSoon);
  EXPECT_EQ(Shown(client.Post("text/plain", std::string(40 << 20, 'x'), "")), "413 too much");
}

/// An authority that is trusted, and a server behind TLS.
class HttpClientTlsTest : public testing::Test {
 protected:
  void SetUp() override {
    authority_.WriteTo(path_);
    setenv("SSL_CERT_FILE", path_.c_str(), 1);
  }
  void TearDown() override {
    unsetenv("SSL_CERT_FILE");
    std::filesystem::remove(path_);
  }
  /// Of a request to a server with such a certificate. It must not have seen the request.
  std::string Refused(const TestCertificate& certificate, const std::string& host) {
    TlsFront front(certificate, Port());
    const std::string shown = Posted(front.Url(host), "secret");
    EXPECT_THAT(server_.requests(), IsEmpty());
    EXPECT_THAT(front.received(), IsEmpty());
    return shown;
  }
  uint16_t Port() const {
    return static_cast<uint16_t>(std::stoi(ParseHttpUrl(server_.Url())->port));
  }

  const std::string path_ =
      testing::TempDir() + "joist_http_client_" + std::to_string(getpid()) + ".pem";
  TestAuthority authority_;
  FakeHttpServer server_{Echo};
};

TEST_F(HttpClientTlsTest, SpeaksTlsOverAConnectionThatIsKept) {
  TlsFront front(authority_.Issue("DNS:localhost"), Port());
  HttpClient client(Parsed(front.Url("localhost", "/in")), kSoon);
  for (const char* const text : {"one", "two", "three"}) {
    EXPECT_EQ(Shown(client.Post("text/plain", text, "t0ken")), "200 " + std::string(text));
  }
  EXPECT_EQ(front.connections(), 1U);
  EXPECT_EQ(front.asked_host(), "localhost");
  EXPECT_THAT(server_.requests()[2].head,
              AllOf(HasSubstr("POST /in HTTP/1.1\r\n"), HasSubstr("Host: localhost:"),
                    HasSubstr("Authorization: Bearer t0ken\r\n")));
}

TEST_F(HttpClientTlsTest, AnAddressIsAName) {
  TlsFront front(authority_.Issue("IP:127.0.0.1"), Port());
  EXPECT_EQ(Posted(front.Url("127.0.0.1"), "x"), "200 x");
  EXPECT_EQ(front.asked_host(), "") << "no address may be asked for";
}

TEST_F(HttpClientTlsTest, TrustsNoOtherServer) {
  EXPECT_EQ(Refused(authority_.Issue("DNS:other.example"), "localhost"),
            "UNAUTHENTICATED the certificate of localhost is not trusted: hostname mismatch");
  EXPECT_THAT(Refused(authority_.Issue("DNS:localhost"), "127.0.0.1"),
              HasSubstr("UNAUTHENTICATED the certificate of 127.0.0.1 is not trusted: IP address"));
  EXPECT_THAT(Refused(authority_.Issue("DNS:localhost", -60), "localhost"),
              HasSubstr("is not trusted: certificate has expired"));
  EXPECT_THAT(Refused(TestAuthority().Issue("DNS:localhost"), "localhost"),
              HasSubstr("UNAUTHENTICATED the certificate of localhost is not trusted: "));
  setenv("SSL_CERT_FILE", "/nonexistent", 1);
  EXPECT_THAT(Refused(authority_.Issue("DNS:localhost"), "localhost"),
              HasSubstr("is not trusted: unable to get local issuer certificate (SSL_CERT_FILE can "
                        "name an authority to trust)"));
}

TEST_F(HttpClientTlsTest, SpeaksNoOldTls) {
  {
    TlsFront front(authority_.Issue("DNS:localhost"), Port(), {TLS1_1_VERSION});
    EXPECT_THAT(Posted(front.Url(), "x"), HasSubstr("UNAVAILABLE no TLS with localhost: "));
  }
  TlsFront front(authority_.Issue("DNS:localhost"), Port(), {TLS1_2_VERSION});
  EXPECT_EQ(Posted(front.Url(), "x"), "200 x");
}

TEST_F(HttpClientTlsTest, AServerWithoutTlsIsOneLine) {
  FakeServer server([](int connection) {
    std::string bytes;
    ReadMore(connection, &bytes);
    Answer(connection, HttpAnswer("400 Bad Request"));
  });
  EXPECT_THAT(Posted("https://localhost:" + std::to_string(server.port()), "x"),
              HasSubstr("UNAVAILABLE no TLS with localhost: wrong version number"));
}

TEST_F(HttpClientTlsTest, EachPartHasATimeout) {
  FakeServer silent([](int connection) {
    for (std::string bytes; ReadMore(connection, &bytes);) {
    }
  });
  HttpClient client(Parsed("https://localhost:" + std::to_string(silent.port())),
                    Duration::Millis(50));
  EXPECT_EQ(Shown(client.Call({})), "UNAVAILABLE no TLS with localhost: timed out");
  TlsFront front(authority_.Issue("DNS:localhost"), silent.port());
  HttpClient waiting(Parsed(front.Url()), Duration::Millis(300));
  EXPECT_EQ(Shown(waiting.Call({})), "DEADLINE_EXCEEDED no answer: timed out");
}

TEST_F(HttpClientTlsTest, LargeBodies) {
  TlsFront front(authority_.Issue("DNS:localhost"), Port());
  HttpClient client(Parsed(front.Url()), kSoon);
  std::string content(60 << 20, ' ');
  for (size_t i = 0; i < content.size(); ++i) content[i] = static_cast<char>('a' + i % 23);
  HttpCall call;
  call.method = "POST";
  call.body = {"begin", content, "end"};
  call.most_bytes = 256 << 20;
  const Result<HttpResponse> response = client.Call(call);
  ASSERT_TRUE(response.ok()) << response.status().message();
  EXPECT_TRUE(response->body == "begin" + content + "end");
}

TEST_F(HttpClientTlsTest, NothingIsSentOnAConnectionThatIsClosed) {
  FakeServer server(ServeOne);
  TlsFront front(authority_.Issue("DNS:localhost"), server.port());
  HttpClient client(Parsed(front.Url()), kSoon);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(Shown(client.Call({})), "200 one");
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  EXPECT_EQ(front.connections(), 3U);
}

TEST_F(HttpClientTlsTest, AnAnswerThatIsCutOffIsNone) {
  // Without a length an answer ends with the connection; TLS says whether that was its end.
  FakeServer server([](int connection) {
    std::string bytes;
    ReadMore(connection, &bytes);
    Answer(connection, "HTTP/1.1 200 OK\r\n\r\nhalf of");
  });
  TlsFront::Settings rude;
  rude.says_goodbye = false;
  TlsFront front(authority_.Issue("DNS:localhost"), server.port(), rude);
  EXPECT_THAT(Posted(front.Url(), "x"), HasSubstr("UNKNOWN no answer: stream truncated"));
  TlsFront polite(authority_.Issue("DNS:localhost"), server.port());
  EXPECT_EQ(Posted(polite.Url(), "x"), "200 half of");
}

}  // namespace
}  // namespace joist::net
