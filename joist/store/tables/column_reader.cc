// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/store/tables/column_reader.h"

#include <array>
#include <charconv>
#include <cstring>
#include <nlohmann/json.hpp>

namespace joist::tables {

namespace {

template <class T>
Numeric ValueAs(const void* data, size_t row) {
  return static_cast<const T*>(data)[row];
}

Numeric WholeAt(duckdb_type type, const void* data, size_t row) {
  switch (type) {
    case DUCKDB_TYPE_TINYINT: return ValueAs<int8_t>(data, row);
    case DUCKDB_TYPE_SMALLINT: return ValueAs<int16_t>(data, row);
    case DUCKDB_TYPE_INTEGER: return ValueAs<int32_t>(data, row);
    case DUCKDB_TYPE_BIGINT: return ValueAs<int64_t>(data, row);
    case DUCKDB_TYPE_UTINYINT: return ValueAs<uint8_t>(data, row);
    case DUCKDB_TYPE_USMALLINT: return ValueAs<uint16_t>(data, row);
    case DUCKDB_TYPE_UINTEGER: return ValueAs<uint32_t>(data, row);
    case DUCKDB_TYPE_UBIGINT: return ValueAs<uint64_t>(data, row);
    case DUCKDB_TYPE_HUGEINT: return ValueAs<Numeric>(data, row);
    default: return 0;
  }
}

void AppendWhole(Numeric value, std::string* out) {
  if (value == static_cast<int64_t>(value)) {
    std::array<char, 24> text;
    const auto [end, error] =
        std::to_chars(text.data(), text.data() + text.size(), static_cast<int64_t>(value));
    out->append(text.data(), end);
    return;
  }
  const bool negative = value < 0;
  std::string digits;
  for (; value != 0; value /= 10) {
    const int digit = static_cast<int>(value % 10);
    digits.insert(digits.begin(), static_cast<char>('0' + (digit < 0 ? -digit : digit)));
  }
  *out += negative ? "-" + digits : digits;
}

void AppendCell(const ColumnReader& column, size_t row, bool is_element, const JsonForm& form,
                std::string* out);

void AppendRecord(const std::vector<ColumnReader>& parts, size_t row, const JsonForm& form,
                  std::string* out) {
  *out += R"({"f":[)";
  for (size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) *out += ',';
    AppendCell(parts[i], row, false, form, out);
  }
  *out += "]}";
}

void AppendScalar(const ColumnReader& column, size_t row, const JsonForm& form, std::string* out) {
  switch (column.field().type) {
    case FieldType::kString:
    case FieldType::kJson: AppendJsonText(column.Text(row), out); return;
    case FieldType::kBytes: *out += '"' + Base64Text(column.Text(row)) + '"'; return;
    case FieldType::kRecord: AppendRecord(column.parts(), row, form, out); return;
    default: break;
  }
  *out += '"';
  switch (column.field().type) {
    case FieldType::kInteger: AppendWhole(column.Integer(row), out); break;
    case FieldType::kFloat: *out += FloatText(column.Float(row)); break;
    case FieldType::kNumeric: *out += NumericText(column.NumericValue(row)); break;
    case FieldType::kBoolean: *out += column.Boolean(row) ? "true" : "false"; break;
    case FieldType::kTimestamp:
      *out += form.int64_timestamps ? std::to_string(column.Micros(row))
                                    : TimestampSeconds(column.Micros(row));
      break;
    case FieldType::kDatetime: *out += DatetimeText(column.Micros(row)); break;
    case FieldType::kDate: *out += DateText(column.Days(row)); break;
    case FieldType::kTime: *out += TimeText(column.Micros(row)); break;
    default: break;
  }
  *out += '"';
}

void AppendCell(const ColumnReader& column, size_t row, bool is_element, const JsonForm& form,
                std::string* out) {
  *out += R"({"v":)";
  if (column.field().mode == FieldMode::kRepeated && !is_element) {
    *out += '[';
    const duckdb_list_entry list = column.has(row) ? column.List(row) : duckdb_list_entry{0, 0};
    for (uint64_t i = 0; i < list.length; ++i) {
      if (i > 0) *out += ',';
      AppendCell(column.elements(), list.offset + i, true, form, out);
    }
    *out += ']';
  } else if (column.has(row)) {
    AppendScalar(column, row, form, out);
  } else {
    *out += "null";
  }
  *out += '}';
}

void AppendZigZag(int64_t value, std::string* out) {
  auto bits = static_cast<uint64_t>(value) << 1 ^ static_cast<uint64_t>(value >> 63);
  for (; bits >= 0x80; bits >>= 7) out->push_back(static_cast<char>(bits | 0x80));
  out->push_back(static_cast<char>(bits));
}

void AppendAvroBytes(std::string_view bytes, std::string* out) {
  AppendZigZag(static_cast<int64_t>(bytes.size()), out);
  out->append(bytes);
}

/// Big end first, as short as two's complements are.
void AppendAvroDecimal(Numeric value, std::string* out) {
  std::string bytes;
  for (int shift = 120; shift >= 0; shift -= 8) {
    bytes += static_cast<char>(static_cast<uint8_t>(value >> shift & 0xFF));
  }
  while (bytes.size() > 1 && ((bytes[0] == 0 && (bytes[1] & 0x80) == 0) ||
                              (bytes[0] == '\xff' && (bytes[1] & 0x80) != 0))) {
    bytes.erase(0, 1);
  }
  AppendAvroBytes(bytes, out);
}

void AppendAvroScalar(const ColumnReader& column, size_t row, std::string* out) {
  switch (column.field().type) {
    case FieldType::kString:
    case FieldType::kJson:
    case FieldType::kBytes: AppendAvroBytes(column.Text(row), out); return;
    case FieldType::kInteger: AppendZigZag(static_cast<int64_t>(column.Integer(row)), out); return;
    case FieldType::kFloat: {
      const double value = column.Float(row);
      out->append(reinterpret_cast<const char*>(&value), sizeof(value));
      return;
    }
    case FieldType::kNumeric: AppendAvroDecimal(column.NumericValue(row), out); return;
    case FieldType::kBoolean: out->push_back(column.Boolean(row) ? 1 : 0); return;
    case FieldType::kTimestamp:
    case FieldType::kTime: AppendZigZag(column.Micros(row), out); return;
    case FieldType::kDatetime: AppendAvroBytes(DatetimeText(column.Micros(row)), out); return;
    case FieldType::kDate: AppendZigZag(column.Days(row), out); return;
    case FieldType::kRecord:
      for (const ColumnReader& part : column.parts()) AppendAvro(part, row, out);
      return;
  }
}

nlohmann::ordered_json AvroFields(const std::vector<Field>& fields, int* records);

nlohmann::ordered_json AvroTypeOf(const Field& field, int* records) {
  switch (field.type) {
    case FieldType::kString: return "string";
    case FieldType::kBytes: return "bytes";
    case FieldType::kInteger: return "long";
    case FieldType::kFloat: return "double";
    case FieldType::kBoolean: return "boolean";
    case FieldType::kNumeric:
      return {{"type", "bytes"}, {"logicalType", "decimal"}, {"precision", 38}, {"scale", 9}};
    case FieldType::kTimestamp: return {{"type", "long"}, {"logicalType", "timestamp-micros"}};
    case FieldType::kDatetime: return {{"type", "string"}, {"sqlType", "DATETIME"}};
    case FieldType::kDate: return {{"type", "int"}, {"logicalType", "date"}};
    case FieldType::kTime: return {{"type", "long"}, {"logicalType", "time-micros"}};
    case FieldType::kJson: return {{"type", "string"}, {"sqlType", "JSON"}};
    case FieldType::kRecord: break;
  }
  const std::string name = "__s_" + std::to_string((*records)++);
  return {{"type", "record"}, {"name", name}, {"fields", AvroFields(field.fields, records)}};
}

nlohmann::ordered_json AvroFields(const std::vector<Field>& fields, int* records) {
  auto array = nlohmann::ordered_json::array();
  for (const Field& field : fields) {
    nlohmann::ordered_json type = AvroTypeOf(field, records);
    if (field.mode == FieldMode::kRepeated) {
      type = nlohmann::ordered_json{{"type", "array"}, {"items", std::move(type)}};
    } else if (field.mode == FieldMode::kNullable) {
      type = nlohmann::ordered_json::array({"null", std::move(type)});
    }
    array.push_back({{"name", field.name}, {"type", std::move(type)}});
  }
  return array;
}

}  // namespace

ColumnReader::ColumnReader(const Field& field, duckdb_vector vector)
    : ColumnReader(field, vector, false) {}

ColumnReader::ColumnReader(const Field& field, duckdb_vector vector, bool is_element)
    : field_(&field),
      data_(duckdb_vector_get_data(vector)),
      validity_(duckdb_vector_get_validity(vector)) {
  if (field.mode == FieldMode::kRepeated && !is_element) {
    elements_.reset(new ColumnReader(field, duckdb_list_vector_get_child(vector), true));
    return;
  }
  for (size_t i = 0; i < field.fields.size(); ++i) {
    parts_.emplace_back(field.fields[i], duckdb_struct_vector_get_child(vector, i));
  }
  const DuckType type(duckdb_vector_get_column_type(vector));
  type_ = type.id();
  if (type_ == DUCKDB_TYPE_DECIMAL) {
    scale_ = duckdb_decimal_scale(type.get());
    type_ = duckdb_decimal_internal_type(type.get());
  }
}

Numeric ColumnReader::Integer(size_t row) const { return WholeAt(type_, data_, row); }

double ColumnReader::Float(size_t row) const {
  if (type_ == DUCKDB_TYPE_FLOAT) return static_cast<double>(static_cast<const float*>(data_)[row]);
  return static_cast<const double*>(data_)[row];
}

Numeric ColumnReader::NumericValue(size_t row) const {
  Numeric value = WholeAt(type_, data_, row);
  for (int i = scale_; i < 9; ++i) value *= 10;
  for (int i = 9; i < scale_; ++i) value /= 10;
  return value;
}

void AppendJsonText(std::string_view text, std::string* out) {
  constexpr std::string_view kHex = "0123456789abcdef";
  *out += '"';
  size_t begin = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<uint8_t>(text[i]);
    if (c >= 0x20 && c != '"' && c != '\\') continue;
    out->append(text.substr(begin, i - begin));
    begin = i + 1;
    if (c == '"' || c == '\\') {
      *out += '\\';
      *out += static_cast<char>(c);
    } else if (c == '\n') {
      *out += "\\n";
    } else {
      *out += "\\u00";
      *out += kHex[c >> 4];
      *out += kHex[c & 15];
    }
  }
  out->append(text.substr(begin));
  *out += '"';
}

void AppendJsonRows(const Schema& schema, const Chunk& chunk, size_t begin, size_t end,
                    const JsonForm& form, std::string* out) {
  std::vector<ColumnReader> columns;
  for (size_t i = 0; i < schema.fields.size(); ++i) {
    columns.emplace_back(schema.fields[i], chunk.column(i));
  }
  for (size_t row = begin; row < end; ++row) {
    if (row > begin) *out += ',';
    AppendRecord(columns, row, form, out);
  }
}

void AppendAvro(const ColumnReader& column, size_t row, std::string* out) {
  const Field& field = column.field();
  if (field.mode == FieldMode::kRepeated) {
    const duckdb_list_entry list = column.has(row) ? column.List(row) : duckdb_list_entry{0, 0};
    if (list.length > 0) {
      AppendZigZag(static_cast<int64_t>(list.length), out);
      for (uint64_t i = 0; i < list.length; ++i) {
        AppendAvroScalar(column.elements(), list.offset + i, out);
      }
    }
    out->push_back(0);
    return;
  }
  if (field.mode == FieldMode::kNullable) out->push_back(column.has(row) ? 2 : 0);
  if (column.has(row)) AppendAvroScalar(column, row, out);
}

std::string AvroSchemaOf(const Schema& schema) {
  int records = 0;
  return nlohmann::ordered_json{
      {"type", "record"}, {"name", "__root__"}, {"fields", AvroFields(schema.fields, &records)}}
      .dump();
}

}  // namespace joist::tables
