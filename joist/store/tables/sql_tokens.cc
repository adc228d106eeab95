// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/store/tables/sql_tokens.h"

#include <cctype>
#include <optional>

#include "joist/store/tables/schema.h"

namespace joist::tables {

namespace {

bool IsWordStart(char c) {
  return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_' || (c & 0x80) != 0;
}
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsWordPart(char c) { return IsWordStart(c) || IsDigit(c); }

/// Appends a code point as UTF-8; false where it is none.
bool AddCodePoint(uint32_t code, std::string* out) {
  if (code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) return false;
  if (code < 0x80) {
    out->push_back(static_cast<char>(code));
  } else if (code < 0x800) {
    out->push_back(static_cast<char>(0xC0 | code >> 6));
    out->push_back(static_cast<char>(0x80 | (code & 63)));
  } else if (code < 0x10000) {
    out->push_back(static_cast<char>(0xE0 | code >> 12));
    out->push_back(static_cast<char>(0x80 | (code >> 6 & 63)));
    out->push_back(static_cast<char>(0x80 | (code & 63)));
  } else {
    out->push_back(static_cast<char>(0xF0 | code >> 18));
    out->push_back(static_cast<char>(0x80 | (code >> 12 & 63)));
    out->push_back(static_cast<char>(0x80 | (code >> 6 & 63)));
    out->push_back(static_cast<char>(0x80 | (code & 63)));
  }
  return true;
}

/// Reads tokens off the front of a text.
class Tokenizer {
 public:
  explicit Tokenizer(std::string_view sql) : rest_(sql) {}

  Result<std::vector<Token>> Run() {
    std::vector<Token> tokens;
    while (true) {
      const size_t before = rest_.size();
      JOIST_RETURN_IF_ERROR(SkipBlanks());
      if (rest_.empty()) return tokens;
      const bool adjacent = before == rest_.size() && !tokens.empty();
      JOIST_ASSIGN_OR_RETURN(Token token, Next());
      token.adjacent = adjacent;
      tokens.push_back(std::move(token));
    }
  }

 private:
  Status SkipBlanks() {
    while (!rest_.empty()) {
      if (std::isspace(static_cast<unsigned char>(rest_[0])) != 0) {
        rest_.remove_prefix(1);
      } else if (rest_.starts_with("--") || rest_[0] == '#') {
        rest_.remove_prefix(std::min(rest_.find('\n'), rest_.size()));
      } else if (rest_.starts_with("/*")) {
        const size_t end = rest_.find("*/", 2);
        if (end == std::string_view::npos) return InvalidArgument("Syntax error: Unclosed comment");
        rest_.remove_prefix(end + 2);
      } else {
        break;
      }
    }
    return OkStatus();
  }

  Result<Token> Next() {
    const char c = rest_[0];
    if (c == '`') return Name();
    if (c == '\'' || c == '"') return String(false, false);
    if (const auto prefixed = Prefixed()) return *prefixed;
    if (IsWordStart(c)) return Token{TokenKind::kWord, Take(WordSize(0))};
    if (IsDigit(c) || (c == '.' && rest_.size() > 1 && IsDigit(rest_[1]))) return Number();
    if (c == '@' && rest_.size() > 1 && IsWordStart(rest_[1])) {
      rest_.remove_prefix(1);
      return Token{TokenKind::kParameter, Take(WordSize(0))};
    }
    for (const std::string_view sign : {"<=", ">=", "<>", "!=", "||", "<<", ">>", "=>", "::"}) {
      // `>>` may close two types: it is taken as two signs.
      if (sign != ">>" && rest_.starts_with(sign)) return Token{TokenKind::kSign, Take(2)};
    }
    return Token{TokenKind::kSign, Take(1)};
  }

  /// r'…', b'…' and rb'…'.
  std::optional<Result<Token>> Prefixed() {
    bool raw = false;
    bool bytes = false;
    size_t size = 0;
    for (; size < 2 && size < rest_.size(); ++size) {
      const char c = static_cast<char>(rest_[size] | 0x20);
      if (c == 'r' && !raw) {
        raw = true;
      } else if (c == 'b' && !bytes) {
        bytes = true;
      } else {
        break;
      }
    }
    if (size == 0 || size == rest_.size() || (rest_[size] != '\'' && rest_[size] != '"')) {
      return std::nullopt;
    }
    rest_.remove_prefix(size);
    return String(raw, bytes);
  }

  std::string Take(size_t size) {
    std::string taken(rest_.substr(0, size));
    rest_.remove_prefix(size);
    return taken;
  }

  size_t WordSize(size_t from) const {
    size_t size = from;
    while (size < rest_.size() && IsWordPart(rest_[size])) ++size;
    return size;
  }

  Token Number() {
    size_t size = 0;
    while (size < rest_.size()) {
      const char c = rest_[size];
      const bool exponent_sign = (c == '+' || c == '-') && size > 0 &&
                                 (rest_[size - 1] | 0x20) == 'e' && !rest_.starts_with("0x") &&
                                 !rest_.starts_with("0X");
      if (!IsWordPart(c) && c != '.' && !exponent_sign) break;
      ++size;
    }
    return {TokenKind::kNumber, Take(size)};
  }

  Result<Token> Name() {
    const size_t end = rest_.find('`', 1);
    if (end == std::string_view::npos || end == 1) {
      return InvalidArgument("Syntax error: Unclosed or empty identifier literal");
    }
    Token token{TokenKind::kName, std::string(rest_.substr(1, end - 1))};
    rest_.remove_prefix(end + 1);
    return token;
  }

  Result<Token> String(bool raw, bool bytes) {
    const char quote = rest_[0];
    const std::string three(3, quote);
    const std::string_view end =
        rest_.starts_with(three) ? std::string_view(three) : rest_.substr(0, 1);
    rest_.remove_prefix(end.size());
    Token token{bytes ? TokenKind::kBytes : TokenKind::kString};
    while (!rest_.starts_with(end)) {
      const bool cut = rest_.empty() || (rest_[0] == '\\' && rest_.size() == 1);
      if (cut || (end.size() == 1 && rest_[0] == '\n')) {
        return InvalidArgument("Syntax error: Unclosed string literal");
      }
      if (rest_[0] != '\\') {
        token.text += Take(1);
      } else if (raw) {
        token.text += Take(2);
      } else if (!Escape(bytes, &token.text)) {
        return InvalidArgument("Syntax error: Illegal escape sequence in a string literal");
      }
    }
    rest_.remove_prefix(end.size());
    return token;
  }

  bool Escape(bool bytes, std::string* out) {
    if (rest_.size() < 2) return false;
    const char c = rest_[1];
    rest_.remove_prefix(2);
    constexpr std::string_view kLetters = "abfnrtv";
    constexpr std::string_view kMeanings = "\a\b\f\n\r\t\v";
    if (const size_t at = kLetters.find(c); at != std::string_view::npos) {
      out->push_back(kMeanings[at]);
      return true;
    }
    if (c == 'x' || c == 'X') return CodePoint(2, 16, bytes, out);
    if (c == 'u') return CodePoint(4, 16, false, out);
    if (c == 'U') return CodePoint(8, 16, false, out);
    if (IsDigit(c)) {
      rest_ = {rest_.data() - 1, rest_.size() + 1};
      return CodePoint(3, 8, bytes, out);
    }
    constexpr std::string_view kThemselves = "\\?\"'`";
    if (kThemselves.find(c) == std::string_view::npos) return false;
    out->push_back(c);
    return true;
  }

  bool CodePoint(size_t digits, uint32_t base, bool bytes, std::string* out) {
    if (rest_.size() < digits) return false;
    uint32_t code = 0;
    for (size_t i = 0; i < digits; ++i) {
      const char c = static_cast<char>(rest_[i] | 0x20);
      const int digit = IsDigit(rest_[i])      ? rest_[i] - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                               : 99;
      if (digit >= static_cast<int>(base)) return false;
      code = code * base + static_cast<uint32_t>(digit);
    }
    rest_.remove_prefix(digits);
    if (!bytes) return AddCodePoint(code, out);
    if (code > 255) return false;
    out->push_back(static_cast<char>(code));
    return true;
  }

  std::string_view rest_;
};

}  // namespace

bool Token::Is(std::string_view word) const {
  return kind == TokenKind::kWord && SameName(text, word);
}

Result<std::vector<Token>> SqlTokens(std::string_view sql) {
  if (sql.size() > kMostSqlBytes) return InvalidArgument("the SQL is longer than 1 MiB");
  return Tokenizer(sql).Run();
}

}  // namespace joist::tables
