// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/net/url.h"

#include <algorithm>
#include <charconv>

namespace joist::net {

std::string HttpUrl::Authority() const {
  const bool is_ipv6 = host.find(':') != std::string::npos;
  return (is_ipv6 ? "[" + host + "]" : host) + (port == (is_tls ? "443" : "80") ? "" : ":" + port);
}

std::string HttpUrl::ToString() const {
  return (is_tls ? "https://" : "http://") + Authority() + target.substr(0, target.find('?'));
}

bool HttpUrl::KeepsSecrets() const {
  return is_tls || host == "localhost" || host == "::1" ||
         (host.starts_with("127.") && host.find_first_not_of("0123456789.") == std::string::npos);
}

Result<HttpUrl> ParseHttpUrl(std::string_view text) {
  // Without what may be secret.
  const std::string_view shown = text.substr(0, text.find('?'));
  constexpr std::string_view kPlain = "http://", kTls = "https://";
  const size_t authority_at = text.find("://") == std::string_view::npos ? 0 : text.find("://") + 3;
  if (text.find('@') < text.find_first_of("/?#", authority_at)) {
    return InvalidArgument(
        "a URL holds a user before \"@\", where others would see it; take it out");
  }
  HttpUrl url;
  url.is_tls = text.starts_with(kTls);
  if (!url.is_tls && !text.starts_with(kPlain)) {
    return InvalidArgument(std::string(shown) + " does not begin with http:// or https://");
  }
  const bool is_plain =
      std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f && c != '#'; });
  if (!is_plain) {
    return InvalidArgument(std::string(shown) +
                           " holds a blank, a \"#\" or another character that is none of a URL's; "
                           "write it as %XX");
  }
  text.remove_prefix(url.is_tls ? kTls.size() : kPlain.size());
  if (url.is_tls) url.port = "443";
  const std::string_view authority = text.substr(0, text.find_first_of("/?"));
  text.remove_prefix(authority.size());
  if (!text.empty()) url.target = (text[0] == '/' ? "" : "/") + std::string(text);
  const size_t bracket = authority.starts_with('[') ? authority.find(']') : 0;
  if (bracket == std::string_view::npos) {
    return InvalidArgument(std::string(shown) + " has a [ without its ]");
  }
  const size_t colon = authority.find(':', bracket);
  url.host = bracket > 0 ? authority.substr(1, bracket - 1) : authority.substr(0, colon);
  if (colon != std::string_view::npos) url.port = authority.substr(colon + 1);
  uint16_t port = 0;
  const char* const end = url.port.data() + url.port.size();
  const auto [at, error] = std::from_chars(url.port.data(), end, port);
  if (url.host.empty() || error != std::errc() || at != end || port == 0) {
    return InvalidArgument(std::string(shown) + " does not name a host and a port from 1 to 65535");
  }
  return url;
}

std::string PercentEncode(std::string_view text) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                          (c >= '0' && c <= '9') ||
                          std::string_view("-._~").find(c) != std::string_view::npos;
    if (is_plain) {
      encoded += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      (encoded += '%') += kDigits[byte >> 4];
      encoded += kDigits[byte & 15];
    }
  }
  return encoded;
}

}  // namespace joist::net
