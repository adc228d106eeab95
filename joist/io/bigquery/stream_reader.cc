// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/bigquery/stream_reader.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include "joist/io/avro/writer_schema.h"

namespace joist::bigquery {
namespace {

/// Whether a type of a schema has decimals of more digits than are read, which BIGNUMERIC is.
bool HasLongDecimals(const nlohmann::json& type) {
  constexpr int kMostDigits = 38;
  if (type.is_object() && type.value("logicalType", nlohmann::json()) == "decimal") {
    const auto precision = type.find("precision");
    return precision != type.end() && precision->is_number() && *precision > kMostDigits;
  }
  return type.is_structured() && std::any_of(type.begin(), type.end(), HasLongDecimals);
}

/// As bytes they would be taken for text.
Status CheckDecimals(const std::string& schema) {
  const nlohmann::json parsed = nlohmann::json::parse(schema, nullptr, /*allow_exceptions=*/false);
  if (!parsed.is_object() || !parsed.contains("fields")) return OkStatus();
  for (const nlohmann::json& field : parsed["fields"]) {
    if (!HasLongDecimals(field)) continue;
    return InvalidArgument("the field \"" + field.value("name", std::string()) +
                           "\" is BIGNUMERIC there, or has some; CAST it in a query");
  }
  return OkStatus();
}

}  // namespace

Result<avro::Plan> PlanOfRows(const std::string& schema, const avro::FieldShape& row,
                              const std::string& what) {
  const auto refused = [&what](const Status& status) {
    return InvalidArgument("cannot read " + what + ": " + status.message());
  };
  const Result<avro::WriterSchema> writer = avro::WriterSchema::Parse(schema);
  if (!writer.ok()) return refused(writer.status());
  if (const Status decimals = CheckDecimals(schema); !decimals.ok()) return refused(decimals);
  Result<avro::Plan> plan = avro::Plan::Make(*writer, row, avro::Narrowing::kByValue);
  if (!plan.ok()) return refused(plan.status());
  return plan;
}

Status StreamReader::GoTo(const RowStream& stream, int64_t offset) {
  const bool same = source_ != nullptr && stream.stream == stream_.stream &&
                    stream.job == stream_.job && stream.what == stream_.what;
  if (same && offset == offset_) return OkStatus();
  source_ = nullptr;
  left_ = 0;
  if (!plan_.has_value() || stream.schema != stream_.schema) {
    JOIST_ASSIGN_OR_RETURN(plan_, PlanOfRows(stream.schema, row_, stream.what));
  }
  stream_ = stream;
  offset_ = offset;
  JOIST_ASSIGN_OR_RETURN(source_, stream.stream.empty() ? OpenResultPages(stream, offset)
                                                        : OpenStorageStream(stream, offset));
  return OkStatus();
}

Result<int64_t> StreamReader::Ready() {
  if (left_ > 0) return left_;
  JOIST_ASSIGN_OR_RETURN(const bool more, source_->Next(&block_));
  if (!more) return 0;
  left_ = block_.rows;
  decoder_.Begin(std::string_view(block_.bytes).substr(0, block_.size));
  return left_;
}

Status StreamReader::Take(void* rows, int64_t count) {
  char* row = static_cast<char*>(rows);
  for (int64_t i = 0; i < count; ++i, row += row_.size) {
    if (!decoder_.Take(*plan_, row)) return Refuse(decoder_.error(), offset_ + i);
    if (!decoder_.refusal().empty()) [[unlikely]] {
      return Refuse(decoder_.refusal(), offset_ + i);
    }
  }
  offset_ += count;
  left_ -= count;
  if (left_ == 0 && !decoder_.at_end()) return Refuse("bytes follow its end", offset_ - 1);
  return OkStatus();
}

Status StreamReader::Refuse(const std::string& why, int64_t row) const {
  return DataLoss("cannot read " + stream_.what + ": row " + std::to_string(row) +
                  (stream_.stream.empty() ? "" : " of " + stream_.stream) + ": " + why);
}

}  // namespace joist::bigquery
