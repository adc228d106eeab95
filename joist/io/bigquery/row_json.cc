// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/bigquery/row_json.h"

#include <cstdint>
#include <cstring>
#include <utility>

#include <nlohmann/json.hpp>

#include "joist/io/json/cursor.h"
#include "joist/io/json/utf8.h"
#include "joist/model/wire.h"

namespace joist::bigquery {
namespace {

/// Where JSON's numbers are exact for whoever reads them as double.
constexpr int64_t kExactEnd = int64_t{1} << 53;

std::vector<Column> ReadColumns(const nlohmann::json& schema) {
  constexpr std::pair<const char*, ColumnType> kTypes[] = {
      {"STRING", ColumnType::kString},   {"BYTES", ColumnType::kBytes},
      {"INTEGER", ColumnType::kInteger}, {"FLOAT", ColumnType::kFloat},
      {"BOOLEAN", ColumnType::kBoolean}, {"TIMESTAMP", ColumnType::kTimestamp},
      {"RECORD", ColumnType::kRecord},
  };
  std::vector<Column> columns;
  for (const nlohmann::json& field : schema) {
    Column& column = columns.emplace_back();
    column.name = field.at("name").get<std::string>();
    for (const auto& [name, type] : kTypes) {
      if (field.at("type") == name) column.type = type;
    }
    if (field.at("mode") == "REPEATED") column.mode = ColumnMode::kRepeated;
    if (field.contains("fields")) column.fields = ReadColumns(field["fields"]);
  }
  return columns;
}

void PutMicros(int64_t micros, std::string* out) {
  // Rows have milliseconds (Timestamp).
  *out += '"';
  *out += Timestamp::Millis(micros / 1000).ToString();
  *out += '"';
}

bool PutRecord(const std::vector<Column>& columns, std::string_view record, Status* problem,
               std::string* out);

/// False where the bytes are not of such a column.
bool PutValue(const Column& column, ByteReader* in, Status* problem, std::string* out) {
  uint64_t number = 0;
  std::string_view bytes;
  double wide = 0;
  switch (column.type) {
    case ColumnType::kInteger:
      if (!in->TakeVarint(&number)) return false;
      if (const auto whole = static_cast<int64_t>(number);
          whole > kExactEnd || whole < -kExactEnd) {
        *out += '"';
        joist::json::PutInteger(whole, out);
        *out += '"';
      } else {
        joist::json::PutInteger(whole, out);
      }
      return true;
    case ColumnType::kTimestamp:
      if (!in->TakeVarint(&number)) return false;
      PutMicros(static_cast<int64_t>(number), out);
      return true;
    case ColumnType::kBoolean:
      if (!in->TakeVarint(&number)) return false;
      *out += number != 0 ? "true" : "false";
      return true;
    case ColumnType::kFloat:
      if (!in->Take(sizeof wide, &bytes)) return false;
      std::memcpy(&wide, bytes.data(), sizeof wide);
      joist::json::PutDouble(wide, out);
      return true;
    case ColumnType::kString:
    case ColumnType::kBytes:
    case ColumnType::kRecord: break;
  }
  if (!in->TakeVarint(&number) || !in->Take(number, &bytes)) return false;
  if (column.type == ColumnType::kBytes) {
    joist::json::PutBytes(bytes, out);
  } else if (column.type == ColumnType::kRecord) {
    return PutRecord(column.fields, bytes, problem, out);
  } else {
    if (problem->ok() && !joist::json::IsUtf8(bytes)) {
      *problem = InvalidArgument("the text of column " + column.name + " is no UTF-8");
    }
    joist::json::PutText(bytes, out);
  }
  return true;
}

bool PutRecord(const std::vector<Column>& columns, std::string_view record, Status* problem,
               std::string* out) {
  ByteReader in(record);
  size_t last = columns.size();  // The column before.
  *out += '{';
  const auto end_last = [&] {
    if (last < columns.size() && columns[last].mode == ColumnMode::kRepeated) *out += ']';
  };
  while (in.remaining() > 0) {
    uint64_t tag = 0;
    if (!in.TakeVarint(&tag) || tag >> 3 == 0 || tag >> 3 > columns.size()) return false;
    const size_t at = (tag >> 3) - 1;
    const Column& column = columns[at];
    if (at == last) {
      *out += ',';
    } else {
      end_last();
      if (last < columns.size()) *out += ',';
      joist::json::PutText(column.name, out);
      *out += ':';
      if (column.mode == ColumnMode::kRepeated) *out += '[';
      last = at;
    }
    if (!PutValue(column, &in, problem, out)) return false;
  }
  end_last();
  *out += '}';
  return true;
}

}  // namespace

RowJson::RowJson(const std::string& schema) {
  const nlohmann::json parsed = nlohmann::json::parse(schema, nullptr, false);
  if (!parsed.is_array()) throw StatusException(Internal("a schema is no JSON array"));
  columns_ = ReadColumns(parsed);
}

Status RowJson::Append(std::string_view row, std::string* out) const {
  Status problem;
  if (!PutRecord(columns_, row, &problem, out)) return Internal("a row is not of its schema");
  return problem;
}

}  // namespace joist::bigquery
