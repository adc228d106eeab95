// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/csv/fields.h"

#include <charconv>
#include <cmath>
#include <cstring>

namespace joist::csv {
namespace {

// All of `text` as a number.
template <class T>
bool Parse(std::string_view text, T* value) {
  const char* const end = text.data() + text.size();
  const auto [behind, error] = std::from_chars(text.data(), end, *value);
  return error == std::errc() && behind == end;
}

template <class T>
bool TakeFloating(std::string_view text, T* value, std::string* wanted) {
  if (Parse(text, value)) return true;
  *wanted = "a number";
  return false;
}

// The number that the first `count` (at most 8) of the 8 bytes at `text` are; false unless all of
// them are digits.
bool Digits(const char* text, size_t count, uint64_t* value) {
  uint64_t word;
  std::memcpy(&word, text, sizeof(word));
  // The bytes from the text's end on become zeros before the number.
  constexpr uint64_t kZeros = 0x3030303030303030;
  if (count < 8) word = word << (64 - 8 * count) | kZeros >> (8 * count);
  constexpr uint64_t kHigh = 0xF0F0F0F0F0F0F0F0;
  if ((word & kHigh) != kZeros || ((word + 0x0606060606060606) & kHigh) != kZeros) return false;
  // Neighbours become numbers of two, four, eight digits.
  word -= kZeros;
  word = word * 10 + (word >> 8);
  word = ((word & 0x000000FF000000FF) * 0x000F424000000064 +
          (word >> 16 & 0x000000FF000000FF) * 0x0000271000000001) >>
         32;
  *value = word;
  return true;
}

// Up to 16 digits with or without "-"; others are for from_chars.
bool ParseShort(std::string_view text, int64_t* value) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  if (text.empty() || text.size() > 16) return false;
  uint64_t number = 0;
  const size_t high = text.size() > 8 ? text.size() - 8 : 0;
  if (high > 0) {
    uint64_t low = 0;
    if (!Digits(text.data(), high, &number) || !Digits(text.data() + high, 8, &low)) return false;
    number = number * 100'000'000 + low;
  } else if (!Digits(text.data(), text.size(), &number)) {
    return false;
  }
  *value = negative ? -static_cast<int64_t>(number) : static_cast<int64_t>(number);
  return true;
}

template <class T>
void PutNumber(T value, std::string* out) {
  char text[32];
  const auto [end, error] = std::to_chars(text, text + sizeof(text), value);
  out->append(text, end);
}

template <class T>
void PutFloating(T value, std::string* out) {
  if (std::isfinite(value)) return PutNumber(value, out);
  out->append(std::isnan(value) ? "NaN" : value < 0 ? "-Infinity" : "Infinity");
}

bool IsWord(std::string_view text, std::string_view lower_case) {
  if (text.size() != lower_case.size()) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    if ((text[i] | 0x20) != lower_case[i]) return false;
  }
  return true;
}

}  // namespace

bool TakeBool(std::string_view text, bool* value, std::string* wanted) {
  *value = text == "1" || IsWord(text, "true");
  if (*value || text == "0" || IsWord(text, "false")) return true;
  *wanted = "true or false";
  return false;
}

bool TakeInteger(std::string_view text, int64_t least, int64_t most, int64_t* value,
                 std::string* wanted) {
  const bool parsed = ParseShort(text, value) || Parse(text, value);
  if (parsed && *value >= least && *value <= most) return true;
  *wanted = "a whole number from " + std::to_string(least) + " to " + std::to_string(most);
  return false;
}

bool TakeUint64(std::string_view text, uint64_t* value, std::string* wanted) {
  if (Parse(text, value)) return true;
  *wanted = "a whole number from 0 to " + std::to_string(UINT64_MAX);
  return false;
}

bool TakeFloat(std::string_view text, float* value, std::string* wanted) {
  return TakeFloating(text, value, wanted);
}
bool TakeDouble(std::string_view text, double* value, std::string* wanted) {
  return TakeFloating(text, value, wanted);
}

bool TakeTimestamp(std::string_view text, Timestamp* value, std::string* wanted) {
  const Result<Timestamp> time = Timestamp::Parse(text);
  if (time.ok()) {
    *value = *time;
    return true;
  }
  *wanted = "a time as 2026-11-21T06:55:00Z";
  return false;
}

void PutInteger(int64_t value, std::string* out) { PutNumber(value, out); }
void PutUint64(uint64_t value, std::string* out) { PutNumber(value, out); }
void PutFloat(float value, std::string* out) { PutFloating(value, out); }
void PutDouble(double value, std::string* out) { PutFloating(value, out); }

void PutText(std::string_view text, const Dialect& dialect, bool always, std::string* out) {
  const char special[] = {dialect.delimiter, '"', '\n', '\r'};
  if (!always && text.find_first_of({special, sizeof(special)}) == std::string_view::npos) {
    out->append(text);
    return;
  }
  *out += '"';
  for (const char c : text) {
    if (c == '"') *out += '"';
    *out += c;
  }
  *out += '"';
}

}  // namespace joist::csv
