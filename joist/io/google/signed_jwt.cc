// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/google/signed_jwt.h"

#include <openssl/evp.h>
#include <openssl/pem.h>

#include <nlohmann/json.hpp>

#include <utility>

namespace joist::google {
namespace {

using nlohmann::json;

/// Base64 of the alphabet for URLs, without padding.
std::string Base64Url(std::string_view bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                   reinterpret_cast<const unsigned char*>(bytes.data()),
                                   static_cast<int>(bytes.size()));
  text.resize(static_cast<size_t>(size));
  text.erase(text.find_last_not_of('=') + 1);
  for (char& c : text) c = c == '+' ? '-' : c == '/' ? '_' : c;
  return text;
}

/// Instead of asking a terminal.
int NoPassword(char*, int, int, void*) { return 0; }

}  // namespace

Result<SigningKey> SigningKey::Parse(std::string_view pem) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> text(
      BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), &BIO_free);
  std::shared_ptr<EVP_PKEY> key(PEM_read_bio_PrivateKey(text.get(), nullptr, &NoPassword, nullptr),
                                &EVP_PKEY_free);
  if (key == nullptr || EVP_PKEY_get_base_id(key.get()) != EVP_PKEY_RSA) {
    return InvalidArgument("is no RSA key in PEM");
  }
  return SigningKey(std::move(key));
}

Result<std::string> SigningKey::SignedJwt(json header, const json& claims) const {
  header["alg"] = "RS256";
  header["typ"] = "JWT";
  std::string token = Base64Url(header.dump()) + "." + Base64Url(claims.dump());
  auto* const key = static_cast<EVP_PKEY*>(key_.get());
  std::string signature(static_cast<size_t>(EVP_PKEY_get_size(key)), '\0');
  size_t size = signature.size();
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                        &EVP_MD_CTX_free);
  if (EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key) != 1 ||
      EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                     reinterpret_cast<const unsigned char*>(token.data()), token.size()) != 1) {
    return Internal("OpenSSL cannot sign with the private key");
  }
  signature.resize(size);
  return token + "." + Base64Url(signature);
}

}  // namespace joist::google
