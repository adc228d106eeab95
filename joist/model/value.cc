// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/model/value.h"

#include <algorithm>
#include <bit>
#include <charconv>

#include "joist/model/describe.h"

namespace joist {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Digits to the base 256, most significant first.
using Magnitude = std::vector<uint8_t>;

void Negate(Magnitude* bytes) {
  int carry = 1;
  for (size_t i = bytes->size(); i-- > 0;) {
    const int sum = static_cast<uint8_t>(~(*bytes)[i]) + carry;
    (*bytes)[i] = static_cast<uint8_t>(sum);
    carry = sum >> 8;
  }
}

// The decimal digits of `bytes`, without leading zeros; "0" for zero.
std::string ToDigits(Magnitude bytes) {
  std::string digits;
  size_t first = 0;
  while (first < bytes.size()) {
    uint32_t remainder = 0;
    for (size_t i = first; i < bytes.size(); ++i) {
      const uint32_t part = remainder << 8 | bytes[i];
      bytes[i] = static_cast<uint8_t>(part / 10);
      remainder = part % 10;
    }
    digits.push_back(static_cast<char>('0' + remainder));
    while (first < bytes.size() && bytes[first] == 0) ++first;
  }
  while (digits.size() > 1 && digits.back() == '0') digits.pop_back();
  if (digits.empty()) digits = "0";
  std::reverse(digits.begin(), digits.end());
  return digits;
}

Magnitude FromDigits(std::string_view digits) {
  Magnitude reversed;
  for (char digit : digits) {
    uint32_t carry = static_cast<uint32_t>(digit - '0');
    for (uint8_t& byte : reversed) {
      const uint32_t product = byte * 10u + carry;
      byte = static_cast<uint8_t>(product);
      carry = product >> 8;
    }
    if (carry > 0) reversed.push_back(static_cast<uint8_t>(carry));
  }
  reversed.push_back(0);  // Room for the sign.
  return {reversed.rbegin(), reversed.rend()};
}

template <class F>
bool SameBits(F a, F b) {
  using Bits = std::conditional_t<sizeof(F) == 8, uint64_t, uint32_t>;
  return std::bit_cast<Bits>(a) == std::bit_cast<Bits>(b);
}

void Append(const Value& value, std::string* out);

template <class Entries, class AppendKey>
void AppendEntries(const Entries& entries, AppendKey append_key, std::string* out) {
  *out += '{';
  bool first = true;
  for (const auto& [key, mapped] : entries) {
    if (!first) *out += ", ";
    first = false;
    append_key(key);
    *out += ": ";
    Append(mapped, out);
  }
  *out += '}';
}

void Append(const Value& value, std::string* out) {
  std::visit(
      [out]<class T>(const T& held) {
        if constexpr (std::is_same_v<T, std::monostate>) {
          *out += "null";
        } else if constexpr (std::is_same_v<T, Value::List>) {
          *out += '[';
          for (size_t i = 0; i < held.size(); ++i) {
            if (i > 0) *out += ", ";
            Append(held[i], out);
          }
          *out += ']';
        } else if constexpr (std::is_same_v<T, Value::Map>) {
          AppendEntries(held.entries, [out](const Value& key) { Append(key, out); }, out);
        } else if constexpr (std::is_same_v<T, Value::Record>) {
          AppendEntries(held.fields, [out](const std::string& name) { *out += name; }, out);
        } else {
          Describe(held, out);
        }
      },
      value.any());
}

}  // namespace

std::string Decimal::ToString() const {
  if (unscaled.size() > kMostDigits / 3) {
    return "decimal of " + std::to_string(unscaled.size()) + " bytes";
  }
  Magnitude bytes(unscaled.begin(), unscaled.end());
  const bool negative = !bytes.empty() && bytes[0] >= 0x80;
  if (negative) Negate(&bytes);
  std::string digits = ToDigits(bytes);
  if (scale < 0 || scale > static_cast<int64_t>(kMostDigits)) {
    // As scientific notation has it: the exponent is the scale's negative, which may be 2^63.
    const uint64_t size =
        scale < 0 ? 0 - static_cast<uint64_t>(scale) : static_cast<uint64_t>(scale);
    digits += (scale < 0 ? "e+" : "e-") + std::to_string(size);
  } else if (scale > 0) {
    const size_t places = static_cast<size_t>(scale);
    if (digits.size() <= places) digits.insert(0, places + 1 - digits.size(), '0');
    digits.insert(digits.size() - places, 1, '.');
  }
  return negative ? "-" + digits : digits;
}

Result<Decimal> Decimal::Parse(std::string_view text) {
  const Status error = InvalidArgument("'" + std::string(text.substr(0, 80)) +
                                       "' is not a decimal number of at most " +
                                       std::to_string(kMostDigits) + " digits");
  bool negative = false;
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) {
    negative = text[0] == '-';
    text.remove_prefix(1);
  }
  std::string digits;
  int64_t scale = 0;
  bool after_point = false;
  size_t i = 0;
  for (; i < text.size() && digits.size() <= kMostDigits; ++i) {
    if (text[i] == '.' && !after_point) {
      after_point = true;
    } else if (IsDigit(text[i])) {
      digits += text[i];
      if (after_point) ++scale;
    } else {
      break;
    }
  }
  if (digits.empty() || digits.size() > kMostDigits) return error;
  if (i < text.size()) {
    if (text[i] != 'e' && text[i] != 'E') return error;
    ++i;
    if (i < text.size() && text[i] == '+') ++i;
    int64_t exponent;
    const char* end = text.data() + text.size();
    const auto [stopped, bad] = std::from_chars(text.data() + i, end, exponent);
    if (bad != std::errc() || stopped != end) return error;
    scale = SaturatingSubtract(scale, exponent);
  }
  Magnitude bytes = FromDigits(digits);
  if (negative) Negate(&bytes);
  // As few bytes as hold the number and its sign.
  size_t first = 0;
  while (first + 1 < bytes.size() && ((bytes[first] == 0 && bytes[first + 1] < 0x80) ||
                                      (bytes[first] == 0xFF && bytes[first + 1] >= 0x80))) {
    ++first;
  }
  Decimal decimal;
  decimal.scale = scale;
  decimal.unscaled.assign(bytes.begin() + static_cast<ptrdiff_t>(first), bytes.end());
  return decimal;
}

const Value* Value::Record::Find(std::string_view name) const {
  for (const auto& [field, value] : fields) {
    if (field == name) return &value;
  }
  return nullptr;
}

bool operator==(const Value::Map& a, const Value::Map& b) { return a.entries == b.entries; }
bool operator==(const Value::Record& a, const Value::Record& b) { return a.fields == b.fields; }

bool operator==(const Value& a, const Value& b) {
  if (a.any_.index() != b.any_.index()) return false;
  if (const double* number = a.As<double>()) return SameBits(*number, *b.As<double>());
  if (const float* number = a.As<float>()) return SameBits(*number, *b.As<float>());
  return a.any_ == b.any_;
}

std::string Value::ToString() const {
  std::string text;
  Append(*this, &text);
  return text;
}

Value KvValue(Value key, Value value) {
  Value::Record record;
  record.fields.emplace_back("key", std::move(key));
  record.fields.emplace_back("value", std::move(value));
  return record;
}

}  // namespace joist
