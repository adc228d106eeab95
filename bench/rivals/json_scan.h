// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// The count per user of some events in JSON Lines, by hand: pieces of the file (line_pieces.h),
// each line by simdjson's On-Demand, whose first stage runs by the widest vectors that the machine
// has; the three fields are taken in the order in which they stand, and the line's end is not
// looked at any more. Users are counted by the block in the table of word count, with prefetching.
// The first stage over a block of lines (iterate_many) was slower: 301 beside 200 ns a line.

#ifndef JOIST_BENCH_RIVALS_JSON_SCAN_H_
#define JOIST_BENCH_RIVALS_JSON_SCAN_H_

#include <array>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>

#include <simdjson.h>

#include "bench/events.h"
#include "bench/rivals/line_pieces.h"
#include "bench/rivals/word_count.h"

namespace joist::bench {

/// Counts keys by the block.
class KeyBlock {
 public:
  explicit KeyBlock(WordTable& table) : table_(table) {}

  void Add(std::string_view key) {
    if (used_ + key.size() > kTextBytes || edges_.count == 2 * kKeys) Flush();
    if (key.size() > kTextBytes) throw std::runtime_error("a key is too long");
    std::memcpy(text_.data() + used_, key.data(), key.size());
    edges_.edge[edges_.count++] = static_cast<uint32_t>(used_);
    used_ += key.size();
    edges_.edge[edges_.count++] = static_cast<uint32_t>(used_);
  }
  void Flush() {
    table_.Count(text_.data(), edges_);
    edges_.count = 0;
    used_ = 0;
  }

 private:
  static constexpr size_t kKeys = 256;
  static constexpr size_t kTextBytes = 8 << 10;
  WordTable& table_;
  std::array<char, kTextBytes + 16> text_;
  size_t used_ = 0;
  WordEdges edges_;
};

/// Counts into files as WordCount does. Throws.
inline void ScanEvents(const std::string& input, const WantedEvents& wanted,
                       const std::string& output, int threads) {
  static_assert(simdjson::SIMDJSON_PADDING <= LinePieces::kBehindBytes);
  LinePieces pieces(input);
  CountAndWrite(output, threads, [&](WordTable& table) {
    KeyBlock keys(table);
    simdjson::ondemand::parser parser;
    pieces.ForEach([&](const char* begin, const char* end) {
      for (const char* line = begin; line < end;) {
        const auto* newline =
            static_cast<const char*>(std::memchr(line, '\n', static_cast<size_t>(end - line)));
        const auto size = static_cast<size_t>(newline - line);
        simdjson::ondemand::document document =
            parser.iterate(line, size, size + simdjson::SIMDJSON_PADDING);
        simdjson::ondemand::object event = document.get_object();
        const int64_t time = event.find_field("time").get_int64();
        const std::string_view user = event.find_field("user").get_string();
        const std::string_view kind = event.find_field("kind").get_string();
        if (wanted.Contains(time, kind)) keys.Add(user);
        line = newline + 1;
      }
    });
    keys.Flush();
  });
}

}  // namespace joist::bench

#endif  // JOIST_BENCH_RIVALS_JSON_SCAN_H_
