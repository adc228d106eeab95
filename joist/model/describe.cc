// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/model/describe.h"

#include <charconv>

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

// How many bytes the UTF-8 sequence at the beginning of `text` has; 0 where there is none.
size_t Utf8Size(std::string_view text) {
  const auto byte = [text](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t first = byte(0);
  const size_t size = first < 0x80   ? 1
                      : first < 0xC2 ? 0
                      : first < 0xE0 ? 2
                      : first < 0xF0 ? 3
                      : first < 0xF5 ? 4
                                     : 0;
  if (size == 0 || size > text.size()) return 0;
  for (size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  // Overlong forms, surrogates, and what lies beyond U+10FFFF.
  if (first == 0xE0 && byte(1) < 0xA0) return 0;
  if (first == 0xED && byte(1) > 0x9F) return 0;
  if (first == 0xF0 && byte(1) < 0x90) return 0;
  if (first == 0xF4 && byte(1) > 0x8F) return 0;
  return size;
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
