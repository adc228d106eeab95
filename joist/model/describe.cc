// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/model/describe.h"

#include <charconv>

#include "joist/base/utf8.h"

namespace joist::describe_internal {
namespace {

void Hex(uint8_t byte, std::string* out) {
  static constexpr char kDigits[] = "0123456789abcdef";
  *out += "\\x";
  *out += kDigits[byte >> 4];
  *out += kDigits[byte & 15];
}

// Appends one byte as it stands in a literal of ASCII.
void Escape(char c, std::string* out) {
  switch (c) {
    case '"': *out += "\\\""; break;
    case '\\': *out += "\\\\"; break;
    case '\n': *out += "\\n"; break;
    case '\r': *out += "\\r"; break;
    case '\t': *out += "\\t"; break;
    default:
      if (c >= 0x20 && c < 0x7F) {
        *out += c;
      } else {
        Hex(static_cast<uint8_t>(c), out);
      }
  }
}

template <class T>
void AppendNumber(T value, std::string* out) {
  char text[40];
  const auto end = std::to_chars(text, text + sizeof(text), value).ptr;
  out->append(text, end);
}

}  // namespace

void Quote(std::string_view text, std::string* out) {
  *out += '"';
  while (!text.empty()) {
    const size_t size = Utf8Size(text);
    if (size > 1) {
      out->append(text.substr(0, size));
    } else {
      Escape(text[0], out);
    }
    text.remove_prefix(size > 1 ? size : 1);
  }
  *out += '"';
}

void QuoteBytes(std::string_view bytes, std::string* out) {
  *out += "b\"";
  for (char c : bytes) Escape(c, out);
  *out += '"';
}

void Number(double value, std::string* out) { AppendNumber(value, out); }
void Number(float value, std::string* out) { AppendNumber(value, out); }
void Number(int64_t value, std::string* out) { AppendNumber(value, out); }
void Number(uint64_t value, std::string* out) { AppendNumber(value, out); }

}  // namespace joist::describe_internal
