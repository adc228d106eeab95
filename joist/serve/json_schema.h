// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// JsonSchema: what events of a topic have to look like, as a subset of JSON Schema says it: type,
// properties, required, additionalProperties, enum (of strings, numbers, booleans and null),
// minimum, maximum, minLength, maxLength, pattern (RE2), items, minItems, maxItems; title,
// description, default, examples, $schema, $id and $comment are passed over. Any other keyword is
// refused by name when the schema is read, as it would otherwise be taken for checked.
//
// Constant once read; used by any number of threads.

#ifndef JOIST_SERVE_JSON_SCHEMA_H_
#define JOIST_SERVE_JSON_SCHEMA_H_

#include <memory>
#include <string>
#include <string_view>

#include "joist/base/status.h"
#include "joist/serve/json_scanner.h"

namespace joist::serve {

class JsonSchema {
 public:
  /// The error names the keyword and where it stands: "schema /properties/age: …".
  static Result<JsonSchema> Read(std::string_view text);

  /// Takes one value, checked. Where it is malformed `scanner` has a problem; where it breaks the
  /// schema `violation` says so: "/items/0/price must be a number, but is a string".
  bool Take(JsonScanner* scanner, std::string* violation) const;

  struct Node;

 private:
  explicit JsonSchema(std::shared_ptr<const Node> root) : root_(std::move(root)) {}

  std::shared_ptr<const Node> root_;
};

}  // namespace joist::serve

#endif  // JOIST_SERVE_JSON_SCHEMA_H_
