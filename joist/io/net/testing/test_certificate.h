// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// For tests: an authority that issues certificates for servers of this machine.

#ifndef JOIST_IO_NET_TESTING_TEST_CERTIFICATE_H_
#define JOIST_IO_NET_TESTING_TEST_CERTIFICATE_H_

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>

namespace joist::net {

using KeyPointer = std::shared_ptr<EVP_PKEY>;
using CertificatePointer = std::shared_ptr<X509>;

struct TestCertificate {
  KeyPointer key = nullptr;
  CertificatePointer certificate = nullptr;
};

/// `bytes` that OpenSSL writes by `write(bio)`.
template <class Write>
std::string PemOf(Write write) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> memory(BIO_new(BIO_s_mem()), &BIO_free);
  if (write(memory.get()) != 1) abort();
  char* text = nullptr;
  const long size = BIO_get_mem_data(memory.get(), &text);
  return {text, static_cast<size_t>(size)};
}
inline std::string PrivateKeyPem(const KeyPointer& key) {
  return PemOf([&](BIO* bio) {
    return PEM_write_bio_PKCS8PrivateKey(bio, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  });
}

inline KeyPointer MakeRsaKey() { return {EVP_RSA_gen(2048), &EVP_PKEY_free}; }

class TestAuthority {
 public:
  TestAuthority() : own_(Make("Test Authority", "", 3600, nullptr)) {}

  /// `names` as OpenSSL has them: "DNS:localhost,IP:127.0.0.1". It is valid for so many seconds
  /// from now on; of less than 0, until before now.
  TestCertificate Issue(const std::string& names, long seconds = 3600) const {
    return Make("Test Server", names, seconds, &own_);
  }
  /// For SSL_CERT_FILE.
  void WriteTo(const std::string& path) const {
    std::ofstream(path) << PemOf(
        [&](BIO* bio) { return PEM_write_bio_X509(bio, own_.certificate.get()); });
  }

 private:
  static void Extend(X509* certificate, X509* issuer, int what, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, &context, what, value.c_str());
    if (extension == nullptr || X509_add_ext(certificate, extension, -1) != 1) abort();
    X509_EXTENSION_free(extension);
  }
  static TestCertificate Make(const std::string& subject, const std::string& names, long seconds,
                              const TestCertificate* authority) {
    TestCertificate made{MakeRsaKey(), {X509_new(), &X509_free}};
    X509* const certificate = made.certificate.get();
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), authority == nullptr ? 1 : 2);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -7200);
    X509_gmtime_adj(X509_getm_notAfter(certificate), seconds);
    X509_set_pubkey(certificate, made.key.get());
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(subject.c_str()), -1, -1, 0);
    X509* const issuer = authority == nullptr ? certificate : authority->certificate.get();
    X509_set_issuer_name(certificate, X509_get_subject_name(issuer));
    if (authority == nullptr) {
      Extend(certificate, issuer, NID_basic_constraints, "critical,CA:TRUE");
    } else {
      Extend(certificate, issuer, NID_subject_alt_name, names);
    }
    EVP_PKEY* const signer = authority == nullptr ? made.key.get() : authority->key.get();
    if (X509_sign(certificate, signer, EVP_sha256()) == 0) abort();
    return made;
  }

  TestCertificate own_;
};

}  // namespace joist::net

#endif  // JOIST_IO_NET_TESTING_TEST_CERTIFICATE_H_
