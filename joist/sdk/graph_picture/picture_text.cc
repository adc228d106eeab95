// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/sdk/graph_picture/picture_text.h"

#include <cstdint>

namespace joist::picture_text {
namespace {

/// The bytes of the code point at the front of `text`; 0 where it is malformed (RFC 3629: too
/// long, a surrogate, beyond U+10FFFF).
size_t CodePointSize(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t first = byte(0);
  if (first < 0x80) return 1;
  const size_t size = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < size) return 0;
  for (size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  const uint8_t second = byte(1);
  const bool wrong = (first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F) ||
                     (first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F);
  return wrong ? 0 : size;
}

}  // namespace

std::string Clipped(std::string_view text, size_t most) {
  std::string clean;
  size_t points = 0;
  size_t before_last = 0;  // Where the last point that fits begins.
  while (!text.empty()) {
    if (points == most) {
      clean.resize(before_last);
      return clean + "…";
    }
    before_last = clean.size();
    const size_t size = CodePointSize(text);
    const std::string_view point = text.substr(0, size == 0 ? 1 : size);
    // C1 controls are controls too; U+FFFE and U+FFFF are no characters, in XML least of all.
    const bool control = (size == 1 && (point[0] < ' ' || point[0] == '\x7F')) ||
                         (size == 2 && point[0] == '\xC2' && static_cast<uint8_t>(point[1]) < 0xA0);
    const bool none = size == 0 || point == "\xEF\xBF\xBE" || point == "\xEF\xBF\xBF";
    clean += none ? "\xEF\xBF\xBD" : control ? " " : point;
    text.remove_prefix(point.size());
    ++points;
  }
  return clean;
}

size_t Width(std::string_view utf8) {
  size_t width = 0;
  for (const char c : utf8) width += (static_cast<uint8_t>(c) & 0xC0) != 0x80;
  return width;
}

std::string ForXml(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '&': escaped += "&amp;"; break;
      case '<': escaped += "&lt;"; break;
      case '>': escaped += "&gt;"; break;
      case '"': escaped += "&quot;"; break;
      case '\'': escaped += "&apos;"; break;
      default: escaped += c;
    }
  }
  return escaped;
}

std::string Counted(size_t count, std::string_view noun) {
  std::string text = std::to_string(count) + " ";
  text += noun;
  if (count != 1) text += 's';
  return text;
}

std::string KindAndFunction(const GraphPicture::Step& step) {
  return step.function.empty() ? step.kind : step.kind + " " + step.function;
}

std::string Described(const DisplayItem& item) { return item.label + ": " + item.value; }

}  // namespace joist::picture_text
