// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/store/tables/text_rows.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "joist/store/tables/column_reader.h"

namespace joist::tables {
namespace {

/// The rows of a batch as REST gives them.
std::string RowsOf(RowBatch* batch) {
  batch->Finish();
  std::string text;
  for (const Chunk& chunk : batch->chunks()) {
    AppendJsonRows(batch->schema(), chunk, 0, chunk.rows(), {}, &text);
  }
  return text;
}

std::shared_ptr<const Schema> SchemaOfText(const char* text) {
  return std::make_shared<const Schema>(SchemaFromText(text).value());
}

TEST(TextRowsTest, ARowThatIsDroppedLeavesNoTrace) {
  RowBatch batch(SchemaOfText("a:STRING,b:INTEGER,c:INTEGER:REPEATED"));
  FieldFault fault;
  const auto add = [&](const char* row) {
    return AddJsonRow(nlohmann::json::parse(row), false, &batch, &fault);
  };
  EXPECT_TRUE(add(R"({"a":"x","b":1,"c":[1,2]})"));
  EXPECT_FALSE(add(R"({"c":[7,8,"no"]})"));
  EXPECT_EQ(fault.location, "c");
  EXPECT_FALSE(add(R"({"b":null,"d":1})"));
  EXPECT_EQ(fault.message, "no such field: d.");
  EXPECT_FALSE(add(R"([])"));
  EXPECT_TRUE(add(R"({"a":"y","b":"2","c":[3]})"));
  EXPECT_TRUE(add(R"({})"));
  EXPECT_EQ(RowsOf(&batch), R"({"f":[{"v":"x"},{"v":"1"},{"v":[{"v":"1"},{"v":"2"}]}]},)"
                            R"({"f":[{"v":"y"},{"v":"2"},{"v":[{"v":"3"}]}]},)"
                            R"({"f":[{"v":null},{"v":null},{"v":[]}]})");
}

TEST(TextRowsTest, Csv) {
  RowBatch batch(SchemaOfText("n:INTEGER,t:STRING,d:DATE"));
  const LoadFormat format{.csv = true, .skip_rows = 1, .most_bad_rows = 1};
  const auto bad = AddRows("n,t,d\r\n1,\"a,\"\"b\"\"\nc\",2024-01-02\r\n\n,,\nx,y,2024-01-01\n7,z",
                           format, &batch);
  ASSERT_TRUE(bad.ok()) << bad.status().message();
  EXPECT_EQ(*bad, 1);
  EXPECT_EQ(RowsOf(&batch), R"({"f":[{"v":"1"},{"v":"a,\"b\"\nc"},{"v":"2024-01-02"}]},)"
                            R"({"f":[{"v":null},{"v":""},{"v":null}]},)"
                            R"({"f":[{"v":"7"},{"v":"z"},{"v":null}]})");
  RowBatch strict(SchemaOfText("n:INTEGER"));
  EXPECT_FALSE(AddRows("1,2\n", {.csv = true}, &strict).ok());
  EXPECT_FALSE(AddRows("\"1\n", {.csv = true}, &strict).ok());
}

TEST(TextRowsTest, Lines) {
  RowBatch batch(SchemaOfText("n:INTEGER"));
  EXPECT_FALSE(AddRows("{\"n\":1}\n{\"n\":", {}, &batch).ok());
  EXPECT_FALSE(AddRows("{\"n\":" + std::string(200, '[') + "\n", {}, &batch).ok());
  EXPECT_TRUE(IsShallowJson(R"({"a":"[[[\"[["})"));
  EXPECT_FALSE(IsShallowJson(std::string(101, '[')));
}

TEST(TextRowsTest, Detection) {
  const Schema json = DetectSchema(R"({"a":1,"b":[{"c":"2024-01-01"}],"d":"12"})"
                                   "\n"
                                   R"({"a":1.5,"b":[],"e":true})",
                                   {})
                          .value();
  EXPECT_EQ(json.fields[0].type, FieldType::kFloat);
  EXPECT_EQ(json.fields[1].mode, FieldMode::kRepeated);
  EXPECT_EQ(json.fields[1].fields[0].type, FieldType::kDate);
  EXPECT_EQ(json.fields[2].type, FieldType::kString);
  EXPECT_EQ(json.fields[3].type, FieldType::kBoolean);
  const Schema csv = DetectSchema("a,b c\n1,x\n2,3\n", {.csv = true}).value();
  EXPECT_EQ(csv.fields[0].type, FieldType::kInteger);
  EXPECT_EQ(csv.fields[1].name, "b_c");
  EXPECT_EQ(csv.fields[1].type, FieldType::kString);
  EXPECT_FALSE(DetectSchema("", {}).ok());
}

}  // namespace
}  // namespace joist::tables
