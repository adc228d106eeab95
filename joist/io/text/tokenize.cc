// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// How it works: 64 bytes at a time become a mask of the bytes that belong to words; its edges are
// where words begin and end. Only bytes from 0x80 are decoded one by one.

#include "joist/io/text/tokenize.h"

#include <bit>
#include <cstdint>
#include <cstring>

#include "joist/io/text/letters.h"

#ifdef __AVX2__
#include <immintrin.h>
#endif

namespace joist::text {
namespace {

constexpr size_t kStride = 64;

// One bit a byte.
struct Masks {
  uint64_t word;  // ASCII letters and apostrophes.
  uint64_t high;  // From 0x80.
};

#ifdef __AVX2__

// The masks of 32 bytes.
struct HalfMasks {
  uint32_t word;
  uint32_t high;
};
inline HalfMasks Classify(__m256i bytes) {
  const __m256i lower = _mm256_or_si256(bytes, _mm256_set1_epi8(0x20));
  // 'z' goes to 127, so that one signed comparison finds 'a' to 'z'. Bytes from 0x80 may come out
  // as anything and are masked away.
  const __m256i letter = _mm256_cmpgt_epi8(_mm256_add_epi8(lower, _mm256_set1_epi8(127 - 'z')),
                                           _mm256_set1_epi8(127 - 26));
  const __m256i apostrophe = _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('\''));
  const auto high = static_cast<uint32_t>(_mm256_movemask_epi8(bytes));
  const auto word =
      static_cast<uint32_t>(_mm256_movemask_epi8(_mm256_or_si256(letter, apostrophe)));
  return {word & ~high, high};
}

inline HalfMasks MasksOf32(const char* text) {
  return Classify(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(text)));
}

inline Masks MasksOf64(const char* text) {
  const HalfMasks low = MasksOf32(text);
  const HalfMasks high = MasksOf32(text + 32);
  return {low.word | uint64_t{high.word} << 32, low.high | uint64_t{high.high} << 32};
}

// The masks of fewer than 64 bytes, without looking beyond them, and without branches on their
// number, which nobody could guess.
inline Masks MasksOfTail(const char* text, size_t size) {
  if (size < 4) [[unlikely]] {
    uint32_t few = size == 0 ? 0 : static_cast<uint8_t>(text[0]);
    if (size > 1) few |= static_cast<uint32_t>(static_cast<uint8_t>(text[1])) << 8;
    if (size > 2) few |= static_cast<uint32_t>(static_cast<uint8_t>(text[2])) << 16;
    const HalfMasks masks = Classify(_mm256_set_epi64x(0, 0, 0, few));
    return {masks.word, masks.high};
  }
  // Whole words of four bytes, as many as there are; a masked load reads no others.
  alignas(64) static constexpr int32_t kLanes[32] = {-1, -1, -1, -1, -1, -1, -1, -1,
                                                     -1, -1, -1, -1, -1, -1, -1, -1};
  const int32_t* const lanes = kLanes + 16 - size / 4;
  const auto load = [&](size_t offset) {
    const __m256i mask = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(lanes + offset / 4));
    return Classify(_mm256_maskload_epi32(reinterpret_cast<const int*>(text + offset), mask));
  };
  const HalfMasks low = load(0);
  const HalfMasks high = load(32);
  // The last four, which overlap with those.
  uint32_t last = 0;
  std::memcpy(&last, text + size - 4, 4);
  const HalfMasks end = Classify(_mm256_set_epi64x(0, 0, 0, last));
  return {low.word | uint64_t{high.word} << 32 | uint64_t{end.word} << (size - 4),
          low.high | uint64_t{high.high} << 32 | uint64_t{end.high} << (size - 4)};
}

#else

inline Masks MasksOfTail(const char* text, size_t size) {
  Masks masks = {0, 0};
  for (size_t i = 0; i < size; ++i) {
    const auto byte = static_cast<uint8_t>(text[i]);
    const bool word = static_cast<uint8_t>((byte | 0x20) - 'a') < 26 || byte == '\'';
    masks.word |= uint64_t{word} << i;
    masks.high |= uint64_t{byte >= 0x80} << i;
  }
  return masks;
}

inline Masks MasksOf64(const char* text) { return MasksOfTail(text, kStride); }

#endif

// A character that began in the stride before: how many of its bytes are in this one.
struct Rest {
  size_t bytes = 0;
  bool letter = false;
};

// The mask of those bytes from 0x80 (of the stride at `text`, `high`) that belong to letters.
// `left` bytes of text are there, more than the stride's perhaps.
[[gnu::noinline]] uint64_t LetterMask(const char* text, size_t left, uint64_t high, Rest* rest) {
  uint64_t letters = 0;
  const uint64_t begun = (uint64_t{1} << rest->bytes) - 1;
  if (rest->letter) letters = begun;
  high &= ~begun;
  *rest = {};
  while (high != 0) {
    const auto at = static_cast<size_t>(std::countr_zero(high));
    size_t size = 1;
    const bool letter = IsLetter(DecodeUtf8(text + at, left - at, &size));
    const uint64_t bytes = ((uint64_t{1} << size) - 1) << at;
    if (letter) letters |= bytes;
    high &= ~bytes;
    if (at + size > kStride) *rest = {at + size - kStride, letter};
  }
  return letters;
}

// The words of one text, found a stride after the other.
class Scanner {
  static constexpr int kWithoutLooking = 12;

 public:
  // Room for what Take writes, needed or not.
  static constexpr size_t kRoom = kStride / 2 + kWithoutLooking;

  Scanner(const char* text, const char* end, std::string_view* out)
      : text_(text), end_(end), out_(out) {}

  const char* text() const { return text_; }
  size_t left() const { return static_cast<size_t>(end_ - text_); }
  std::string_view* out() const { return out_; }

  void Stride() {
    Take(WithLetters(MasksOf64(text_)));
    text_ += kStride;
  }
  // What is left, less than a stride, and the word that ends with the text.
  void Tail() {
    if (left() > 0) {
      Take(WithLetters(MasksOfTail(text_, left())));
    } else if (open_ != 0) {
      *out_++ = std::string_view(begin_, static_cast<size_t>(end_ - begin_));
      open_ = 0;
    }
    text_ = end_;
    rest_ = {};
  }
  // Where to begin the next time: at the word that isn't finished, or behind the character that
  // isn't.
  const char* resume() const { return open_ != 0 ? begin_ : text_ + rest_.bytes; }

 private:
  uint64_t WithLetters(Masks masks) {
    if (masks.high != 0) [[unlikely]] {
      masks.word |= LetterMask(text_, left(), masks.high, &rest_);
    }
    return masks.word;
  }

  void Take(uint64_t word) {
    const uint64_t shifted = word << 1 | open_;
    uint64_t begins = word & ~shifted;
    uint64_t ends = ~word & shifted;
    const char* const last_begin = text_ + (63 - std::countl_zero(begins));
    const bool any_begin = begins != 0;
    const char* begin = begin_;
    if (open_ == 0) {
      begin = text_ + std::countr_zero(begins);
      begins &= begins - 1;
    }
    const int count = std::popcount(ends);
    // English has some nine words in 64 bytes: writing a fixed number costs less than a wrong
    // guess.
    int i = 0;
    const auto take_one = [&] {
      const char* const end = text_ + std::countr_zero(ends);
      out_[i] = std::string_view(begin, static_cast<size_t>(end - begin));
      begin = text_ + std::countr_zero(begins);
      ends &= ends - 1;
      begins &= begins - 1;
    };
    for (; i < kWithoutLooking; ++i) take_one();
    for (; i < count; ++i) take_one();
    out_ += count;
    if (any_begin) begin_ = last_begin;
    open_ = word >> 63;
  }

  const char* text_;
  const char* const end_;
  std::string_view* out_;
  const char* begin_ = nullptr;  // Of the word that is open.
  uint64_t open_ = 0;            // 1 if the byte before text_ belongs to a word.
  Rest rest_;
};

}  // namespace

size_t TokenizeInto(const char** cursor, const char* end, std::string_view* out, size_t capacity) {
  static_assert(Scanner::kRoom < kLeastWords);
  Scanner scanner(*cursor, end, out);
  const std::string_view* const full = out + capacity - Scanner::kRoom;
  while (scanner.left() >= kStride && scanner.out() <= full) scanner.Stride();
  if (scanner.left() < kStride && scanner.out() <= full) scanner.Tail();
  *cursor = scanner.resume();
  return static_cast<size_t>(scanner.out() - out);
}

}  // namespace joist::text
