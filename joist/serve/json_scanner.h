// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// JsonScanner: goes through JSON text once and says where values begin and end; nothing is decoded
// or allocated unless asked for. Strict as RFC 8259, UTF-8 included, in what is skipped too.
// Bounded by the text and kMostDepth. Belongs to one thread.

#ifndef JOIST_SERVE_JSON_SCANNER_H_
#define JOIST_SERVE_JSON_SCANNER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace joist::serve {

enum class JsonKind : uint8_t { kObject, kArray, kString, kNumber, kBoolean, kNull, kNone };

/// "an object", "a number"; of kNone "no value".
std::string_view JsonKindName(JsonKind kind);

/// What stands between the quotes of a valid JSON string, without escapes. A surrogate that is
/// alone becomes U+FFFD.
std::string DecodeJsonString(std::string_view quoted);

class JsonScanner {
 public:
  static constexpr int kMostDepth = 200;

  /// `text` must outlive it.
  explicit JsonScanner(std::string_view text)
      : begin_(text.data()), at_(begin_), end_(begin_ + text.size()) {}

  /// Whether there are only blanks from here on.
  bool AtEnd() {
    SkipBlanks();
    return at_ == end_;
  }
  /// What kind of value comes next, as its first character says.
  JsonKind Next();
  /// Bytes before the next one.
  size_t position() const { return static_cast<size_t>(at_ - begin_); }

  // Each takes one value; false where it isn't there or is wrong, and then problem() says why.

  /// Any value.
  bool Skip();
  /// What is between the quotes, as it stands there.
  bool TakeString(std::string_view* quoted);
  bool TakeNumber(std::string_view* text);
  /// `element()` takes one element each; it stops at the first false.
  template <class F>
  bool TakeArray(F element) {
    bool more = false;
    if (!Open('[', ']', &more)) return false;
    while (more) {
      if (!element() || !Separate(']', &more)) return false;
    }
    return true;
  }
  /// `member(quoted_name)` takes one value each.
  template <class F>
  bool TakeObject(F member) {
    bool more = false;
    if (!Open('{', '}', &more)) return false;
    while (more) {
      std::string_view name;
      if (!TakeName(&name) || !member(name) || !Separate('}', &more)) return false;
    }
    return true;
  }

  /// "byte 17: a value is expected"; empty where nothing was malformed.
  std::string problem() const;

 private:
  void SkipBlanks() {
    while (at_ < end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t')) ++at_;
  }
  bool Open(char opening, char closing, bool* more);
  bool Separate(char closing, bool* more);
  bool TakeName(std::string_view* name);
  bool TakeWord(std::string_view word);
  bool SkipEscape();
  bool SkipDigits();
  bool Fail(const char* wanted) {
    if (problem_ == nullptr) problem_ = wanted;
    return false;
  }

  const char* begin_;
  const char* at_;
  const char* end_;
  int depth_ = 0;
  const char* problem_ = nullptr;
};

}  // namespace joist::serve

#endif  // JOIST_SERVE_JSON_SCANNER_H_
