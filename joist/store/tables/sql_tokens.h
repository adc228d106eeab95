// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// BigQuery's SQL in tokens. Pure functions.

#ifndef JOIST_STORE_TABLES_SQL_TOKENS_H_
#define JOIST_STORE_TABLES_SQL_TOKENS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "joist/base/status.h"

namespace joist::tables {

/// What a token is.
enum class TokenKind : uint8_t {
  /// A keyword or a name without quotes.
  kWord,
  /// A name in backticks; `text` is without them.
  kName,
  /// 'a', "a", '''a''', r'a'; `text` is what it means.
  kString,
  /// b'a'.
  kBytes,
  kNumber,
  /// @name.
  kParameter,
  /// An operator or a parenthesis.
  kSign,
};

/// A token; comments and blanks are none.
struct Token {
  TokenKind kind = TokenKind::kSign;
  std::string text = {};
  /// Whether nothing stands between it and the token before it.
  bool adjacent = false;

  /// Whether it is that keyword, in any case.
  bool Is(std::string_view word) const;
  bool IsSign(std::string_view sign) const { return kind == TokenKind::kSign && text == sign; }
};

/// Statements have at most so many bytes: as many as BigQuery's.
constexpr size_t kMostSqlBytes = size_t{1} << 20;

/// Fails where a string, a name or a comment has no end.
Result<std::vector<Token>> SqlTokens(std::string_view sql);

}  // namespace joist::tables

#endif  // JOIST_STORE_TABLES_SQL_TOKENS_H_
