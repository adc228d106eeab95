// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/store/tables/sql_rewrite.h"

#include <algorithm>
#include <array>
#include <span>
#include <vector>

#include "joist/store/tables/schema.h"
#include "joist/store/tables/sql_tokens.h"
#include "joist/store/tables/store_state.h"

namespace joist::tables {

namespace {

using Tokens = std::span<const Token>;

/// Parentheses lie in one another at most so deep.
constexpr int kDeepestSql = 200;

/// A list of words, some of which a name is compared with.
template <size_t kSize>
bool IsOneOf(const std::array<std::string_view, kSize>& words, std::string_view text) {
  return std::any_of(words.begin(), words.end(),
                     [text](std::string_view word) { return SameName(word, text); });
}

/// Views of DuckDB that list what is hidden.
bool IsOfDuckDb(std::string_view name) {
  constexpr std::array<std::string_view, 4> kNames = {"information_schema", "pg_catalog",
                                                      "pragma_database_list", "system"};
  const std::string lower = Lower(name);
  return lower.starts_with("sqlite_") || lower.starts_with("duckdb_") || lower.starts_with("pg_") ||
         IsOneOf(kNames, name);
}

/// Functions of DuckDB that run SQL out of a string, or tell of what isn't in a dataset.
bool IsForbiddenFunction(std::string_view name) {
  constexpr std::array<std::string_view, 22> kNames = {"query",
                                                       "query_table",
                                                       "current_setting",
                                                       "getenv",
                                                       "glob",
                                                       "sniff_csv",
                                                       "which_secret",
                                                       "sql_auto_complete",
                                                       "seq_scan",
                                                       "index_scan",
                                                       "json_execute_serialized_sql",
                                                       "from_substrait",
                                                       "from_substrait_json",
                                                       "get_substrait",
                                                       "checkpoint",
                                                       "force_checkpoint",
                                                       "nextval",
                                                       "currval",
                                                       "repeat_row",
                                                       "show",
                                                       "show_tables",
                                                       "set_config"};
  const std::string lower = Lower(name);
  for (const std::string_view start : {"duckdb_", "pragma_", "read_", "parquet_", "write_",
                                       "import_", "arrow_", "test_", "load_", "export_"}) {
    if (lower.starts_with(start)) return true;
  }
  return IsOneOf(kNames, name);
}

constexpr std::array<std::string_view, 13> kUnits = {
    "MICROSECOND", "MILLISECOND", "SECOND",  "MINUTE", "HOUR",    "DAY",   "WEEK",
    "ISOWEEK",     "MONTH",       "QUARTER", "YEAR",   "ISOYEAR", "DECADE"};

bool IsUnit(Tokens tokens) {
  if (tokens.empty() || tokens[0].kind != TokenKind::kWord) return false;
  return IsOneOf(kUnits, tokens[0].text) &&
         (tokens.size() == 1 || (tokens.size() == 4 && tokens[0].Is("WEEK")));
}

/// A type of BigQuery as DuckDB names it; the same where it isn't known.
std::string TypeName(const std::string& name) {
  const Result<FieldType> type = FieldTypeOf(name);
  if (type.ok() && *type != FieldType::kRecord) {
    Field field;
    field.type = *type;
    return SqlTypeOf(field);
  }
  if (SameName(name, "BIGNUMERIC") || SameName(name, "BIGDECIMAL")) return "DECIMAL(38,9)";
  if (SameName(name, "GEOGRAPHY")) return "VARCHAR";
  return name;
}

/// Words after which a name is that of a table.
bool IsBeforeTable(const Token& token) {
  constexpr std::array<std::string_view, 5> kWords = {"FROM", "JOIN", "INTO", "UPDATE", "USING"};
  return token.kind == TokenKind::kWord && IsOneOf(kWords, token.text);
}

/// Words that end the tables of a FROM.
bool EndsFrom(const Token& token) {
  constexpr std::array<std::string_view, 13> kWords = {
      "WHERE", "GROUP",  "ORDER",     "HAVING", "LIMIT", "WINDOW", "QUALIFY",
      "UNION", "EXCEPT", "INTERSECT", "SELECT", "SET",   "WHEN"};
  return token.kind == TokenKind::kWord && IsOneOf(kWords, token.text);
}

bool IsNameLike(const Token& token) {
  return token.kind == TokenKind::kWord || token.kind == TokenKind::kName;
}

std::string HexOf(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string hex;
  for (const char c : bytes) {
    hex += "\\x";
    hex += kDigits[static_cast<uint8_t>(c) >> 4];
    hex += kDigits[static_cast<uint8_t>(c) & 15];
  }
  return hex;
}

/// Rewrites runs of tokens.
class Rewriter {
 public:
  explicit Rewriter(const SqlNames& names) : names_(names) {}

  Result<std::string> Run(Tokens tokens, int depth = 0) {
    if (depth > kDeepestSql) return InvalidArgument("the SQL lies too deep in parentheses (200)");
    std::string out;
    bool in_from = false;
    for (size_t i = 0; i < tokens.size();) {
      const Token& token = tokens[i];
      if (EndsFrom(token)) in_from = false;
      // After the UPDATE of a MERGE there is no table, but SET.
      const bool table_next =
          i > 0 && !token.Is("SET") &&
          (IsBeforeTable(tokens[i - 1]) || (in_from && tokens[i - 1].IsSign(",")));
      if (token.Is("FROM") || token.Is("USING")) in_from = true;
      if (!out.empty() && !(token.adjacent && SticksToOthers(tokens, i))) out += ' ';
      JOIST_ASSIGN_OR_RETURN(const size_t taken,
                             Step(tokens.subspan(i), i, tokens, table_next, in_from, depth, &out));
      i += taken;
    }
    return out;
  }

  /// The table's name at the front of `tokens`. Gives how many of them it has.
  Result<size_t> Table(Tokens tokens, std::string* out) const {
    std::vector<std::string> parts;
    size_t at = 0;
    while (at < tokens.size() && IsNameLike(tokens[at])) {
      std::string part = tokens[at].text;
      const bool quoted = tokens[at].kind == TokenKind::kName;
      ++at;
      // my-project.dataset.table needs no backticks.
      while (
          !quoted && parts.empty() && at + 1 < tokens.size() && tokens[at].IsSign("-") &&
          tokens[at].adjacent && tokens[at + 1].adjacent &&
          (tokens[at + 1].kind == TokenKind::kWord || tokens[at + 1].kind == TokenKind::kNumber)) {
        part += "-" + tokens[at + 1].text;
        at += 2;
      }
      AddParts(part, quoted, &parts);
      if (at + 1 >= tokens.size() || !tokens[at].IsSign(".") || !IsNameLike(tokens[at + 1])) break;
      ++at;
    }
    JOIST_RETURN_IF_ERROR(PutPath(parts, out));
    return at;
  }

 private:
  static bool SticksToOthers(Tokens tokens, size_t i) {
    return tokens[i].IsSign("(") || tokens[i].IsSign(")") || tokens[i].IsSign(",") ||
           tokens[i].IsSign(".") || (i > 0 && tokens[i - 1].IsSign(".")) ||
           (i > 0 && tokens[i - 1].IsSign("(")) || tokens[i].IsSign("[") || tokens[i].IsSign("]");
  }

  static void AddParts(const std::string& text, bool quoted, std::vector<std::string>* parts) {
    size_t begin = 0;
    while (quoted) {
      const size_t dot = text.find('.', begin);
      if (dot == std::string::npos) break;
      parts->push_back(text.substr(begin, dot - begin));
      begin = dot + 1;
    }
    parts->push_back(text.substr(begin));
  }

  static Status CheckPart(const std::string& part) {
    if (!SameName(part, kHiddenSchema)) return OkStatus();
    return NotFound("Not found: Dataset " + part);
  }

  /// Table names of one to three parts; a domain's project ("example.com:p") has dots as well.
  Status PutPath(std::vector<std::string> parts, std::string* out) const {
    for (const std::string& part : parts) {
      JOIST_RETURN_IF_ERROR(CheckPart(part));
      if (IsOfDuckDb(part)) return NotFound("Not found: Table " + part);
    }
    if (parts.size() > 3) {
      const size_t extra = parts.size() - 3;
      for (size_t i = 1; i <= extra; ++i) parts[0] += "." + parts[i];
      parts.erase(parts.begin() + 1, parts.begin() + 1 + static_cast<std::ptrdiff_t>(extra));
    }
    if (parts.size() == 3) {
      *out += TableName{parts[0], parts[1], parts[2]}.Sql();
    } else if (parts.size() == 2 && names_.is_dataset(names_.project, parts[0])) {
      *out += TableName{names_.project, parts[0], parts[1]}.Sql();
    } else {
      for (size_t i = 0; i < parts.size(); ++i) {
        *out += (i == 0 ? "" : ".") + Quoted(parts[i]);
      }
    }
    return OkStatus();
  }

  /// Writes what stands at the front of `rest`. Gives how many tokens that were.
  Result<size_t> Step(Tokens rest, size_t index, Tokens all, bool table_next, bool in_from,
                      int depth, std::string* out) {
    const Token& token = rest[0];
    const bool calls = rest.size() > 1 && rest[1].IsSign("(");
    switch (token.kind) {
      case TokenKind::kString: *out += QuotedText(token.text); return 1;
      case TokenKind::kBytes: *out += "'" + HexOf(token.text) + "'::BLOB"; return 1;
      case TokenKind::kNumber: *out += token.text; return 1;
      case TokenKind::kParameter: *out += Parameter(token.text); return 1;
      case TokenKind::kSign: return Sign(rest, depth, out);
      case TokenKind::kName:
        JOIST_RETURN_IF_ERROR(CheckPart(token.text));
        if (calls && IsForbiddenFunction(token.text)) return Forbidden(token.text);
        if (!table_next && token.text.find('.') == std::string::npos) {
          *out += Quoted(token.text);
          return 1;
        }
        return Table(rest, out);
      case TokenKind::kWord: break;
    }
    JOIST_RETURN_IF_ERROR(CheckPart(token.text));
    if (calls && IsForbiddenFunction(token.text)) return Forbidden(token.text);
    if (calls && (index == 0 || !all[index - 1].IsSign("."))) {
      const size_t taken = FindEnd(rest, 1);
      if (taken == 0) return InvalidArgument("Syntax error: a parenthesis isn't closed");
      std::string call;
      JOIST_ASSIGN_OR_RETURN(const bool known,
                             Call(token, rest.subspan(2, taken - 2), index, all, depth, &call));
      if (known) {
        *out += call;
        return taken + 1 + UnnestAlias(rest.subspan(taken + 1), token, in_from, out);
      }
    }
    if (table_next && !calls && !token.Is("UNNEST") && !token.Is("SELECT") &&
        !token.Is("LATERAL") && !token.Is("TABLE")) {
      return Table(rest, out);
    }
    return Word(rest, index, all, depth, out);
  }

  /// With its type, which DuckDB would guess.
  std::string Parameter(const std::string& name) const {
    const std::string type = names_.parameter_type == nullptr ? "" : names_.parameter_type(name);
    return type.empty() ? "$" + name : "CAST($" + name + " AS " + type + ")";
  }

  static Status Forbidden(const std::string& name) {
    return InvalidArgument("Function not found: " + name);
  }

  /// The index of the parenthesis that closes the one at `open`; 0 without.
  static size_t FindEnd(Tokens tokens, size_t open) {
    int depth = 0;
    for (size_t i = open; i < tokens.size(); ++i) {
      if (tokens[i].IsSign("(")) ++depth;
      if (tokens[i].IsSign(")") && --depth == 0) return i;
    }
    return 0;
  }

  /// Runs of tokens between commas that lie in no parentheses.
  static std::vector<Tokens> Arguments(Tokens tokens) {
    std::vector<Tokens> arguments;
    int depth = 0;
    int angles = 0;
    size_t begin = 0;
    for (size_t i = 0; i < tokens.size(); ++i) {
      if (tokens[i].IsSign("(") || tokens[i].IsSign("[") || tokens[i].IsSign("{")) ++depth;
      if (tokens[i].IsSign(")") || tokens[i].IsSign("]") || tokens[i].IsSign("}")) --depth;
      const bool of_type = i > 0 && (tokens[i - 1].Is("ARRAY") || tokens[i - 1].Is("STRUCT"));
      if (tokens[i].IsSign("<") && of_type) ++angles;
      if (tokens[i].IsSign(">") && angles > 0) --angles;
      if (angles != 0 || depth != 0 || !tokens[i].IsSign(",")) continue;
      arguments.push_back(tokens.subspan(begin, i - begin));
      begin = i + 1;
    }
    if (!tokens.empty()) arguments.push_back(tokens.subspan(begin));
    return arguments;
  }

  Result<size_t> Sign(Tokens rest, int depth, std::string* out) {
    if (rest[0].IsSign(";")) {
      if (rest.size() > 1) return InvalidArgument("only one statement can be run at once");
      return 1;
    }
    if (rest[0].IsSign("(")) {
      const size_t end = FindEnd(rest, 0);
      if (end == 0) return InvalidArgument("Syntax error: a parenthesis isn't closed");
      if (rest[1].Is("SHOW") || rest[1].Is("DESCRIBE") || rest[1].Is("SUMMARIZE")) {
        return InvalidArgument("Statement not supported: " + rest[1].text);
      }
      JOIST_ASSIGN_OR_RETURN(const std::string inner, Run(rest.subspan(1, end - 1), depth + 1));
      *out += "(" + inner + ")";
      return end + 1;
    }
    // Numbers, since arguments may change their places.
    *out += rest[0].IsSign("?") ? Parameter(std::to_string(++positions_)) : rest[0].text;
    return 1;
  }

  /// A word that is no known function.
  Result<size_t> Word(Tokens rest, size_t index, Tokens all, int depth, std::string* out) {
    const Token& token = rest[0];
    const Token* const next = rest.size() > 1 ? &rest[1] : nullptr;
    const bool after_star = index > 0 && all[index - 1].IsSign("*");
    if (token.Is("EXCEPT") && after_star && next != nullptr && next->IsSign("(")) {
      *out += "EXCLUDE";
      return 1;
    }
    const bool combines = token.Is("UNION") || token.Is("EXCEPT") || token.Is("INTERSECT");
    if (combines && next != nullptr && next->Is("DISTINCT")) {
      *out += token.text;
      return 2;
    }
    // DATE '2024-01-01' and the like.
    if (next != nullptr && next->kind == TokenKind::kString && FieldTypeOf(token.text).ok()) {
      *out += TypeName(token.text);
      return 1;
    }
    if (token.Is("INTERVAL") && next != nullptr) return Interval(rest, depth, out);
    // ARRAY<T>[…] and ARRAY[…].
    if (token.Is("ARRAY") && next != nullptr && next->IsSign("<")) {
      size_t at = 0;
      JOIST_ASSIGN_OR_RETURN(const std::string type, Type(rest, &at));
      if (at >= rest.size() || !rest[at].IsSign("[")) {
        return InvalidArgument("Syntax error: after " + type + " there should be [");
      }
      size_t end = at;
      for (int open = 0; end < rest.size(); ++end) {
        open += rest[end].IsSign("[") ? 1 : rest[end].IsSign("]") ? -1 : 0;
        if (open == 0) break;
      }
      if (end == rest.size()) return InvalidArgument("Syntax error: a [ isn't closed");
      JOIST_ASSIGN_OR_RETURN(const std::string inner,
                             Run(rest.subspan(at + 1, end - at - 1), depth + 1));
      *out += "CAST([" + inner + "] AS " + type + ")";
      return end + 1;
    }
    if (token.Is("ARRAY") && next != nullptr && next->IsSign("[")) return 1;
    *out += token.text;
    return 1;
  }

  /// INTERVAL n UNIT.
  Result<size_t> Interval(Tokens rest, int depth, std::string* out) {
    size_t unit = 1;
    for (int open = 0; unit < rest.size(); ++unit) {
      open += rest[unit].IsSign("(") ? 1 : rest[unit].IsSign(")") ? -1 : 0;
      if (open == 0 && unit > 1 && IsUnit(rest.subspan(unit, 1))) break;
    }
    if (unit == rest.size()) {
      *out += "INTERVAL";
      return 1;
    }
    JOIST_ASSIGN_OR_RETURN(const std::string count, Run(rest.subspan(1, unit - 1), depth + 1));
    *out += "INTERVAL (" + count + ") " + rest[unit].text;
    return unit + 1;
  }

  /// A type at `*at`, which is put behind it.
  Result<std::string> Type(Tokens tokens, size_t* at) const {
    if (*at >= tokens.size() || tokens[*at].kind != TokenKind::kWord) {
      return InvalidArgument("Syntax error: a type is missing");
    }
    const Token& token = tokens[(*at)++];
    const auto next_is = [&](std::string_view sign) {
      return *at < tokens.size() && tokens[*at].IsSign(sign);
    };
    if (token.Is("ARRAY") && next_is("<")) {
      ++*at;
      JOIST_ASSIGN_OR_RETURN(const std::string element, Type(tokens, at));
      if (!next_is(">")) return InvalidArgument("Syntax error: ARRAY< isn't closed");
      ++*at;
      return element + "[]";
    }
    if (token.Is("STRUCT") && next_is("<")) {
      std::string fields;
      do {
        ++*at;
        if (*at >= tokens.size()) break;
        const std::string name = Quoted(tokens[(*at)++].text);
        JOIST_ASSIGN_OR_RETURN(const std::string type, Type(tokens, at));
        fields += (fields.empty() ? "" : ", ") + name + " " + type;
      } while (next_is(","));
      if (!next_is(">")) return InvalidArgument("Syntax error: STRUCT< isn't closed");
      ++*at;
      return "STRUCT(" + fields + ")";
    }
    std::string name = TypeName(token.text);
    if (next_is("(")) {
      const size_t end = FindEnd(tokens, *at);
      if (end == 0) return InvalidArgument("Syntax error: a type's parenthesis isn't closed");
      // STRING(10) and BYTES(10) bound the size, which isn't kept.
      if (name.starts_with("DECIMAL")) {
        name = "DECIMAL(";
        for (size_t i = *at + 1; i < end; ++i) name += tokens[i].text;
        name += ")";
      }
      *at = end + 1;
    }
    return name;
  }

  /// `UNNEST(…) AS x` is a table x with a column x.
  static size_t UnnestAlias(Tokens rest, const Token& function, bool in_from, std::string* out) {
    if (!function.Is("UNNEST") || !in_from || rest.empty()) return 0;
    const size_t at = rest[0].Is("AS") ? 1 : 0;
    if (at >= rest.size() || !IsNameLike(rest[at])) return 0;
    constexpr std::array<std::string_view, 12> kOthers = {"WHERE", "GROUP", "ORDER", "HAVING",
                                                          "LIMIT", "JOIN",  "LEFT",  "CROSS",
                                                          "INNER", "WITH",  "UNION", "ON"};
    if (at == 0 && IsOneOf(kOthers, rest[0].text)) return 0;
    *out += " AS " + Quoted(rest[at].text) + "(" + Quoted(rest[at].text) + ")";
    return at + 1;
  }

  Result<std::string> Argument(Tokens tokens, int depth) { return Run(tokens, depth + 1); }

  /// Functions whose calls look different in DuckDB. False where it isn't one of them.
  Result<bool> Call(const Token& function, Tokens inside, size_t index, Tokens all, int depth,
                    std::string* out) {
    if (function.Is("CAST") || function.Is("SAFE_CAST")) return Cast(function, inside, depth, out);
    if (function.Is("UNNEST")) {
      JOIST_ASSIGN_OR_RETURN(const std::string list, Argument(inside, depth));
      const bool in = index > 0 && all[index - 1].Is("IN");
      *out = in ? "(SELECT UNNEST(" + list + "))" : "UNNEST(" + list + ")";
      return true;
    }
    if (function.Is("STRUCT")) return Struct(inside, depth, out);
    if (function.Is("EXTRACT")) return Extract(inside, depth, out);
    if (inside.empty()) return NoArguments(function, out);
    const std::vector<Tokens> arguments = Arguments(inside);
    JOIST_ASSIGN_OR_RETURN(const bool time, TimeCall(function, arguments, depth, out));
    if (time) return true;
    if (arguments.size() == 1 &&
        (function.Is("TIMESTAMP") || function.Is("DATE") || function.Is("DATETIME") ||
         function.Is("STRING") || function.Is("TIME") || function.Is("INT64") ||
         function.Is("FLOAT64") || function.Is("BOOL"))) {
      JOIST_ASSIGN_OR_RETURN(const std::string value, Argument(arguments[0], depth));
      *out = "CAST(" + value + " AS " + TypeName(function.text) + ")";
      return true;
    }
    if (function.Is("REGEXP_REPLACE") && arguments.size() == 3) {
      JOIST_ASSIGN_OR_RETURN(const std::string value, Argument(inside, depth));
      *out = "regexp_replace(" + value + ", 'g')";
      return true;
    }
    if (function.Is("ARRAY_AGG") && inside.size() > 2 && inside[inside.size() - 2].Is("LIMIT")) {
      JOIST_ASSIGN_OR_RETURN(const std::string value,
                             Argument(inside.subspan(0, inside.size() - 2), depth));
      *out = "(array_agg(" + value + "))[1:" + inside.back().text + "]";
      return true;
    }
    if (function.Is("FORMAT") || function.Is("DIV") || function.Is("GENERATE_ARRAY")) {
      JOIST_ASSIGN_OR_RETURN(const std::string value, Argument(inside, depth));
      *out = (function.Is("FORMAT") ? "printf("
              : function.Is("DIV")  ? "divide("
                                    : "generate_series(") +
             value + ")";
      return true;
    }
    return false;
  }

  Result<bool> Cast(const Token& function, Tokens inside, int depth, std::string* out) {
    size_t as = inside.size();
    int open = 0;
    for (size_t i = 0; i < inside.size(); ++i) {
      open += inside[i].IsSign("(") ? 1 : inside[i].IsSign(")") ? -1 : 0;
      if (open == 0 && inside[i].Is("AS")) as = i;
    }
    if (as == inside.size()) return InvalidArgument("Syntax error: CAST without AS and a type");
    size_t at = as + 1;
    JOIST_ASSIGN_OR_RETURN(const std::string type, Type(inside, &at));
    if (at != inside.size()) {
      return InvalidArgument("Syntax error: unexpected \"" + inside[at].text + "\" in CAST");
    }
    JOIST_ASSIGN_OR_RETURN(const std::string value, Argument(inside.subspan(0, as), depth));
    *out = (function.Is("CAST") ? "CAST(" : "TRY_CAST(") + value + " AS " + type + ")";
    return true;
  }

  Result<bool> Struct(Tokens inside, int depth, std::string* out) {
    *out = "struct_pack(";
    size_t number = 0;
    for (const Tokens argument : Arguments(inside)) {
      Tokens value = argument;
      std::string name = "_field_" + std::to_string(++number);
      if (argument.size() > 2 && argument[argument.size() - 2].Is("AS") &&
          IsNameLike(argument.back())) {
        name = argument.back().text;
        value = argument.subspan(0, argument.size() - 2);
      } else if (!argument.empty() && IsNameLike(argument.back()) &&
                 (argument.size() == 1 || argument[argument.size() - 2].IsSign("."))) {
        name = argument.back().text;
      }
      JOIST_ASSIGN_OR_RETURN(const std::string text, Argument(value, depth));
      *out += (number > 1 ? ", " : "") + Quoted(name) + " := " + text;
    }
    *out += ")";
    return true;
  }

  Result<bool> Extract(Tokens inside, int depth, std::string* out) {
    if (inside.size() < 3 || inside[0].kind != TokenKind::kWord || !inside[1].Is("FROM")) {
      return false;
    }
    JOIST_ASSIGN_OR_RETURN(const std::string value, Argument(inside.subspan(2), depth));
    if (inside[0].Is("DATE") || inside[0].Is("TIME")) {
      *out = "CAST(" + value + " AS " + inside[0].text + ")";
    } else if (inside[0].Is("DAYOFWEEK")) {
      *out = "(EXTRACT(dow FROM " + value + ") + 1)";
    } else {
      const std::string part = inside[0].Is("DAYOFYEAR") ? "doy" : inside[0].text;
      *out = "EXTRACT(" + part + " FROM " + value + ")";
    }
    return true;
  }

  static Result<bool> NoArguments(const Token& function, std::string* out) {
    if (function.Is("CURRENT_TIMESTAMP")) {
      *out = "now()";
    } else if (function.Is("CURRENT_DATE")) {
      *out = "CAST(now() AT TIME ZONE 'UTC' AS DATE)";
    } else if (function.Is("CURRENT_DATETIME")) {
      *out = "(now() AT TIME ZONE 'UTC')";
    } else if (function.Is("CURRENT_TIME")) {
      *out = "CAST(now() AT TIME ZONE 'UTC' AS TIME)";
    } else {
      return false;
    }
    return true;
  }

  static std::string UnitOf(Tokens tokens) {
    const std::string unit = Lower(tokens[0].text);
    return unit == "isoweek" ? "week" : unit;
  }

  /// TIMESTAMP_TRUNC(t, DAY), DATE_ADD(d, INTERVAL 1 DAY), DATETIME_DIFF(a, b, HOUR) and the like.
  Result<bool> TimeCall(const Token& function, const std::vector<Tokens>& arguments, int depth,
                        std::string* out) {
    const size_t underscore = function.text.find('_');
    if (underscore == std::string::npos) return false;
    const std::string type = function.text.substr(0, underscore);
    const std::string what = Lower(function.text.substr(underscore + 1));
    if (!SameName(type, "TIMESTAMP") && !SameName(type, "DATE") && !SameName(type, "DATETIME") &&
        !SameName(type, "TIME")) {
      return false;
    }
    const std::string sql_type = TypeName(type);
    if (what == "trunc" && arguments.size() == 2 && IsUnit(arguments[1])) {
      JOIST_ASSIGN_OR_RETURN(const std::string value, Argument(arguments[0], depth));
      std::string shift_in;
      std::string shift_out;
      // Weeks of BigQuery begin on Sundays, DuckDB's on Mondays.
      if (arguments[1].size() == 1 && arguments[1][0].Is("WEEK")) {
        shift_in = " + INTERVAL 1 DAY";
        shift_out = " - INTERVAL 1 DAY";
      } else if (arguments[1].size() > 1 && !arguments[1][2].Is("MONDAY")) {
        return InvalidArgument("of WEEK(…), only WEEK(MONDAY) is known");
      }
      *out = "CAST(date_trunc('" + UnitOf(arguments[1]) + "', CAST(" + value + " AS " + sql_type +
             ")" + shift_in + ")" + shift_out + " AS " + sql_type + ")";
      return true;
    }
    if (what == "diff" && arguments.size() == 3 && IsUnit(arguments[2])) {
      JOIST_ASSIGN_OR_RETURN(const std::string end, Argument(arguments[0], depth));
      JOIST_ASSIGN_OR_RETURN(const std::string begin, Argument(arguments[1], depth));
      // Whole units between two timestamps; of the others, the bounds that are crossed.
      *out = std::string(SameName(type, "TIMESTAMP") ? "date_sub" : "date_diff") + "('" +
             UnitOf(arguments[2]) + "', CAST(" + begin + " AS " + sql_type + "), CAST(" + end +
             " AS " + sql_type + "))";
      return true;
    }
    if ((what == "add" || what == "sub") && arguments.size() == 2 && !arguments[1].empty() &&
        arguments[1][0].Is("INTERVAL")) {
      JOIST_ASSIGN_OR_RETURN(const std::string value, Argument(arguments[0], depth));
      JOIST_ASSIGN_OR_RETURN(const std::string interval, Argument(arguments[1], depth));
      *out = "CAST(CAST(" + value + " AS " + sql_type + ") " + (what == "add" ? "+ " : "- ") +
             interval + " AS " + sql_type + ")";
      return true;
    }
    return false;
  }

 public:
  /// The columns of CREATE TABLE, without the parentheses.
  Result<std::string> Columns(Tokens tokens) {
    std::string out;
    for (const Tokens column : Arguments(tokens)) {
      if (column.size() < 2 || !IsNameLike(column[0])) {
        return InvalidArgument("Syntax error: a column needs a name and a type");
      }
      size_t at = 1;
      JOIST_ASSIGN_OR_RETURN(const std::string type, Type(column, &at));
      // OPTIONS(…) describe; they change no row.
      size_t end = at;
      while (end < column.size() && !column[end].Is("OPTIONS")) ++end;
      JOIST_ASSIGN_OR_RETURN(const std::string rest, Run(column.subspan(at, end - at)));
      out += (out.empty() ? "" : ", ") + Quoted(column[0].text) + " " + type +
             (rest.empty() ? "" : " " + rest);
    }
    return out;
  }

 private:
  const SqlNames& names_;
  size_t positions_ = 0;
};

/// A statement that creates, drops or alters a table, a view or a dataset.
Result<DuckSql> RewriteDdl(Tokens tokens, const SqlNames& names) {
  Rewriter rewriter(names);
  DuckSql sql;
  sql.kind = SqlKind::kDdl;
  const std::string verb = tokens[0].Is("CREATE") ? "CREATE"
                           : tokens[0].Is("DROP") ? "DROP"
                                                  : "ALTER";
  std::string out = verb;
  size_t at = 1;
  const auto take = [&](std::string_view word) {
    if (at >= tokens.size() || !tokens[at].Is(word)) return false;
    ++at;
    out += " " + std::string(word);
    return true;
  };
  if (take("OR")) take("REPLACE");
  std::string what;
  for (const std::string_view word : {"TABLE", "VIEW", "SCHEMA"}) {
    if (take(word)) what = word;
  }
  if (what.empty()) {
    return InvalidArgument("of " + verb + ", only TABLE, VIEW and SCHEMA can be run");
  }
  if (take("IF")) {
    take("NOT");
    take("EXISTS");
  }
  out += " ";
  sql.statement_type = verb + "_" + what;
  if (what == "SCHEMA") {
    std::string project = names.project;
    if (at >= tokens.size() || !IsNameLike(tokens[at])) {
      return InvalidArgument("Syntax error: a dataset's name is missing");
    }
    std::string path;
    for (; at < tokens.size() && !tokens[at].Is("CASCADE") && !tokens[at].Is("RESTRICT") &&
           !tokens[at].Is("OPTIONS") && !tokens[at].IsSign(";");
         ++at) {
      path += tokens[at].text;
    }
    const size_t dot = path.rfind('.');
    if (dot != std::string::npos) project = path.substr(0, dot);
    const std::string dataset = dot == std::string::npos ? path : path.substr(dot + 1);
    if (SameName(path, kHiddenSchema)) return NotFound("Not found: Dataset " + path);
    sql.sql = out + Quoted(project + "." + dataset);
    if (at < tokens.size() && tokens[at].Is("CASCADE")) sql.sql += " CASCADE";
    return sql;
  }
  const size_t parts_before = out.size();
  JOIST_ASSIGN_OR_RETURN(const size_t taken, rewriter.Table(tokens.subspan(at), &out));
  const std::string name = out.substr(parts_before);
  if (taken == 0) return InvalidArgument("Syntax error: a table's name is missing");
  // Without a dataset it is of the default one.
  if (name.find("\".\"") == std::string::npos) {
    if (names.dataset.empty()) {
      return InvalidArgument("Table " + name +
                             " must be qualified with a dataset (e.g. dataset.table).");
    }
    out.insert(parts_before, Quoted(names.project + "." + names.dataset) + ".");
  }
  at += taken;
  if (verb == "CREATE" && what == "TABLE" && at < tokens.size() && tokens[at].IsSign("(")) {
    size_t end = at;
    int open = 0;
    for (; end < tokens.size(); ++end) {
      open += tokens[end].IsSign("(") ? 1 : tokens[end].IsSign(")") ? -1 : 0;
      if (open == 0) break;
    }
    if (end == tokens.size()) return InvalidArgument("Syntax error: a parenthesis isn't closed");
    JOIST_ASSIGN_OR_RETURN(const std::string columns,
                           rewriter.Columns(tokens.subspan(at + 1, end - at - 1)));
    out += " (" + columns + ")";
    at = end + 1;
  }
  if (verb == "CREATE") {
    // PARTITION BY, CLUSTER BY and OPTIONS(…) change nothing that a reader sees.
    size_t as = at;
    int open = 0;
    for (; as < tokens.size(); ++as) {
      open += tokens[as].IsSign("(") ? 1 : tokens[as].IsSign(")") ? -1 : 0;
      if (open == 0 && (tokens[as].Is("AS") || tokens[as].IsSign(";"))) break;
    }
    if (as < tokens.size() && tokens[as].Is("AS") && what == "TABLE") {
      sql.kind = SqlKind::kCreateTableAs;
      sql.statement_type = "CREATE_TABLE_AS_SELECT";
    }
    at = as;
  }
  if (verb == "ALTER" && at + 3 < tokens.size() && tokens[at].Is("ADD") &&
      tokens[at + 1].Is("COLUMN")) {
    out += " ADD COLUMN ";
    at += 2;
    if (at + 2 < tokens.size() && tokens[at].Is("IF")) {
      out += "IF NOT EXISTS ";
      at += 3;
    }
    const size_t end = tokens.back().IsSign(";") ? tokens.size() - 1 : tokens.size();
    JOIST_ASSIGN_OR_RETURN(const std::string column,
                           rewriter.Columns(tokens.subspan(at, end - at)));
    sql.sql = out + column;
    return sql;
  }
  JOIST_ASSIGN_OR_RETURN(const std::string rest, rewriter.Run(tokens.subspan(at)));
  sql.sql = out + " " + rest;
  return sql;
}

}  // namespace

Result<DuckSql> RewriteSql(std::string_view sql, const SqlNames& names) {
  JOIST_ASSIGN_OR_RETURN(std::vector<Token> tokens, SqlTokens(sql));
  if (tokens.empty()) return InvalidArgument("the query is empty");
  if (tokens[0].Is("CREATE") || tokens[0].Is("DROP") || tokens[0].Is("ALTER")) {
    return RewriteDdl(tokens, names);
  }
  DuckSql result;
  if (tokens[0].Is("INSERT") || tokens[0].Is("DELETE") || tokens[0].Is("MERGE") ||
      tokens[0].Is("UPDATE") || tokens[0].Is("TRUNCATE")) {
    result.kind = SqlKind::kDml;
    result.statement_type = tokens[0].Is("TRUNCATE") ? "TRUNCATE_TABLE" : tokens[0].text;
    std::transform(result.statement_type.begin(), result.statement_type.end(),
                   result.statement_type.begin(), [](char c) { return std::toupper(c); });
    // INTO and FROM may be left out.
    const std::string word = tokens[0].Is("DELETE") ? "FROM" : "INTO";
    const bool takes = !tokens[0].Is("UPDATE") && !tokens[0].Is("TRUNCATE");
    if (tokens[0].Is("TRUNCATE")) {
      const size_t skip = tokens.size() > 1 && tokens[1].Is("TABLE") ? 2 : 1;
      tokens.erase(tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>(skip));
      tokens.insert(tokens.begin(),
                    {Token{TokenKind::kWord, "DELETE"}, Token{TokenKind::kWord, "FROM"}});
    } else if (takes && tokens.size() > 1 && !tokens[1].Is(word)) {
      tokens.insert(tokens.begin() + 1, Token{TokenKind::kWord, word});
    }
  } else if (tokens[0].Is("SELECT") || tokens[0].Is("WITH") || tokens[0].Is("VALUES") ||
             tokens[0].IsSign("(")) {
    result.statement_type = "SELECT";
  } else {
    return InvalidArgument("Statement not supported: " + tokens[0].text +
                           "; there are SELECT, INSERT, UPDATE, DELETE, MERGE, TRUNCATE, CREATE, "
                           "DROP and ALTER");
  }
  JOIST_ASSIGN_OR_RETURN(result.sql, Rewriter(names).Run(tokens));
  return result;
}

Result<std::string> RewriteExpression(std::string_view sql, const SqlNames& names) {
  JOIST_ASSIGN_OR_RETURN(const std::vector<Token> tokens, SqlTokens(sql));
  int open = 0;
  for (const Token& token : tokens) {
    open += token.IsSign("(") ? 1 : token.IsSign(")") ? -1 : 0;
    if (open < 0 || token.IsSign(";"))
      return InvalidArgument("\"" + std::string(sql) + "\" is no expression");
  }
  if (open != 0) return InvalidArgument("Syntax error: a parenthesis isn't closed");
  return Rewriter(names).Run(tokens);
}

}  // namespace joist::tables
