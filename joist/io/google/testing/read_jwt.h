// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// For tests: what is in a JSON Web Token by RS256, as who has the public key reads it.

#ifndef JOIST_IO_GOOGLE_TESTING_READ_JWT_H_
#define JOIST_IO_GOOGLE_TESTING_READ_JWT_H_

#include <openssl/evp.h>

#include <nlohmann/json.hpp>

#include <stdexcept>
#include <string>

namespace joist::google {

struct ReadJwt {
  nlohmann::json header = {};
  nlohmann::json claims = {};
};

inline std::string FromBase64Url(std::string text) {
  for (char& c : text) c = c == '-' ? '+' : c == '_' ? '/' : c;
  const size_t padding = (4 - text.size() % 4) % 4;
  text.append(padding, '=');
  std::string bytes(text.size() / 4 * 3, '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                                   reinterpret_cast<const unsigned char*>(text.data()),
                                   static_cast<int>(text.size()));
  if (size < 0) throw std::invalid_argument("no base64");
  bytes.resize(static_cast<size_t>(size) - padding);
  return bytes;
}

/// Throws where it is none, or is not signed with `key`.
inline ReadJwt VerifyJwt(const std::string& token, EVP_PKEY* key) {
  const size_t first = token.find('.');
  const size_t last = token.rfind('.');
  if (first == last) throw std::invalid_argument("no three parts");
  const std::string signature = FromBase64Url(token.substr(last + 1));
  EVP_MD_CTX* const context = EVP_MD_CTX_new();
  EVP_DigestVerifyInit(context, nullptr, EVP_sha256(), nullptr, key);
  const int verified = EVP_DigestVerify(
      context, reinterpret_cast<const unsigned char*>(signature.data()), signature.size(),
      reinterpret_cast<const unsigned char*>(token.data()), last);
  EVP_MD_CTX_free(context);
  if (verified != 1) throw std::invalid_argument("another signature");
  return {nlohmann::json::parse(FromBase64Url(token.substr(0, first))),
          nlohmann::json::parse(FromBase64Url(token.substr(first + 1, last - first - 1)))};
}

}  // namespace joist::google

#endif  // JOIST_IO_GOOGLE_TESTING_READ_JWT_H_
