// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/text/text.h"

#include <utility>

namespace joist::text {

// The steps' functions are found by their types' names in another process: so these are in no
// unnamed namespace.
namespace text_internal {

Result<LineFormat::Reader> LineFormat::Reader::Open(const std::string& path,
                                                    const ReadSettings& settings, uint64_t begin,
                                                    uint64_t end, std::vector<files::BadRecord>*) {
  LineReaderOptions options;
  options.compression = settings.compression;
  options.skip_lines = settings.skip_header_lines;
  options.binary = settings.binary;
  options.begin = begin;
  options.end = end;
  JOIST_ASSIGN_OR_RETURN(LineReader lines, LineReader::Open(path, options));
  return Reader(std::move(lines));
}

Result<bool> LineFormat::Reader::Next(std::span<const std::string_view>* items) {
  JOIST_ASSIGN_OR_RETURN(*items, lines_.Next());
  return !items->empty();
}

struct SplitWords {
  void operator()(const Batch<std::string>& lines, Emit<std::string> emit) const {
    const std::string_view* line = lines.values.data();
    const std::string_view* const end = line + lines.size();
    // Lines as Read gives them lie behind each other, and a line's ending is no letter: so blocks
    // are tokenized, not lines.
    while (line != end) {
      const char* const text = line->data();
      const char* text_end = text + line->size();
      for (++line; line != end && Follows(text_end, line->data()); ++line) {
        text_end = line->data() + line->size();
      }
      EmitWords({text, static_cast<size_t>(text_end - text)}, emit);
    }
  }

 private:
  // Whether nothing but a line's ending is between the two.
  static bool Follows(const char* end, const char* next) {
    const uintptr_t between = reinterpret_cast<uintptr_t>(next) - reinterpret_cast<uintptr_t>(end);
    return (between == 1 && end[0] == '\n') || (between == 2 && end[0] == '\r' && end[1] == '\n');
  }
};

}  // namespace text_internal

PCollection<std::string> Words::Expand(const PCollection<std::string>& lines) const {
  return lines | "Split" >> MapBatches(text_internal::SplitWords());
}

Write Write::WithHeader(std::string header) const {
  return Changed([&](files::WriteSettings& settings) { settings.header = std::move(header); });
}
Write Write::WithFooter(std::string footer) const {
  return Changed([&](files::WriteSettings& settings) { settings.footer = std::move(footer); });
}
PCollection<std::string> Write::Expand(const PCollection<std::string>& lines) const {
  return WriteRecords(lines);
}
PCollection<std::string> Write::Expand(
    const PCollection<KV<std::string, std::string>>& lines) const {
  return WriteRecords(lines);
}

}  // namespace joist::text

namespace joist::files {
template PCollection<std::string> ReadPattern<text::text_internal::LineFormat>(
    const Pipeline&, const std::string&, const text::ReadSettings&);
template PCollection<std::string> ReadMatching<text::text_internal::LineFormat>(
    const PCollection<std::string>&, const text::ReadSettings&);
}  // namespace joist::files
