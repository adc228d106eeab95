// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/json/json.h"

namespace joist::json::json_rows_internal {

Result<RecordLines> RecordLines::Open(const std::string& path, const ReadSettings& settings,
                                      uint64_t begin, uint64_t end, std::vector<BadRecord>* bad) {
  files::LineReaderOptions options;
  options.compression = settings.compression;
  options.begin = begin;
  options.end = end;
  options.longest_line = settings.longest_record;
  options.binary = true;  // What JSON doesn't allow, the parser says better.
  JOIST_ASSIGN_OR_RETURN(files::LineReader lines, files::LineReader::Open(path, options));
  return RecordLines(std::move(lines), path, bad);
}

Status RecordLines::Refuse(std::string_view line, std::string reason) {
  BadRecord bad{path_, lines_.OffsetOf(line.data()), std::move(reason),
                std::string(line.substr(0, BadRecord::kShown))};
  if (bad_ == nullptr) return BadRecordError(bad);
  bad_->push_back(std::move(bad));
  return OkStatus();
}

bool IsBlank(std::string_view line) {
  return line.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

}  // namespace joist::json::json_rows_internal
