// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// The text that word count reads: words drawn by Zipf's law, set in lines and paragraphs like
// prose, with capitals at the beginning of sentences, apostrophes, punctuation and some figures.
// The same seed and size give the same bytes everywhere.

#ifndef JOIST_BENCH_ZIPF_TEXT_H_
#define JOIST_BENCH_ZIPF_TEXT_H_

#include <cstddef>
#include <cstdint>
#include <string>

namespace joist::bench {

struct ZipfTextOptions {
  uint64_t seed = 1;
  size_t size_bytes = 200'000'000;
  size_t vocabulary = 100'000;  // With capitalized forms about 190 k distinct words in 200 MB.
  double exponent = 1.0;
  int non_ascii_percent = 0;  // Of the vocabulary, words that have an accented letter in them.
};

/// Writes the text to `path`, under a temporary name until it is whole. False, with errno, if the
/// file cannot be written.
bool WriteZipfText(const std::string& path, const ZipfTextOptions& options);

}  // namespace joist::bench

#endif  // JOIST_BENCH_ZIPF_TEXT_H_
