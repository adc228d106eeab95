// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// TokenSource: where access tokens for Google's APIs come from. Each Fetch is one request. Scope:
// cloud-platform.

#ifndef JOIST_IO_GOOGLE_TOKEN_SOURCE_H_
#define JOIST_IO_GOOGLE_TOKEN_SOURCE_H_

#include <memory>
#include <string>

#include "joist/base/status.h"
#include "joist/model/timestamp.h"

namespace joist::google {

struct AccessToken {
  std::string text = "";
  Duration lifetime = Duration::Zero();  ///< From when it was asked for.
};

/// Thread-safe.
class TokenSource {
 public:
  virtual ~TokenSource() = default;
  /// Errors: kUnavailable may pass; others do not. Their messages hold no secret.
  virtual Result<AccessToken> Fetch() const = 0;
};

/// Of a file of credentials, `text`: a service account's key, or what gcloud keeps for a user.
/// `name` is that of the file, for messages. Errors: kUnimplemented, another type;
/// kInvalidArgument.
Result<std::unique_ptr<TokenSource>> TokensOfFile(const std::string& text, const std::string& name);

/// The member quota_project_id of such a file; empty if there is none.
std::string QuotaProjectOfFile(const std::string& text);

/// Of the metadata server at `host` ("HOST" or "HOST:PORT"): those of the machine's service
/// account.
Result<std::unique_ptr<TokenSource>> TokensOfMetadataServer(const std::string& host);

}  // namespace joist::google

#endif  // JOIST_IO_GOOGLE_TOKEN_SOURCE_H_
