// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/csv/fields.h"

#include <charconv>
#include <cmath>

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
std::string TakeFloating(std::string_view text, T* value) {
  if (Parse(text, value)) return {};
  return "a number";
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

std::string TakeBool(std::string_view text, bool* value) {
  *value = text == "1" || IsWord(text, "true");
  return *value || text == "0" || IsWord(text, "false") ? "" : "true or false";
}

std::string TakeInteger(std::string_view text, int64_t least, int64_t most, int64_t* value) {
  if (Parse(text, value) && *value >= least && *value <= most) return {};
  return "a whole number from " + std::to_string(least) + " to " + std::to_string(most);
}

std::string TakeUint64(std::string_view text, uint64_t* value) {
  if (Parse(text, value)) return {};
  return "a whole number from 0 to " + std::to_string(UINT64_MAX);
}

std::string TakeFloat(std::string_view text, float* value) { return TakeFloating(text, value); }
std::string TakeDouble(std::string_view text, double* value) { return TakeFloating(text, value); }

std::string TakeTimestamp(std::string_view text, Timestamp* value) {
  const Result<Timestamp> time = Timestamp::Parse(text);
  if (!time.ok()) return "a time as 2026-11-21T06:55:00Z";
  *value = *time;
  return {};
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
