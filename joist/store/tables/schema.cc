// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/store/tables/schema.h"

#include <algorithm>
#include <cctype>
#include <iterator>
#include <nlohmann/json.hpp>
#include <unordered_set>
#include <utility>

namespace joist::tables {

namespace {

struct TypeNames {
  std::string_view name;
  std::string_view other;
  std::string_view sql;
};
/// By FieldType.
constexpr TypeNames kTypeNames[] = {
    {"STRING", "STRING", "VARCHAR"},
    {"BYTES", "BYTES", "BLOB"},
    {"INTEGER", "INT64", "BIGINT"},
    {"FLOAT", "FLOAT64", "DOUBLE"},
    {"NUMERIC", "DECIMAL", "DECIMAL(38,9)"},
    {"BOOLEAN", "BOOL", "BOOLEAN"},
    {"TIMESTAMP", "TIMESTAMP", "TIMESTAMPTZ"},
    {"DATETIME", "DATETIME", "TIMESTAMP"},
    {"DATE", "DATE", "DATE"},
    {"TIME", "TIME", "TIME"},
    {"JSON", "JSON", "JSON"},
    {"RECORD", "STRUCT", ""},
};
static_assert(std::size(kTypeNames) == static_cast<size_t>(FieldType::kRecord) + 1);

char LowerOf(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

Result<FieldMode> FieldModeOf(std::string_view name) {
  if (name.empty() || SameName(name, "NULLABLE")) return FieldMode::kNullable;
  if (SameName(name, "REQUIRED")) return FieldMode::kRequired;
  if (SameName(name, "REPEATED")) return FieldMode::kRepeated;
  return InvalidArgument("\"" + std::string(name) +
                         "\" is no mode of a field; there are NULLABLE, REQUIRED and REPEATED");
}

Status CheckFieldName(std::string_view name) {
  const auto is_part = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || (c & 0x80) != 0;
  };
  const bool good = !name.empty() && name.size() <= 300 &&
                    std::isdigit(static_cast<unsigned char>(name[0])) == 0 &&
                    std::all_of(name.begin(), name.end(), is_part);
  if (good) return OkStatus();
  return InvalidArgument("Invalid field name \"" + std::string(name) +
                         "\". Fields must contain only letters, numbers, and underscores, start "
                         "with a letter or underscore, and be at most 300 characters long.");
}

Status CheckFields(const std::vector<Field>& fields, int depth, size_t* count) {
  if (depth > kDeepestField) return InvalidArgument("records of the schema lie too deep (15)");
  *count += fields.size();
  if (*count > kMostFields) return InvalidArgument("the schema has more than 2000 fields");
  std::unordered_set<std::string> names;
  for (const Field& field : fields) {
    JOIST_RETURN_IF_ERROR(CheckFieldName(field.name));
    if (!names.insert(Lower(field.name)).second) {
      return InvalidArgument("the schema has two fields of the name " + field.name);
    }
    if (field.type != FieldType::kRecord) continue;
    if (field.fields.empty()) return InvalidArgument("the record " + field.name + " has no fields");
    JOIST_RETURN_IF_ERROR(CheckFields(field.fields, depth + 1, count));
  }
  return OkStatus();
}

Status CheckSchema(const Schema& schema) {
  size_t count = 0;
  return CheckFields(schema.fields, 1, &count);
}

std::string TextOf(const nlohmann::json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

Result<std::vector<Field>> FieldsFromJson(const nlohmann::json& array, int depth) {
  if (!array.is_array()) return InvalidArgument("a schema's fields must be an array");
  if (depth > kDeepestField) return InvalidArgument("records of the schema lie too deep (15)");
  std::vector<Field> fields;
  for (const nlohmann::json& object : array) {
    if (!object.is_object()) return InvalidArgument("a field of a schema must be an object");
    Field field;
    field.name = TextOf(object, "name");
    field.description = TextOf(object, "description");
    JOIST_ASSIGN_OR_RETURN(field.type, FieldTypeOf(TextOf(object, "type")));
    JOIST_ASSIGN_OR_RETURN(field.mode, FieldModeOf(TextOf(object, "mode")));
    if (!TextOf(object, "defaultValueExpression").empty()) {
      return InvalidArgument("the field " + field.name +
                             " has a default value; there are none here");
    }
    if (const auto parts = object.find("fields");
        parts != object.end() && field.type == FieldType::kRecord) {
      JOIST_ASSIGN_OR_RETURN(field.fields, FieldsFromJson(*parts, depth + 1));
    }
    fields.push_back(std::move(field));
  }
  return fields;
}

nlohmann::ordered_json FieldsToJson(const std::vector<Field>& fields) {
  auto array = nlohmann::ordered_json::array();
  for (const Field& field : fields) {
    nlohmann::ordered_json object = {{"name", field.name},
                                     {"type", FieldTypeName(field.type)},
                                     {"mode", FieldModeName(field.mode)}};
    if (!field.description.empty()) object["description"] = field.description;
    if (field.type == FieldType::kRecord) object["fields"] = FieldsToJson(field.fields);
    array.push_back(std::move(object));
  }
  return array;
}

Result<Field> FieldFromText(std::string_view text) {
  Field field;
  const size_t colon = text.find(':');
  field.name = text.substr(0, colon);
  if (colon == std::string_view::npos) return field;
  text.remove_prefix(colon + 1);
  const size_t second = text.find(':');
  JOIST_ASSIGN_OR_RETURN(field.type, FieldTypeOf(text.substr(0, second)));
  if (field.type == FieldType::kRecord) {
    return InvalidArgument("the record " + field.name + " needs a schema in JSON");
  }
  if (second != std::string_view::npos) {
    JOIST_ASSIGN_OR_RETURN(field.mode, FieldModeOf(text.substr(second + 1)));
  }
  return field;
}

Status CheckFieldChange(const std::vector<Field>& from, const std::vector<Field>& to,
                        const std::string& where) {
  for (const Field& field : from) {
    const auto after = std::find_if(to.begin(), to.end(),
                                    [&](const Field& f) { return SameName(f.name, field.name); });
    const std::string name = where + field.name;
    if (after == to.end()) {
      return InvalidArgument("Provided Schema does not match Table. Field " + name +
                             " is missing in new schema");
    }
    if (after->type != field.type) {
      return InvalidArgument("Provided Schema does not match Table. Field " + name +
                             " has changed type from " + std::string(FieldTypeName(field.type)) +
                             " to " + std::string(FieldTypeName(after->type)));
    }
    const bool relaxed = field.mode == FieldMode::kRequired && after->mode == FieldMode::kNullable;
    if (after->mode != field.mode && !relaxed) {
      return InvalidArgument("Provided Schema does not match Table. Field " + name +
                             " has changed mode from " + std::string(FieldModeName(field.mode)) +
                             " to " + std::string(FieldModeName(after->mode)));
    }
    JOIST_RETURN_IF_ERROR(CheckFieldChange(field.fields, after->fields, name + "."));
  }
  for (const Field& field : to) {
    const bool is_new = std::none_of(from.begin(), from.end(),
                                     [&](const Field& f) { return SameName(f.name, field.name); });
    if (is_new && field.mode == FieldMode::kRequired) {
      return InvalidArgument(
          "Provided Schema does not match Table. Cannot add required fields to "
          "an existing schema. (field: " +
          where + field.name + ")");
    }
  }
  return OkStatus();
}

}  // namespace

bool SameName(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) {
           return LowerOf(x) == LowerOf(y);
         });
}

std::string Lower(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(), LowerOf);
  return lower;
}

int Schema::Find(std::string_view name) const {
  for (size_t i = 0; i < fields.size(); ++i) {
    if (SameName(fields[i].name, name)) return static_cast<int>(i);
  }
  return -1;
}

std::string_view FieldTypeName(FieldType type) {
  return kTypeNames[static_cast<size_t>(type)].name;
}

std::string_view FieldModeName(FieldMode mode) {
  constexpr std::string_view kNames[] = {"NULLABLE", "REQUIRED", "REPEATED"};
  return kNames[static_cast<size_t>(mode)];
}

Result<FieldType> FieldTypeOf(std::string_view name) {
  for (size_t i = 0; i < std::size(kTypeNames); ++i) {
    if (SameName(name, kTypeNames[i].name) || SameName(name, kTypeNames[i].other)) {
      return static_cast<FieldType>(i);
    }
  }
  return InvalidArgument("\"" + std::string(name) +
                         "\" is no type of a field that is known; there are STRING, BYTES, "
                         "INTEGER, FLOAT, NUMERIC, BOOLEAN, TIMESTAMP, DATETIME, DATE, TIME, JSON "
                         "and RECORD");
}

Result<Schema> SchemaFromJson(std::string_view json) {
  const auto read = nlohmann::json::parse(json, nullptr, false);
  if (read.is_discarded()) return InvalidArgument("the schema is not JSON");
  Schema schema;
  if (read.is_object()) {
    const auto fields = read.find("fields");
    if (fields == read.end()) return schema;
    JOIST_ASSIGN_OR_RETURN(schema.fields, FieldsFromJson(*fields, 1));
  } else {
    JOIST_ASSIGN_OR_RETURN(schema.fields, FieldsFromJson(read, 1));
  }
  JOIST_RETURN_IF_ERROR(CheckSchema(schema));
  return schema;
}

Result<Schema> SchemaFromText(std::string_view text) {
  Schema schema;
  while (!text.empty()) {
    const size_t comma = text.find(',');
    JOIST_ASSIGN_OR_RETURN(Field field, FieldFromText(text.substr(0, comma)));
    schema.fields.push_back(std::move(field));
    text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
  }
  JOIST_RETURN_IF_ERROR(CheckSchema(schema));
  return schema;
}

std::string SchemaToJson(const Schema& schema) {
  return nlohmann::ordered_json{{"fields", FieldsToJson(schema.fields)}}.dump(
      -1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

std::string SqlTypeOf(const Field& field) {
  std::string type(kTypeNames[static_cast<size_t>(field.type)].sql);
  if (field.type == FieldType::kRecord) {
    type = "STRUCT(";
    for (const Field& part : field.fields) {
      if (&part != field.fields.data()) type += ", ";
      type += Quoted(part.name) + " " + SqlTypeOf(part);
    }
    type += ")";
  }
  if (field.mode == FieldMode::kRepeated) type += "[]";
  return type;
}

std::string SqlColumnOf(const Field& field) {
  std::string column = Quoted(field.name) + " " + SqlTypeOf(field);
  if (field.mode == FieldMode::kRequired) column += " NOT NULL";
  return column;
}

std::string Quoted(std::string_view name) {
  std::string quoted = "\"";
  for (const char c : name) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

std::string QuotedText(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'') quoted += '\'';
    quoted += c;
  }
  return quoted + '\'';
}

Status CheckSchemaChange(const Schema& from, const Schema& to) {
  JOIST_RETURN_IF_ERROR(CheckSchema(to));
  return CheckFieldChange(from.fields, to.fields, "");
}

}  // namespace joist::tables
