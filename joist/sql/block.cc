// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/sql/block.h"

#include "joist/base/status.h"

namespace joist::sql {

namespace {
// DuckDB's infinity; its negative is -infinity.
constexpr int64_t kInfinity = INT64_MAX;
}  // namespace

int64_t ToMicros(Timestamp time) {
  if (time >= Timestamp::Max()) return kInfinity;
  if (time <= Timestamp::Min()) return -kInfinity;
  return time.millis * 1000;
}

Timestamp FromMicros(int64_t micros) {
  if (micros == kInfinity) return Timestamp::Max();
  if (micros <= -kInfinity) return Timestamp::Min();
  return Timestamp::Millis((micros - FloorMod(micros, 1000)) / 1000);
}

Interval ToInterval(Duration duration) { return {0, 0, SaturatingMultiply(duration.millis, 1000)}; }

bool FromInterval(const Interval& interval, Duration* duration) {
  *duration = Duration::Days(interval.days) + Duration::Millis(interval.micros / 1000);
  return interval.months == 0;
}

bool IsText(ColumnType type) { return type == ColumnType::kText || type == ColumnType::kBytes; }

size_t WidthOf(ColumnType type) {
  switch (type) {
    case ColumnType::kBool:
    case ColumnType::kInt8:
    case ColumnType::kUint8: return 1;
    case ColumnType::kInt16:
    case ColumnType::kUint16: return 2;
    case ColumnType::kInt32:
    case ColumnType::kUint32:
    case ColumnType::kFloat:
    case ColumnType::kText:
    case ColumnType::kBytes: return 4;
    case ColumnType::kInt64:
    case ColumnType::kUint64:
    case ColumnType::kDouble:
    case ColumnType::kTimestamp: return 8;
    case ColumnType::kDuration: return sizeof(Interval);
  }
  JOIST_CHECK(false);
}

BlockReader::BlockReader(std::string_view block) : left_(block) {
  const char* head = Take(8);
  std::memcpy(&table_, head, 4);
  std::memcpy(&rows_, head + 4, 4);
}

const char* BlockReader::Take(size_t size) {
  if (size > left_.size()) {
    throw StatusException(DataLoss("a block of rows for SQL ends before its columns do"));
  }
  const char* const begin = left_.data();
  left_.remove_prefix(size);
  return begin;
}

BlockReader::Part BlockReader::Next(ColumnType type, bool nullable) {
  Part part;
  if (nullable) part.present = Take((size_t{rows_} + 63) / 64 * 8);
  part.values = Take(block_internal::Padded(rows_ * WidthOf(type)));
  if (IsText(type)) {
    size_t bytes = 0;
    for (size_t i = 0; i < rows_; ++i) bytes += part.SizeOf(i);
    part.texts = {Take(bytes), bytes};
    Take(block_internal::Padded(bytes) - bytes);
  }
  return part;
}

namespace block_internal {

char* AddZeros(size_t size, std::string* out) {
  const size_t begin = out->size();
  out->resize(begin + size);
  return out->data() + begin;
}

void ThrowTooLong(std::string_view column) {
  throw StatusException(InvalidArgument("a value of the field \"" + std::string(column) +
                                        "\" has more than 4 GB, the most that SQL takes"));
}

void ThrowNotOfType(std::string_view column) {
  throw StatusException(InvalidArgument(
      "the query gave a value for the field \"" + std::string(column) +
      "\" that its type has not (an interval with months, a name that no enumerator has)"));
}

}  // namespace block_internal

}  // namespace joist::sql
