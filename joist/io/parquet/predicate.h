// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Predicate: which rows of a Parquet file are wanted, by the values of columns.
//
//   parquet::Column("cents") >= 500 && !parquet::Column("shop").In({"web", "kiosk"})
//
// Nulls are as in SQL: a comparison with null is neither true nor false, Kleene's logic carries
// that on, and a row is wanted where the whole is true. Columns that hold real numbers compare as
// C++ does, NaN included. Text compares by its bytes. Timestamps compare as a row has them, in
// milliseconds.
//
// Values, which travel. Pure functions without state: reading a file is row_group_reader.h's part.

#ifndef JOIST_IO_PARQUET_PREDICATE_H_
#define JOIST_IO_PARQUET_PREDICATE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "joist/base/status.h"
#include "joist/io/parquet/column_data.h"
#include "joist/model/fields.h"
#include "joist/model/timestamp.h"

namespace joist::parquet {

/// What a column is compared with.
enum class LiteralKind : uint8_t { kNone, kBoolean, kInteger, kReal, kText, kTime };
JOIST_ENUM(LiteralKind, kNone, kBoolean, kInteger, kReal, kText, kTime)
struct Literal {
  LiteralKind kind = LiteralKind::kNone;
  int64_t integer = 0;  ///< Booleans and milliseconds, too.
  double real = 0;
  std::string text;

  template <class T>
  static Literal Of(const T& value);
  /// `"text"`, `12`, `true`.
  std::string ToString() const;
};
JOIST_ROW(Literal, kind, integer, real, text)

enum class PredicateKind : uint8_t {
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kIsNull,
  kAnd,
  kOr,
  kNot
};
JOIST_ENUM(PredicateKind, kEqual, kNotEqual, kLess, kLessEqual, kGreater, kGreaterEqual, kIsNull,
           kAnd, kOr, kNot)

struct PredicateNode {
  PredicateKind kind = PredicateKind::kEqual;
  std::string column;  ///< Of comparisons and kIsNull.
  Literal literal;     ///< Of comparisons.
};
JOIST_ROW(PredicateNode, kind, column, literal)

/// Nodes in postfix order; none: every row.
struct Predicate {
  std::vector<PredicateNode> nodes;

  bool empty() const { return nodes.empty(); }
};
JOIST_ROW(Predicate, nodes)

Predicate operator&&(Predicate a, const Predicate& b);
Predicate operator||(Predicate a, const Predicate& b);
Predicate operator!(Predicate a);

/// A column by its name, to be compared with a bool, a number, a text or a Timestamp. Columns of
/// nested rows cannot be named.
class Column {
 public:
  explicit Column(std::string name) : name_(std::move(name)) {}

  Predicate IsNull() const;
  Predicate IsNotNull() const { return !IsNull(); }
  /// Equal to one of them; of none, no row.
  template <class T>
  Predicate In(std::initializer_list<T> values) const {
    std::vector<Literal> literals;
    for (const T& value : values) literals.push_back(Literal::Of(value));
    return AnyOf(std::move(literals));
  }
  Predicate Compare(PredicateKind kind, Literal literal) const;

 private:
  Predicate AnyOf(std::vector<Literal> literals) const;
  std::string name_;
};

template <class T>
Predicate operator==(const Column& column, const T& value) {
  return column.Compare(PredicateKind::kEqual, Literal::Of(value));
}
template <class T>
Predicate operator!=(const Column& column, const T& value) {
  return column.Compare(PredicateKind::kNotEqual, Literal::Of(value));
}
template <class T>
Predicate operator<(const Column& column, const T& value) {
  return column.Compare(PredicateKind::kLess, Literal::Of(value));
}
template <class T>
Predicate operator<=(const Column& column, const T& value) {
  return column.Compare(PredicateKind::kLessEqual, Literal::Of(value));
}
template <class T>
Predicate operator>(const Column& column, const T& value) {
  return column.Compare(PredicateKind::kGreater, Literal::Of(value));
}
template <class T>
Predicate operator>=(const Column& column, const T& value) {
  return column.Compare(PredicateKind::kGreaterEqual, Literal::Of(value));
}

template <class T>
Literal Literal::Of(const T& value) {
  constexpr bool kIsText = std::is_convertible_v<const T&, std::string_view>;
  constexpr bool kIsTime = std::is_same_v<T, Timestamp>;
  Literal literal;
  if constexpr (std::is_same_v<T, bool>) {
    literal.kind = LiteralKind::kBoolean;
    literal.integer = value ? 1 : 0;
  } else if constexpr (std::is_integral_v<T>) {
    literal.kind = LiteralKind::kInteger;
    if constexpr (sizeof(T) == 8 && std::is_unsigned_v<T>) {
      JOIST_CHECK(value <= static_cast<uint64_t>(std::numeric_limits<int64_t>::max()));
    }
    literal.integer = static_cast<int64_t>(value);
  } else if constexpr (std::is_floating_point_v<T>) {
    literal.kind = LiteralKind::kReal;
    literal.real = static_cast<double>(value);
  } else if constexpr (kIsTime) {
    literal.kind = LiteralKind::kTime;
    literal.integer = value.millis;
  } else if constexpr (kIsText) {
    literal.kind = LiteralKind::kText;
    literal.text = std::string_view(value);
  } else {
    static_assert(kIsText || kIsTime,
                  "Joist: a Parquet column is compared with a bool, a number, a text or a "
                  "joist::Timestamp.");
  }
  return literal;
}

// --- What the reader does with it ---------------------------------------------------------------

/// What a predicate may give, ordered so that AND is the least and OR the greatest.
enum class Outcome : uint8_t { kFalse, kNull, kTrue };
/// A set of outcomes: bit 1 << outcome.
using OutcomeSet = uint8_t;
constexpr OutcomeSet BitOf(Outcome outcome) {
  return static_cast<OutcomeSet>(1U << static_cast<unsigned>(outcome));
}
inline constexpr OutcomeSet kAnyOutcome = 7;

/// What is known of a column's values in a row group.
struct ColumnRange {
  bool may_be_null = true;
  bool may_be_value = true;  ///< False: all are null.
  bool is_real = false;      ///< NaN may be among the values, outside of the bounds.
  bool has_bounds = false;
  /// Bounds of the values that aren't null, of the literal's kind. They need not be reached.
  Literal least = {};
  Literal greatest = {};
};

/// Which outcomes rows can have where `range_of(node)` is known of the columns; never too few.
OutcomeSet PossibleOutcomes(const Predicate& predicate,
                            const std::function<ColumnRange(const PredicateNode&)>& range_of);

/// The outcome of each of `rows` rows. `columns[i]` is node i's column, of the form that its
/// literal has (an integer's: kInt64 or kUint64; a time's: kInt64).
void Evaluate(const Predicate& predicate, std::span<const ColumnData> columns, size_t rows,
              std::vector<Outcome>* outcomes);

/// OK, or what is wrong with nodes that came from elsewhere: no postfix order, too many.
Status Validate(const Predicate& predicate);

}  // namespace joist::parquet

#endif  // JOIST_IO_PARQUET_PREDICATE_H_
