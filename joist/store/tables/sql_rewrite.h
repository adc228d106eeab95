// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// BigQuery's SQL made DuckDB's. Strings, names and functions are rewritten token by token; what
// isn't known here goes to DuckDB as it is, which says what it thinks of it.

#ifndef JOIST_STORE_TABLES_SQL_REWRITE_H_
#define JOIST_STORE_TABLES_SQL_REWRITE_H_

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "joist/base/status.h"

namespace joist::tables {

/// What names in a statement refer to.
struct SqlNames {
  /// Of names without one.
  std::string project = {};
  /// "" where names of tables need a dataset.
  std::string dataset = {};
  /// Whether the dataset is there.
  std::function<bool(const std::string& project, const std::string& dataset)> is_dataset = nullptr;
  /// DuckDB's type of the parameter of that name; of `?`, these are "1", "2" and so on. "" where
  /// there is none. May be null.
  std::function<std::string(const std::string& name)> parameter_type = nullptr;
};

/// What a statement does.
enum class SqlKind : uint8_t { kSelect, kDml, kDdl, kCreateTableAs };

/// A statement for DuckDB.
struct DuckSql {
  std::string sql = {};
  SqlKind kind = SqlKind::kSelect;
  /// As BigQuery's statistics name it: "SELECT", "INSERT", "CREATE_TABLE_AS_SELECT".
  std::string statement_type = {};
};

/// Rewrites one statement. Fails where it may not be run: it isn't one of those that read and write
/// tables, or reaches for what is hidden.
Result<DuckSql> RewriteSql(std::string_view sql, const SqlNames& names);
/// Rewrites an expression, such as a row's restriction.
Result<std::string> RewriteExpression(std::string_view sql, const SqlNames& names);

}  // namespace joist::tables

#endif  // JOIST_STORE_TABLES_SQL_REWRITE_H_
