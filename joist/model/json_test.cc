// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/model/json.h"

#include <limits>
#include <map>

#include <gtest/gtest.h>

#include "joist/model/describe.h"
#include "joist/model/value.h"

namespace joist {
namespace {

struct Item {
  std::string name;
  int32_t cents = 0;
};
JOIST_ROW(Item, name, cents)

struct Invoice {
  std::string customer;
  std::optional<std::string> note;
  std::vector<Item> items;
  std::map<std::string, double> weights;
  std::map<int32_t, bool> flags;
  Bytes token;
  Timestamp when;
  float ratio = 0;
  uint64_t big = 0;
  bool paid = false;
};
JOIST_ROW(Invoice, customer, note, items, weights, flags, token, when, ratio, big, paid)

Invoice Full() {
  return {"Ada",        "hi",        {{"nut", 5}, {"bolt", -6}},
          {{"a", 0.5}}, {{7, true}}, Bytes("\1\xff"),
          {1000},       0.1f,        UINT64_MAX,
          true};
}

constexpr std::string_view kFull =
    R"({"customer":"Ada","note":"hi","items":[{"name":"nut","cents":5},{"name":"bolt","cents":-6}],)"
    R"("weights":{"a":0.5},"flags":[{"key":7,"value":true}],"token":"Af8=",)"
    R"("when":"1970-01-01T00:00:01.000Z","ratio":0.1,"big":18446744073709551615,"paid":true})";

TEST(Json, WritesAndReads) {
  EXPECT_EQ(ToJson(Full()).value(), kFull);
  const Result<Invoice> back = FromJson<Invoice>(kFull);
  ASSERT_TRUE(back.ok()) << back.status().message();
  EXPECT_EQ(EncodeToString(*back), EncodeToString(Full()));
}

TEST(Json, NullsAndWhatIsMissing) {
  EXPECT_EQ(ToJson(Item{"x", 1}).value(), R"({"name":"x","cents":1})");
  const std::string json = ToJson(Invoice{}).value();
  EXPECT_EQ(EncodeToString(FromJson<Invoice>(json).value()), EncodeToString(Invoice{}));
  EXPECT_EQ(FromJson<Item>(R"({"name":"x"})").status().message(), "the field cents is missing");
  EXPECT_EQ(FromJson<Item>(R"({"name":null,"cents":1})").status().message(),
            "name must not be null");
}

TEST(Json, ErrorsNameThePlace) {
  const auto error = [](std::string_view from, std::string_view to) {
    std::string json(kFull);
    json.replace(json.find(from), from.size(), to);
    return FromJson<Invoice>(json).status().message();
  };
  EXPECT_EQ(error("-6", "\"x\""),
            "items[1].cents must be a whole number from -2147483648 to 2147483647, and is \"x\"");
  EXPECT_EQ(
      error("-6", "2147483648"),
      "items[1].cents must be a whole number from -2147483648 to 2147483647, and is 2147483648");
  EXPECT_EQ(error("-6", "1.5"),
            "items[1].cents must be a whole number from -2147483648 to 2147483647, and is 1.5");
  EXPECT_EQ(error("0.5", "false"), "weights.a must be a number, and is false");
  EXPECT_EQ(error("7", "null"), "flags[0].key must not be null");
  EXPECT_EQ(error("{\"a\":0.5}", "[]"), "weights must be an object, and is []");
  EXPECT_EQ(error("Af8=", "A"), "token must be bytes in base64, and is \"A\"");
  EXPECT_EQ(error("1970", "70"),
            "when must be a time as \"2026-11-21T06:55:00Z\", and is \"70-01-01T00:00:01.000Z\"");
  EXPECT_EQ(error("\"cents\":5", "\"cent\":5"),
            "there is no field items[0].cent; the fields are name STRING, cents INT32");
  EXPECT_EQ(error("true}", "1}"), "flags[0].value must be true or false, and is 1");
  EXPECT_EQ(FromJson<Item>("[1]").status().message(), "it must be an object, and is [1]");
  EXPECT_EQ(FromJson<Item>("{").status().message(), "this is no JSON: {");
}

struct Numbers {
  double d = 0;
  float f = 0;
};
JOIST_ROW(Numbers, d, f)

TEST(Json, NumbersThatJsonDoesNotHave) {
  const double inf = std::numeric_limits<double>::infinity();
  const std::string json = ToJson(Numbers{-inf, std::numeric_limits<float>::quiet_NaN()}).value();
  EXPECT_EQ(json, R"({"d":"-Infinity","f":"NaN"})");
  EXPECT_EQ(ToJson(FromJson<Numbers>(json).value()).value(), json);
  EXPECT_EQ(ToJson(Numbers{0.1, 16777216.f}).value(), R"({"d":0.1,"f":16777216})");
  EXPECT_EQ(ToJson(FromJson<Numbers>(R"({"d":1,"f":"Infinity"})").value()).value(),
            R"({"d":1.0,"f":"Infinity"})");
}

TEST(Json, TextThatIsNoUtf8IsReplaced) {
  EXPECT_EQ(ToJson(Item{"a\xff", 1}).value(), "{\"name\":\"a\xef\xbf\xbd\",\"cents\":1}");
  EXPECT_EQ(ToJson(Item{"\"\n", 1}).value(), R"({"name":"\"\n","cents":1})");
}

TEST(Json, LogicalTypes) {
  Schema schema;
  schema.fields = {
      {"price", FieldType::Logical(kDecimalType, FieldType::Atomic(AtomicType::kBytes))},
      {"code",
       FieldType::Logical("test:code:v1", FieldType::Atomic(AtomicType::kString)).Nullable()}};
  const Value row = RowFromJson(schema, R"({"price":"-100.123","code":"x"})").value();
  EXPECT_EQ(row.ToString(), R"({price: -100.123, code: "x"})");
  EXPECT_EQ(JsonFromRow(schema, row).value(), R"({"price":"-100.123","code":"x"})");
  EXPECT_EQ(RowFromJson(schema, R"({"price":2.50})").value().ToString(),
            "{price: 2.5, code: null}");
  EXPECT_FALSE(RowFromJson(schema, R"({"price":"much"})").ok());
  EXPECT_FALSE(JsonFromRow(schema, Value(true)).ok());
}

TEST(Json, DeepInputIsNoHarm) {
  const std::string deep(100'000, '[');
  EXPECT_FALSE(FromJson<Item>(deep).ok());
  EXPECT_FALSE(FromJson<Item>("{\"name\":" + deep + std::string(100'000, ']') + "}").ok());
}

}  // namespace
}  // namespace joist
