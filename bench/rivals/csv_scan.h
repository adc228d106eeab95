// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// The sum per key of some rows of a CSV file, by hand:
//  1. Pieces of the file (line_pieces.h). In 64 bytes at a time, the bytes inside of quotes are
//     those with an odd number of quotes before them, a sum of prefixes (Langdale and Lemire,
//     "Parsing Gigabytes of JSON per Second", 2019); the commas and newlines outside are the
//     fields' ends, whose positions are written out.
//  2. The three columns that matter are read as numbers, eight digits at once.
//  3. Pairs that are wanted go into the table of SumPairs by the block.

#ifndef JOIST_BENCH_RIVALS_CSV_SCAN_H_
#define JOIST_BENCH_RIVALS_CSV_SCAN_H_

#include <immintrin.h>

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

#include "bench/pairs.h"
#include "bench/rivals/line_pieces.h"
#include "bench/rivals/sum_pairs.h"

namespace joist::bench {

/// The positions of fields' ends in a text of whole records.
class FieldEnds {
 public:
  /// 64 bytes behind the text must be readable.
  void Find(const char* text, size_t size) {
    if (ends_.size() < size + 64) ends_.resize(size + 64);
    uint32_t* out = ends_.data();
    uint64_t inside = 0;  // All ones: the byte before is inside of quotes.
    for (size_t offset = 0; offset < size; offset += 64) {
      const __m256i low = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(text + offset));
      const __m256i high = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(text + offset + 32));
      const uint64_t quotes = Equal(low, high, '"');
      uint64_t ends = Equal(low, high, ',') | Equal(low, high, '\n');
      if ((quotes | inside) != 0) {
        // Each bit becomes the parity of those up to it.
        uint64_t odd = quotes;
        for (int shift = 1; shift < 64; shift *= 2) odd ^= odd << shift;
        inside ^= odd;
        ends &= ~inside;
        inside = static_cast<uint64_t>(static_cast<int64_t>(inside) >> 63);
      }
      if (size - offset < 64) ends &= (uint64_t{1} << (size - offset)) - 1;
      const int count = std::popcount(ends);
      // Sixteen without looking, which is nearly always enough.
      for (int i = 0; i < 16; ++i) {
        out[i] = static_cast<uint32_t>(offset) + static_cast<uint32_t>(std::countr_zero(ends));
        ends &= ends - 1;
      }
      for (int i = 16; i < count; ++i) {
        out[i] = static_cast<uint32_t>(offset) + static_cast<uint32_t>(std::countr_zero(ends));
        ends &= ends - 1;
      }
      out += count;
    }
    count_ = static_cast<size_t>(out - ends_.data());
  }
  size_t count() const { return count_; }
  uint32_t operator[](size_t i) const { return ends_[i]; }

 private:
  static uint64_t Equal(__m256i low, __m256i high, char c) {
    const __m256i wanted = _mm256_set1_epi8(c);
    return static_cast<uint32_t>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(low, wanted))) |
           static_cast<uint64_t>(
               static_cast<uint32_t>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(high, wanted))))
               << 32;
  }

  std::vector<uint32_t> ends_;
  size_t count_ = 0;
};

/// The number of at most eight digits that ends at `end`. Eight bytes before it must be readable.
inline uint64_t DigitsBefore(const char* end, size_t digits) {
  if (digits == 0 || digits > 8) throw std::runtime_error("a number of 1 to 8 digits is missing");
  uint64_t word;
  std::memcpy(&word, end - 8, 8);
  word ^= 0x3030303030303030u;
  // What stands before the number counts as zeros.
  word &= ~uint64_t{0} << (8 * (8 - digits));
  if (((word | (word + 0x7676767676767676u)) & 0x8080808080808080u) != 0) {
    throw std::runtime_error("what should be a number is none");
  }
  // Pairs of digits, of those pairs, of those.
  word = word * (10 * 256 + 1) >> 8 & 0x00FF00FF00FF00FFu;
  word = word * (100 * 65536 + 1) >> 16 & 0x0000FFFF0000FFFFu;
  return word * ((uint64_t{10'000} << 32) + 1) >> 32;
}

/// Columns 0, 1, 2 of six are key, value and kind, numbers of up to eight digits. Throws.
template <typename Consumer>
void ScanCsv(const std::string& path, int32_t kinds, std::vector<Consumer>& consumers) {
  static constexpr size_t kColumns = 6;
  LinePieces pieces(path);
  SumTables(consumers, [&](size_t, SumTable& table) {
    std::array<Pair, SumTable::kMostPairs> pairs;
    size_t count = 0;
    FieldEnds ends;
    pieces.ForEach([&](const char* begin, const char* end) {
      ends.Find(begin, static_cast<size_t>(end - begin));
      if (ends.count() % kColumns != 0) throw std::runtime_error("a record has too many fields");
      size_t start = 0;
      for (size_t i = 0; i < ends.count(); i += kColumns) {
        // The header is no row.
        if (begin[start] != 'k') {
          const auto key = DigitsBefore(begin + ends[i], ends[i] - start);
          const auto value = DigitsBefore(begin + ends[i + 1], ends[i + 1] - ends[i] - 1);
          const auto kind = DigitsBefore(begin + ends[i + 2], ends[i + 2] - ends[i + 1] - 1);
          pairs[count] = {static_cast<int64_t>(key), static_cast<int64_t>(value)};
          count += kind < static_cast<uint64_t>(kinds) ? 1 : 0;
          if (count == pairs.size()) {
            table.Add(pairs.data(), count);
            count = 0;
          }
        }
        start = ends[i + kColumns - 1] + 1;
      }
    });
    table.Add(pairs.data(), count);
  });
}

}  // namespace joist::bench

#endif  // JOIST_BENCH_RIVALS_CSV_SCAN_H_
