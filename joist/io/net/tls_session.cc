// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/net/tls_session.h"

#include <openssl/ssl.h>
#include <openssl/x509v3.h>

namespace joist::net {
namespace {

/// What OpenSSL has to know before the server's certificate comes; false where it has no memory.
bool SetPeer(SSL* ssl, const std::string& host) {
  X509_VERIFY_PARAM* const expected = SSL_get0_param(ssl);
  if (X509_VERIFY_PARAM_set1_ip_asc(expected, host.c_str()) == 1) return true;
  X509_VERIFY_PARAM_set_hostflags(expected, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  return X509_VERIFY_PARAM_set1_host(expected, host.data(), host.size()) == 1 &&
         SSL_set_tlsext_host_name(ssl, host.c_str()) == 1;
}

/// Whether another authority to trust would help.
bool IsOfAuthority(long error) {
  return error != X509_V_ERR_HOSTNAME_MISMATCH && error != X509_V_ERR_IP_ADDRESS_MISMATCH &&
         error != X509_V_ERR_CERT_HAS_EXPIRED && error != X509_V_ERR_CERT_NOT_YET_VALID;
}

}  // namespace

TlsSession::TlsSession() {
  SSL_CTX_set_min_proto_version(context_.native_handle(), TLS1_2_VERSION);
  SSL_CTX_set_verify(context_.native_handle(), SSL_VERIFY_PEER, nullptr);
  // Where it finds none, no certificate is trusted.
  SSL_CTX_set_default_verify_paths(context_.native_handle());
}

Status TlsSession::Begin(TcpStream* connection, const std::string& host, Duration timeout) {
  TcpStream::Impl& impl = connection->impl();
  stream_.emplace(impl.stream, context_);
  SSL* const ssl = stream_->native_handle();
  if (!SetPeer(ssl, host)) {
    connection->Close();
    return InvalidArgument("\"" + host + "\" is no host for TLS");
  }
  const auto error = impl.Run(timeout, [this](auto handler) {
    stream_->async_handshake(boost::asio::ssl::stream_base::client, std::move(handler));
  });
  if (!error) return OkStatus();
  connection->Close();
  const long trust = SSL_get_verify_result(ssl);
  if (trust == X509_V_OK) {
    return {StatusCode::kUnavailable, "no TLS with " + host + ": " + Reason(error)};
  }
  return {StatusCode::kUnauthenticated,
          "the certificate of " + host +
              " is not trusted: " + X509_verify_cert_error_string(trust) +
              (IsOfAuthority(trust) ? " (SSL_CERT_FILE can name an authority to trust)" : "")};
}

}  // namespace joist::net
