// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/parquet/predicate.h"

#include <algorithm>

namespace joist::parquet {
namespace {

constexpr size_t kMostNodes = 10'000;

bool IsComparison(PredicateKind kind) { return kind <= PredicateKind::kGreaterEqual; }
bool IsLeaf(PredicateKind kind) { return kind <= PredicateKind::kIsNull; }

Predicate Join(Predicate a, const Predicate& b, PredicateKind kind) {
  if (a.empty()) return b;
  if (b.empty()) return a;
  a.nodes.insert(a.nodes.end(), b.nodes.begin(), b.nodes.end());
  a.nodes.push_back({kind, {}, {}});
  return a;
}

template <class V, class L>
bool Holds(PredicateKind kind, V value, L literal) {
  switch (kind) {
    case PredicateKind::kEqual: return value == literal;
    case PredicateKind::kNotEqual: return value != literal;
    case PredicateKind::kLess: return value < literal;
    case PredicateKind::kLessEqual: return value <= literal;
    case PredicateKind::kGreater: return value > literal;
    default: return value >= literal;
  }
}

// -1, 0, 1; of the same kind, none of them NaN.
int Order(const Literal& a, const Literal& b) {
  const auto order = [](const auto& x, const auto& y) { return x < y ? -1 : y < x ? 1 : 0; };
  if (a.kind == LiteralKind::kReal) return order(a.real, b.real);
  if (a.kind == LiteralKind::kText) return order(a.text, b.text);
  return order(a.integer, b.integer);
}

OutcomeSet OutcomesOf(const PredicateNode& node, const ColumnRange& range) {
  OutcomeSet set = 0;
  if (node.kind == PredicateKind::kIsNull) {
    if (range.may_be_null) set |= BitOf(Outcome::kTrue);
    if (range.may_be_value) set |= BitOf(Outcome::kFalse);
    return set;
  }
  if (range.may_be_null) set |= BitOf(Outcome::kNull);
  if (!range.may_be_value) return set;
  bool may_hold = true;
  bool may_fail = true;
  const bool nan =
      node.literal.kind == LiteralKind::kReal && node.literal.real != node.literal.real;
  if (range.has_bounds && !nan) {
    const int least = Order(range.least, node.literal);
    const int greatest = Order(range.greatest, node.literal);
    const bool only = least == 0 && greatest == 0;
    switch (node.kind) {
      case PredicateKind::kEqual:
        may_hold = least <= 0 && greatest >= 0;
        may_fail = !only;
        break;
      case PredicateKind::kNotEqual:
        may_hold = !only;
        may_fail = least <= 0 && greatest >= 0;
        break;
      case PredicateKind::kLess:
        may_hold = least < 0;
        may_fail = greatest >= 0;
        break;
      case PredicateKind::kLessEqual:
        may_hold = least <= 0;
        may_fail = greatest > 0;
        break;
      case PredicateKind::kGreater:
        may_hold = greatest > 0;
        may_fail = least <= 0;
        break;
      default: may_hold = greatest >= 0; may_fail = least < 0;
    }
    // A NaN, which statistics don't count, differs from everything and is never below or above.
    if (range.is_real) (node.kind == PredicateKind::kNotEqual ? may_hold : may_fail) = true;
  }
  if (may_hold) set |= BitOf(Outcome::kTrue);
  if (may_fail) set |= BitOf(Outcome::kFalse);
  return set;
}

OutcomeSet Combine(PredicateKind kind, OutcomeSet a, OutcomeSet b) {
  OutcomeSet set = 0;
  for (unsigned x = 0; x < 3; ++x) {
    for (unsigned y = 0; y < 3; ++y) {
      if ((a >> x & 1) == 0 || (b >> y & 1) == 0) continue;
      set |= static_cast<OutcomeSet>(
          1U << (kind == PredicateKind::kAnd ? std::min(x, y) : std::max(x, y)));
    }
  }
  return set;
}

OutcomeSet Not(OutcomeSet a) {
  return static_cast<OutcomeSet>((a & BitOf(Outcome::kNull)) |
                                 ((a & BitOf(Outcome::kTrue)) != 0 ? BitOf(Outcome::kFalse) : 0) |
                                 ((a & BitOf(Outcome::kFalse)) != 0 ? BitOf(Outcome::kTrue) : 0));
}

// A loop for each operator, so that it is decided once a column.
template <class V, class L>
void CompareColumn(PredicateKind kind, const V* values, const L& literal, size_t rows,
                   Outcome* out) {
  const auto run = [&](auto holds) {
    for (size_t i = 0; i < rows; ++i) out[i] = holds(values[i]) ? Outcome::kTrue : Outcome::kFalse;
  };
  switch (kind) {
    case PredicateKind::kEqual:
      return run([&](const V& value) { return Holds(PredicateKind::kEqual, value, literal); });
    case PredicateKind::kNotEqual:
      return run([&](const V& value) { return Holds(PredicateKind::kNotEqual, value, literal); });
    case PredicateKind::kLess:
      return run([&](const V& value) { return Holds(PredicateKind::kLess, value, literal); });
    case PredicateKind::kLessEqual:
      return run([&](const V& value) { return Holds(PredicateKind::kLessEqual, value, literal); });
    case PredicateKind::kGreater:
      return run([&](const V& value) { return Holds(PredicateKind::kGreater, value, literal); });
    default:
      return run(
          [&](const V& value) { return Holds(PredicateKind::kGreaterEqual, value, literal); });
  }
}

// What a comparison with a number below all of them gives for unsigned numbers.
bool HoldsAboveAll(PredicateKind kind) {
  return kind == PredicateKind::kNotEqual || kind == PredicateKind::kGreater ||
         kind == PredicateKind::kGreaterEqual;
}

void EvaluateLeaf(const PredicateNode& node, const ColumnData& column, size_t rows, Outcome* out) {
  if (node.kind == PredicateKind::kIsNull) {
    for (size_t i = 0; i < rows; ++i) out[i] = column.Has(i) ? Outcome::kFalse : Outcome::kTrue;
    return;
  }
  if (column.all_null) {
    std::fill_n(out, rows, Outcome::kNull);
    return;
  }
  const Literal& literal = node.literal;
  switch (column.form) {
    case Form::kBool:
      CompareColumn(node.kind, column.As<uint8_t>(), static_cast<uint8_t>(literal.integer), rows,
                    out);
      break;
    case Form::kDouble:
      CompareColumn(node.kind, column.As<double>(), literal.real, rows, out);
      break;
    case Form::kText:
      CompareColumn(node.kind, column.As<std::string_view>(), std::string_view(literal.text), rows,
                    out);
      break;
    case Form::kUint64:
      if (literal.integer < 0) {
        std::fill_n(out, rows, HoldsAboveAll(node.kind) ? Outcome::kTrue : Outcome::kFalse);
      } else {
        CompareColumn(node.kind, column.As<uint64_t>(), static_cast<uint64_t>(literal.integer),
                      rows, out);
      }
      break;
    default:
      JOIST_CHECK(column.form == Form::kInt64);
      CompareColumn(node.kind, column.As<int64_t>(), literal.integer, rows, out);
  }
  if (column.present == nullptr) return;
  for (size_t i = 0; i < rows; ++i) {
    if (column.present[i] == 0) out[i] = Outcome::kNull;
  }
}

}  // namespace

std::string Literal::ToString() const {
  switch (kind) {
    case LiteralKind::kNone: return "nothing";
    case LiteralKind::kBoolean: return integer != 0 ? "true" : "false";
    case LiteralKind::kInteger: return std::to_string(integer);
    case LiteralKind::kReal: return std::to_string(real);
    case LiteralKind::kText: return '"' + text + '"';
    case LiteralKind::kTime: return Timestamp{integer}.ToString();
  }
  return "";
}

Predicate operator&&(Predicate a, const Predicate& b) {
  return Join(std::move(a), b, PredicateKind::kAnd);
}
Predicate operator||(Predicate a, const Predicate& b) {
  return a.empty() || b.empty() ? Predicate() : Join(std::move(a), b, PredicateKind::kOr);
}
Predicate operator!(Predicate a) {
  JOIST_CHECK(!a.empty());
  a.nodes.push_back({PredicateKind::kNot, {}, {}});
  return a;
}

Predicate Column::Compare(PredicateKind kind, Literal literal) const {
  return {{{kind, name_, std::move(literal)}}};
}
Predicate Column::IsNull() const { return {{{PredicateKind::kIsNull, name_, {}}}}; }
Predicate Column::AnyOf(std::vector<Literal> literals) const {
  if (literals.empty()) return IsNull() && !IsNull();
  Predicate any;
  for (Literal& literal : literals) {
    any.nodes.push_back({PredicateKind::kEqual, name_, std::move(literal)});
    if (any.nodes.size() > 1) any.nodes.push_back({PredicateKind::kOr, {}, {}});
  }
  return any;
}

Status Validate(const Predicate& predicate) {
  size_t depth = 0;
  for (const PredicateNode& node : predicate.nodes) {
    const size_t takes = IsLeaf(node.kind) ? 0 : node.kind == PredicateKind::kNot ? 1 : 2;
    if (depth < takes) return InvalidArgument("a predicate lacks an operand");
    depth = depth - takes + 1;
    if (IsComparison(node.kind) && node.literal.kind == LiteralKind::kNone) {
      return InvalidArgument("a predicate compares with nothing");
    }
  }
  if (depth > 1) return InvalidArgument("a predicate lacks an operator");
  if (predicate.nodes.size() > kMostNodes) {
    return InvalidArgument("a predicate has " + std::to_string(predicate.nodes.size()) +
                           " parts, more than the " + std::to_string(kMostNodes) + " allowed");
  }
  return OkStatus();
}

OutcomeSet PossibleOutcomes(const Predicate& predicate,
                            const std::function<ColumnRange(const PredicateNode&)>& range_of) {
  if (predicate.empty()) return BitOf(Outcome::kTrue);
  std::vector<OutcomeSet> stack;
  for (const PredicateNode& node : predicate.nodes) {
    if (IsLeaf(node.kind)) {
      stack.push_back(OutcomesOf(node, range_of(node)));
    } else if (node.kind == PredicateKind::kNot) {
      stack.back() = Not(stack.back());
    } else {
      const OutcomeSet last = stack.back();
      stack.pop_back();
      stack.back() = Combine(node.kind, stack.back(), last);
    }
  }
  return stack.back();
}

void Evaluate(const Predicate& predicate, std::span<const ColumnData> columns, size_t rows,
              std::vector<Outcome>* outcomes) {
  // Operands that are being kept; those below `depth`.
  std::vector<std::vector<Outcome>> stack;
  size_t depth = 0;
  for (size_t n = 0; n < predicate.nodes.size(); ++n) {
    const PredicateNode& node = predicate.nodes[n];
    if (IsLeaf(node.kind)) {
      if (depth == stack.size()) stack.emplace_back();
      stack[depth].resize(rows);
      EvaluateLeaf(node, columns[n], rows, stack[depth].data());
      ++depth;
    } else if (node.kind == PredicateKind::kNot) {
      for (Outcome& one : stack[depth - 1]) {
        one = static_cast<Outcome>(2 - static_cast<uint8_t>(one));
      }
    } else {
      const std::vector<Outcome>& last = stack[--depth];
      std::vector<Outcome>& first = stack[depth - 1];
      const bool is_and = node.kind == PredicateKind::kAnd;
      for (size_t i = 0; i < rows; ++i) {
        first[i] = is_and ? std::min(first[i], last[i]) : std::max(first[i], last[i]);
      }
    }
  }
  if (depth == 0) {
    outcomes->assign(rows, Outcome::kTrue);
  } else {
    outcomes->swap(stack[0]);
  }
}

}  // namespace joist::parquet
