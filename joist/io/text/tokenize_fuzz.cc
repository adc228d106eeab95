// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Any bytes, any room for words: always the words of the naive tokenizer.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "joist/base/status.h"
#include "joist/io/text/naive_words.h"
#include "joist/io/text/tokenize.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace joist;  // NOLINT(google-build-using-namespace)
  if (size == 0) return 0;
  const size_t capacity = text::kLeastWords + data[0];
  const std::unique_ptr<char[]> text(new char[size - 1]);  // Of just this size, for sanitizers.
  std::copy(data + 1, data + size, text.get());
  std::vector<std::string_view> out(capacity);
  std::vector<std::string> words;
  const char* cursor = text.get();
  while (cursor != text.get() + size - 1) {
    const size_t count = text::TokenizeInto(&cursor, text.get() + size - 1, out.data(), capacity);
    words.insert(words.end(), out.begin(), out.begin() + static_cast<std::ptrdiff_t>(count));
  }
  JOIST_CHECK(words == text::NaiveWords({text.get(), size - 1}));
  return 0;
}
