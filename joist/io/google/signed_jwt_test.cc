// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/google/signed_jwt.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>

#include "joist/io/google/testing/read_jwt.h"
#include "joist/io/net/testing/test_certificate.h"

namespace joist::google {
namespace {

using nlohmann::json;

TEST(SignedJwtTest, IsReadWithThePublicKey) {
  const net::KeyPointer key = net::MakeRsaKey();
  const auto signing = SigningKey::Parse(net::PrivateKeyPem(key));
  ASSERT_TRUE(signing.ok()) << signing.status().message();
  // Of all lengths modulo three, and with both letters in which the alphabets differ.
  for (const char* const subject : {"", "a", "ab", "?>?>?>", "ä"}) {
    const auto token = signing->SignedJwt({{"kid", "k1"}}, {{"sub", subject}});
    ASSERT_TRUE(token.ok()) << token.status().message();
    EXPECT_EQ(token->find_first_of("+/="), std::string::npos);
    const ReadJwt read = VerifyJwt(*token, key.get());
    EXPECT_EQ(read.header, json({{"alg", "RS256"}, {"typ", "JWT"}, {"kid", "k1"}}));
    EXPECT_EQ(read.claims, json({{"sub", subject}}));
    EXPECT_THROW(VerifyJwt(*token, net::MakeRsaKey().get()), std::invalid_argument);
  }
}

TEST(SignedJwtTest, OtherKeysAreRefused) {
  std::string ec = net::PrivateKeyPem({EVP_EC_gen("P-256"), &EVP_PKEY_free});
  for (const std::string& pem :
       {std::string(),
        std::string("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"), ec}) {
    EXPECT_EQ(SigningKey::Parse(pem).status().message(), "is no RSA key in PEM");
  }
}

TEST(SignedJwtTest, GooglesLibraryTakesIt) {
  const std::string python = JOIST_TEST_PYTHON;
  if (std::system((python + " -c 'import google.auth.jwt, cryptography' 2>/dev/null").c_str())) {
    GTEST_SKIP() << "google-auth and cryptography are not installed";
  }
  const std::string folder = testing::TempDir() + "joist_jwt_" + std::to_string(getpid());
  std::filesystem::create_directories(folder);
  const net::KeyPointer key = net::MakeRsaKey();
  const auto signing = SigningKey::Parse(net::PrivateKeyPem(key));
  ASSERT_TRUE(signing.ok()) << signing.status().message();
  const int64_t now = std::time(nullptr);
  std::ofstream(folder + "/key.pem")
      << net::PemOf([&](BIO* bio) { return PEM_write_bio_PUBKEY(bio, key.get()); });
  std::ofstream(folder + "/jwt") << *signing->SignedJwt(
      {{"kid", "k1"}}, {{"iss", "me"}, {"aud", "them"}, {"iat", now}, {"exp", now + 3600}});
  std::ofstream(folder + "/read.py")
      << "import sys, google.auth.jwt as jwt\n"
         "folder = sys.argv[1]\n"
         "claims = jwt.decode(open(folder + '/jwt').read(), open(folder + '/key.pem').read(),\n"
         "                    audience='them')\n"
         "assert claims['iss'] == 'me', claims\n";
  EXPECT_EQ(std::system((python + " " + folder + "/read.py " + folder).c_str()), 0);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace joist::google
