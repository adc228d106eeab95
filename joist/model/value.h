// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Value: any value that a standard coder can encode, for code that learns its types at run time:
// the tests of the coders, `joist coders`, SQL, JSON. A value; typed code never meets one.

#ifndef JOIST_MODEL_VALUE_H_
#define JOIST_MODEL_VALUE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "joist/base/status.h"
#include "joist/model/kv.h"
#include "joist/model/pane.h"
#include "joist/model/timestamp.h"
#include "joist/model/window.h"

namespace joist {

/// A decimal number of any size: `unscaled` (two's complement, big-endian, at least one byte) times
/// 10 to the power of -scale.
struct Decimal {
  int64_t scale = 0;
  std::string unscaled = std::string(1, '\0');

  /// "-100.123". Larger than kMostDigits digits, its size instead.
  std::string ToString() const;
  /// Reads what ToString writes, and an exponent.
  static Result<Decimal> Parse(std::string_view text);
  static constexpr size_t kMostDigits = 4096;

  friend bool operator==(const Decimal&, const Decimal&) = default;
};

class Value {
 public:
  using List = std::vector<Value>;
  /// Keys in the order in which they came.
  struct Map {
    std::vector<std::pair<Value, Value>> entries;
    friend bool operator==(const Map& a, const Map& b);
  };
  /// Named parts: the fields of a row; key and value of a KV; what a windowed value or timer holds.
  struct Record {
    std::vector<std::pair<std::string, Value>> fields;
    const Value* Find(std::string_view name) const;
    friend bool operator==(const Record& a, const Record& b);
  };
  using Any = std::variant<std::monostate, bool, int64_t, float, double, std::string, Bytes,
                           Decimal, Timestamp, Window, PaneInfo, List, Map, Record>;

  template <class T, class... Ts>
  static constexpr bool IsOneOf(std::variant<Ts...>*) {
    return (std::is_same_v<T, Ts> || ...);
  }

  Value() = default;                        // null
  Value(Any any) : any_(std::move(any)) {}  // NOLINT: a Value is made of what it holds.
  template <class T>
    requires(IsOneOf<T>(static_cast<Any*>(nullptr)))
  Value(T value) : any_(std::in_place_type<T>, std::move(value)) {}  // NOLINT

  const Any& any() const { return any_; }
  bool is_null() const { return any_.index() == 0; }
  template <class T>
  const T* As() const {
    return std::get_if<T>(&any_);
  }
  template <class T>
  T* As() {
    return std::get_if<T>(&any_);
  }

  /// {key: "a", value: [1, 2]}; strings in quotes, b"bytes".
  std::string ToString() const;

  /// Numbers are compared by their bits, so that a NaN equals itself.
  friend bool operator==(const Value& a, const Value& b);

 private:
  Any any_;
};

/// {key: key, value: value}
Value KvValue(Value key, Value value);

}  // namespace joist

#endif  // JOIST_MODEL_VALUE_H_
