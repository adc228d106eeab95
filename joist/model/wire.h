// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// The primitives of Beam's encodings: varints, big-endian words, length prefixes. Put… appends to a
// string; ByteReader takes from a range of bytes that it does not own. Pure functions and a cursor.
//
// Invariants of ByteReader:
//  1. It never reads outside its range. A failed read returns false and leaves `error()` set.
//  2. No count or length taken from the input makes anybody allocate more than the input justifies:
//     lengths are checked against the bytes left, and elements that take no bytes at all
//     are bounded by kMaxEmptyElements for the whole input.

#ifndef JOIST_MODEL_WIRE_H_
#define JOIST_MODEL_WIRE_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace joist {

inline constexpr size_t kMaxVarintBytes = 10;

/// Writes `value` at `to` (room for kMaxVarintBytes) and returns how many bytes it took.
inline size_t WriteVarint(uint64_t value, char* to) {
  size_t size = 0;
  while (value >= 0x80) {
    to[size++] = static_cast<char>(value | 0x80);
    value >>= 7;
  }
  to[size++] = static_cast<char>(value);
  return size;
}

inline void PutVarint(uint64_t value, std::string* out) {
  if (value < 0x80) {
    out->push_back(static_cast<char>(value));
    return;
  }
  char bytes[kMaxVarintBytes];
  out->append(bytes, WriteVarint(value, bytes));
}

inline void PutByte(uint8_t value, std::string* out) { out->push_back(static_cast<char>(value)); }

inline void PutBigEndian16(uint16_t value, std::string* out) {
  value = __builtin_bswap16(value);
  out->append(reinterpret_cast<const char*>(&value), sizeof(value));
}

inline void PutBigEndian32(uint32_t value, std::string* out) {
  value = __builtin_bswap32(value);
  out->append(reinterpret_cast<const char*>(&value), sizeof(value));
}

inline void PutBigEndian64(uint64_t value, std::string* out) {
  value = __builtin_bswap64(value);
  out->append(reinterpret_cast<const char*>(&value), sizeof(value));
}

/// Milliseconds as eight bytes whose order as bytes is the order in time (Beam's InstantCoder).
inline void PutInstant(int64_t millis, std::string* out) {
  PutBigEndian64(static_cast<uint64_t>(millis) ^ (uint64_t{1} << 63), out);
}

/// `bytes`, with their length before them where something may follow (`nested`).
inline void PutBytes(std::string_view bytes, std::string* out, bool nested) {
  if (nested) PutVarint(bytes.size(), out);
  out->append(bytes);
}

/// A cursor over encoded bytes.
class ByteReader {
 public:
  static constexpr size_t kMaxEmptyElements = 1 << 20;

  explicit ByteReader(std::string_view bytes)
      : start_(bytes.data()), next_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  size_t remaining() const { return static_cast<size_t>(end_ - next_); }
  size_t position() const { return static_cast<size_t>(next_ - start_); }
  std::string_view rest() const { return {next_, remaining()}; }

  /// Why the last read failed; null as long as none did.
  const char* error() const { return error_; }
  /// Notes the reason (a literal) and returns false.
  bool Fail(const char* reason) {
    if (error_ == nullptr) error_ = reason;
    return false;
  }

  bool TakeByte(uint8_t* value) {
    if (next_ == end_) return Fail("the input ends too early");
    *value = static_cast<uint8_t>(*next_++);
    return true;
  }

  bool TakeVarint(uint64_t* value) {
    if (next_ != end_ && static_cast<uint8_t>(*next_) < 0x80) {
      *value = static_cast<uint8_t>(*next_++);
      return true;
    }
    uint64_t result = 0;
    for (int shift = 0; shift < 70; shift += 7) {
      if (next_ == end_) return Fail("the input ends within a varint");
      const uint64_t byte = static_cast<uint8_t>(*next_++);
      if (shift == 63 && byte > 1) return Fail("a varint exceeds 64 bits");
      result |= (byte & 0x7F) << shift;
      if (byte < 0x80) {
        *value = result;
        return true;
      }
    }
    return Fail("a varint exceeds 64 bits");
  }

  bool TakeBigEndian16(uint16_t* value) {
    if (!TakeRaw(value, sizeof(*value))) return false;
    *value = __builtin_bswap16(*value);
    return true;
  }
  bool TakeBigEndian32(uint32_t* value) {
    if (!TakeRaw(value, sizeof(*value))) return false;
    *value = __builtin_bswap32(*value);
    return true;
  }
  bool TakeBigEndian64(uint64_t* value) {
    if (!TakeRaw(value, sizeof(*value))) return false;
    *value = __builtin_bswap64(*value);
    return true;
  }

  bool TakeInstant(int64_t* millis) {
    uint64_t word;
    if (!TakeBigEndian64(&word)) return false;
    *millis = static_cast<int64_t>(word ^ (uint64_t{1} << 63));
    return true;
  }

  /// The next `size` bytes, still where they are.
  bool Take(uint64_t size, std::string_view* bytes) {
    if (size > remaining()) return Fail("a length exceeds the bytes that are left");
    *bytes = {next_, static_cast<size_t>(size)};
    next_ += size;
    return true;
  }

  /// What PutBytes wrote: everything left, or, nested, as many bytes as the length before them
  /// says.
  bool TakeBytes(std::string_view* bytes, bool nested) {
    uint64_t size = remaining();
    if (nested && !TakeVarint(&size)) return false;
    return Take(size, bytes);
  }

  /// To be called after each element of a sequence, with the position before it: bounds how many
  /// elements there may be that take no bytes.
  bool CountElement(size_t position_before) {
    if (position() != position_before) return true;
    if (++empty_elements_ > kMaxEmptyElements) return Fail("too many elements without any bytes");
    return true;
  }

  /// What to reserve for `count` elements of which nobody has seen the bytes yet.
  size_t ReserveHint(uint64_t count) const {
    return count < remaining() ? static_cast<size_t>(count) : remaining();
  }

 private:
  bool TakeRaw(void* to, size_t size) {
    if (remaining() < size) return Fail("the input ends too early");
    std::memcpy(to, next_, size);
    next_ += size;
    return true;
  }

  const char* start_;
  const char* next_;
  const char* end_;
  const char* error_ = nullptr;
  size_t empty_elements_ = 0;
};

}  // namespace joist

#endif  // JOIST_MODEL_WIRE_H_
