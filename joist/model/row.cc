// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/model/row.h"

namespace joist {

FieldType FieldCoder<Duration>::Type() {
  Schema schema;
  row_internal::AddField("seconds", FieldType::Atomic(AtomicType::kInt64), &schema);
  row_internal::AddField("nanos", FieldType::Atomic(AtomicType::kInt32), &schema);
  return FieldType::Logical(kNanosDurationType, FieldType::Row(std::move(schema)));
}

namespace row_internal {

void AddField(std::string_view name, FieldType type, Schema* schema) {
  Field& field = schema->fields.emplace_back();
  field.name = name;
  field.type = std::move(type);
}

}  // namespace row_internal
}  // namespace joist
