// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/parquet/column_builder.h"

#include <utility>

namespace joist::parquet {
namespace {

size_t WidthOf(Form form) {
  switch (form) {
    case Form::kBool:
    case Form::kInt8: return 1;
    case Form::kInt16: return 2;
    case Form::kInt32:
    case Form::kFloat: return 4;
    case Form::kInt64:
    case Form::kUint64:
    case Form::kDouble: return 8;
    default: return 0;
  }
}

}  // namespace

ColumnBuilder ColumnBuilder::Of(const FieldType& given, std::string path) {
  ColumnBuilder column;
  column.type = given;
  column.form = FormOf(given);
  column.path = std::move(path);
  const FieldType* type = &given;
  if (column.form == Form::kList || column.form == Form::kMap || column.form == Form::kRow) {
    while (type->kind == FieldType::Kind::kLogical) type = &type->parts[0];
  }
  switch (column.form) {
    case Form::kText: column.offsets.push_back(0); break;
    case Form::kList:
      column.offsets.push_back(0);
      column.parts.push_back(Of(type->parts[0], column.path + "[]"));
      break;
    case Form::kMap:
      column.offsets.push_back(0);
      column.parts.push_back(Of(type->parts[0], column.path + ".key"));
      column.parts.push_back(Of(type->parts[1], column.path + ".value"));
      break;
    case Form::kRow:
      for (const Field& field : type->row[0].fields) {
        column.parts.push_back(Of(field.type, column.path + "." + field.name));
      }
      break;
    default: break;
  }
  return column;
}

size_t ColumnBuilder::bytes() const {
  size_t sum = present.size() + values.size() + offsets.size() * sizeof(offsets[0]);
  for (const ColumnBuilder& part : parts) sum += part.bytes();
  return sum;
}

void ColumnBuilder::Clear() {
  size = 0;
  nulls = 0;
  present.clear();
  values.clear();
  if (!offsets.empty()) offsets.erase(offsets.begin() + 1, offsets.end());
  for (ColumnBuilder& part : parts) part.Clear();
}

void ColumnBuilder::PutNothing() {
  ++size;
  switch (form) {
    case Form::kText: EndAt(values.size()); break;
    case Form::kList:
    case Form::kMap: EndAt(parts[0].size); break;
    case Form::kRow:
      for (ColumnBuilder& part : parts) {
        if (part.type.nullable) {
          part.PutNull();
        } else {
          part.PutNothing();
        }
      }
      break;
    default: values.resize(values.size() + WidthOf(form));
  }
}

}  // namespace joist::parquet
