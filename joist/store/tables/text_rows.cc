// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/store/tables/text_rows.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

namespace joist::tables {

namespace {

using nlohmann::json;

/// Rows that a schema is guessed from.
constexpr size_t kSample = 500;

bool Fail(const Field& field, const std::string& value, FieldFault* fault) {
  *fault = {field.name, "Cannot convert value to " + Lower(FieldTypeName(field.type)) +
                            " (bad value): " + value.substr(0, 100)};
  return false;
}

bool PutRecord(const json& object, bool ignore_unknown, std::vector<ColumnWriter>* columns,
               size_t row, FieldFault* fault);

/// One value that isn't null, nor a list.
bool PutScalar(const json& value, bool ignore_unknown, ColumnWriter* column, size_t row,
               FieldFault* fault) {
  const Field& field = column->field();
  if (field.type == FieldType::kRecord) {
    if (!value.is_object()) {
      *fault = {field.name, "This field: " + field.name + " is a record."};
      return false;
    }
    return PutRecord(value, ignore_unknown, &column->parts(), row, fault);
  }
  if (field.type == FieldType::kJson) {
    if (value.is_string() && column->SetFromText(row, value.get_ref<const std::string&>())) {
      return true;
    }
    column->SetText(row, value.dump());
    return true;
  }
  if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    return column->SetFromText(row, text) || Fail(field, text, fault);
  }
  if (value.is_structured()) {
    *fault = {field.name, value.is_array() ? "Array specified for non-repeated field."
                                           : "This field: " + field.name + " is not a record."};
    return false;
  }
  if (value.is_boolean() && field.type != FieldType::kBoolean && field.type != FieldType::kString) {
    return Fail(field, value.dump(), fault);
  }
  if (value.is_number_float() && field.type == FieldType::kInteger) {
    const double number = value.get<double>();
    if (number == static_cast<double>(static_cast<int64_t>(number)) && std::abs(number) < 9e15) {
      column->SetInteger(row, static_cast<int64_t>(number));
      return true;
    }
  }
  const std::string text = value.dump();
  return column->SetFromText(row, text) || Fail(field, text, fault);
}

bool PutValue(const json& value, bool ignore_unknown, ColumnWriter* column, size_t row,
              FieldFault* fault) {
  if (!column->is_list()) return PutScalar(value, ignore_unknown, column, row, fault);
  column->BeginList(row);
  if (!value.is_array()) {
    *fault = {column->field().name, "Field is repeated; an array is needed."};
    return false;
  }
  for (const json& element : value) {
    const size_t place = column->AddElement(row);
    if (element.is_null()) {
      column->element().SetNull(place);
      *fault = {column->field().name, "Only optional fields can be set to NULL."};
      return false;
    }
    if (!PutScalar(element, ignore_unknown, &column->element(), place, fault)) {
      column->element().SetNull(place);
      return false;
    }
  }
  return true;
}

bool PutAbsent(ColumnWriter* column, size_t row, FieldFault* fault) {
  if (column->field().mode == FieldMode::kRequired) {
    *fault = {column->field().name, "Missing required field: " + column->field().name + "."};
    return false;
  }
  if (column->is_list()) {
    column->BeginList(row);
  } else {
    column->SetNull(row);
  }
  return true;
}

bool PutRecord(const json& object, bool ignore_unknown, std::vector<ColumnWriter>* columns,
               size_t row, FieldFault* fault) {
  std::vector<bool> given(columns->size());
  for (const auto& [name, value] : object.items()) {
    const auto found = std::find_if(
        columns->begin(), columns->end(),
        [&name = name](const ColumnWriter& column) { return SameName(column.field().name, name); });
    if (found == columns->end()) {
      if (ignore_unknown) continue;
      *fault = {name, "no such field: " + name + "."};
      return false;
    }
    const auto index = static_cast<size_t>(found - columns->begin());
    if (value.is_null() || given[index]) continue;
    given[index] = true;
    if (!PutValue(value, ignore_unknown, &*found, row, fault)) return false;
  }
  for (size_t i = 0; i < columns->size(); ++i) {
    if (!given[i] && !PutAbsent(&(*columns)[i], row, fault)) return false;
  }
  return true;
}

/// A line off the front, without its end.
std::string_view TakeLine(std::string_view* text) {
  const size_t end = std::min(text->find('\n'), text->size());
  std::string_view line = text->substr(0, end);
  text->remove_prefix(std::min(end + 1, text->size()));
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

bool AddCsvRow(const std::vector<std::string>& fields, const LoadFormat& format, RowBatch* batch,
               FieldFault* fault) {
  std::vector<ColumnWriter>& columns = batch->columns();
  if (fields.size() > columns.size() && !format.ignore_unknown) {
    *fault = {"", "Too many values in row. Expected " + std::to_string(columns.size()) +
                      " column(s) but saw " + std::to_string(fields.size()) + "."};
    return false;
  }
  batch->BeginRow();
  const size_t row = batch->row_in_chunk();
  for (size_t i = 0; i < columns.size(); ++i) {
    const bool is_null = i >= fields.size() || fields[i] == format.null_marker;
    const bool is_text = columns[i].field().type == FieldType::kString;
    bool good = true;
    if (is_null && !(is_text && i < fields.size() && format.null_marker.empty())) {
      good = PutAbsent(&columns[i], row, fault);
    } else if (columns[i].is_list() || columns[i].field().type == FieldType::kRecord) {
      *fault = {columns[i].field().name, "CSV has no values for repeated fields and records."};
      good = false;
    } else if (!columns[i].SetFromText(row, fields[i])) {
      good = Fail(columns[i].field(), fields[i], fault);
    }
    if (!good) {
      batch->DropRow();
      return false;
    }
  }
  batch->EndRow();
  return true;
}

/// The type that both values have.
FieldType Wider(FieldType a, FieldType b) {
  if (a == b) return a;
  const auto is_number = [](FieldType type) {
    return type == FieldType::kInteger || type == FieldType::kFloat;
  };
  return is_number(a) && is_number(b) ? FieldType::kFloat : FieldType::kString;
}

FieldType TypeOfText(const std::string& text) {
  if (ReadInteger(text)) return FieldType::kInteger;
  if (ReadFloat(text)) return FieldType::kFloat;
  if (SameName(text, "true") || SameName(text, "false")) return FieldType::kBoolean;
  if (ReadDate(text)) return FieldType::kDate;
  if (ReadTimestamp(text)) return FieldType::kTimestamp;
  return FieldType::kString;
}

void DetectFields(const json& object, int depth, std::vector<Field>* fields,
                  std::map<std::string, bool>* typed, const std::string& path) {
  if (depth > kDeepestField) return;
  for (const auto& [name, given] : object.items()) {
    const bool repeated = given.is_array();
    const json value = repeated ? (given.empty() ? json() : given[0]) : given;
    auto field = std::find_if(fields->begin(), fields->end(),
                              [&name = name](const Field& f) { return SameName(f.name, name); });
    if (field == fields->end()) field = fields->insert(field, Field{.name = name});
    if (repeated) field->mode = FieldMode::kRepeated;
    if (value.is_null()) continue;
    const FieldType type = value.is_object()           ? FieldType::kRecord
                           : value.is_boolean()        ? FieldType::kBoolean
                           : value.is_number_integer() ? FieldType::kInteger
                           : value.is_number()         ? FieldType::kFloat
                                                       : TypeOfText(value.get<std::string>());
    bool& known = (*typed)[path + name];
    field->type = known ? Wider(field->type, type) : type;
    // A text of digits is a text.
    if (value.is_string() && (type == FieldType::kInteger || type == FieldType::kFloat)) {
      field->type = FieldType::kString;
    }
    known = true;
    if (value.is_object()) DetectFields(value, depth + 1, &field->fields, typed, path + name + ".");
  }
}

Result<Schema> DetectJson(std::string_view text) {
  Schema schema;
  std::map<std::string, bool> typed;
  for (size_t i = 0; i < kSample && !text.empty(); ++i) {
    const std::string_view line = TakeLine(&text);
    if (line.empty()) continue;
    const json row = IsShallowJson(line) ? json::parse(line, nullptr, false) : json();
    if (!row.is_object())
      return InvalidArgument("Error while reading data, error message: a row is no JSON object");
    DetectFields(row, 1, &schema.fields, &typed, "");
  }
  return SchemaFromJson(SchemaToJson(schema));
}

Result<Schema> DetectCsv(std::string_view text, char delimiter) {
  std::vector<std::string> names;
  if (!TakeCsvRecord(&text, delimiter, &names))
    return InvalidArgument("a quote of the CSV isn't closed");
  std::vector<std::optional<FieldType>> types(names.size());
  std::vector<std::string> values;
  for (size_t i = 0; i < kSample && !text.empty(); ++i) {
    if (!TakeCsvRecord(&text, delimiter, &values)) break;
    for (size_t c = 0; c < std::min(values.size(), types.size()); ++c) {
      if (values[c].empty()) continue;
      const FieldType type = TypeOfText(values[c]);
      types[c] = types[c] ? Wider(*types[c], type) : type;
    }
  }
  Schema schema;
  for (size_t c = 0; c < names.size(); ++c) {
    std::string name;
    for (const char letter : names[c])
      name += std::isalnum(static_cast<unsigned char>(letter)) != 0 ? letter : '_';
    schema.fields.push_back({.name = name, .type = types[c].value_or(FieldType::kString)});
  }
  return SchemaFromJson(SchemaToJson(schema));
}

}  // namespace

bool IsShallowJson(std::string_view text) {
  constexpr int kDeepestJson = 100;
  int depth = 0;
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '\\') ++i;
      if (c == '"') quoted = false;
    } else if (c == '"') {
      quoted = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kDeepestJson) return false;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return true;
}

bool AddJsonRow(const json& row, bool ignore_unknown, RowBatch* batch, FieldFault* fault) {
  if (!row.is_object()) {
    *fault = {"", "A row must be a JSON object."};
    return false;
  }
  batch->BeginRow();
  if (!PutRecord(row, ignore_unknown, &batch->columns(), batch->row_in_chunk(), fault)) {
    batch->DropRow();
    return false;
  }
  batch->EndRow();
  return true;
}

bool TakeCsvRecord(std::string_view* text, char delimiter, std::vector<std::string>* fields) {
  fields->clear();
  fields->emplace_back();
  bool quoted = false;
  while (!text->empty()) {
    const char c = text->front();
    text->remove_prefix(1);
    if (quoted) {
      if (c != '"') {
        fields->back() += c;
      } else if (text->starts_with('"')) {
        fields->back() += '"';
        text->remove_prefix(1);
      } else {
        quoted = false;
      }
    } else if (c == '"') {
      quoted = true;
    } else if (c == delimiter) {
      fields->emplace_back();
    } else if (c == '\n') {
      break;
    } else if (c != '\r' || !text->starts_with('\n')) {
      fields->back() += c;
    }
  }
  return !quoted;
}

Result<int64_t> AddRows(std::string_view text, const LoadFormat& format, RowBatch* batch) {
  batch->AddBytes(text.size());
  int64_t bad = 0;
  int64_t line_number = 0;
  std::vector<std::string> fields;
  while (!text.empty()) {
    FieldFault fault;
    bool good = true;
    ++line_number;
    if (format.csv) {
      good = TakeCsvRecord(&text, format.delimiter, &fields);
      if (line_number <= format.skip_rows || (fields.size() == 1 && fields[0].empty())) continue;
      if (good) {
        good = AddCsvRow(fields, format, batch, &fault);
      } else {
        fault.message = "a quote isn't closed";
      }
    } else {
      const std::string_view line = TakeLine(&text);
      if (line.find_first_not_of(" \t") == std::string_view::npos) continue;
      const json row = IsShallowJson(line) ? json::parse(line, nullptr, false) : json();
      good = AddJsonRow(row, format.ignore_unknown, batch, &fault);
    }
    if (good || ++bad <= format.most_bad_rows) continue;
    return InvalidArgument(
        "Error while reading data, error message: row " + std::to_string(line_number) +
        (fault.location.empty() ? "" : ", field " + fault.location) + ": " + fault.message);
  }
  return bad;
}

Result<Schema> DetectSchema(std::string_view text, const LoadFormat& format) {
  JOIST_ASSIGN_OR_RETURN(Schema schema,
                         format.csv ? DetectCsv(text, format.delimiter) : DetectJson(text));
  if (schema.fields.empty()) return InvalidArgument("there is no row from which to tell a schema");
  return schema;
}

}  // namespace joist::tables
