// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "bench/zipf_text.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "bench/digest.h"

namespace joist::bench {
namespace {

class Random {
 public:
  explicit Random(uint64_t seed) : state_(SplitMix64(seed)) {}
  uint64_t Next() { return SplitMix64(state_++); }
  /// In [0, bound).
  uint64_t Below(uint64_t bound) {
    return static_cast<uint64_t>(static_cast<unsigned __int128>(Next()) * bound >> 64);
  }
  double Unit() { return static_cast<double>(Next() >> 11) * 0x1p-53; }

 private:
  uint64_t state_;
};

/// Draws ranks by their weights in constant time (Walker's alias method).
class Zipf {
 public:
  Zipf(size_t ranks, double exponent) : threshold_(ranks), alias_(ranks) {
    std::vector<double> weight(ranks);
    double total = 0;
    for (size_t rank = 0; rank < ranks; ++rank) {
      weight[rank] = std::pow(static_cast<double>(rank + 1), -exponent);
      total += weight[rank];
    }
    std::vector<uint32_t> small, large;
    for (size_t rank = 0; rank < ranks; ++rank) {
      weight[rank] *= static_cast<double>(ranks) / total;
      (weight[rank] < 1 ? small : large).push_back(static_cast<uint32_t>(rank));
    }
    while (!small.empty() && !large.empty()) {
      const uint32_t poor = small.back(), rich = large.back();
      small.pop_back();
      threshold_[poor] = weight[poor];
      alias_[poor] = rich;
      weight[rich] -= 1 - weight[poor];
      if (weight[rich] < 1) {
        large.pop_back();
        small.push_back(rich);
      }
    }
    for (const uint32_t rank : small) threshold_[rank] = 1;
    for (const uint32_t rank : large) threshold_[rank] = 1;
  }

  size_t Draw(Random& random) const {
    const size_t rank = random.Below(threshold_.size());
    return random.Unit() < threshold_[rank] ? rank : alias_[rank];
  }

 private:
  std::vector<double> threshold_;
  std::vector<uint32_t> alias_;
};

std::string MakeWord(size_t letters, Random& random) {
  static constexpr std::string_view kConsonants = "ttnnsshhrrddllccmmffgpbwykvjxqz";
  static constexpr std::string_view kVowels = "eeeaaaooiiu";
  std::string word;
  bool vowel = random.Below(3) == 0;
  while (word.size() < letters) {
    const std::string_view from = vowel ? kVowels : kConsonants;
    word += from[random.Below(from.size())];
    vowel = vowel ? random.Below(6) == 0 : random.Below(5) != 0;
  }
  return word;
}

/// Distinct words, the frequent ones short.
std::vector<std::string> MakeVocabulary(const ZipfTextOptions& options, Random& random) {
  static constexpr std::string_view kAccented[] = {"é", "ü", "ö", "ñ", "ß", "ç", "я", "λ"};
  std::vector<std::string> words;
  std::unordered_set<std::string> seen;
  words.reserve(options.vocabulary);
  while (words.size() < options.vocabulary) {
    const double typical = 1.9 + 0.46 * std::log2(static_cast<double>(words.size() + 1));
    const double spread = (random.Unit() + random.Unit() + random.Unit() - 1.5) * typical * 0.8;
    const double letters = std::round(typical + spread);
    std::string word = MakeWord(static_cast<size_t>(std::clamp(letters, 1.0, 24.0)), random);
    if (random.Below(100) < 2 && word.size() > 3) word += random.Below(3) == 0 ? "'t" : "'s";
    if (random.Below(100) < static_cast<uint64_t>(options.non_ascii_percent)) {
      word.insert(random.Below(word.size() + 1), kAccented[random.Below(std::size(kAccented))]);
    }
    if (seen.insert(word).second) words.push_back(std::move(word));
  }
  return words;
}

}  // namespace

bool WriteZipfText(const std::string& path, const ZipfTextOptions& options) {
  Random random(options.seed);
  const std::vector<std::string> words = MakeVocabulary(options, random);
  const Zipf zipf(words.size(), options.exponent);

  const std::string unfinished = path + ".unfinished";
  std::FILE* file = std::fopen(unfinished.c_str(), "wb");
  if (file == nullptr) return false;

  static constexpr size_t kFlushBytes = 1 << 20;
  std::string text;
  size_t written = 0;
  size_t column = 0, line_width = 68;
  size_t words_in_sentence = 0, sentence_words = 12, sentences_in_paragraph = 0;
  bool good = true;
  while (good && written + text.size() < options.size_bytes) {
    std::string_view word = words[zipf.Draw(random)];
    if (column > 0 && column + word.size() + 1 > line_width) {
      text += '\n';
      column = 0;
      line_width = 60 + random.Below(16);
    } else if (column > 0) {
      text += ' ';
      ++column;
    }
    const size_t start = text.size();
    text += word;
    const char first = text[start];
    if (words_in_sentence == 0 && first >= 'a' && first <= 'z') {
      text[start] = static_cast<char>(first - 'a' + 'A');
    }
    if (++words_in_sentence >= sentence_words) {
      text += random.Below(12) == 0 ? '?' : '.';
      words_in_sentence = 0;
      sentence_words = 6 + random.Below(24);
      if (++sentences_in_paragraph >= 5 && random.Below(3) == 0) {
        text += "\n\n";
        column = 0;
        sentences_in_paragraph = 0;
        continue;
      }
    } else if (random.Below(11) == 0) {
      text += random.Below(8) == 0 ? ';' : ',';
    } else if (random.Below(200) == 0) {
      text += ' ';
      text += std::to_string(random.Below(2000));
    }
    column += text.size() - start;
    if (text.size() >= kFlushBytes) {
      good = std::fwrite(text.data(), 1, text.size(), file) == text.size();
      written += text.size();
      text.clear();
    }
  }
  // The exact size, ended by a newline: never in the middle of a word that begins elsewhere.
  text.resize(options.size_bytes - written, ' ');
  for (size_t i = text.size(); i > 0 && static_cast<unsigned char>(text[i - 1]) >= 0x80; --i) {
    text[i - 1] = ' ';
  }
  if (!text.empty()) text.back() = '\n';
  good = good && std::fwrite(text.data(), 1, text.size(), file) == text.size();
  good = std::fclose(file) == 0 && good;
  return good && std::rename(unfinished.c_str(), path.c_str()) == 0;
}

}  // namespace joist::bench
