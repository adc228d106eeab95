// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/google/credentials.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include <atomic>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "joist/io/google/testing/read_jwt.h"
#include "joist/io/net/testing/fake_server.h"
#include "joist/io/net/testing/tls_front.h"
#include "joist/io/net/url.h"

namespace joist::google {
namespace {

using net::FakeHttpServer;
using net::HttpAnswer;
using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

/// A token for so many seconds.
std::string TokenAnswer(const std::string& token, int seconds = 3600) {
  return HttpAnswer("200 OK", json({{"access_token", token}, {"expires_in", seconds}}).dump(),
                    "Metadata-Flavor: Google\r\n");
}

/// An environment with nothing but what a test puts there.
class CredentialsTest : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(folder_);
    for (const char* const name :
         {"GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_QUOTA_PROJECT"}) {
      unsetenv(name);
    }
    setenv("CLOUDSDK_CONFIG", folder_.c_str(), 1);
    setenv("GCE_METADATA_HOST", "127.0.0.1:1", 1);
  }
  void TearDown() override {
    for (const char* const name : {"GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_QUOTA_PROJECT",
                                   "CLOUDSDK_CONFIG", "GCE_METADATA_HOST", "SSL_CERT_FILE"}) {
      unsetenv(name);
    }
    std::filesystem::remove_all(folder_);
  }

  std::string WriteFile(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ + "/" + name) << text;
    return folder_ + "/" + name;
  }
  void UseFile(const json& file) const {
    setenv("GOOGLE_APPLICATION_CREDENTIALS", WriteFile("key.json", file.dump()).c_str(), 1);
  }
  static json UserFile(const std::string& token_uri) {
    return {{"type", "authorized_user"},
            {"client_id", "the id"},
            {"client_secret", "s3cret+1"},
            {"refresh_token", "1//refr3sh"},
            {"token_uri", token_uri}};
  }
  /// A token, or "CODE message".
  static std::string Token() {
    const auto credentials = Credentials::Default();
    const Result<std::string> token =
        credentials.ok() ? (*credentials)->Token() : Result<std::string>(credentials.status());
    if (token.ok()) return *token;
    return std::string(StatusCodeName(token.status().code())) + " " + token.status().message();
  }

  const std::string folder_ = testing::TempDir() + "joist_credentials_" + std::to_string(getpid());
};

TEST_F(CredentialsTest, AServiceAccountSignsForItsToken) {
  const net::KeyPointer key = net::MakeRsaKey();
  std::string audience;
  FakeHttpServer server([&](const net::HttpRequest& request) {
    const std::string grant =
        "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=";
    if (!request.body.starts_with(grant)) return HttpAnswer("400 Bad Request", "{}");
    const ReadJwt jwt = VerifyJwt(request.body.substr(grant.size()), key.get());
    const int64_t issued = jwt.claims["iat"];
    EXPECT_LE(std::abs(issued - std::time(nullptr)), 5);
    EXPECT_EQ(jwt.header, json({{"alg", "RS256"}, {"typ", "JWT"}, {"kid", "k1"}}));
    EXPECT_EQ(jwt.claims, json({{"iss", "robot@p.iam.gserviceaccount.com"},
                                {"scope", "https://www.googleapis.com/auth/cloud-platform"},
                                {"aud", audience},
                                {"iat", issued},
                                {"exp", issued + 3600}}));
    return TokenAnswer("ya29.robot");
  });
  const net::TestAuthority authority;
  authority.WriteTo(folder_ + "/authority.pem");
  setenv("SSL_CERT_FILE", (folder_ + "/authority.pem").c_str(), 1);
  const auto port = static_cast<uint16_t>(std::stoi(net::ParseHttpUrl(server.Url())->port));
  net::TlsFront front(authority.Issue("DNS:localhost"), port);
  audience = front.Url("localhost", "/token");
  UseFile({{"type", "service_account"},
           {"client_email", "robot@p.iam.gserviceaccount.com"},
           {"private_key_id", "k1"},
           {"private_key", net::PrivateKeyPem(key)},
           {"token_uri", audience}});
  EXPECT_EQ(Token(), "ya29.robot");
  EXPECT_EQ(Token(), "ya29.robot");
  ASSERT_EQ(server.requests().size(), 1U) << "the second time it is there";
  EXPECT_THAT(server.requests()[0].head,
              AllOf(StartsWith("POST /token HTTP/1.1\r\n"),
                    HasSubstr("Content-Type: application/x-www-form-urlencoded\r\n")));
}

TEST_F(CredentialsTest, AUserRefreshes) {
  FakeHttpServer server([](const net::HttpRequest&) { return TokenAnswer("ya29.user"); });
  json file = UserFile(server.Url("/token"));
  file["quota_project_id"] = "who-pays";
  UseFile(file);
  EXPECT_EQ(Token(), "ya29.user");
  EXPECT_EQ(server.requests()[0].body,
            "grant_type=refresh_token&client_id=the%20id&client_secret=s3cret%2B1&refresh_token="
            "1%2F%2Frefr3sh");
  EXPECT_EQ((*Credentials::Default())->quota_project(), "who-pays");
  setenv("GOOGLE_CLOUD_QUOTA_PROJECT", "another", 1);
  EXPECT_EQ((*Credentials::Default())->quota_project(), "another");
}

TEST_F(CredentialsTest, TheMetadataServer) {
  FakeHttpServer server([](const net::HttpRequest&) { return TokenAnswer("ya29.machine"); });
  setenv("GCE_METADATA_HOST", net::ParseHttpUrl(server.Url())->Authority().c_str(), 1);
  EXPECT_EQ(Token(), "ya29.machine");
  EXPECT_THAT(
      server.requests()[0].head,
      AllOf(StartsWith("GET /computeMetadata/v1/instance/service-accounts/default/token HTTP/1.1"),
            HasSubstr("Metadata-Flavor: Google\r\n")));
}

TEST_F(CredentialsTest, WhatIsNoMetadataServerGivesNoTokens) {
  EXPECT_THAT(Token(),
              AllOf(StartsWith("UNAUTHENTICATED found no credentials for Google: set "
                               "GOOGLE_APPLICATION_CREDENTIALS to a key file, or run `gcloud auth "
                               "application-default login` (no metadata server at 127.0.0.1:1: "),
                    HasSubstr("Connection refused")));
  FakeHttpServer other([](const net::HttpRequest&) {
    return HttpAnswer("200 OK", R"({"access_token":"x","expires_in":3600})");
  });
  setenv("GCE_METADATA_HOST", net::ParseHttpUrl(other.Url())->Authority().c_str(), 1);
  EXPECT_THAT(Token(), HasSubstr("found no credentials for Google"));
  setenv("GCE_METADATA_HOST", "me@there", 1);
  EXPECT_THAT(Token(), HasSubstr("INVALID_ARGUMENT GCE_METADATA_HOST: a URL holds a user"));
}

TEST_F(CredentialsTest, FilesAreLookedForInOrder) {
  FakeHttpServer named([](const net::HttpRequest&) { return TokenAnswer("named"); });
  FakeHttpServer gcloud([](const net::HttpRequest&) { return TokenAnswer("gcloud"); });
  FakeHttpServer metadata([](const net::HttpRequest&) { return TokenAnswer("metadata"); });
  setenv("GCE_METADATA_HOST", net::ParseHttpUrl(metadata.Url())->Authority().c_str(), 1);
  EXPECT_EQ(Token(), "metadata");
  WriteFile("application_default_credentials.json", UserFile(gcloud.Url()).dump());
  EXPECT_EQ(Token(), "gcloud");
  UseFile(UserFile(named.Url()));
  EXPECT_EQ(Token(), "named");
  const std::string home = folder_ + "/home";
  std::filesystem::create_directories(home + "/.config/gcloud");
  WriteFile("home/.config/gcloud/application_default_credentials.json",
            UserFile(gcloud.Url()).dump());
  const std::string before = getenv("HOME") == nullptr ? "" : getenv("HOME");
  unsetenv("GOOGLE_APPLICATION_CREDENTIALS");
  unsetenv("CLOUDSDK_CONFIG");
  setenv("HOME", home.c_str(), 1);
  EXPECT_EQ(Token(), "gcloud");
  setenv("HOME", before.c_str(), 1);
}

TEST_F(CredentialsTest, TheSameFileIsTheSameCredentials) {
  UseFile(UserFile("http://127.0.0.1:1/"));
  const auto first = *Credentials::Default();
  EXPECT_EQ(*Credentials::Default(), first);
  UseFile(UserFile("http://127.0.0.1:2/"));
  EXPECT_NE(*Credentials::Default(), first);
}

TEST_F(CredentialsTest, ATokenIsFetchedBeforeItExpires) {
  std::atomic<int> calls{0};
  std::atomic<int> seconds{226};
  std::atomic<bool> is_ill{false};
  FakeHttpServer server([&](const net::HttpRequest&) {
    return is_ill ? HttpAnswer("503 Service Unavailable")
                  : TokenAnswer("t" + std::to_string(++calls), seconds);
  });
  UseFile(UserFile(server.Url()));
  EXPECT_EQ(Token(), "t1");
  EXPECT_EQ(Token(), "t1");
  std::this_thread::sleep_for(std::chrono::milliseconds(1'100));
  EXPECT_EQ(Token(), "t2") << "valid for 225 seconds more, which is shortly before its end";
  std::this_thread::sleep_for(std::chrono::milliseconds(1'100));
  is_ill = true;
  EXPECT_EQ(Token(), "t2") << "better than none";
  is_ill = false;
  seconds = 1;
  EXPECT_EQ(Token(), "t3");
  std::this_thread::sleep_for(std::chrono::milliseconds(1'100));
  is_ill = true;
  EXPECT_THAT(Token(), StartsWith("UNAVAILABLE cannot get an access token for the user of "));
}

TEST_F(CredentialsTest, AForgottenTokenIsFetchedAnew) {
  std::atomic<int> calls{0};
  FakeHttpServer server(
      [&](const net::HttpRequest&) { return TokenAnswer("t" + std::to_string(++calls)); });
  UseFile(UserFile(server.Url()));
  EXPECT_EQ(Token(), "t1");
  (*Credentials::Default())->Forget("t0");
  EXPECT_EQ(Token(), "t1") << "another one was meant";
  (*Credentials::Default())->Forget("t1");
  EXPECT_EQ(Token(), "t2");
}

TEST_F(CredentialsTest, ThreadsShareOneFetch) {
  FakeHttpServer server([](const net::HttpRequest&) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    return TokenAnswer("shared");
  });
  UseFile(UserFile(server.Url()));
  std::vector<std::string> tokens(8);
  std::vector<std::thread> threads;
  for (std::string& token : tokens) threads.emplace_back([&token] { token = Token(); });
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(tokens, testing::Each("shared"));
  EXPECT_EQ(server.requests().size(), 1U);
}

TEST_F(CredentialsTest, FilesThatAreNoneAreOneLine) {
  const std::string path = WriteFile("key.json", "");
  setenv("GOOGLE_APPLICATION_CREDENTIALS", path.c_str(), 1);
  const auto said = [&](const std::string& text) {
    WriteFile("key.json", text);
    return Token();
  };
  const std::string none =
      "INVALID_ARGUMENT " + path + " is no file of credentials: it has no type";
  for (const char* const text : {"", "{", "[]", "{}", "7", R"({"type":1})"}) {
    EXPECT_EQ(said(text), none) << text;
  }
  EXPECT_EQ(said(std::string(70'000, ' ')),
            "INVALID_ARGUMENT " + path +
                " is no file of credentials: it is longer than 64 KB "
                "(GOOGLE_APPLICATION_CREDENTIALS)");
  for (const char* const type :
       {"external_account", "impersonated_service_account", "gdch_service_account"}) {
    EXPECT_EQ(said(json({{"type", type}}).dump()),
              "UNIMPLEMENTED " + path + " holds credentials of the type " + type +
                  ", which Joist does not take; it takes service_account and authorized_user");
  }
  EXPECT_EQ(said(R"({"type":"authorized_user","client_id":"i","client_secret":"s"})"),
            "INVALID_ARGUMENT " + path + " has no refresh_token");
  EXPECT_EQ(said(R"({"type":"service_account"})"),
            "INVALID_ARGUMENT " + path + " has no client_email");
  EXPECT_EQ(said(R"({"type":"service_account","client_email":"e","private_key":"s3cret"})"),
            "INVALID_ARGUMENT " + path + ": private_key is no RSA key in PEM");
  EXPECT_THAT(said(UserFile("http://example.com/token").dump()),
              HasSubstr("token_uri is http://example.com/token, where others could read"));
  EXPECT_THAT(said(UserFile("nonsense").dump()),
              HasSubstr(": token_uri: nonsense does not begin with http"));
  setenv("GOOGLE_APPLICATION_CREDENTIALS", (folder_ + "/none").c_str(), 1);
  EXPECT_EQ(Token(), "NOT_FOUND cannot open the credentials " + folder_ +
                         "/none: No such file or directory (GOOGLE_APPLICATION_CREDENTIALS)");
}

TEST_F(CredentialsTest, ARefusalSaysWhyAndNothingSecret) {
  std::string answer = HttpAnswer(
      "400 Bad Request",
      json({{"error", "invalid_grant"}, {"error_description", "1//refr3sh\nof s3cret+1 is old"}})
          .dump());
  FakeHttpServer server([&](const net::HttpRequest&) { return answer; });
  UseFile(UserFile(server.Url()));
  EXPECT_EQ(Token(), "UNAUTHENTICATED cannot get an access token for the user of " + folder_ +
                         "/key.json from " + server.Url() + ": 400 invalid_grant: … of … is old");
  answer = HttpAnswer("403 Forbidden", "<html>1//refr3sh</html>");
  EXPECT_THAT(Token(), AllOf(HasSubstr(": 403 Forbidden"), Not(HasSubstr("refr3sh"))));
  answer = HttpAnswer("500 Internal Server Error");
  EXPECT_THAT(Token(), StartsWith("UNAVAILABLE "));
}

TEST_F(CredentialsTest, AnswersThatAreNoTokens) {
  std::string body;
  FakeHttpServer server([&](const net::HttpRequest&) { return HttpAnswer("200 OK", body); });
  UseFile(UserFile(server.Url()));
  for (const std::string& text :
       {std::string("{}"), std::string("[]"), std::string("nothing"), std::string(),
        std::string(R"({"access_token":"x"})"), std::string(R"({"access_token":1,"expires_in":9})"),
        std::string(R"({"access_token":"","expires_in":9})"),
        std::string(R"({"access_token":"a b","expires_in":9})"),
        std::string(R"({"access_token":"a\r\nX: y","expires_in":9})"),
        std::string(R"({"access_token":"x","expires_in":"9"})"),
        R"({"access_token":")" + std::string(70'000, 'x') + R"(","expires_in":9})"}) {
    body = text;
    EXPECT_THAT(Token(), AllOf(StartsWith("UNAVAILABLE "), HasSubstr("its answer is no token")));
  }
}

}  // namespace
}  // namespace joist::google
