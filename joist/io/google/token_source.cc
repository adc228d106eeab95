// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/google/token_source.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <string_view>
#include <utility>

#include "joist/io/google/signed_jwt.h"
#include "joist/io/net/http_client.h"
#include "joist/io/net/shown_text.h"
#include "joist/io/net/url.h"

namespace joist::google {
namespace {

using nlohmann::json;

constexpr char kScope[] = "https://www.googleapis.com/auth/cloud-platform";
constexpr char kTokenUri[] = "https://oauth2.googleapis.com/token";
constexpr char kJwtGrant[] = "urn:ietf:params:oauth:grant-type:jwt-bearer";
constexpr Duration kTokenTimeout = Duration::Seconds(20);
/// It is on the same machine, or there is none.
constexpr Duration kMetadataTimeout = Duration::Seconds(3);
constexpr int64_t kJwtSeconds = 3600;
constexpr int64_t kLongestLifetimeSeconds = 24 * 3600;
constexpr size_t kLongestAnswer = 64 << 10;

/// A member that is a text; else empty.
std::string TextOf(const json& object, const char* name) {
  const auto found = object.is_object() ? object.find(name) : object.end();
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

Status TokenRefused(const std::string& who, const net::HttpUrl& server, StatusCode code,
                    const std::string& why) {
  return {code,
          "cannot get an access token for " + who + " from " + server.ToString() + ": " + why};
}

/// What the server has answered: a token, or why there is none.
Result<AccessToken> TokenOf(const Result<net::HttpResponse>& response, const net::HttpUrl& server,
                            const std::string& who,
                            std::initializer_list<std::string_view> secrets) {
  if (!response.ok()) {
    const bool is_distrusted = response.status().code() == StatusCode::kUnauthenticated;
    return TokenRefused(who, server,
                        is_distrusted ? StatusCode::kUnauthenticated : StatusCode::kUnavailable,
                        response.status().message());
  }
  const json answer = json::parse(response->body, nullptr, /*allow_exceptions=*/false);
  if (response->status != 200) {
    const int status = response->status;
    const bool may_pass = status == 408 || status == 429 || status >= 500;
    std::string why = TextOf(answer, "error");
    if (const std::string more = TextOf(answer, "error_description"); !more.empty()) {
      why += (why.empty() ? "" : ": ") + more;
    }
    if (why.empty()) why = response->reason;
    return TokenRefused(who, server,
                        may_pass ? StatusCode::kUnavailable : StatusCode::kUnauthenticated,
                        std::to_string(status) + " " + net::ShownText(std::move(why), secrets));
  }
  AccessToken token;
  token.text = TextOf(answer, "access_token");
  const bool is_plain =
      std::all_of(token.text.begin(), token.text.end(), [](char c) { return c > ' ' && c < 0x7f; });
  if (token.text.empty() || !is_plain || !answer.contains("expires_in") ||
      !answer["expires_in"].is_number()) {
    return TokenRefused(who, server, StatusCode::kUnavailable,
                        "its answer is no token with a time for which it is valid");
  }
  const auto seconds = answer["expires_in"].get<double>();
  token.lifetime = Duration::Seconds(
      static_cast<int64_t>(std::clamp(seconds, 0.0, static_cast<double>(kLongestLifetimeSeconds))));
  return token;
}

/// What token_uri of a file, or Google, takes.
Result<net::HttpUrl> TokenServerOf(const json& file, const std::string& name) {
  std::string uri = TextOf(file, "token_uri");
  Result<net::HttpUrl> url = net::ParseHttpUrl(uri.empty() ? kTokenUri : uri);
  if (!url.ok()) return InvalidArgument(name + ": token_uri: " + url.status().message());
  if (!url->KeepsSecrets()) {
    return InvalidArgument(name + ": token_uri is " + url->ToString() +
                           ", where others could read what is sent; it has to begin with https://");
  }
  return url;
}

Result<net::HttpResponse> PostForm(const net::HttpUrl& server, const std::string& form) {
  net::HttpCall call;
  call.method = "POST";
  call.content_type = "application/x-www-form-urlencoded";
  call.body = {form};
  call.most_bytes = kLongestAnswer;
  call.may_repeat = true;
  return net::HttpClient(server, kTokenTimeout).Call(call);
}

class ServiceAccountTokens : public TokenSource {
 public:
  ServiceAccountTokens(SigningKey key, std::string key_id, std::string email, net::HttpUrl server,
                       std::string audience)
      : key_(std::move(key)),
        key_id_(std::move(key_id)),
        email_(std::move(email)),
        server_(std::move(server)),
        audience_(std::move(audience)) {}

  Result<AccessToken> Fetch() const override {
    const int64_t now = std::chrono::duration_cast<std::chrono::seconds>(
                            std::chrono::system_clock::now().time_since_epoch())
                            .count();
    const json header = key_id_.empty() ? json::object() : json{{"kid", key_id_}};
    JOIST_ASSIGN_OR_RETURN(const std::string jwt,
                           key_.SignedJwt(header, {{"iss", email_},
                                                   {"scope", kScope},
                                                   {"aud", audience_},
                                                   {"iat", now},
                                                   {"exp", now + kJwtSeconds}}));
    return TokenOf(
        PostForm(server_, "grant_type=" + net::PercentEncode(kJwtGrant) + "&assertion=" + jwt),
        server_, email_, {jwt});
  }

 private:
  const SigningKey key_;
  const std::string key_id_;
  const std::string email_;
  const net::HttpUrl server_;
  const std::string audience_;  ///< The server as its file has it.
};

Result<std::unique_ptr<TokenSource>> ServiceAccountOf(const json& file, const std::string& name) {
  std::string email = TextOf(file, "client_email");
  if (email.empty()) return InvalidArgument(name + " has no client_email");
  JOIST_ASSIGN_OR_RETURN(net::HttpUrl server, TokenServerOf(file, name));
  Result<SigningKey> key = SigningKey::Parse(TextOf(file, "private_key"));
  if (!key.ok()) return InvalidArgument(name + ": private_key " + key.status().message());
  std::string audience = TextOf(file, "token_uri");
  if (audience.empty()) audience = kTokenUri;
  std::unique_ptr<TokenSource> tokens = std::make_unique<ServiceAccountTokens>(
      *std::move(key), TextOf(file, "private_key_id"), std::move(email), std::move(server),
      std::move(audience));
  return tokens;
}

class UserTokens : public TokenSource {
 public:
  UserTokens(std::string client_id, std::string client_secret, std::string refresh_token,
             net::HttpUrl server, std::string name)
      : client_id_(std::move(client_id)),
        client_secret_(std::move(client_secret)),
        refresh_token_(std::move(refresh_token)),
        server_(std::move(server)),
        name_(std::move(name)) {}

  Result<AccessToken> Fetch() const override {
    const std::string form =
        "grant_type=refresh_token&client_id=" + net::PercentEncode(client_id_) +
        "&client_secret=" + net::PercentEncode(client_secret_) +
        "&refresh_token=" + net::PercentEncode(refresh_token_);
    return TokenOf(PostForm(server_, form), server_, "the user of " + name_,
                   {client_secret_, refresh_token_, net::PercentEncode(client_secret_),
                    net::PercentEncode(refresh_token_)});
  }

 private:
  const std::string client_id_;
  const std::string client_secret_;
  const std::string refresh_token_;
  const net::HttpUrl server_;
  const std::string name_;
};

Result<std::unique_ptr<TokenSource>> UserOf(const json& file, const std::string& name) {
  for (const char* const member : {"client_id", "client_secret", "refresh_token"}) {
    if (TextOf(file, member).empty()) return InvalidArgument(name + " has no " + member);
  }
  JOIST_ASSIGN_OR_RETURN(net::HttpUrl server, TokenServerOf(file, name));
  std::unique_ptr<TokenSource> tokens =
      std::make_unique<UserTokens>(TextOf(file, "client_id"), TextOf(file, "client_secret"),
                                   TextOf(file, "refresh_token"), std::move(server), name);
  return tokens;
}

class MetadataTokens : public TokenSource {
 public:
  explicit MetadataTokens(net::HttpUrl server) : server_(std::move(server)) {}

  Result<AccessToken> Fetch() const override {
    net::HttpCall call;
    call.headers = {{"Metadata-Flavor", "Google"}};
    call.most_bytes = kLongestAnswer;
    const Result<net::HttpResponse> response =
        net::HttpClient(server_, kMetadataTimeout).Call(call);
    const bool is_google = response.ok() && response->Header("Metadata-Flavor") == "Google";
    if (!is_google && !was_there_) {
      return Status(StatusCode::kUnauthenticated,
                    "found no credentials for Google: set GOOGLE_APPLICATION_CREDENTIALS to a key "
                    "file, or run `gcloud auth application-default login` (no metadata server at " +
                        server_.Authority() +
                        (response.ok() ? ")" : ": " + response.status().message() + ")"));
    }
    const std::string who = "this machine's service account";
    if (response.ok() && !is_google) {
      return TokenRefused(who, server_, StatusCode::kUnavailable, "it is no metadata server");
    }
    was_there_ = true;
    return TokenOf(response, server_, who, {});
  }

 private:
  const net::HttpUrl server_;
  mutable std::atomic<bool> was_there_ = false;
};

}  // namespace

Result<std::unique_ptr<TokenSource>> TokensOfFile(const std::string& text,
                                                  const std::string& name) {
  const json file = json::parse(text, nullptr, /*allow_exceptions=*/false);
  const std::string type = TextOf(file, "type");
  if (type == "service_account") return ServiceAccountOf(file, name);
  if (type == "authorized_user") return UserOf(file, name);
  if (type.empty()) return InvalidArgument(name + " is no file of credentials: it has no type");
  return Status(StatusCode::kUnimplemented,
                name + " holds credentials of the type " + net::ShownText(type, {}) +
                    ", which Joist does not take; it takes service_account and authorized_user");
}

std::string QuotaProjectOfFile(const std::string& text) {
  return TextOf(json::parse(text, nullptr, /*allow_exceptions=*/false), "quota_project_id");
}

Result<std::unique_ptr<TokenSource>> TokensOfMetadataServer(const std::string& host) {
  Result<net::HttpUrl> server = net::ParseHttpUrl(
      "http://" + host + "/computeMetadata/v1/instance/service-accounts/default/token");
  if (!server.ok()) return InvalidArgument("GCE_METADATA_HOST: " + server.status().message());
  std::unique_ptr<TokenSource> tokens = std::make_unique<MetadataTokens>(*std::move(server));
  return tokens;
}

}  // namespace joist::google
