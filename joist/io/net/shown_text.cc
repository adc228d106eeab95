// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/net/shown_text.h"

#include <algorithm>

namespace joist::net {

std::string ShownText(std::string text, std::initializer_list<std::string_view> secrets) {
  constexpr size_t kShownBytes = 200;
  for (const std::string_view secret : secrets) {
    if (secret.empty()) continue;
    for (size_t at = 0; (at = text.find(secret, at)) != std::string::npos;) {
      text.replace(at, secret.size(), "…");
    }
  }
  text.resize(std::min(text.size(), kShownBytes));
  for (char& c : text) c = static_cast<unsigned char>(c) < ' ' ? ' ' : c;
  text.erase(text.find_last_not_of(' ') + 1);
  return text;
}

}  // namespace joist::net
