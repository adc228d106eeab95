// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/bigquery/columns.h"

#include <algorithm>
#include <utility>

#include <google/protobuf/descriptor.pb.h>

namespace joist::bigquery {
namespace {

using ::google::protobuf::DescriptorProto;
using ::google::protobuf::FieldDescriptorProto;

struct TypeNames {
  std::string_view in_schemas;
  FieldDescriptorProto::Type in_messages;
};

TypeNames NamesOf(ColumnType type) {
  switch (type) {
    case ColumnType::kString: return {"STRING", FieldDescriptorProto::TYPE_STRING};
    case ColumnType::kBytes: return {"BYTES", FieldDescriptorProto::TYPE_BYTES};
    case ColumnType::kInteger: return {"INTEGER", FieldDescriptorProto::TYPE_INT64};
    case ColumnType::kFloat: return {"FLOAT", FieldDescriptorProto::TYPE_DOUBLE};
    case ColumnType::kBoolean: return {"BOOLEAN", FieldDescriptorProto::TYPE_BOOL};
    case ColumnType::kTimestamp: return {"TIMESTAMP", FieldDescriptorProto::TYPE_INT64};
    case ColumnType::kRecord: break;
  }
  return {"RECORD", FieldDescriptorProto::TYPE_MESSAGE};
}

std::string_view NameOf(ColumnMode mode) {
  switch (mode) {
    case ColumnMode::kRequired: return "REQUIRED";
    case ColumnMode::kNullable: return "NULLABLE";
    case ColumnMode::kRepeated: break;
  }
  return "REPEATED";
}

FieldDescriptorProto::Label LabelOf(ColumnMode mode) {
  switch (mode) {
    case ColumnMode::kRequired: return FieldDescriptorProto::LABEL_REQUIRED;
    case ColumnMode::kNullable: return FieldDescriptorProto::LABEL_OPTIONAL;
    case ColumnMode::kRepeated: break;
  }
  return FieldDescriptorProto::LABEL_REPEATED;
}

void Describe(const std::vector<Column>& columns, std::string_view name, DescriptorProto* message) {
  message->set_name(std::string(name));
  int number = 0;
  for (const Column& column : columns) {
    FieldDescriptorProto& field = *message->add_field();
    field.set_name(column.name);
    field.set_number(++number);
    field.set_label(LabelOf(column.mode));
    field.set_type(NamesOf(column.type).in_messages);
    if (column.type == ColumnType::kRecord) {
      const std::string type = "Record" + std::to_string(number);
      Describe(column.fields, type, message->add_nested_type());
      field.set_type_name(type);
    }
  }
}

/// Whether the text is of one part: without slash, dot and colon.
bool IsOnePart(std::string_view text) {
  return !text.empty() && text.find_first_of("/.:") == std::string_view::npos;
}

}  // namespace

std::string DescriptorOf(const std::vector<Column>& columns) {
  DescriptorProto message;
  Describe(columns, "Row", &message);
  return message.SerializeAsString();
}

std::string SchemaJson(const std::vector<Column>& columns) {
  std::string json = "[";
  for (const Column& column : columns) {
    if (json.size() > 1) json += ',';
    // A name of C++ needs no escapes.
    json += "{\"name\":\"" + column.name + "\",\"type\":\"";
    json += NamesOf(column.type).in_schemas;
    json += "\",\"mode\":\"";
    json += NameOf(column.mode);
    json += '"';
    if (column.type == ColumnType::kRecord) json += ",\"fields\":" + SchemaJson(column.fields);
    json += '}';
  }
  return json + "]";
}

Result<std::string> TablePath(std::string_view table) {
  std::string_view rest = table;
  std::string_view parts[3];
  if (rest.starts_with("projects/")) {
    constexpr std::string_view kBefore[] = {"projects/", "/datasets/", "/tables/"};
    for (size_t i = 0; i < 3; ++i) {
      if (!rest.starts_with(kBefore[i])) rest = {};
      rest.remove_prefix(std::min(kBefore[i].size(), rest.size()));
      parts[i] = rest.substr(0, rest.find('/'));
      rest.remove_prefix(parts[i].size());
    }
  } else {
    // A project of a domain has a colon itself: "example.com:shop".
    const size_t table_dot = rest.rfind('.');
    parts[2] = table_dot == std::string_view::npos ? "" : rest.substr(table_dot + 1);
    rest = rest.substr(0, std::min(table_dot, rest.size()));
    const size_t before_dataset = rest.find_last_of(".:");
    parts[1] = before_dataset == std::string_view::npos ? "" : rest.substr(before_dataset + 1);
    parts[0] = before_dataset == std::string_view::npos ? "" : rest.substr(0, before_dataset);
    rest = {};
  }
  if (parts[0].empty() || parts[0].find('/') != std::string_view::npos || !IsOnePart(parts[1]) ||
      !IsOnePart(parts[2]) || !rest.empty()) {
    return InvalidArgument("'" + std::string(table) +
                           "' is no table: it takes PROJECT.DATASET.TABLE");
  }
  return "projects/" + std::string(parts[0]) + "/datasets/" + std::string(parts[1]) + "/tables/" +
         std::string(parts[2]);
}

TableParts PartsOf(std::string_view path) {
  const size_t dataset = path.find("/datasets/");
  const size_t table = path.find("/tables/");
  constexpr size_t kProjects = 9, kDatasets = 10, kTables = 8;
  return {std::string(path.substr(kProjects, dataset - kProjects)),
          std::string(path.substr(dataset + kDatasets, table - dataset - kDatasets)),
          std::string(path.substr(table + kTables))};
}

}  // namespace joist::bigquery
