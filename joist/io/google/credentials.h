// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Credentials: who this program is to Google's REST APIs. Application default credentials, the
// first of
//
//   GOOGLE_APPLICATION_CREDENTIALS, a file: a service account's key, or a user's
//   what `gcloud auth application-default login` left: application_default_credentials.json in
//       CLOUDSDK_CONFIG or ~/.config/gcloud
//   the metadata server of a machine of Google Cloud; GCE_METADATA_HOST if it is elsewhere
//
// (gRPC's channels find theirs by themselves.) Thread-safe.

#ifndef JOIST_IO_GOOGLE_CREDENTIALS_H_
#define JOIST_IO_GOOGLE_CREDENTIALS_H_

#include <chrono>
#include <memory>
#include <mutex>
#include <string>

#include "joist/base/status.h"
#include "joist/io/google/token_source.h"

namespace joist::google {

class Credentials {
 public:
  Credentials(std::unique_ptr<TokenSource> source, std::string quota_project)
      : source_(std::move(source)), quota_project_(std::move(quota_project)) {}

  /// Those of this process: the same object, and so the same token, as long as what they are made
  /// of is the same. Nothing is asked for yet.
  static Result<std::shared_ptr<Credentials>> Default();

  /// An access token, which is kept until shortly before it expires. Who comes while one is fetched
  /// waits for it. Errors are as Fetch has them.
  Result<std::string> Token();
  /// A service does not take this token any more: the next one is a new one.
  void Forget(const std::string& token);
  /// The project that pays for requests, x-goog-user-project: GOOGLE_CLOUD_QUOTA_PROJECT, or what
  /// the file says. Empty where the service is to know.
  const std::string& quota_project() const { return quota_project_; }

 private:
  using Clock = std::chrono::steady_clock;

  const std::unique_ptr<TokenSource> source_;
  const std::string quota_project_;
  std::mutex mutex_;
  std::string token_;
  Clock::time_point expires_;
};

}  // namespace joist::google

#endif  // JOIST_IO_GOOGLE_CREDENTIALS_H_
