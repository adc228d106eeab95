// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/parquet/predicate.h"

#include <cmath>
#include <optional>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "joist/model/coder.h"
#include "joist/model/row.h"

namespace joist::parquet {
namespace {

/// Two columns, x of whole and r of real numbers, with nulls.
struct Table {
  std::vector<std::optional<int64_t>> x;
  std::vector<std::optional<double>> r;

  size_t rows() const { return x.size(); }
};

template <class V>
struct Columns {
  std::vector<V> values;
  std::vector<uint8_t> present;

  explicit Columns(const std::vector<std::optional<V>>& from) {
    for (const auto& one : from) {
      values.push_back(one.value_or(V()));
      present.push_back(one.has_value() ? 1 : 0);
    }
  }
  ColumnData Data(Form form) const {
    ColumnData data;
    data.form = form;
    data.values = values.data();
    data.present = present.data();
    return data;
  }
};

// By recursion, a row at a time; nothing in common with what is tested.
std::optional<bool> Naive(const Predicate& predicate, size_t* at, const Table& table, size_t row) {
  const PredicateNode& node = predicate.nodes[--*at];
  const auto compare = [&](const auto& value, const auto& literal) -> std::optional<bool> {
    if (!value.has_value()) return std::nullopt;
    switch (node.kind) {
      case PredicateKind::kEqual: return *value == literal;
      case PredicateKind::kNotEqual: return *value != literal;
      case PredicateKind::kLess: return *value < literal;
      case PredicateKind::kLessEqual: return *value <= literal;
      case PredicateKind::kGreater: return *value > literal;
      default: return *value >= literal;
    }
  };
  switch (node.kind) {
    case PredicateKind::kNot: {
      const auto operand = Naive(predicate, at, table, row);
      return operand.has_value() ? std::optional(!*operand) : std::nullopt;
    }
    case PredicateKind::kAnd:
    case PredicateKind::kOr: {
      const auto b = Naive(predicate, at, table, row);
      const auto a = Naive(predicate, at, table, row);
      const bool deciding = node.kind == PredicateKind::kOr;
      if (a == deciding || b == deciding) return deciding;
      if (!a.has_value() || !b.has_value()) return std::nullopt;
      return !deciding;
    }
    case PredicateKind::kIsNull:
      return node.column == "x" ? !table.x[row].has_value() : !table.r[row].has_value();
    default:
      return node.column == "x" ? compare(table.x[row], node.literal.integer)
                                : compare(table.r[row], node.literal.real);
  }
}

class PredicateTest : public testing::Test {
 protected:
  int64_t Number() { return static_cast<int64_t>(random_() % 7) - 3; }
  double Real() { return random_() % 8 == 0 ? NAN : static_cast<double>(Number()); }

  Predicate RandomPredicate(int depth) {
    if (depth == 0 || random_() % 4 == 0) {
      const auto kind = static_cast<PredicateKind>(random_() % 7);
      const bool is_x = random_() % 2 == 0;
      const Column column(is_x ? "x" : "r");
      if (kind == PredicateKind::kIsNull) return column.IsNull();
      return column.Compare(kind, is_x ? Literal::Of(Number()) : Literal::Of(Real()));
    }
    const uint64_t what = random_() % 5;
    if (what == 0) return !RandomPredicate(depth - 1);
    const Predicate a = RandomPredicate(depth - 1);
    return what < 3 ? a && RandomPredicate(depth - 1) : a || RandomPredicate(depth - 1);
  }
  Table RandomTable(size_t rows) {
    Table table;
    const int64_t base = Number();
    const uint64_t nulls = random_() % 3;
    const auto is_null = [&] { return nulls == 2 || (nulls == 1 && random_() % 4 == 0); };
    for (size_t i = 0; i < rows; ++i) {
      table.x.push_back(is_null() ? std::nullopt : std::optional(base + Number() / 2));
      table.r.push_back(is_null() ? std::nullopt : std::optional(Real()));
    }
    return table;
  }

  std::mt19937_64 random_{11};
};

TEST_F(PredicateTest, RowsAreAsANaiveEvaluationHasThem) {
  for (int round = 0; round < 2000; ++round) {
    const Predicate predicate = RandomPredicate(4);
    ASSERT_TRUE(Validate(predicate).ok());
    const Table table = RandomTable(1 + random_() % 40);
    const Columns<int64_t> x(table.x);
    const Columns<double> r(table.r);
    std::vector<ColumnData> columns;
    for (const PredicateNode& node : predicate.nodes) {
      columns.push_back(node.column == "x" ? x.Data(Form::kInt64) : r.Data(Form::kDouble));
    }
    std::vector<Outcome> outcomes;
    Evaluate(predicate, columns, table.rows(), &outcomes);

    // What statistics would say, whose bounds don't know NaN.
    const auto range_of = [&](const PredicateNode& node) {
      ColumnRange range;
      range.may_be_null = false;
      range.may_be_value = false;
      range.is_real = node.column == "r";
      const auto see = [&](const auto& value, const Literal& literal) {
        (value.has_value() ? range.may_be_value : range.may_be_null) = true;
        if (!value.has_value() || *value != *value) return;
        const bool first = !range.has_bounds;
        range.has_bounds = true;
        const auto of = [&](const Literal& one) {
          return range.is_real ? one.real : static_cast<double>(one.integer);
        };
        if (first || of(literal) < of(range.least)) range.least = literal;
        if (first || of(literal) > of(range.greatest)) range.greatest = literal;
      };
      for (size_t i = 0; i < table.rows(); ++i) {
        if (node.column == "x") see(table.x[i], Literal::Of(table.x[i].value_or(0)));
        if (node.column == "r") see(table.r[i], Literal::Of(table.r[i].value_or(0)));
      }
      return range;
    };
    const OutcomeSet possible = PossibleOutcomes(predicate, range_of);
    for (size_t row = 0; row < table.rows(); ++row) {
      size_t at = predicate.nodes.size();
      const std::optional<bool> naive = Naive(predicate, &at, table, row);
      const Outcome expected = !naive.has_value() ? Outcome::kNull
                               : *naive           ? Outcome::kTrue
                                                  : Outcome::kFalse;
      ASSERT_EQ(outcomes[row], expected) << round << " " << row;
      ASSERT_NE(possible & BitOf(expected), 0) << round << " " << row;
    }
  }
}

TEST_F(PredicateTest, BoundsDecideWhatTheyCan) {
  ColumnRange range;
  range.may_be_null = false;
  range.has_bounds = true;
  range.least = Literal::Of(10);
  range.greatest = Literal::Of(20);
  const auto of = [&](const Predicate& predicate) {
    return PossibleOutcomes(predicate, [&](const PredicateNode&) { return range; });
  };
  const Column x("x");
  const OutcomeSet always = BitOf(Outcome::kTrue);
  const OutcomeSet never = BitOf(Outcome::kFalse);
  const OutcomeSet both = always | never;
  EXPECT_EQ(of(x < 10), never);
  EXPECT_EQ(of(x < 11), both);
  EXPECT_EQ(of(x <= 20), always);
  EXPECT_EQ(of(x > 20), never);
  EXPECT_EQ(of(x >= 10), always);
  EXPECT_EQ(of(x == 9), never);
  EXPECT_EQ(of(x != 9), always);
  EXPECT_EQ(of(x == 15), both);
  EXPECT_EQ(of(x.IsNull()), never);
  EXPECT_EQ(of(x.In({1, 2, 21})), never);
  EXPECT_EQ(of(x.In({1, 12})), both);
  EXPECT_EQ(of(x.In(std::initializer_list<int>{})), never);
  EXPECT_EQ(of(!(x > 20) && x != 9), always);
  EXPECT_EQ(of(Predicate()), always);
  range.may_be_null = true;
  EXPECT_EQ(of(x < 10), never | BitOf(Outcome::kNull));
  range.may_be_value = false;
  EXPECT_EQ(of(x < 15), BitOf(Outcome::kNull));
  EXPECT_EQ(of(x.IsNull()), always);
}

TEST_F(PredicateTest, UnsignedNumbersAndTextCompare) {
  const std::vector<uint64_t> numbers = {0, 5, UINT64_MAX};
  ColumnData data;
  data.form = Form::kUint64;
  data.values = numbers.data();
  std::vector<Outcome> outcomes;
  const auto count = [&](const Predicate& predicate) {
    Evaluate(predicate, {&data, 1}, 3, &outcomes);
    return std::count(outcomes.begin(), outcomes.end(), Outcome::kTrue);
  };
  EXPECT_EQ(count(Column("x") > -1), 3);
  EXPECT_EQ(count(Column("x") < -1), 0);
  EXPECT_EQ(count(Column("x") > 4), 2);
  const std::vector<std::string_view> texts = {"a", "", "\xC3\xA4"};
  data.form = Form::kText;
  data.values = texts.data();
  EXPECT_EQ(count(Column("x") > "a"), 1);  // Bytes are unsigned.
  EXPECT_EQ(count(Column("x") == ""), 1);
}

TEST_F(PredicateTest, TravelsAndIsChecked) {
  const Predicate predicate = Column("x") >= 5 && !(Column("s") == "ab" || Column("b") == true);
  std::string bytes;
  Coder<Predicate>::Encode(predicate, &bytes, true);
  ByteReader in(bytes);
  Predicate back;
  ASSERT_TRUE(Coder<Predicate>::Decode(&in, &back, true));
  EXPECT_EQ(back.nodes.size(), predicate.nodes.size());
  EXPECT_EQ(back.nodes[0].literal.integer, 5);
  EXPECT_TRUE(Validate(back).ok());
  back.nodes.pop_back();
  EXPECT_FALSE(Validate(back).ok());
  EXPECT_FALSE(Validate({{{PredicateKind::kAnd, "", {}}}}).ok());
  EXPECT_TRUE(Validate(Predicate()).ok());
}

}  // namespace
}  // namespace joist::parquet
