// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// SignedJwt: a JSON Web Token (RFC 7519) by RS256, what a service account shows to get an access
// token. Pure.

#ifndef JOIST_IO_GOOGLE_SIGNED_JWT_H_
#define JOIST_IO_GOOGLE_SIGNED_JWT_H_

#include <nlohmann/json_fwd.hpp>

#include <memory>
#include <string>
#include <string_view>

#include "joist/base/status.h"

namespace joist::google {

/// An RSA key for signing. Immutable.
class SigningKey {
 public:
  /// Of a PEM text, without a password. The message of an error shows nothing of it.
  static Result<SigningKey> Parse(std::string_view pem);

  /// `header` gets "alg" and "typ".
  Result<std::string> SignedJwt(nlohmann::json header, const nlohmann::json& claims) const;

 private:
  explicit SigningKey(std::shared_ptr<void> key) : key_(std::move(key)) {}

  std::shared_ptr<void> key_;  ///< OpenSSL's EVP_PKEY.
};

}  // namespace joist::google

#endif  // JOIST_IO_GOOGLE_SIGNED_JWT_H_
