// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/csv/record.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>

#ifdef __AVX2__
#include <immintrin.h>
#endif

namespace joist::csv {

#ifdef __AVX2__
namespace {

// Which of the 64 bytes at `at` are delimiters, newlines and quotes.
uint64_t SpecialOf(const char* at, char delimiter) {
  uint64_t special = 0;
  for (int half = 0; half < 2; ++half) {
    const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at) + half);
    const __m256i found =
        _mm256_or_si256(_mm256_or_si256(_mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(delimiter)),
                                        _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('\n'))),
                        _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('"')));
    special |= uint64_t{static_cast<uint32_t>(_mm256_movemask_epi8(found))} << (32 * half);
  }
  return special;
}

}  // namespace
#endif

// The delimiter, newline or quote that comes first, or `end`.
const char* RecordScanner::FindEnd(const char* at, const char* end, const char* readable_end) {
#ifdef __AVX2__
  while (at < end) {
    if (at < window_.begin || at >= window_.begin + Window::kBytes) {
      if (static_cast<size_t>(readable_end - at) < Window::kBytes) break;
      window_ = {at, SpecialOf(at, delimiter_)};
    }
    const uint64_t special = window_.special >> (at - window_.begin);
    if (special != 0) return std::min(at + std::countr_zero(special), end);
    at = window_.begin + Window::kBytes;
  }
  at = std::min(at, end);
#else
  (void)readable_end;
#endif
  while (at < end && *at != delimiter_ && *at != '\n' && *at != '"') ++at;
  return at;
}

size_t RecordScanner::Scan(std::string_view text, size_t slack, bool at_end) {
  const char* const begin = text.data();
  const char* const end = begin + text.size();
  const char* const readable_end = end + slack;
  const char* at = begin;
  if (begin != next_ || end != end_) window_.begin = end;  // Where no field begins.
  next_ = nullptr;
  end_ = end;
  fields_.clear();
  error_ = {};
  const auto fail = [this](std::string_view error) {
    if (error_.empty()) error_ = error;
  };
  for (;;) {
    RecordField field;
    const char* first = at;
    const char* last = nullptr;
    if (at < end && *at == '"') {
      field.quoted = true;
      const char* quote = at + 1;
      first = quote;
      const char* limit = end;
      if (!newlines_in_quotes_) {
        const void* newline = std::memchr(quote, '\n', static_cast<size_t>(end - quote));
        if (newline != nullptr) limit = static_cast<const char*>(newline);
      }
      for (;;) {
        quote =
            static_cast<const char*>(std::memchr(quote, '"', static_cast<size_t>(limit - quote)));
        if (quote == nullptr) break;
        if (quote + 1 < limit && quote[1] == '"') {
          field.escaped = true;
          quote += 2;
          continue;
        }
        break;
      }
      if (quote == nullptr) {
        if (limit == end && !at_end) return 0;
        fail(limit == end ? "has a quote that is never closed"
                          : "has a quote that is not closed in its line");
        at = last = limit;
      } else {
        // Another quote may follow behind the window.
        if (quote + 1 == end && !at_end) return 0;
        last = quote;
        at = quote + 1;
      }
      // A line's end or a delimiter must follow.
      const char* rest = at;
      while (rest < end && *rest != delimiter_ && *rest != '\n') {
        rest = FindEnd(*rest == '"' ? rest + 1 : rest, end, readable_end);
      }
      if (rest == end && !at_end) return 0;
      const bool line_ends = rest < end && *rest == '\n' && rest - at == 1 && *at == '\r';
      if (rest != at && !line_ends) fail("has text behind a closing quote");
      at = rest;
    } else {
      at = FindEnd(at, end, readable_end);
      while (at < end && *at == '"') {
        fail("has a quote in a field that doesn't begin with one");
        at = FindEnd(at + 1, end, readable_end);
      }
      if (at == end && !at_end) return 0;
      last = at;
      if (at < end && *at == '\n' && last > first && last[-1] == '\r') --last;
    }
    field.text = {first, static_cast<size_t>(last - first)};
    fields_.push_back(field);
    if (at == end) break;
    if (*at++ == '\n') break;
  }
  if (fields_.size() == 1 && fields_[0].text.empty() && !fields_[0].quoted) fields_.clear();
  next_ = at;
  return static_cast<size_t>(at - begin);
}

std::string_view TextOf(const RecordField& field, std::string* scratch) {
  if (!field.escaped) return field.text;
  scratch->clear();
  std::string_view rest = field.text;
  for (;;) {
    const size_t quote = rest.find('"');
    if (quote == std::string_view::npos) break;
    scratch->append(rest.substr(0, quote + 1));
    // The second of a pair; a record with an error may have only one.
    rest.remove_prefix(std::min(quote + 2, rest.size()));
  }
  scratch->append(rest);
  return *scratch;
}

}  // namespace joist::csv
