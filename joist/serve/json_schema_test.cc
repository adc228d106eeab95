// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/serve/json_schema.h"

#include <gtest/gtest.h>

#include <string>

namespace joist::serve {
namespace {

/// "" where `value` fits the schema.
std::string Check(std::string_view schema, std::string_view value) {
  const Result<JsonSchema> read = JsonSchema::Read(schema);
  EXPECT_TRUE(read.ok()) << read.status().message();
  JsonScanner scanner(value);
  std::string violation;
  const bool fits = read->Take(&scanner, &violation);
  EXPECT_EQ(fits, violation.empty() && scanner.problem().empty());
  EXPECT_TRUE(!fits || scanner.AtEnd());
  return scanner.problem() + violation;
}

std::string ReadError(std::string_view schema) {
  return JsonSchema::Read(schema).status().message();
}

TEST(JsonSchema, ChecksTypes) {
  EXPECT_EQ(Check(R"({"type":"object"})", "{}"), "");
  EXPECT_EQ(Check(R"({"type":"object"})", "[]"), "the event must be an object, but is an array");
  EXPECT_EQ(Check(R"({"type":["string","null"]})", "null"), "");
  EXPECT_EQ(Check(R"({"type":["string","null"]})", "1"),
            "the event must be a string or null, but is a number");
  EXPECT_EQ(Check(R"({"type":"integer"})", "-17"), "");
  EXPECT_EQ(Check(R"({"type":"integer"})", "1.0"), "");
  EXPECT_EQ(Check(R"({"type":"integer"})", "1.5"), "the event must be a whole number, but is 1.5");
  EXPECT_EQ(Check(R"({"type":"number"})", "1.5"), "");
  EXPECT_EQ(Check(R"({"type":"boolean"})", "false"), "");
  EXPECT_EQ(Check("true", "[1,{\"x\":null}]"), "");
  EXPECT_EQ(Check("{}", "\"x\""), "");
}

TEST(JsonSchema, ChecksMembers) {
  constexpr std::string_view kSchema = R"({
    "type": "object", "required": ["id", "items"], "additionalProperties": false,
    "properties": {
      "id": {"type": "string", "minLength": 2, "maxLength": 3, "pattern": "^[a-z\u00e9]+$"},
      "kind": {"enum": ["view", 1, true, null]},
      "items": {"type": "array", "minItems": 1, "maxItems": 2,
                "items": {"type": "object", "additionalProperties": {"type": "number"},
                          "properties": {"price": {"minimum": 0, "maximum": 99.5}}}}}})";
  EXPECT_EQ(Check(kSchema, R"({"id":"ab","items":[{"price":3,"n":1}],"kind":"view"})"), "");
  EXPECT_EQ(Check(kSchema, R"({"items":[{}],"\u0069d":"\u00e9\u00e9"})"), "");
  for (const char* kind : {"1", "1.0", "true", "null"}) {
    EXPECT_EQ(Check(kSchema, R"({"id":"ab","items":[{}],"kind":)" + std::string(kind) + "}"), "");
  }
  for (const char* kind : {"2", "false", "\"View\"", "[]", "{}", "\"1\"", "\"true\""}) {
    EXPECT_EQ(Check(kSchema, R"({"id":"ab","items":[{}],"kind":)" + std::string(kind) + "}"),
              "/kind is none of the values that are allowed");
  }
  EXPECT_EQ(Check(kSchema, R"({"id":"ab"})"), "/items is missing");
  EXPECT_EQ(Check(kSchema, R"({"id":"ab","items":[{}],"more":1})"), "/more is not allowed");
  EXPECT_EQ(Check(kSchema, R"({"id":"a"})"), "/id must have 2 characters or more");
  EXPECT_EQ(Check(kSchema, R"({"id":"abcd"})"), "/id must have 3 characters at most");
  EXPECT_EQ(Check(kSchema, "{\"id\":\"\xC3\xA9\xC3\xA9\xC3\xA9\",\"items\":[{}]}"), "");
  EXPECT_EQ(Check(kSchema, R"({"id":"a1"})"), "/id does not match the pattern ^[a-z\xC3\xA9]+$");
  EXPECT_EQ(Check(kSchema, R"({"items":[]})"), "/items must have 1 items or more");
  EXPECT_EQ(Check(kSchema, R"({"items":[{},{},{}]})"), "/items must have 2 items at most");
  EXPECT_EQ(Check(kSchema, R"({"items":[{},{"price":-1}]})"),
            "/items/1/price must be 0.0 or more, but is -1");
  EXPECT_EQ(Check(kSchema, R"({"items":[{"price":1e400}]})"),
            "/items/0/price must be 99.5 at most, but is 1e400");
  EXPECT_EQ(Check(kSchema, R"({"items":[{"x":"1"}]})"),
            "/items/0/x must be a number, but is a string");
  EXPECT_EQ(Check(kSchema, R"({"items":[{"price":}]})"), "byte 19: a value is expected");
}

TEST(JsonSchema, RefusesWhatItDoesNotCheck) {
  EXPECT_EQ(ReadError(R"({"title":"t","$schema":"s","format":"email"})"),
            "schema /: the keyword \"format\" is not supported");
  EXPECT_EQ(ReadError(R"({"properties":{"a":{"oneOf":[]}}})"),
            "schema /properties/a: the keyword \"oneOf\" is not supported");
  EXPECT_EQ(ReadError(R"({"type":"text"})"), "schema /: there is no type \"text\"");
  EXPECT_EQ(ReadError(R"({"enum":[[1]]})"),
            "schema /: enum with arrays or objects is not supported");
  EXPECT_EQ(ReadError(R"({"items":{"pattern":"("}})"), "schema /items: pattern: missing ): (");
  EXPECT_EQ(ReadError(R"({"minLength":-1})"), "schema /: minLength is no number from 0");
  EXPECT_EQ(ReadError(R"({"required":["a","a"]})"), "schema /: required has \"a\" twice");
  EXPECT_EQ(ReadError("{\"type\":"), "schema: is no JSON, byte 8: a value is expected");
  EXPECT_EQ(ReadError("[]"), "schema /: is no object");
  std::string deep;
  for (int i = 0; i < 60; ++i) deep += "{\"items\":";
  EXPECT_TRUE(ReadError(deep + "{}" + std::string(60, '}')).ends_with("is too deep"));
}

}  // namespace
}  // namespace joist::serve
