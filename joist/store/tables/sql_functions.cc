// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/store/tables/sql_functions.h"

#include <string_view>

namespace joist::tables {

namespace {

/// "CREATE OR REPLACE MACRO main." comes before each.
constexpr std::string_view kMacros[] = {
    "safe_divide(a, b) AS CASE WHEN b = 0 THEN NULL ELSE a::DOUBLE / b END",
    "ieee_divide(a, b) AS a::DOUBLE / b::DOUBLE",
    "generate_uuid() AS gen_random_uuid()::VARCHAR",
    "to_json_string(v) AS to_json(v)::VARCHAR",
    "array_length(a) AS len(a)",
    "byte_length(s) AS octet_length(encode(s::VARCHAR))",
    "char_length(s) AS length(s)",
    "json_value(j, p := '$') AS json_extract_string(j, p)",
    "json_query(j, p := '$') AS json_extract(j, p)",
    "json_extract_scalar(j, p := '$') AS json_extract_string(j, p)",
    "parse_json(s) AS s::JSON",
    "to_hex(b) AS lower(hex(b))",
    "regexp_contains(s, r) AS regexp_matches(s, r)",
    "timestamp_seconds(n) AS to_timestamp(n)",
    "timestamp_millis(n) AS make_timestamptz(n * 1000)",
    "timestamp_micros(n) AS make_timestamptz(n)",
    "unix_seconds(t) AS epoch_us(t) // 1000000",
    "unix_millis(t) AS epoch_us(t) // 1000",
    "unix_micros(t) AS epoch_us(t)",
    "unix_date(d) AS date_diff('day', DATE '1970-01-01', d)",
    "date_from_unix_date(n) AS DATE '1970-01-01' + n::INTEGER",
    "format_timestamp(f, t) AS strftime(t::TIMESTAMPTZ, f)",
    "format_datetime(f, t) AS strftime(t::TIMESTAMP, f)",
    "format_date(f, d) AS strftime(d::DATE, f)",
    "parse_timestamp(f, s) AS strptime(s, f)::TIMESTAMP AT TIME ZONE 'UTC'",
    "parse_datetime(f, s) AS strptime(s, f)::TIMESTAMP",
    "parse_date(f, s) AS strptime(s, f)::DATE",
    "logical_and(b) AS bool_and(b)",
    "logical_or(b) AS bool_or(b)",
};

}  // namespace

std::vector<std::string> SqlFunctions() {
  std::vector<std::string> statements;
  for (const std::string_view macro : kMacros) {
    statements.push_back("CREATE OR REPLACE MACRO main." + std::string(macro));
  }
  return statements;
}

}  // namespace joist::tables
