// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/avro/row_reader.h"

#include <algorithm>

namespace joist::avro {
namespace {

static_assert(BlockDecompressor::kSlack >= Decoder::kSlack);

// For people: bytes that are no plain character as \xNN.
std::string Printable(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<uint8_t>(c);
    std::string one(1, c);
    if (byte < 0x20 || byte >= 0x7F || c == '\\') {
      one = {'\\', 'x', kDigits[byte >> 4], kDigits[byte & 15]};
    }
    if (text.size() + one.size() > files::BadRecord::kShown) break;
    text += one;
  }
  return text;
}

}  // namespace

Result<RowReader> RowReader::Open(const std::string& path, const ContainerOptions& options,
                                  const FieldShape& row, std::vector<files::BadRecord>* bad) {
  JOIST_ASSIGN_OR_RETURN(ContainerReader file, ContainerReader::Open(path, options));
  const Result<WriterSchema> schema = WriterSchema::Parse(file.header().schema);
  if (!schema.ok()) return InvalidArgument(path + ": " + schema.status().message());
  Result<Plan> plan = Plan::Make(*schema, row);
  if (!plan.ok()) return InvalidArgument(path + ": " + plan.status().message());
  return RowReader(std::move(file), std::move(*plan), row.size, bad);
}

Status RowReader::RefuseBlock(const std::string& what) {
  if (bad_ == nullptr) {
    return DataLoss(file_.path() + " is damaged: the block at byte " +
                    std::to_string(block_.offset) + ": " + what);
  }
  bad_->push_back({file_.path(), block_.offset, "the block: " + what, ""});
  return OkStatus();
}

Status RowReader::RefuseRecord(const std::string& what, const char* record) {
  const std::string number = "record " + std::to_string(taken_) + " of the block";
  if (bad_ == nullptr) {
    return InvalidArgument(file_.path() + ": " + number + " at byte " +
                           std::to_string(block_.offset) + ": " + what);
  }
  const auto size = static_cast<size_t>(decoder_.at() - record);
  bad_->push_back({file_.path(), block_.offset, number + ": " + what,
                   Printable({record, std::min(size, files::BadRecord::kShown)})});
  return OkStatus();
}

Result<bool> RowReader::NextBlock() {
  block_.records = taken_ = 0;
  JOIST_ASSIGN_OR_RETURN(const ContainerReader::Found found, file_.Next(&block_));
  if (found == ContainerReader::Found::kEnd) return false;
  if (found == ContainerReader::Found::kDamaged) {
    JOIST_RETURN_IF_ERROR(RefuseBlock(file_.damage()));
    return true;
  }
  const uint64_t most = plan_.least_bytes() > 0 ? block_.data.size() / plan_.least_bytes()
                                                : ContainerReader::kMostEmpty;
  if (block_.records > most) {
    JOIST_RETURN_IF_ERROR(RefuseBlock("it claims " + std::to_string(block_.records) +
                                      " records, more than " + std::to_string(block_.data.size()) +
                                      " bytes can hold"));
    block_.records = 0;
    return true;
  }
  if (block_.records == 0 && !block_.data.empty()) {
    JOIST_RETURN_IF_ERROR(RefuseBlock("it claims no records, and has bytes"));
  }
  decoder_.Begin(block_.data);
  return true;
}

Result<bool> RowReader::Next(void* rows, size_t* count) {
  const size_t bad_before = bad_ == nullptr ? 0 : bad_->size();
  const auto found_bad = [&] { return bad_ == nullptr ? 0 : bad_->size() - bad_before; };
  char* row = static_cast<char*>(rows);
  *count = 0;
  while (*count < kBatch && found_bad() < kBatch) {
    if (taken_ == block_.records) {
      // Rows that are there go on their way before what is bad behind them is looked at.
      if (found_bad() > 0) return true;
      JOIST_ASSIGN_OR_RETURN(const bool more, NextBlock());
      if (!more) return *count > 0;
      continue;
    }
    const char* const record = decoder_.at();
    ++taken_;
    if (!decoder_.Take(plan_, row)) {
      const uint64_t lost = block_.records - taken_;
      const std::string behind =
          lost == 0 ? "" : "; " + std::to_string(lost) + " records behind it are lost";
      JOIST_RETURN_IF_ERROR(RefuseRecord(decoder_.error() + behind, record));
      taken_ = block_.records;
      continue;
    }
    if (!decoder_.refusal().empty()) [[unlikely]] {
      JOIST_RETURN_IF_ERROR(RefuseRecord(decoder_.refusal(), record));
    } else {
      ++*count;
      row += row_bytes_;
    }
    if (taken_ == block_.records && !decoder_.at_end()) {
      JOIST_RETURN_IF_ERROR(RefuseBlock("bytes follow its last record"));
    }
  }
  return true;
}

}  // namespace joist::avro
