// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/json/cursor.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>

#include "joist/base/status.h"
#include "joist/io/json/utf8.h"

#ifdef __AVX2__
#include <immintrin.h>
#endif

namespace joist::json {
namespace {

constexpr size_t kShown = 60;

bool IsDigit(char c) { return static_cast<unsigned char>(c - '0') < 10; }

uint64_t Load64(const char* at) {
  uint64_t word;
  std::memcpy(&word, at, sizeof(word));
  return word;
}

#ifdef __AVX2__
// Which of the 32 bytes at `at` a text cannot just hold: a quote, a backslash, a control character;
// in *beyond_ascii those from 0x80.
inline uint32_t SpecialOf(const char* at, uint32_t* beyond_ascii) {
  const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
  const __m256i quote = _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('"'));
  const __m256i backslash = _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('\\'));
  const __m256i control = _mm256_cmpeq_epi8(_mm256_min_epu8(bytes, _mm256_set1_epi8(0x1F)), bytes);
  *beyond_ascii = static_cast<uint32_t>(_mm256_movemask_epi8(bytes));
  return static_cast<uint32_t>(
      _mm256_movemask_epi8(_mm256_or_si256(_mm256_or_si256(quote, backslash), control)));
}
#endif

// The first byte of [at, end) that a text cannot just hold: a quote, a backslash, a control
// character; `end` if there is none. Sets *beyond_ascii if a byte before it (or, harmlessly, one
// behind it) is.
const char* FindSpecial(const char* at, const char* end, const char* readable_end,
                        bool* beyond_ascii) {
#ifdef __AVX2__
  uint32_t high = 0;
  while (at < end && readable_end - at >= 32) {
    uint32_t beyond = 0;
    const uint32_t found = SpecialOf(at, &beyond);
    high |= beyond;
    if (found != 0) {
      *beyond_ascii = high != 0;
      return std::min(at + std::countr_zero(found), end);
    }
    at += 32;
  }
  at = std::min(at, end);
  *beyond_ascii = high != 0;
#else
  (void)readable_end;
#endif
  for (; at < end; ++at) {
    const auto byte = static_cast<unsigned char>(*at);
    if (byte == '"' || byte == '\\' || byte < 0x20) break;
    if (byte >= 0x80) *beyond_ascii = true;
  }
  return at;
}

// Exact powers of ten.
template <class T>
constexpr int kExactPower = std::is_same_v<T, double> ? 22 : 10;
template <class T>
constexpr T kPowers[23] = {1e0,
                           1e1,
                           1e2,
                           1e3,
                           1e4,
                           1e5,
                           1e6,
                           1e7,
                           1e8,
                           1e9,
                           1e10,
                           1e11,
                           1e12,
                           1e13,
                           1e14,
                           1e15,
                           1e16,
                           1e17,
                           1e18,
                           1e19,
                           1e20,
                           1e21,
                           static_cast<T>(1e22)};

int HexDigit(char c) {
  if (IsDigit(c)) return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// Four hexadecimal digits at `at`, or -1.
int TakeHex(const char* at, const char* end) {
  if (end - at < 4) return -1;
  int value = 0;
  for (int i = 0; i < 4; ++i) {
    const int digit = HexDigit(at[i]);
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

constexpr char kBase64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int Base64Digit(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (IsDigit(c)) return c - '0' + 52;
  // The alphabet for URLs is read too.
  return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : -1;
}

}  // namespace

// --- Structure ----------------------------------------------------------------------------------

void Cursor::Begin(std::string_view record, size_t slack) {
  begin_ = at_ = value_ = record.data();
  end_ = begin_ + record.size();
  readable_end_ = end_ + slack;
  depth_ = 0;
  window_.begin = end_;  // Where no text begins.
  if (!problem_.empty()) {
    problem_.clear();
    place_.clear();
  }
}

bool Cursor::AtEnd() {
  SkipBlanks();
  return at_ == end_ || Fail("something follows the record at its byte " +
                             std::to_string(at_ - begin_) + ", which is on a line of its own");
}

bool Cursor::TakeLiteral(std::string_view literal) {
  if (static_cast<size_t>(end_ - at_) < literal.size() ||
      std::memcmp(at_, literal.data(), literal.size()) != 0) {
    value_ = at_;
    return false;
  }
  at_ += literal.size();
  return true;
}

bool Cursor::Open(char bracket, char closing, std::string_view wanted, bool* more) {
  SkipBlanks();
  value_ = at_;
  if (at_ == end_ || *at_ != bracket) return Refuse(wanted);
  ++at_;
  if (++depth_ > kMaxDepth) {
    return Fail("has more than " + std::to_string(kMaxDepth) + " arrays and objects in each other");
  }
  SkipBlanks();
  *more = at_ == end_ || *at_ != closing;
  if (!*more) {
    ++at_;
    --depth_;
  }
  return true;
}

bool Cursor::Close(char closing) {
  if (at_ == end_ || *at_ != closing) {
    return Fail(at_ == end_ ? "ends too early"
                            : std::string("has no comma and no '") + closing + "' at byte " +
                                  std::to_string(at_ - begin_) + " of the record");
  }
  ++at_;
  --depth_;
  return true;
}

bool Cursor::RefuseColon() {
  return Fail("has no colon at byte " + std::to_string(at_ - begin_) + " of the record");
}

bool Cursor::TakeName() {
  SkipBlanks();
  value_ = at_;
  if (at_ == end_ || *at_ != '"') {
    return Fail("has no name in quotes at byte " + std::to_string(at_ - begin_) + " of the record");
  }
  return TakeQuoted(&name_);
}

bool Cursor::TakeKey(std::string* key) {
  if (!TakeName()) return false;
  key->assign(name_);
  return TakeColon();
}

bool Cursor::TakeRow(const RowTable& table, void* row) {
  bool more = false;
  if (!Open('{', '}', "an object", &more)) return false;
  JOIST_CHECK(table.count <= kMaxFields);
  uint64_t seen[kMaxFields / 64] = {};
  size_t taken = 0;
  size_t next = 0;
  while (more) {
    SkipBlanks();
    const FieldEntry* field = nullptr;
    if (next < table.count && end_ - at_ > 8 && *at_ == '"') {
      const FieldEntry& guess = table.fields[next];
      const char* const name = at_ + 1;
      const size_t size = guess.name.size();
      if ((Load64(name) & guess.mask) == guess.word &&
          (size < 8 || (static_cast<size_t>(end_ - name) > size && name[size] == '"' &&
                        std::memcmp(name, guess.name.data(), size) == 0))) {
        field = &guess;
        at_ = name + size + 1;
        if (at_ < end_ && *at_ == ':') {
          ++at_;
        } else if (!TakeColon()) {
          return InField(guess.name);
        }
      }
    }
    if (field == nullptr) {
      const char* const begin = at_ + 1;
      const bool readable = end_ - at_ > 8;
      if (!TakeName()) return false;
      // Of a name without escapes. Most fields differ in it; no name has a zero byte.
      const uint64_t word = readable && name_.data() == begin ? Load64(begin) : 0;
      for (size_t i = 0; i < table.count && field == nullptr; ++i) {
        // From the one expected: what is skipped in between is often missing.
        const size_t index = next + i < table.count ? next + i : next + i - table.count;
        const FieldEntry& entry = table.fields[index];
        if (word != 0 && (word & entry.mask) != entry.word) continue;
        if (entry.name == name_) field = &entry;
      }
      if (field == nullptr) {
        if (refuse_unknown_) {
          return Fail("has the field \"" + OneLineOfUtf8(name_.substr(0, kShown)) +
                      "\", which is not known");
        }
        if (!TakeColon() || !Skip()) return false;
      } else if (!TakeColon()) {
        return InField(field->name);
      }
    }
    if (field != nullptr) {
      const auto index = static_cast<size_t>(field - table.fields);
      if (!field->take(*this, row)) return InField(field->name);
      taken += (seen[index / 64] >> (index % 64) & 1) ^ 1;
      seen[index / 64] |= uint64_t{1} << (index % 64);
      next = index + 1;
    }
    if (!Next('}', &more)) return false;
  }
  for (size_t i = 0; taken < table.count && i < table.count; ++i) {
    if ((seen[i / 64] >> (i % 64) & 1) != 0) continue;
    if (table.fields[i].clear == nullptr) {
      Fail("is missing");
      return InField(table.fields[i].name);
    }
    table.fields[i].clear(row);
  }
  return true;
}

bool Cursor::Skip() {
  SkipBlanks();
  value_ = at_;
  if (at_ == end_) return Refuse("a value");
  switch (*at_) {
    case '"': {
      std::string_view text;
      return TakeQuoted(&text);
    }
    case '{': return SkipObject();
    case '[': return TakeArray([this] { return Skip(); });
    case 't': return TakeLiteral("true") || Refuse("a value");
    case 'f': return TakeLiteral("false") || Refuse("a value");
    case 'n': return TakeLiteral("null") || Refuse("a value");
    default: return SkipNumber() || Refuse("a value");
  }
}

bool Cursor::SkipObject() {
  bool more = false;
  if (!Open('{', '}', "an object", &more)) return false;
  while (more) {
    if (!TakeName() || !TakeColon() || !Skip() || !Next('}', &more)) return false;
  }
  return true;
}

// --- Values -------------------------------------------------------------------------------------

bool Cursor::TakeBool(bool* value) {
  SkipBlanks();
  value_ = at_;
  *value = at_ < end_ && *at_ == 't';
  return TakeLiteral(*value ? "true" : "false") || Refuse("true or false");
}

bool Cursor::SkipNumber() {
  const char* at = at_;
  const auto digits = [&] {
    const char* const first = at;
    while (at < end_ && IsDigit(*at)) ++at;
    return at > first;
  };
  if (at < end_ && *at == '-') ++at;
  const char* const whole = at;
  if (!digits() || (*whole == '0' && at - whole > 1)) return false;
  if (at < end_ && *at == '.') {
    ++at;
    if (!digits()) return false;
  }
  if (at < end_ && (*at == 'e' || *at == 'E')) {
    ++at;
    if (at < end_ && (*at == '+' || *at == '-')) ++at;
    if (!digits()) return false;
  }
  at_ = at;
  return true;
}

bool Cursor::TakeInteger(int64_t least, int64_t most, int64_t* value) {
  SkipBlanks();
  value_ = at_;
  const char* at = at_;
  const bool negative = at < end_ && *at == '-';
  if (negative) ++at;
  const char* const first = at;
  uint64_t number = 0;
  for (; at < end_ && IsDigit(*at); ++at) number = number * 10 + static_cast<uint64_t>(*at - '0');
  const auto digits = at - first;
  // 19 digits are less than 2^64.
  const bool is_number = digits > 0 && digits <= 19 && (*first != '0' || digits == 1) &&
                         number <= uint64_t{INT64_MAX} + (negative ? 1 : 0) &&
                         (at == end_ || (*at != '.' && *at != 'e' && *at != 'E'));
  const auto result = static_cast<int64_t>(negative ? 0 - number : number);
  if (!is_number || result < least || result > most) {
    return Refuse("a whole number from " + std::to_string(least) + " to " + std::to_string(most));
  }
  *value = result;
  at_ = at;
  return true;
}

bool Cursor::TakeUint64(uint64_t* value) {
  SkipBlanks();
  value_ = at_;
  const auto [behind, error] = std::from_chars(at_, end_, *value);
  if (error != std::errc() || (*at_ == '0' && behind - at_ > 1) ||
      (behind < end_ && (*behind == '.' || *behind == 'e' || *behind == 'E'))) {
    return Refuse("a whole number from 0 to " + std::to_string(UINT64_MAX));
  }
  at_ = behind;
  return true;
}

// Clinger, How to Read Floating Point Numbers Accurately (PLDI 1990): where the digits and the
// power of ten are both exact, one operation rounds correctly.
template <class T>
bool Cursor::TakeFloating(T* value) {
  SkipBlanks();
  value_ = at_;
  if (at_ < end_ && *at_ == '"') {
    std::string_view text;
    if (!TakeQuoted(&text)) return false;
    if (text == "NaN") {
      *value = std::numeric_limits<T>::quiet_NaN();
    } else if (text == "Infinity") {
      *value = std::numeric_limits<T>::infinity();
    } else if (text == "-Infinity") {
      *value = -std::numeric_limits<T>::infinity();
    } else {
      return Refuse("a number");
    }
    return true;
  }
  const char* at = at_;
  const bool negative = at < end_ && *at == '-';
  if (negative) ++at;
  const char* const first = at;
  uint64_t digits = 0;
  for (; at < end_ && IsDigit(*at); ++at) digits = digits * 10 + static_cast<uint64_t>(*at - '0');
  const char* const point = at;
  bool simple = at > first && (*first != '0' || at - first == 1);
  ptrdiff_t places = 0;
  if (at < end_ && *at == '.') {
    ++at;
    for (; at < end_ && IsDigit(*at); ++at) digits = digits * 10 + static_cast<uint64_t>(*at - '0');
    places = at - point - 1;
    simple = simple && places > 0;
  }
  simple = simple && at - first <= 19 && places <= kExactPower<T> &&
           digits <= uint64_t{1} << std::numeric_limits<T>::digits &&
           (at == end_ || (*at != 'e' && *at != 'E'));
  if (simple) {
    const T number = static_cast<T>(digits) / kPowers<T>[places];
    *value = negative ? -number : number;
    at_ = at;
    return true;
  }
  const char* const begin = at_;
  if (!SkipNumber()) return Refuse("a number");
  const auto [behind, error] = std::from_chars(begin, at_, *value);
  if (error == std::errc::result_out_of_range) {
    // Too large or too small: from_chars doesn't say which.
    double wide = 0;
    if constexpr (std::is_same_v<T, float>) {
      if (std::from_chars(begin, at_, wide).ec == std::errc() && std::abs(wide) < 1) {
        *value = static_cast<T>(wide);
        return true;
      }
    } else {
      wide = std::strtod(std::string(begin, at_).c_str(), nullptr);
      if (std::abs(wide) < 1) {
        *value = wide;
        return true;
      }
    }
    at_ = begin;
    return Refuse("a number of its type");
  }
  return true;
}

bool Cursor::TakeFloat(float* value) { return TakeFloating(value); }
bool Cursor::TakeDouble(double* value) { return TakeFloating(value); }

bool Cursor::TakeText(std::string_view* value) {
  SkipBlanks();
  value_ = at_;
  if (at_ == end_ || *at_ != '"') return Refuse("a text");
  return TakeQuoted(value);
}

bool Cursor::TakeText(std::string* value) {
  std::string_view text;
  if (!TakeText(&text)) return false;
  value->assign(text);
  return true;
}

bool Cursor::TakeQuoted(std::string_view* value) {
  const char* const begin = at_ + 1;
#ifdef __AVX2__
  uint64_t beyond = 0;
  for (const char* at = begin; at < end_; at = window_.begin + Window::kBytes) {
    if (at < window_.begin || at >= window_.begin + Window::kBytes) {
      if (static_cast<size_t>(readable_end_ - at) < Window::kBytes) break;
      uint32_t beyond_low = 0;
      uint32_t beyond_high = 0;
      const uint64_t low = SpecialOf(at, &beyond_low);
      const uint64_t high = SpecialOf(at + 32, &beyond_high);
      window_ = {at, low | high << 32, beyond_low | uint64_t{beyond_high} << 32};
    }
    const auto offset = static_cast<size_t>(at - window_.begin);
    const uint64_t special = window_.special >> offset;
    if (special == 0) {
      beyond |= window_.beyond_ascii >> offset;
      continue;
    }
    const char* const end = at + std::countr_zero(special);
    if (end >= end_ || *end != '"') break;
    // Of the bytes up to it.
    beyond |= window_.beyond_ascii >> offset & (special ^ (special - 1));
    *value = {begin, static_cast<size_t>(end - begin)};
    if (beyond != 0 && !IsUtf8(*value)) return Refuse("UTF-8");
    at_ = end + 1;
    return true;
  }
#endif
  bool beyond_ascii = false;
  const char* const special = FindSpecial(begin, end_, readable_end_, &beyond_ascii);
  if (special < end_ && *special == '"') {
    *value = {begin, static_cast<size_t>(special - begin)};
    if (beyond_ascii && !IsUtf8(*value)) return Refuse("UTF-8");
    at_ = special + 1;
    return true;
  }
  if (!Decode(begin)) return false;
  *value = scratch_;
  return true;
}

bool Cursor::Decode(const char* begin) {
  scratch_.clear();
  bool any_beyond = false;
  for (const char* at = begin;;) {
    bool beyond = false;
    const char* const special = FindSpecial(at, end_, readable_end_, &beyond);
    any_beyond = any_beyond || beyond;
    scratch_.append(at, special);
    at = special;
    if (at == end_) return Refuse("a text with a quote at its end");
    if (*at == '"') {
      at_ = at + 1;
      return !any_beyond || IsUtf8(scratch_) || Refuse("UTF-8");
    }
    if (*at != '\\') return Refuse("a text with its control characters escaped");
    if (++at == end_) return Refuse("a text with a quote at its end");
    const char escaped = *at++;
    switch (escaped) {
      case '"':
      case '\\':
      case '/': scratch_ += escaped; break;
      case 'b': scratch_ += '\b'; break;
      case 'f': scratch_ += '\f'; break;
      case 'n': scratch_ += '\n'; break;
      case 'r': scratch_ += '\r'; break;
      case 't': scratch_ += '\t'; break;
      case 'u': {
        int code = TakeHex(at, end_);
        at += 4;
        if (code >= 0xD800 && code < 0xDC00 && end_ - at >= 6 && at[0] == '\\' && at[1] == 'u') {
          const int low = TakeHex(at + 2, end_);
          if (low < 0xDC00 || low > 0xDFFF) return Refuse("a text with whole \\u pairs");
          code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
          at += 6;
        }
        if (code < 0) return Refuse("a text with four digits behind each \\u");
        if (code >= 0xD800 && code <= 0xDFFF) return Refuse("a text with whole \\u pairs");
        AppendUtf8(static_cast<uint32_t>(code), &scratch_);
        break;
      }
      default: return Refuse("a text with JSON's escapes only");
    }
  }
}

bool Cursor::TakeBytes(std::string* value) {
  std::string_view text;
  if (!TakeText(&text)) return false;
  while (text.ends_with('=')) text.remove_suffix(1);
  if (text.size() % 4 == 1) return Refuse("bytes in base64");
  value->clear();
  uint32_t word = 0;
  int bits = 0;
  for (const char c : text) {
    const int digit = Base64Digit(c);
    if (digit < 0) return Refuse("bytes in base64");
    word = word << 6 | static_cast<uint32_t>(digit);
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      *value += static_cast<char>(word >> bits & 0xFF);
    }
  }
  return true;
}

bool Cursor::TakeTimestamp(Timestamp* value) {
  SkipBlanks();
  value_ = at_;
  constexpr std::string_view kWanted = "a time as \"2026-11-21T06:55:00Z\"";
  if (at_ == end_ || *at_ != '"') return Refuse(kWanted);
  std::string_view text;
  if (!TakeQuoted(&text)) return false;
  const Result<Timestamp> time = Timestamp::Parse(text);
  if (!time.ok()) return Refuse(kWanted);
  *value = *time;
  return true;
}

// --- Errors -------------------------------------------------------------------------------------

std::string Cursor::Shown() const {
  // Up to where the value can't reach: good enough for a message.
  const char* at = value_;
  const bool quoted = at < end_ && *at == '"';
  if (quoted) ++at;
  while (at < end_ && static_cast<size_t>(at - value_) < kShown &&
         (quoted ? *at != '"' || at[-1] == '\\'
                 : std::string_view(",]} \t\r\n").find(*at) == std::string_view::npos)) {
    ++at;
  }
  if (quoted && at < end_ && *at == '"') ++at;
  std::string shown(value_, at);
  if (static_cast<size_t>(at - value_) >= kShown) shown += "…";
  return OneLineOfUtf8(shown);
}

bool Cursor::Refuse(std::string_view wanted) {
  const std::string shown = value_ == end_ ? "" : Shown();
  return Fail("must be " + std::string(wanted) +
              (shown.empty() ? ", and the record ends" : ", and is " + shown));
}

bool Cursor::Fail(std::string problem) {
  // The first one is the cause.
  if (problem_.empty()) problem_ = std::move(problem);
  return false;
}

bool Cursor::InElement(size_t index) {
  Fail("is wrong");
  const bool joined = place_.empty() || place_[0] == '[';
  place_ = "[" + std::to_string(index) + "]" + (joined ? "" : ".") + place_;
  return false;
}

bool Cursor::InField(std::string_view name) {
  Fail("is wrong");
  const bool joined = place_.empty() || place_[0] == '[';
  place_ = OneLineOfUtf8(name.substr(0, kShown)) + (joined ? "" : ".") + place_;
  return false;
}

std::string Cursor::error() const {
  return (place_.empty() ? "the record" : place_) + " " + problem_;
}

// --- Writing ------------------------------------------------------------------------------------

namespace {
template <class T>
void PutNumber(T value, std::string* out) {
  char text[32];
  const auto [end, error] = std::to_chars(text, text + sizeof(text), value);
  out->append(text, end);
}
template <class T>
void PutFloating(T value, std::string* out) {
  if (std::isfinite(value)) return PutNumber(value, out);
  out->append(std::isnan(value) ? "\"NaN\"" : value < 0 ? "\"-Infinity\"" : "\"Infinity\"");
}
}  // namespace

void PutInteger(int64_t value, std::string* out) { PutNumber(value, out); }
void PutUint64(uint64_t value, std::string* out) { PutNumber(value, out); }
void PutFloat(float value, std::string* out) { PutFloating(value, out); }
void PutDouble(double value, std::string* out) { PutFloating(value, out); }

void PutText(std::string_view value, std::string* out) {
  *out += '"';
  bool beyond_ascii = false;
  std::string repaired;
  const char* at = value.data();
  const char* end = at + value.size();
  for (const char c : value) beyond_ascii = beyond_ascii || static_cast<unsigned char>(c) >= 0x80;
  if (beyond_ascii && !IsUtf8(value)) {
    repaired = RepairUtf8(value);
    at = repaired.data();
    end = at + repaired.size();
  }
  for (;;) {
    const char* const special = FindSpecial(at, end, end, &beyond_ascii);
    out->append(at, special);
    if (special == end) break;
    switch (*special) {
      case '"': out->append("\\\""); break;
      case '\\': out->append("\\\\"); break;
      case '\b': out->append("\\b"); break;
      case '\f': out->append("\\f"); break;
      case '\n': out->append("\\n"); break;
      case '\r': out->append("\\r"); break;
      case '\t': out->append("\\t"); break;
      default: {
        constexpr char kHex[] = "0123456789abcdef";
        const auto byte = static_cast<unsigned char>(*special);
        out->append("\\u00");
        *out += kHex[byte >> 4];
        *out += kHex[byte & 15];
      }
    }
    at = special + 1;
  }
  *out += '"';
}

void PutBytes(std::string_view value, std::string* out) {
  *out += '"';
  size_t i = 0;
  const auto byte = [&](size_t at) {
    return at < value.size() ? uint32_t{static_cast<unsigned char>(value[at])} : 0;
  };
  for (; i < value.size(); i += 3) {
    const uint32_t bits = byte(i) << 16 | byte(i + 1) << 8 | byte(i + 2);
    *out += kBase64[bits >> 18];
    *out += kBase64[bits >> 12 & 63];
    *out += i + 1 < value.size() ? kBase64[bits >> 6 & 63] : '=';
    *out += i + 2 < value.size() ? kBase64[bits & 63] : '=';
  }
  *out += '"';
}

}  // namespace joist::json
