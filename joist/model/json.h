// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Rows as JSON objects and back, by their schema. For configuration, messages and small data: it
// goes through Values. Pure functions.
//
// | in the schema                  | in JSON                                                      |
// |--------------------------------|--------------------------------------------------------------|
// | BOOLEAN, STRING, ROW, null     | the same                                                     |
// | BYTE to INT64, FLOAT, DOUBLE   | a number; "NaN", "Infinity", "-Infinity"                     |
// | BYTES                          | base64                                                       |
// | ARRAY, ITERABLE                | an array                                                     |
// | MAP                            | an object where keys are STRING, otherwise an array of       |
// |                                | {"key": …, "value": …}                                       |
// | millis_instant; decimal        | "2026-11-21T06:55:00.000Z"; "-100.123"                       |
// | other logical types            | their representation                                         |
//
// What is no UTF-8 in a STRING becomes U+FFFD. In JSON a field that may be null may be missing; an
// unknown one is an error.

#ifndef JOIST_MODEL_JSON_H_
#define JOIST_MODEL_JSON_H_

#include <string>
#include <string_view>

#include "joist/base/status.h"
#include "joist/model/coder.h"
#include "joist/model/schema.h"

namespace joist {

class Value;

/// The JSON of a row (a Record) of `schema`, on one line, fields in the schema's order.
Result<std::string> JsonFromRow(const Schema& schema, const Value& row);

/// The row that `json` stands for; the error names the field, as in "order.items[2].cents".
Result<Value> RowFromJson(const Schema& schema, std::string_view json);

namespace json_internal {
Result<std::string> JsonFromEncodedRow(const Schema& schema, std::string_view bytes);
Result<std::string> EncodedRowFromJson(const Schema& schema, std::string_view json);
}  // namespace json_internal

/// {"customer":"Ada","cents":250,"note":null}
template <IsRow T>
Result<std::string> ToJson(const T& row) {
  return json_internal::JsonFromEncodedRow(SchemaOf<T>(), EncodeToString(row));
}

template <IsRow T>
Result<T> FromJson(std::string_view json) {
  JOIST_ASSIGN_OR_RETURN(const std::string bytes,
                         json_internal::EncodedRowFromJson(SchemaOf<T>(), json));
  return DecodeFromString<T>(bytes);
}

}  // namespace joist

#endif  // JOIST_MODEL_JSON_H_
