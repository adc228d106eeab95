// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/csv/csv.h"

#include <cstring>

namespace joist::csv {
namespace csv_internal {
namespace {

static_assert(kTextSlack <= files::BlockReader::kSlack);

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr size_t kShownText = 60;

// For messages: one line, not too long.
std::string Shown(std::string_view text) {
  std::string shown = "\"" + std::string(text.substr(0, kShownText));
  for (char& c : shown) {
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';
  }
  return shown + (text.size() > kShownText ? "…\"" : "\"");
}

}  // namespace

Status CheckDialect(char delimiter, std::string_view null_text) {
  if (delimiter == '"' || delimiter == '\n' || delimiter == '\r') {
    return InvalidArgument("a delimiter of CSV cannot be a quote or end a line");
  }
  if (null_text.find_first_of("\"\r\n") != std::string_view::npos ||
      null_text.find(delimiter) != std::string_view::npos) {
    return InvalidArgument("a null text of CSV holds no delimiter, quote or line's end");
  }
  return OkStatus();
}

RecordReader::RecordReader(files::BlockReader block, const ReadSettings& settings,
                           std::span<const FieldEntry> fields, std::vector<BadRecord>* bad)
    : block_(std::move(block)),
      scanner_(static_cast<char>(settings.delimiter), settings.newlines_in_quotes),
      fields_(fields),
      bad_(bad),
      null_text_(settings.null_text),
      longest_record_(settings.longest_record) {}

Result<RecordReader> RecordReader::Open(const std::string& path, const ReadSettings& settings,
                                        std::span<const FieldEntry> fields, uint64_t begin,
                                        uint64_t end, std::vector<BadRecord>* bad) {
  JOIST_RETURN_IF_ERROR(CheckDialect(static_cast<char>(settings.delimiter), settings.null_text));
  JOIST_ASSIGN_OR_RETURN(files::BlockReader block,
                         files::BlockReader::Open(path, settings.compression));
  RecordReader reader(std::move(block), settings, fields, bad);
  JOIST_RETURN_IF_ERROR(reader.SkipByteOrderMark());
  if (settings.has_header) {
    JOIST_RETURN_IF_ERROR(reader.TakeHeader());
  } else {
    std::vector<std::string> columns = settings.columns;
    if (columns.empty()) {
      for (const FieldEntry& field : fields) columns.emplace_back(field.name);
    }
    JOIST_RETURN_IF_ERROR(reader.SetColumns(columns));
  }
  // Behind a header the first record begins where it begins; without one it counts as beginning at
  // 0, whatever stands before it.
  const uint64_t header_end = settings.has_header ? reader.block_.offset() : 0;
  if (begin > header_end) JOIST_RETURN_IF_ERROR(reader.SkipTo(begin));
  reader.end_ = 0;
  reader.Extend(end);
  return reader;
}

Status RecordReader::SkipByteOrderMark() {
  JOIST_RETURN_IF_ERROR(block_.More());
  if (std::string_view(block_.data(), block_.size()).starts_with(kByteOrderMark)) {
    block_.Consume(kByteOrderMark.size());
    // The first record counts as beginning at 0, the next one begins at 4 or later.
    least_end_ = kByteOrderMark.size() + 1;
  }
  return OkStatus();
}

Status RecordReader::SkipTo(uint64_t begin) {
  // The byte before the range tells whether a line begins with it. Only files that aren't
  // compressed are cut.
  JOIST_ASSIGN_OR_RETURN(
      block_, files::BlockReader::Open(block_.path(), files::Compression::kNone, begin - 1));
  for (;;) {
    const void* newline = std::memchr(block_.data(), '\n', block_.size());
    if (newline != nullptr) {
      block_.Consume(static_cast<size_t>(static_cast<const char*>(newline) - block_.data()) + 1);
      return OkStatus();
    }
    block_.Consume(block_.size());
    if (block_.at_end()) return OkStatus();
    JOIST_RETURN_IF_ERROR(block_.More());
  }
}

Result<size_t> RecordReader::ScanRecord() {
  for (;;) {
    if (block_.size() > 0) {
      const size_t bytes = scanner_.Scan({block_.data(), block_.size()}, files::BlockReader::kSlack,
                                         block_.at_end());
      if (bytes > 0 && bytes <= longest_record_) return bytes;
      if (bytes > 0 || block_.size() > longest_record_) {
        return InvalidArgument(block_.path() + ": the record at byte " +
                               std::to_string(block_.offset()) + " is longer than " +
                               std::to_string(longest_record_) +
                               " bytes; is there a quote that is never closed?");
      }
    }
    if (block_.at_end()) return size_t{0};
    JOIST_RETURN_IF_ERROR(block_.More());
  }
}

Status RecordReader::TakeHeader() {
  for (;;) {
    JOIST_ASSIGN_OR_RETURN(const size_t bytes, ScanRecord());
    if (bytes == 0) return OkStatus();  // Nothing in the file, and so no records.
    if (!scanner_.error().empty()) {
      return InvalidArgument(block_.path() + ": the header " + std::string(scanner_.error()));
    }
    std::vector<std::string> names;
    for (const RecordField& field : scanner_.fields()) {
      names.emplace_back(TextOf(field, &scratch_));
    }
    block_.Consume(bytes);
    if (!names.empty()) return SetColumns(names);
  }
}

Status RecordReader::SetColumns(const std::vector<std::string>& names) {
  field_of_column_.clear();
  std::vector<int> columns_of_field(fields_.size(), 0);
  for (const std::string& name : names) {
    size_t i = 0;
    while (i < fields_.size() && fields_[i].name != name) ++i;
    field_of_column_.push_back(i < fields_.size() ? static_cast<int32_t>(i) : -1);
    if (i < fields_.size() && ++columns_of_field[i] > 1) {
      return InvalidArgument(block_.path() + ": two columns are called " + Shown(name));
    }
  }
  for (size_t i = 0; i < fields_.size(); ++i) {
    if (columns_of_field[i] > 0 || fields_[i].clear != nullptr) continue;
    std::string all;
    for (const std::string& name : names) all.append(all.empty() ? "" : ", ").append(name);
    return InvalidArgument(block_.path() + " has no column " + Shown(fields_[i].name) +
                           "; its columns are " + Shown(all));
  }
  return OkStatus();
}

Result<bool> RecordReader::Next(void* row, bool* any_bad) {
  while (block_.offset() < end_) {
    JOIST_ASSIGN_OR_RETURN(const size_t bytes, ScanRecord());
    if (bytes == 0) return false;
    if (scanner_.fields().empty()) {  // An empty line.
      block_.Consume(bytes);
      continue;
    }
    std::string wrong = TakeRecord(row);
    if (wrong.empty()) {
      block_.Consume(bytes);
      return true;
    }
    std::string_view text(block_.data(), bytes);
    while (text.ends_with('\n') || text.ends_with('\r')) text.remove_suffix(1);
    BadRecord bad{block_.path(), block_.offset(), std::move(wrong),
                  std::string(text.substr(0, BadRecord::kShown))};
    if (bad_ == nullptr) return BadRecordError(bad);
    bad_->push_back(std::move(bad));
    *any_bad = true;
    block_.Consume(bytes);
    return false;  // So that they don't pile up.
  }
  return false;
}

std::string RecordReader::TakeRecord(void* row) {
  if (!scanner_.error().empty()) return "it " + std::string(scanner_.error());
  const std::vector<RecordField>& taken = scanner_.fields();
  if (taken.size() != field_of_column_.size()) {
    return "it has " + std::to_string(taken.size()) + " fields, and there are " +
           std::to_string(field_of_column_.size()) + " columns";
  }
  for (size_t column = 0; column < taken.size(); ++column) {
    if (field_of_column_[column] < 0) continue;
    const FieldEntry& field = fields_[static_cast<size_t>(field_of_column_[column])];
    if (field.clear != nullptr && !taken[column].quoted && taken[column].text == null_text_) {
      field.clear(row);
      continue;
    }
    const std::string_view text = TextOf(taken[column], &scratch_);
    std::string wanted;
    if (!field.take(text, row, &wanted)) {
      return std::string(field.name) + " must be " + wanted + ", and is " + Shown(text);
    }
  }
  return {};
}

}  // namespace csv_internal

Write Write::WithHeader(PipelineBuilder& builder, std::span<const FieldEntry> fields) const {
  const Status status = csv_internal::CheckDialect(delimiter_, null_text_);
  if (!status.ok()) {
    builder.graph().AddFault(
        Status(status.code(), status.message() + " (" + DescribeLocation(where) + ")"));
  }
  std::string header;
  for (const FieldEntry& field : fields) {
    if (!header.empty()) header += delimiter_;
    header.append(field.name);
  }
  return Changed([&](files::WriteSettings& settings) {
    if (has_header_) settings.header = header;
  });
}

}  // namespace joist::csv
