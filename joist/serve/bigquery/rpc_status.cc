// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/serve/bigquery/rpc_status.h"

namespace joist::serve {

namespace {

using google::cloud::bigquery::storage::v1::TableFieldSchema;
using tables::FieldMode;
using tables::FieldType;

TableFieldSchema::Type TypeOf(FieldType type) {
  switch (type) {
    case FieldType::kString: return TableFieldSchema::STRING;
    case FieldType::kBytes: return TableFieldSchema::BYTES;
    case FieldType::kInteger: return TableFieldSchema::INT64;
    case FieldType::kFloat: return TableFieldSchema::DOUBLE;
    case FieldType::kNumeric: return TableFieldSchema::NUMERIC;
    case FieldType::kBoolean: return TableFieldSchema::BOOL;
    case FieldType::kTimestamp: return TableFieldSchema::TIMESTAMP;
    case FieldType::kDatetime: return TableFieldSchema::DATETIME;
    case FieldType::kDate: return TableFieldSchema::DATE;
    case FieldType::kTime: return TableFieldSchema::TIME;
    case FieldType::kJson: return TableFieldSchema::JSON;
    case FieldType::kRecord: return TableFieldSchema::STRUCT;
  }
  return TableFieldSchema::TYPE_UNSPECIFIED;
}

void Put(const tables::Field& field, TableFieldSchema* out) {
  out->set_name(field.name);
  out->set_type(TypeOf(field.type));
  out->set_mode(field.mode == FieldMode::kRequired   ? TableFieldSchema::REQUIRED
                : field.mode == FieldMode::kRepeated ? TableFieldSchema::REPEATED
                                                     : TableFieldSchema::NULLABLE);
  out->set_description(field.description);
  for (const tables::Field& part : field.fields) Put(part, out->add_fields());
}

}  // namespace

google::cloud::bigquery::storage::v1::TableSchema ToProto(const tables::Schema& schema) {
  google::cloud::bigquery::storage::v1::TableSchema out;
  for (const tables::Field& field : schema.fields) Put(field, out.add_fields());
  return out;
}

}  // namespace joist::serve
