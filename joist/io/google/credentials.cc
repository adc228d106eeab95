// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/google/credentials.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace joist::google {
namespace {

/// Less than the five minutes for which the metadata server gives the same token again.
constexpr std::chrono::seconds kBeforeExpiry{225};
constexpr size_t kLongestFile = 64 << 10;
/// What metadata.google.internal is, without asking a name server of who knows where.
constexpr char kMetadataHost[] = "169.254.169.254";

std::string Variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

Result<std::string> ReadCredentials(const std::string& path) {
  const std::unique_ptr<FILE, decltype(&fclose)> file(fopen(path.c_str(), "rb"), &fclose);
  if (file == nullptr) return FromErrno(errno, "cannot open the credentials " + path);
  std::string text(kLongestFile + 1, '\0');
  text.resize(fread(text.data(), 1, text.size(), file.get()));
  if (ferror(file.get()) != 0) return FromErrno(errno, "cannot read the credentials " + path);
  if (text.size() > kLongestFile) {
    return InvalidArgument(path + " is no file of credentials: it is longer than 64 KB");
  }
  return text;
}

std::string PathOfGcloud() {
  const std::string folder = Variable("CLOUDSDK_CONFIG"), home = Variable("HOME");
  if (folder.empty() && home.empty()) return "";
  return (folder.empty() ? home + "/.config/gcloud" : folder) +
         "/application_default_credentials.json";
}

/// A file, or where the metadata server is.
struct Origin {
  std::string path = "";
  std::string text = "";
  std::string metadata_host = "";

  friend bool operator==(const Origin&, const Origin&) = default;
};

Result<Origin> FindOrigin() {
  Origin origin;
  origin.path = Variable("GOOGLE_APPLICATION_CREDENTIALS");
  const bool is_named = !origin.path.empty();
  if (!is_named) origin.path = PathOfGcloud();
  if (!origin.path.empty()) {
    Result<std::string> text = ReadCredentials(origin.path);
    if (text.ok()) {
      origin.text = *std::move(text);
      return origin;
    }
    if (is_named) {
      return Status(text.status().code(),
                    text.status().message() + " (GOOGLE_APPLICATION_CREDENTIALS)");
    }
    if (text.status().code() != StatusCode::kNotFound) return text.status();
  }
  origin.path.clear();
  origin.metadata_host = Variable("GCE_METADATA_HOST");
  if (origin.metadata_host.empty()) origin.metadata_host = kMetadataHost;
  return origin;
}

Result<std::unique_ptr<TokenSource>> SourceOf(const Origin& origin) {
  return origin.path.empty() ? TokensOfMetadataServer(origin.metadata_host)
                             : TokensOfFile(origin.text, origin.path);
}

}  // namespace

Result<std::shared_ptr<Credentials>> Credentials::Default() {
  struct Last {
    std::mutex mutex;
    Origin origin;
    std::string quota_project;
    std::shared_ptr<Credentials> credentials;
  };
  static Last last;
  JOIST_ASSIGN_OR_RETURN(Origin origin, FindOrigin());
  std::string quota_project = Variable("GOOGLE_CLOUD_QUOTA_PROJECT");
  if (quota_project.empty()) quota_project = QuotaProjectOfFile(origin.text);
  const std::lock_guard lock(last.mutex);
  if (last.credentials == nullptr || !(last.origin == origin) ||
      last.quota_project != quota_project) {
    JOIST_ASSIGN_OR_RETURN(auto source, SourceOf(origin));
    last.credentials = std::make_shared<Credentials>(std::move(source), quota_project);
    last.origin = std::move(origin);
    last.quota_project = std::move(quota_project);
  }
  return last.credentials;
}

Result<std::string> Credentials::Token() {
  const std::lock_guard lock(mutex_);
  const Clock::time_point now = Clock::now();
  if (!token_.empty() && now + kBeforeExpiry < expires_) return token_;
  Result<AccessToken> fetched = source_->Fetch();
  if (!fetched.ok()) {
    // What is valid a little longer is better than nothing.
    if (!token_.empty() && now < expires_) return token_;
    return fetched.status();
  }
  token_ = std::move(fetched->text);
  expires_ = now + std::chrono::milliseconds(fetched->lifetime.millis);
  return token_;
}

void Credentials::Forget(const std::string& token) {
  const std::lock_guard lock(mutex_);
  if (token_ == token) token_.clear();
}

}  // namespace joist::google
