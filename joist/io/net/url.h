// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// HttpUrl: the parts of an http:// or https:// address. A value; pure functions.

#ifndef JOIST_IO_NET_URL_H_
#define JOIST_IO_NET_URL_H_

#include <string>
#include <string_view>

#include "joist/base/status.h"

namespace joist::net {

struct HttpUrl {
  std::string host;  ///< Of an IPv6 address without its brackets.
  std::string port = "80";
  std::string target = "/";  ///< Path and query.
  bool is_tls = false;       ///< https.

  /// For messages: without the query, which may hold what is secret.
  std::string ToString() const;
  /// For the Host header.
  std::string Authority() const;
  /// Whether nobody but the server reads what is sent: TLS, or a server of this machine.
  bool KeepsSecrets() const;
};

/// Refuses other schemes, a user with a password, and whatever could not stand in a request.
Result<HttpUrl> ParseHttpUrl(std::string_view text);

/// A value in a query or a form: all but letters, digits and "-._~" as %XX.
std::string PercentEncode(std::string_view text);

}  // namespace joist::net

#endif  // JOIST_IO_NET_URL_H_
