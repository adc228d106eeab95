// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Pages of the REST API as Avro: what servers give, and what they should not.

#include "joist/io/bigquery/result_pages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include <nlohmann/json.hpp>

#include "joist/io/avro/decoder.h"
#include "joist/io/avro/plan.h"
#include "joist/io/bigquery/stream_reader.h"

namespace joist::bigquery {

template <class F>
struct OneValue {
  F x{};
};
template <class F>
constexpr FieldList<OneValue<F>, &OneValue<F>::x> JoistFields(const OneValue<F>*) {
  return {"OneValue", {"x"}};
}

namespace {

using nlohmann::json;
using testing::HasSubstr;

/// The value of one column "x" as a member of type F, or what is wrong.
template <class F>
Result<F> ValueOf(const std::string& type, const json& value, const std::string& mode = "") {
  const json schema = {{"fields", {{{"name", "x"}, {"type", type}, {"mode", mode}}}}};
  JOIST_ASSIGN_OR_RETURN(const std::string avro, AvroSchemaOf(schema));
  JOIST_ASSIGN_OR_RETURN(const avro::Plan plan,
                         PlanOfRows(avro, avro::ShapeOf<OneValue<F>>(), "it"));
  std::string bytes;
  JOIST_RETURN_IF_ERROR(AppendAvroRow(schema, {{"f", {{{"v", value}}}}}, &bytes));
  const size_t size = bytes.size();
  bytes.resize(size + avro::Decoder::kSlack);
  avro::Decoder decoder;
  decoder.Begin(std::string_view(bytes).substr(0, size));
  OneValue<F> row;
  if (!decoder.Take(plan, &row)) return DataLoss(decoder.error());
  if (!decoder.refusal().empty()) return DataLoss(decoder.refusal());
  EXPECT_TRUE(decoder.at_end());
  return row.x;
}
template <class F>
F Valid(const std::string& type, const json& value, const std::string& mode = "") {
  const Result<F> result = ValueOf<F>(type, value, mode);
  if (!result.ok()) ADD_FAILURE() << type << " " << value << ": " << result.status().message();
  return result.ok() ? *result : F();
}
std::string Invalid(const std::string& type, const json& value) {
  return ValueOf<std::string>(type, value).status().message();
}

TEST(ResultPagesTest, Numbers) {
  EXPECT_EQ(Valid<int64_t>("INTEGER", "-9223372036854775808"), INT64_MIN);
  EXPECT_EQ(Valid<int64_t>("INT64", 7), 7);
  EXPECT_EQ(Valid<double>("FLOAT", "1.5e300"), 1.5e300);
  EXPECT_EQ(Valid<double>("FLOAT64", "-Infinity"), -std::numeric_limits<double>::infinity());
  EXPECT_TRUE(std::isnan(Valid<double>("FLOAT", "NaN")));
  EXPECT_EQ(Valid<bool>("BOOL", true), true);
  EXPECT_EQ(Valid<bool>("BOOLEAN", "false"), false);
  EXPECT_EQ(Valid<std::string>("NUMERIC", "-0.000000001"), "-0.000000001");
  EXPECT_EQ(Valid<std::string>("NUMERIC", "99999999999999999999999999999.999999999"),
            "99999999999999999999999999999.999999999");
  EXPECT_EQ(Valid<double>("NUMERIC", "12.5"), 12.5);
}

TEST(ResultPagesTest, TextsAndTimes) {
  EXPECT_EQ(Valid<std::string>("STRING", "Zürich"), "Zürich");
  EXPECT_EQ(Valid<Bytes>("BYTES", "AP8="), Bytes(std::string("\0\xff", 2)));
  EXPECT_EQ(Valid<Timestamp>("TIMESTAMP", "1795416900123456").millis, 1'795'416'900'123);
  EXPECT_EQ(Valid<Timestamp>("TIMESTAMP", "1.7954169005E9").millis, 1'795'416'900'500);
  EXPECT_EQ(Valid<Timestamp>("DATE", "1969-12-31").millis, -86'400'000);
  EXPECT_EQ(Valid<Duration>("TIME", "23:59:59.25").millis, 86'399'250);
}

TEST(ResultPagesTest, Modes) {
  EXPECT_EQ(Valid<std::optional<int64_t>>("INTEGER", nullptr), std::nullopt);
  EXPECT_EQ(Valid<std::vector<int64_t>>("INTEGER", {{{"v", "1"}}, {{"v", "2"}}}, "REPEATED"),
            (std::vector<int64_t>{1, 2}));
  EXPECT_TRUE(Valid<std::vector<int64_t>>("INTEGER", json::array(), "REPEATED").empty());
  EXPECT_THAT(ValueOf<int64_t>("INTEGER", nullptr).status().message(), HasSubstr("x is null"));
  EXPECT_THAT(ValueOf<int64_t>("INTEGER", nullptr, "REQUIRED").status().message(),
              HasSubstr("the column \"x\" has the value null, which is no INTEGER"));
}

TEST(ResultPagesTest, WhatIsWrong) {
  for (const auto& [type, text] : std::initializer_list<std::pair<const char*, const char*>>{
           {"INTEGER", "1.5"},
           {"INTEGER", "9223372036854775808"},
           {"FLOAT", ""},
           {"BOOLEAN", "yes"},
           {"TIMESTAMP", "today"},
           {"TIMESTAMP", "1e30"},
           {"DATE", "2026-13-01"},
           {"TIME", "25:00:00"},
           {"BYTES", "*"},
           {"NUMERIC", "1.0000000001"},
           {"NUMERIC", "1.2.3"},
           {"NUMERIC", "100000000000000000000000000000"},
           {"NUMERIC", "-"}}) {
    const json schema = {{"fields", {{{"name", "x"}, {"type", type}}}}};
    std::string bytes;
    EXPECT_THAT(AppendAvroRow(schema, {{"f", {{{"v", text}}}}}, &bytes).message(),
                HasSubstr("the column \"x\" has the value"))
        << type << " " << text;
  }
  EXPECT_THAT(Invalid("BIGNUMERIC", "1"), HasSubstr("of the type BIGNUMERIC, which is not read"));
  std::string bytes;
  const json schema = {{"fields", {{{"name", "x"}, {"type", "STRING"}}}}};
  for (const json& row : {json(), json{{"f", 1}}, json{{"f", json::array()}}}) {
    EXPECT_THAT(AppendAvroRow(schema, row, &bytes).message(),
                HasSubstr("does not have the columns of its schema"));
  }
}

TEST(PlanOfRowsTest, LongDecimalsAreRefused) {
  const auto plan_of = [](const std::string& type) {
    return PlanOfRows(R"({"type":"record","name":"R","fields":[{"name":"x","type":)" + type + "}]}",
                      avro::ShapeOf<OneValue<std::vector<std::string>>>(), "t")
        .status()
        .message();
  };
  const std::string decimal = R"({"type":"bytes","logicalType":"decimal","scale":9,"precision":)";
  EXPECT_EQ(plan_of(R"({"type":"array","items":)" + decimal + "38}}"), "");
  EXPECT_EQ(plan_of(R"({"type":"array","items":)" + decimal + "77}}"),
            "cannot read t: the field \"x\" is BIGNUMERIC there, or has some; CAST it in a query");
}

}  // namespace
}  // namespace joist::bigquery
