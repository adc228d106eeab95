// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Word count as one would write it by hand if nothing mattered but speed. What it does:
//  1. Reads the file into one reused buffer of 256 KB a thread, which stays in the L2 cache.
//  2. Finds the edges of words 64 bytes at a time: a bit mask of word bytes, differentiated.
//  3. Hashes each word and prefetches its slot 16 words before the slot is touched.
//  4. Slots are 32 bytes with the word itself inside where it has at most 16 bytes, so that a hit
//     touches one cache line; the table is ordered by the hash's high bits and lies on huge pages.
//  5. Threads take pieces of the file from a counter, each with a table of its own; then each
//     merges a range of hashes, which is a range of slots, and writes it to a file of its own.
// A word is a maximal run of ASCII letters, apostrophes and bytes from 0x80 (letters in UTF-8, in
// the text that bench/zipf_text.h makes).

#ifndef JOIST_BENCH_RIVALS_WORD_COUNT_H_
#define JOIST_BENCH_RIVALS_WORD_COUNT_H_

#include <fcntl.h>
#include <immintrin.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "bench/rivals/pages.h"

namespace joist::bench {

inline bool IsWordByte(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return static_cast<unsigned char>((byte | 0x20) - 'a') < 26 || byte == '\'' || byte >= 0x80;
}

/// Where words begin and end in a block of text: begin, end, begin, end, …
struct WordEdges {
  static constexpr size_t kTextBytes = 4096;  // Of a block.
  uint32_t edge[kTextBytes + 32];             // Written by 24 and more at a time.
  size_t count = 0;
};

/// Finds edges with AVX2. `size` is at most WordEdges::kTextBytes; 64 bytes behind the text must
/// be readable, and a word that ends with the text ends at `size`.
class VectorTokenizer {
 public:
  static void Split(const char* text, size_t size, WordEdges& edges) {
    uint32_t* out = edges.edge;
    uint64_t before = 0;  // Bit 0: the byte before this stride belongs to a word.
    size_t offset = 0;
    for (; offset + 64 <= size; offset += 64) {
      const uint64_t mask = WordMask(text + offset);
      out = WriteBits(mask ^ (mask << 1 | before), offset, out);
      before = mask >> 63;
    }
    if (offset < size) {
      const uint64_t mask = WordMask(text + offset) & ((uint64_t{1} << (size - offset)) - 1);
      // Every word ends inside of this stride, because the mask's last bit is clear.
      out = WriteBits(mask ^ (mask << 1 | before), offset, out);
    } else if (before != 0) {
      *out++ = static_cast<uint32_t>(size);
    }
    edges.count = static_cast<size_t>(out - edges.edge);
  }

 private:
  static uint64_t WordMask(const char* text) {
    return WordMask32(text) | static_cast<uint64_t>(WordMask32(text + 32)) << 32;
  }
  static uint32_t WordMask32(const char* text) {
    const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(text));
    const __m256i lower = _mm256_or_si256(bytes, _mm256_set1_epi8(0x20));
    // 'z' is moved to 127, so that one signed comparison finds 'a' to 'z'.
    const __m256i letter = _mm256_cmpgt_epi8(_mm256_add_epi8(lower, _mm256_set1_epi8(127 - 'z')),
                                             _mm256_set1_epi8(127 - 26));
    const __m256i apostrophe = _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('\''));
    const __m256i word = _mm256_or_si256(_mm256_or_si256(letter, apostrophe), bytes);
    return static_cast<uint32_t>(_mm256_movemask_epi8(word));
  }
  /// Writes the positions of the bits: 24 without looking, which is nearly always enough.
  static uint32_t* WriteBits(uint64_t bits, size_t offset, uint32_t* out) {
    const int count = std::popcount(bits);
    for (int i = 0; i < 24; ++i) {
      out[i] = static_cast<uint32_t>(offset) + static_cast<uint32_t>(std::countr_zero(bits));
      bits &= bits - 1;
    }
    for (int i = 24; i < count; ++i) {
      out[i] = static_cast<uint32_t>(offset) + static_cast<uint32_t>(std::countr_zero(bits));
      bits &= bits - 1;
    }
    return out + count;
  }
};

/// The same edges found by the loop that everybody writes first.
class ByteTokenizer {
 public:
  static void Split(const char* text, size_t size, WordEdges& edges) {
    uint32_t* out = edges.edge;
    size_t i = 0;
    while (i < size) {
      while (i < size && !IsWordByte(text[i])) ++i;
      if (i == size) break;
      *out++ = static_cast<uint32_t>(i);
      while (i < size && IsWordByte(text[i])) ++i;
      *out++ = static_cast<uint32_t>(i);
    }
    edges.count = static_cast<size_t>(out - edges.edge);
  }
};

class WordTable {
 public:
  struct Slot {
    uint64_t low;   // The first eight bytes of the word, padded with zeros.
    uint64_t high;  // The next eight; of a word of more than 16 bytes, the address of its copy.
    uint64_t count;
    uint32_t hash;  // The high half.
    uint32_t size;  // 0: an empty slot.

    std::string_view word() const {
      if (size > kInlineBytes) return {reinterpret_cast<const char*>(high), size};
      return {reinterpret_cast<const char*>(&low), size};
    }
  };
  static constexpr size_t kInlineBytes = 16;

  /// A table of 2^capacity_bits slots, which will see the hashes of one of `ranges` equal ranges.
  explicit WordTable(int capacity_bits = 16, int ranges = 1) : ranges_(ranges) {
    Allocate(capacity_bits);
  }

  /// Counts the words between `edges` of `text`. 16 bytes behind the text must be readable.
  void Count(const char* text, const WordEdges& edges) {
    for (size_t first = 0; first < edges.count; first += 2 * kBlockWords) {
      const size_t words = std::min(kBlockWords, (edges.count - first) / 2);
      CountBlock(text, edges.edge + first, words);
    }
  }

  /// Adds the words of `other` whose hash's high half lies in [first_hash, last_hash].
  void MergeRange(const WordTable& other, uint32_t first_hash, uint32_t last_hash) {
    // A slot may hold a word pushed here from a range before, and the range's own words may have
    // been pushed behind its end, up to the next empty slot.
    const Slot* slot = other.Home(first_hash);
    const Slot* end = other.Home(last_hash) + 1;
    for (; slot < end || slot->size != 0; ++slot) {
      if (slot->size == 0 || slot->hash < first_hash || slot->hash > last_hash) continue;
      if (used_ >= limit_) Grow();
      Slot* mine = slot->size > kInlineBytes
                       ? FindLong(slot->word(), slot->hash, /*copy=*/false)
                       : FindShort(slot->low, slot->high, slot->hash, slot->size);
      mine->count += slot->count;
    }
  }

  size_t size() const { return used_; }
  int capacity_bits() const { return bits_; }

  template <typename Function>
  void ForEach(Function function) const {
    for (size_t i = 0; i < slots_.size(); ++i) {
      if (slots_[i].size != 0) function(slots_[i].word(), slots_[i].count);
    }
  }

 private:
  static constexpr size_t kBlockWords = 256;
  static constexpr size_t kAhead = 16;
  static constexpr size_t kOverflowSlots = 64;  // Behind the last: nothing wraps around.

  struct Key {
    uint64_t low;
    uint64_t high;
    uint32_t hash;
    uint32_t size;
  };

  static uint64_t Fold(uint64_t a, uint64_t b) {
    const unsigned __int128 product = static_cast<unsigned __int128>(a) * b;
    return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
  }

  static Key MakeKey(const char* word, uint32_t size) {
    // Masks of 0 to 16 leading bytes.
    alignas(16) static constexpr auto kKeep = [] {
      std::array<uint8_t, 32> keep{};
      for (int i = 0; i < 16; ++i) keep[i] = 0xFF;
      return keep;
    }();
    __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(word));
    const uint32_t inside = std::min<uint32_t>(size, kInlineBytes);
    bytes = _mm_and_si128(
        bytes,
        _mm_loadu_si128(reinterpret_cast<const __m128i*>(kKeep.data() + kInlineBytes - inside)));
    Key key;
    key.low = static_cast<uint64_t>(_mm_cvtsi128_si64(bytes));
    key.high = static_cast<uint64_t>(_mm_extract_epi64(bytes, 1));
    uint64_t hash = Fold(key.low ^ 0x9E3779B97F4A7C15u, key.high ^ 0xD1B54A32D192ED03u);
    if (size > kInlineBytes) [[unlikely]] {
      for (uint32_t i = kInlineBytes; i < size; ++i) {
        hash = Fold(hash ^ static_cast<uint8_t>(word[i]), 0x8CB92BA72F3D8DD7u);
      }
    }
    key.hash = static_cast<uint32_t>(hash >> 32);
    key.size = size;
    return key;
  }

  void CountBlock(const char* text, const uint32_t* edges, size_t words) {
    // Room first, so that slots stay where they are for the whole block.
    if (used_ + words > limit_) Grow();
    Key keys[kBlockWords];
    const auto prepare = [&](size_t i) {
      const uint32_t begin = edges[2 * i], end = edges[2 * i + 1];
      keys[i] = MakeKey(text + begin, end - begin);
      __builtin_prefetch(Home(keys[i].hash), 0, 2);
    };
    const auto count = [&](size_t i) {
      const Key& key = keys[i];
      Slot* slot = key.size > kInlineBytes
                       ? FindLong({text + edges[2 * i], key.size}, key.hash, /*copy=*/true)
                       : FindShort(key.low, key.high, key.hash, key.size);
      ++slot->count;
    };
    const size_t ahead = std::min(kAhead, words);
    for (size_t i = 0; i < ahead; ++i) prepare(i);
    for (size_t i = ahead; i < words; ++i) {
      prepare(i);
      count(i - ahead);
    }
    for (size_t i = words - ahead; i < words; ++i) count(i);
  }

  Slot* Home(uint32_t hash) { return &slots_[hash >> shift_]; }
  const Slot* Home(uint32_t hash) const { return &slots_[hash >> shift_]; }

  Slot* FindShort(uint64_t low, uint64_t high, uint32_t hash, uint32_t size) {
    Slot* slot = Home(hash);
    while (true) {
      if (slot->low == low && slot->high == high && slot->size == size) [[likely]]
        return slot;
      if (slot->size == 0) break;
      ++slot;
    }
    return Occupy(slot, {low, high, 0, hash, size});
  }

  Slot* FindLong(std::string_view word, uint32_t hash, bool copy) {
    Slot* slot = Home(hash);
    while (slot->size != 0) {
      if (slot->hash == hash && slot->word() == word) return slot;
      ++slot;
    }
    uint64_t low;
    std::memcpy(&low, word.data(), 8);
    const char* kept = copy ? Keep(word) : word.data();
    return Occupy(
        slot, {low, reinterpret_cast<uint64_t>(kept), 0, hash, static_cast<uint32_t>(word.size())});
  }

  Slot* Occupy(Slot* slot, const Slot& content) {
    *slot = content;
    ++used_;
    if (slot >= &slots_[0] + slots_.size() - 2) [[unlikely]] {
      // The overflow behind the last slot is full: this needs a degenerate hash.
      std::fprintf(stderr, "word table: overflow\n");
      std::abort();
    }
    return slot;
  }

  const char* Keep(std::string_view word) {
    if (long_left_ < word.size()) {
      const size_t bytes = std::max<size_t>(word.size(), 64 << 10);
      long_words_.push_back(std::make_unique<char[]>(bytes));
      long_next_ = long_words_.back().get();
      long_left_ = bytes;
    }
    char* copy = long_next_;
    std::memcpy(copy, word.data(), word.size());
    long_next_ += word.size();
    long_left_ -= word.size();
    return copy;
  }

  void Allocate(int bits) {
    bits_ = bits;
    shift_ = 32 - bits;
    limit_ = (size_t{1} << bits) / 2 / ranges_;
    slots_ = Pages<Slot>((size_t{1} << bits) + kOverflowSlots);
  }

  void Grow() {
    const Pages<Slot> old = std::move(slots_);
    slots_ = Pages<Slot>();
    Allocate(bits_ + 1);
    // In the order of hashes: both tables are walked through once, from front to back.
    for (size_t i = 0; i < old.size(); ++i) {
      if (old[i].size == 0) continue;
      Slot* slot = Home(old[i].hash);
      while (slot->size != 0) ++slot;
      *slot = old[i];
    }
  }

  size_t ranges_;
  Pages<Slot> slots_;
  int bits_ = 0;
  int shift_ = 0;
  size_t used_ = 0;
  size_t limit_ = 0;
  std::vector<std::unique_ptr<char[]>> long_words_;
  char* long_next_ = nullptr;
  size_t long_left_ = 0;
};

/// Calls function(thread) on so many threads.
template <typename Function>
void OnThreads(int threads, Function function) {
  std::vector<std::thread> others;
  for (int i = 1; i < threads; ++i) others.emplace_back(function, i);
  function(0);
  for (std::thread& thread : others) thread.join();
}

[[noreturn]] inline void DieOf(const std::string& path) {
  std::perror(path.c_str());
  std::exit(1);
}

/// Writes "word: count" lines, in no order.
inline void WriteCounts(const WordTable& table, const std::string& path) {
  std::string text;
  text.reserve(table.size() * 16);
  table.ForEach([&text](std::string_view word, uint64_t count) {
    char digits[24];
    char* first = digits + sizeof digits;
    *--first = '\n';
    do {
      *--first = static_cast<char>('0' + count % 10);
      count /= 10;
    } while (count != 0);
    text.append(word);
    text.append(": ");
    text.append(first, digits + sizeof digits);
  });
  std::FILE* file = std::fopen(path.c_str(), "wb");
  if (file == nullptr || std::fwrite(text.data(), 1, text.size(), file) != text.size() ||
      std::fclose(file) != 0) {
    DieOf(path);
  }
}

/// Has each thread count into a table of its own by fill(table), adds the tables up, a range of
/// hashes a thread, and writes the counts to `output` with -00000-of-0000N appended.
template <typename Fill>
void CountAndWrite(const std::string& output, int threads, Fill fill) {
  const auto shard_name = [&](int shard) {
    char suffix[32];
    std::snprintf(suffix, sizeof suffix, "-%05d-of-%05d", shard, threads);
    return output + suffix;
  };
  std::vector<WordTable> tables;
  for (int i = 0; i < threads; ++i) tables.emplace_back();
  OnThreads(threads, [&](int thread) { fill(tables[thread]); });
  if (threads == 1) {
    WriteCounts(tables[0], shard_name(0));
    return;
  }
  OnThreads(threads, [&](int thread) {
    const uint64_t span = (uint64_t{1} << 32) / threads;
    const auto first = static_cast<uint32_t>(span * thread);
    const auto last = thread + 1 == threads ? UINT32_MAX : static_cast<uint32_t>(first + span - 1);
    // Most words are in all tables.
    int bits = 0;
    for (const WordTable& table : tables) bits = std::max(bits, table.capacity_bits());
    WordTable merged(bits, threads);
    for (const WordTable& table : tables) merged.MergeRange(table, first, last);
    WriteCounts(merged, shard_name(thread));
  });
}

/// Counts the words of `input` on `threads` threads and writes "word: count" lines, in no order, to
/// `output` with -00000-of-0000N appended.
template <typename Tokenizer>
class WordCount {
 public:
  static void Run(const std::string& input, const std::string& output, int threads) {
    WordCount job(input);
    CountAndWrite(output, threads, [&](WordTable& table) { job.CountPieces(table); });
  }

 private:
  static constexpr size_t kReadBytes = 256 << 10;
  static constexpr size_t kPieceBytes = 4 << 20;
  static constexpr size_t kBehindBytes = 64;  // Readable behind the text, for wide loads.

  explicit WordCount(const std::string& input) : file_(open(input.c_str(), O_RDONLY)) {
    struct stat status;
    if (file_ < 0 || fstat(file_, &status) != 0) DieOf(input);
    size_ = static_cast<size_t>(status.st_size);
  }
  ~WordCount() { close(file_); }

  void CountPieces(WordTable& table) {
    std::vector<char> buffer;
    while (true) {
      const size_t begin = next_piece_.fetch_add(kPieceBytes);
      if (begin >= size_) return;
      CountPiece(begin, std::min(begin + kPieceBytes, size_), buffer, table);
    }
  }

  /// Counts the words that begin in [begin, end).
  void CountPiece(size_t begin, size_t end, std::vector<char>& buffer, WordTable& table) {
    size_t offset = begin == 0 ? 0 : begin - 1;  // The byte before decides who owns the first word.
    bool in_foreign_word = begin > 0;
    size_t kept = 0;  // The beginning of a word, left over from the block before.
    while (true) {
      // Behind the end, only what is needed to complete the last word.
      const bool completing = offset >= end;
      const size_t wanted = completing ? 256 : std::min(kReadBytes, end - offset);
      buffer.resize(std::max(buffer.size(), kept + std::max(wanted, kReadBytes) + kBehindBytes));
      const ssize_t got = pread(file_, buffer.data() + kept, wanted, static_cast<off_t>(offset));
      if (got < 0) DieOf("read");
      offset = got == 0 ? std::max(offset, end) : offset + static_cast<size_t>(got);
      const char* text = buffer.data();
      size_t size = kept + static_cast<size_t>(got);
      if (in_foreign_word) {
        size_t skipped = 0;
        while (skipped < size && IsWordByte(text[skipped])) ++skipped;
        in_foreign_word = skipped == size;
        text += skipped;
        size -= skipped;
        if (in_foreign_word && offset >= end) return;
      }
      if (completing) {
        size_t word = kept;
        while (word < size && IsWordByte(text[word])) ++word;
        if (word == size && got > 0) {
          kept = size;
          continue;
        }
        CountText(text, word, table);
        return;
      }
      size_t whole = size;
      if (got > 0) {
        while (whole > 0 && IsWordByte(text[whole - 1])) --whole;
      }
      CountText(text, whole, table);
      kept = size - whole;
      std::memmove(buffer.data(), text + whole, kept);
      if (offset >= end && kept == 0) return;
    }
  }

  /// `text` ends between words.
  void CountText(const char* text, size_t size, WordTable& table) {
    WordEdges edges;
    size_t done = 0;
    while (done < size) {
      size_t block = std::min(WordEdges::kTextBytes, size - done);
      if (done + block < size) {
        size_t end = block;
        while (end > 0 && IsWordByte(text[done + end - 1])) --end;
        if (end == 0) {
          // One word that is longer than a block.
          while (done + block < size && IsWordByte(text[done + block])) ++block;
          edges.edge[0] = 0;
          edges.edge[1] = static_cast<uint32_t>(block);
          edges.count = 2;
          table.Count(text + done, edges);
          done += block;
          continue;
        }
        block = end;
      }
      Tokenizer::Split(text + done, block, edges);
      table.Count(text + done, edges);
      done += block;
    }
  }

  int file_;
  size_t size_ = 0;
  std::atomic<size_t> next_piece_ = 0;
};

}  // namespace joist::bench

#endif  // JOIST_BENCH_RIVALS_WORD_COUNT_H_
