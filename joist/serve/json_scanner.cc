// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/serve/json_scanner.h"

#include <bit>
#include <cstring>

#include "joist/base/utf8.h"

namespace joist::serve {
namespace {

constexpr uint64_t kOnes = 0x0101010101010101;
constexpr uint64_t kHighBits = 0x8080808080808080;

/// The high bits of the bytes that a string cannot just hold: quotes, backslashes, control
/// characters, and what is no ASCII. Bytes behind the first such one may be marked wrongly.
uint64_t SpecialBytes(uint64_t word) {
  const auto zeros = [](uint64_t bytes) { return (bytes - kOnes) & ~bytes; };
  const uint64_t quotes = zeros(word ^ kOnes * '"');
  const uint64_t backslashes = zeros(word ^ kOnes * '\\');
  const uint64_t controls = (word - kOnes * 0x20) & ~word;
  return (quotes | backslashes | controls | word) & kHighBits;
}

/// How many bytes from `at` are plain.
size_t PlainBytes(const char* at, const char* end) {
  const char* const begin = at;
  while (end - at >= 8) {
    uint64_t word;
    std::memcpy(&word, at, sizeof(word));
    const uint64_t special = SpecialBytes(word);
    if (special != 0) return static_cast<size_t>(at - begin) + std::countr_zero(special) / 8;
    at += 8;
  }
  while (at < end && *at != '"' && *at != '\\' && static_cast<signed char>(*at) >= 0x20) ++at;
  return static_cast<size_t>(at - begin);
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

int HexDigit(char c) {
  if (IsDigit(c)) return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

uint32_t Hex(std::string_view digits) {
  uint32_t value = 0;
  for (const char c : digits) value = value * 16 + static_cast<uint32_t>(HexDigit(c));
  return value;
}

void AppendUtf8(uint32_t code, std::string* out) {
  const auto tail = [&](int shift) { *out += static_cast<char>(0x80 | (code >> shift & 0x3F)); };
  if (code < 0x80) {
    *out += static_cast<char>(code);
  } else if (code < 0x800) {
    *out += static_cast<char>(0xC0 | code >> 6);
    tail(0);
  } else if (code < 0x10000) {
    *out += static_cast<char>(0xE0 | code >> 12);
    tail(6);
    tail(0);
  } else {
    *out += static_cast<char>(0xF0 | code >> 18);
    tail(12);
    tail(6);
    tail(0);
  }
}

/// Decodes \uXXXX at the beginning, with the surrogate that follows; how many bytes that takes.
size_t AppendUnicodeEscape(std::string_view text, std::string* out) {
  const uint32_t code = Hex(text.substr(2, 4));
  if (code >= 0xD800 && code < 0xDC00 && text.size() >= 12 && text.substr(6, 2) == "\\u") {
    const uint32_t low = Hex(text.substr(8, 4));
    if (low >= 0xDC00 && low < 0xE000) {
      AppendUtf8(0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00), out);
      return 12;
    }
  }
  AppendUtf8(code >= 0xD800 && code < 0xE000 ? 0xFFFD : code, out);
  return 6;
}

}  // namespace

std::string_view JsonKindName(JsonKind kind) {
  switch (kind) {
    case JsonKind::kObject: return "an object";
    case JsonKind::kArray: return "an array";
    case JsonKind::kString: return "a string";
    case JsonKind::kNumber: return "a number";
    case JsonKind::kBoolean: return "true or false";
    case JsonKind::kNull: return "null";
    case JsonKind::kNone: break;
  }
  return "no value";
}

std::string DecodeJsonString(std::string_view quoted) {
  constexpr std::string_view kEscapes = "bfnrt";
  constexpr std::string_view kMeant = "\b\f\n\r\t";
  std::string out;
  out.reserve(quoted.size());
  while (!quoted.empty()) {
    const size_t plain = std::min(quoted.find('\\'), quoted.size());
    out += quoted.substr(0, plain);
    quoted.remove_prefix(plain);
    if (quoted.empty()) break;
    if (quoted[1] == 'u') {
      quoted.remove_prefix(AppendUnicodeEscape(quoted, &out));
      continue;
    }
    const size_t escape = kEscapes.find(quoted[1]);
    out += escape == std::string_view::npos ? quoted[1] : kMeant[escape];
    quoted.remove_prefix(2);
  }
  return out;
}

JsonKind JsonScanner::Next() {
  SkipBlanks();
  if (at_ == end_) return JsonKind::kNone;
  switch (*at_) {
    case '{': return JsonKind::kObject;
    case '[': return JsonKind::kArray;
    case '"': return JsonKind::kString;
    case 't':
    case 'f': return JsonKind::kBoolean;
    case 'n': return JsonKind::kNull;
    default: return *at_ == '-' || IsDigit(*at_) ? JsonKind::kNumber : JsonKind::kNone;
  }
}

bool JsonScanner::Skip() {
  std::string_view ignored;
  switch (Next()) {
    case JsonKind::kObject: return TakeObject([this](std::string_view) { return Skip(); });
    case JsonKind::kArray: return TakeArray([this] { return Skip(); });
    case JsonKind::kString: return TakeString(&ignored);
    case JsonKind::kNumber: return TakeNumber(&ignored);
    case JsonKind::kBoolean: return TakeWord(*at_ == 't' ? "true" : "false");
    case JsonKind::kNull: return TakeWord("null");
    case JsonKind::kNone: break;
  }
  return Fail("a value is expected");
}

bool JsonScanner::TakeString(std::string_view* quoted) {
  SkipBlanks();
  if (at_ == end_ || *at_ != '"') return Fail("a string is expected");
  const char* const first = ++at_;
  while (true) {
    at_ += PlainBytes(at_, end_);
    if (at_ == end_) return Fail("a string does not end");
    if (*at_ == '"') {
      *quoted = {first, static_cast<size_t>(at_ - first)};
      ++at_;
      return true;
    }
    if (*at_ == '\\') {
      if (!SkipEscape()) return false;
      continue;
    }
    if (static_cast<unsigned char>(*at_) < 0x20) {
      return Fail("a control character in a string must be escaped");
    }
    const size_t size = Utf8Size({at_, static_cast<size_t>(end_ - at_)});
    if (size == 0) return Fail("a string is not UTF-8");
    at_ += size;
  }
}

bool JsonScanner::SkipEscape() {
  constexpr std::string_view kEscapes = "\"\\/bfnrtu";
  if (end_ - at_ < 2 || kEscapes.find(at_[1]) == std::string_view::npos) {
    return Fail("a backslash begins no escape");
  }
  const bool is_unicode = at_[1] == 'u';
  if (is_unicode && (end_ - at_ < 6 || HexDigit(at_[2]) < 0 || HexDigit(at_[3]) < 0 ||
                     HexDigit(at_[4]) < 0 || HexDigit(at_[5]) < 0)) {
    return Fail("\\u needs four hexadecimal digits");
  }
  at_ += is_unicode ? 6 : 2;
  return true;
}

bool JsonScanner::SkipDigits() {
  const char* const first = at_;
  while (at_ < end_ && IsDigit(*at_)) ++at_;
  return at_ > first || Fail("a digit is expected");
}

bool JsonScanner::TakeNumber(std::string_view* text) {
  SkipBlanks();
  const char* const first = at_;
  if (at_ < end_ && *at_ == '-') ++at_;
  const char* const whole = at_;
  if (!SkipDigits()) return false;
  if (*whole == '0' && at_ - whole > 1) return Fail("a number begins with 0");
  if (at_ < end_ && *at_ == '.') {
    ++at_;
    if (!SkipDigits()) return false;
  }
  if (at_ < end_ && (*at_ == 'e' || *at_ == 'E')) {
    ++at_;
    if (at_ < end_ && (*at_ == '+' || *at_ == '-')) ++at_;
    if (!SkipDigits()) return false;
  }
  *text = {first, static_cast<size_t>(at_ - first)};
  return true;
}

std::string JsonScanner::problem() const {
  return problem_ == nullptr ? "" : "byte " + std::to_string(position()) + ": " + problem_;
}

bool JsonScanner::TakeWord(std::string_view word) {
  if (static_cast<size_t>(end_ - at_) < word.size() ||
      std::memcmp(at_, word.data(), word.size()) != 0) {
    return Fail("a value is expected");
  }
  at_ += word.size();
  return true;
}

bool JsonScanner::Open(char opening, char closing, bool* more) {
  SkipBlanks();
  if (at_ == end_ || *at_ != opening) {
    return Fail(opening == '{' ? "an object is expected" : "an array is expected");
  }
  ++at_;
  if (++depth_ > kMostDepth) return Fail("more than 200 arrays and objects within each other");
  SkipBlanks();
  *more = at_ == end_ || *at_ != closing;
  if (!*more) {
    ++at_;
    --depth_;
  }
  return true;
}

bool JsonScanner::Separate(char closing, bool* more) {
  SkipBlanks();
  *more = at_ < end_ && *at_ == ',';
  if (!*more && (at_ == end_ || *at_ != closing)) {
    return Fail(closing == '}' ? "a comma or } is expected" : "a comma or ] is expected");
  }
  if (!*more) --depth_;
  ++at_;
  return true;
}

bool JsonScanner::TakeName(std::string_view* name) {
  SkipBlanks();
  if (at_ == end_ || *at_ != '"') return Fail("a member's name in quotes is expected");
  if (!TakeString(name)) return false;
  SkipBlanks();
  if (at_ == end_ || *at_ != ':') return Fail("a colon is expected");
  ++at_;
  return true;
}

}  // namespace joist::serve
