// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Cursor: takes the values of one JSON record, in order, straight into fields. Whoever calls it
// knows the types; there is no tree of values. Belongs to one thread at a time.
//
// Strict as RFC 8259 has it, in what is skipped too; text must be UTF-8. Records are bounded by
// their size (a value takes at least a byte of it) and by kMaxDepth.
//
// Fields usually come in one order: TakeRow looks first whether the name is that of the field after
// the last one, which is one comparison of eight bytes.

#ifndef JOIST_IO_JSON_CURSOR_H_
#define JOIST_IO_JSON_CURSOR_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "joist/model/timestamp.h"

namespace joist::json {

class Cursor;

/// One field of a row, for TakeRow; `row` is the row.
struct FieldEntry {
  std::string_view name;
  /// The first bytes of the name with the quote behind it, and which of them count.
  uint64_t word = 0;
  uint64_t mask = 0;
  bool (*take)(Cursor& in, void* row) = nullptr;
  /// Empties a field that may be missing; null for one that may not.
  void (*clear)(void* row) = nullptr;
};

constexpr FieldEntry MakeFieldEntry(std::string_view name, bool (*take)(Cursor&, void*),
                                    void (*clear)(void*)) {
  FieldEntry entry{name, 0, 0, take, clear};
  for (size_t i = 0; i < 8 && i <= name.size(); ++i) {
    const char c = i < name.size() ? name[i] : '"';
    entry.word |= uint64_t{static_cast<unsigned char>(c)} << (8 * i);
    entry.mask |= uint64_t{0xFF} << (8 * i);
  }
  return entry;
}

struct RowTable {
  const FieldEntry* fields;
  size_t count;
};

class Cursor {
 public:
  /// Arrays and objects within each other.
  static constexpr int kMaxDepth = 200;
  /// JOIST_ROW takes no more.
  static constexpr size_t kMaxFields = 320;

  explicit Cursor(bool refuse_unknown_fields = false) : refuse_unknown_(refuse_unknown_fields) {}

  /// Begins a record. `slack` bytes behind it may be read, though they don't belong to it.
  void Begin(std::string_view record, size_t slack);
  /// Whether the record holds nothing but blanks from here on.
  bool AtEnd();

  // Each takes one value. False if there is another one, and then error() says what is wrong.
  bool TakeRow(const RowTable& table, void* row);
  bool TakeBool(bool* value);
  bool TakeInteger(int64_t least, int64_t most, int64_t* value);
  bool TakeUint64(uint64_t* value);
  bool TakeFloat(float* value);
  bool TakeDouble(double* value);
  bool TakeText(std::string* value);
  /// Valid until the next call.
  bool TakeText(std::string_view* value);
  /// Base64.
  bool TakeBytes(std::string* value);
  bool TakeTimestamp(Timestamp* value);
  /// Takes null if it is there, and says whether it was.
  bool TakeNull() {
    SkipBlanks();
    return at_ < end_ && *at_ == 'n' && TakeLiteral("null");
  }

  /// `element()` takes one element each.
  template <class F>
  bool TakeArray(F element) {
    bool more = false;
    if (!Open('[', ']', "an array", &more)) return false;
    for (size_t i = 0; more; ++i) {
      if (!element()) return InElement(i);
      if (!Next(']', &more)) return false;
    }
    return true;
  }
  /// `member(key)` takes one value each; the key is valid until then.
  template <class F>
  bool TakeObject(F member) {
    bool more = false;
    if (!Open('{', '}', "an object", &more)) return false;
    while (more) {
      std::string key;
      if (!TakeKey(&key)) return false;
      if (!member(key)) return InField(key);
      if (!Next('}', &more)) return false;
    }
    return true;
  }

  /// Says that the value that was taken last (or could not be) isn't `wanted`. False.
  bool Refuse(std::string_view wanted);

  /// One line: "order.items[2].cents must be a whole number …, and is "x"".
  std::string error() const;

 private:
  void SkipBlanks() {
    // Usually there are none.
    while (at_ < end_ && static_cast<unsigned char>(*at_) <= ' ' &&
           (*at_ == ' ' || *at_ == '\t' || *at_ == '\n' || *at_ == '\r')) {
      ++at_;
    }
  }
  bool TakeLiteral(std::string_view literal);
  bool Open(char bracket, char closing, std::string_view wanted, bool* more);
  bool Next(char closing, bool* more) {
    SkipBlanks();
    *more = at_ < end_ && *at_ == ',';
    if (!*more) return Close(closing);
    ++at_;
    return true;
  }
  bool Close(char closing);
  /// Into name_, which is valid until the next text is taken.
  bool TakeName();
  bool TakeKey(std::string* key);
  bool TakeColon() {
    SkipBlanks();
    if (at_ == end_ || *at_ != ':') return RefuseColon();
    ++at_;
    return true;
  }
  bool RefuseColon();
  bool Skip();
  bool SkipObject();
  bool SkipNumber();
  /// The bytes between the quotes, decoded if they must be.
  bool TakeQuoted(std::string_view* value);
  bool Decode(const char* begin);
  template <class T>
  bool TakeFloating(T* value);
  /// The text of the value at value_, shortened.
  std::string Shown() const;
  bool Fail(std::string problem);
  bool InElement(size_t index);
  bool InField(std::string_view name);

  /// What was found in some bytes of the record, so that texts close to each other share the work.
  struct Window {
    static constexpr size_t kBytes = 64;
    const char* begin = nullptr;
    uint64_t special = 0;       ///< Bit by byte: quotes, backslashes and control characters.
    uint64_t beyond_ascii = 0;  ///< Bytes from 0x80.
  };

  bool refuse_unknown_;
  Window window_;
  const char* begin_ = nullptr;
  const char* at_ = nullptr;
  const char* end_ = nullptr;
  const char* readable_end_ = nullptr;
  const char* value_ = nullptr;  ///< Where the last value begins.
  int depth_ = 0;
  std::string_view name_;
  std::string scratch_;
  std::string place_;
  std::string problem_;
};

// --- Writing ------------------------------------------------------------------------------------

void PutInteger(int64_t value, std::string* out);
void PutUint64(uint64_t value, std::string* out);
/// The shortest text that reads as the same number; "NaN", "Infinity", "-Infinity" in quotes.
void PutFloat(float value, std::string* out);
void PutDouble(double value, std::string* out);
/// In quotes. What is no UTF-8 becomes U+FFFD.
void PutText(std::string_view value, std::string* out);
/// Base64 in quotes.
void PutBytes(std::string_view value, std::string* out);

}  // namespace joist::json

#endif  // JOIST_IO_JSON_CURSOR_H_
