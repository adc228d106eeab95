// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/store/tables/table_store.h"

#include <gtest/gtest.h>

#include <future>

#include "joist/store/tables/test_tables.h"

namespace joist::tables {
namespace {

using Proto = google::protobuf::FieldDescriptorProto;

const TableName kTable{"my-project", "things", "numbers"};

class TableStoreTest : public testing::Test {
 protected:
  TableStoreTest() : folder_("store") { Reopen(); }

  void Reopen() {
    store_.reset();
    auto opened = TableStore::Open({.folder = folder_.path(), .threads = 1});
    ASSERT_TRUE(opened.ok()) << opened.status().message();
    store_ = std::move(opened).value();
  }
  void MakeTable() {
    ASSERT_TRUE(store_->CreateDataset(kTable.Dataset(), "{}").ok());
    ASSERT_TRUE(store_->CreateTable(kTable, NameAndNumberSchema(), R"({"friendlyName":"n"})").ok());
  }
  std::shared_ptr<const ProtoPlan> Plan() {
    return ProtoPlan::Compile(store_->GetTable(kTable).value().schema, NameAndNumber()).value();
  }
  AppendAnswer Append(const std::string& stream, std::optional<int64_t> offset, int64_t begin,
                      int64_t end) {
    std::promise<AppendAnswer> promise;
    store_->Append(kTable, stream, offset, NumberedRows(*Plan(), begin, end),
                   [&](const AppendAnswer& answer) { promise.set_value(answer); });
    return promise.get_future().get();
  }
  int64_t Count() { return Number(store_.get(), "count(*)", kTable); }

  const TestFolder folder_;
  std::unique_ptr<TableStore> store_;
};

TEST_F(TableStoreTest, DatasetsAndTablesSurviveRestarts) {
  MakeTable();
  EXPECT_EQ(store_->CreateTable(kTable, NameAndNumberSchema(), "{}").code(),
            StatusCode::kAlreadyExists);
  EXPECT_EQ(store_->GetTable({"other", "things", "numbers"}).status().code(),
            StatusCode::kNotFound);
  Reopen();
  const TableInfo info = store_->GetTable(kTable).value();
  EXPECT_EQ(*info.schema, NameAndNumberSchema());
  EXPECT_EQ(info.resource, R"({"friendlyName":"n"})");
  EXPECT_EQ(store_->ListDatasets("my-project").size(), 1);
  EXPECT_TRUE(store_->ListDatasets("other").empty());
  EXPECT_EQ(store_->DeleteDataset(kTable.Dataset(), false).code(), StatusCode::kFailedPrecondition);
  EXPECT_TRUE(store_->DeleteDataset(kTable.Dataset(), true).ok());
  EXPECT_EQ(store_->GetTable(kTable).status().code(), StatusCode::kNotFound);
  Reopen();
  EXPECT_TRUE(store_->ListDatasets("my-project").empty());
}

TEST_F(TableStoreTest, OffsetsOfACommittedStream) {
  MakeTable();
  const std::string stream = store_->CreateStream(kTable, StreamType::kCommitted).value().name;
  EXPECT_EQ(Append(stream, 0, 0, 3000).offset, 0);
  EXPECT_EQ(Append(stream, 3000, 3000, 3001).offset, 3000);
  EXPECT_EQ(Append(stream, 0, 0, 3000).status.code(), StatusCode::kAlreadyExists);
  EXPECT_EQ(Append(stream, 3002, 0, 1).status.code(), StatusCode::kOutOfRange);
  EXPECT_EQ(Append("", 7, 0, 1).status.code(), StatusCode::kInvalidArgument);
  Reopen();
  EXPECT_EQ(Append(stream, 3000, 0, 1).status.code(), StatusCode::kAlreadyExists);
  EXPECT_EQ(Append(stream, std::nullopt, 3001, 3002).offset, 3001);
  EXPECT_EQ(store_->FinalizeStream(stream).value(), 3002);
  EXPECT_EQ(Append(stream, 3002, 0, 1).status.code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(Count(), 3002);
  EXPECT_EQ(Number(store_.get(), "count(DISTINCT name)", kTable), 3002);
}

TEST_F(TableStoreTest, RowsOfABufferedStreamWaitForAFlush) {
  MakeTable();
  const std::string stream = store_->CreateStream(kTable, StreamType::kBuffered).value().name;
  EXPECT_TRUE(Append(stream, 0, 0, 10).status.ok());
  EXPECT_EQ(Count(), 0);
  EXPECT_EQ(store_->FlushStream(stream, 10).status().code(), StatusCode::kOutOfRange);
  EXPECT_EQ(store_->FlushStream(stream, 3).value(), 3);
  EXPECT_EQ(store_->FlushStream(stream, 2).value(), 3);
  EXPECT_EQ(Count(), 4);
  Reopen();
  EXPECT_EQ(Count(), 4);
  EXPECT_EQ(store_->FlushStream(stream, 9).value(), 9);
  EXPECT_EQ(Count(), 10);
  EXPECT_EQ(Number(store_.get(), "sum(number)", kTable), 45);
}

TEST_F(TableStoreTest, PendingStreamsAreCommittedTogether) {
  MakeTable();
  const std::string a = store_->CreateStream(kTable, StreamType::kPending).value().name;
  const std::string b = store_->CreateStream(kTable, StreamType::kPending).value().name;
  EXPECT_TRUE(Append(a, 0, 0, 10).status.ok());
  EXPECT_TRUE(Append(b, std::nullopt, 10, 30).status.ok());
  EXPECT_TRUE(store_->FinalizeStream(a).ok());
  std::string culprit;
  EXPECT_EQ(store_->CommitStreams(kTable, {a, b}, &culprit).status().code(),
            StatusCode::kFailedPrecondition);
  EXPECT_EQ(culprit, b);
  EXPECT_EQ(Count(), 0);
  Reopen();
  EXPECT_TRUE(store_->FinalizeStream(b).ok());
  EXPECT_TRUE(store_->CommitStreams(kTable, {a, b}, &culprit).ok()) << culprit;
  EXPECT_EQ(Count(), 30);
  EXPECT_EQ(store_->CommitStreams(kTable, {a}, &culprit).status().code(),
            StatusCode::kAlreadyExists);
  EXPECT_EQ(Count(), 30);
}

TEST_F(TableStoreTest, ColumnsAreAddedWhileStreamsAreOpen) {
  MakeTable();
  const std::string stream = store_->CreateStream(kTable, StreamType::kPending).value().name;
  EXPECT_TRUE(Append(stream, 0, 0, 1).status.ok());
  const auto old_plan = Plan();
  Schema wider = NameAndNumberSchema();
  wider.fields.push_back({"more", FieldType::kTimestamp, FieldMode::kRepeated});
  EXPECT_TRUE(store_->UpdateTable(kTable, wider, "{}").ok());
  EXPECT_TRUE(Append(stream, 1, 1, 2).status.ok());
  EXPECT_TRUE(store_->AppendAndWait(kTable, NumberedRows(*old_plan, 2, 3)).status.ok());
  EXPECT_TRUE(store_->FinalizeStream(stream).ok());
  std::string culprit;
  EXPECT_TRUE(store_->CommitStreams(kTable, {stream}, &culprit).ok());
  EXPECT_EQ(Count(), 3);
  Schema without = NameAndNumberSchema();
  EXPECT_EQ(store_->UpdateTable(kTable, without, "{}").code(), StatusCode::kInvalidArgument);
  EXPECT_TRUE(store_->DeleteTable(kTable).ok());
  EXPECT_EQ(store_->GetStream(stream).status().code(), StatusCode::kNotFound);
}

TEST_F(TableStoreTest, AnAppendToATableThatIsGone) {
  MakeTable();
  const auto rows = NumberedRows(*Plan(), 0, 5);
  EXPECT_TRUE(store_->DeleteTable(kTable).ok());
  EXPECT_EQ(store_->AppendAndWait(kTable, rows).status.code(), StatusCode::kNotFound);
}

TEST_F(TableStoreTest, NestedAndRepeatedRows) {
  const Schema schema = SchemaFromJson(R"([{"name":"id","type":"INT64","mode":"REQUIRED"},
      {"name":"tags","type":"STRING","mode":"REPEATED"},
      {"name":"parts","type":"RECORD","mode":"REPEATED","fields":[
        {"name":"n","type":"INTEGER","mode":"REPEATED"},{"name":"t","type":"TIMESTAMP"}]}])")
                            .value();
  ASSERT_TRUE(store_->CreateDataset(kTable.Dataset(), "{}").ok());
  ASSERT_TRUE(store_->CreateTable(kTable, schema, "{}").ok());
  google::protobuf::DescriptorProto message;
  message.set_name("Row");
  const auto add = [](google::protobuf::DescriptorProto* to, const char* name, int number,
                      Proto::Type type, bool repeated) {
    Proto* field = to->add_field();
    field->set_name(name);
    field->set_number(number);
    field->set_type(type);
    field->set_label(repeated ? Proto::LABEL_REPEATED : Proto::LABEL_OPTIONAL);
    return field;
  };
  add(&message, "id", 1, Proto::TYPE_INT64, false);
  add(&message, "tags", 2, Proto::TYPE_STRING, true);
  add(&message, "parts", 3, Proto::TYPE_MESSAGE, true)->set_type_name(".a.package.Row.Part");
  auto* part = message.add_nested_type();
  part->set_name("Part");
  add(part, "n", 1, Proto::TYPE_SINT64, true);
  add(part, "t", 2, Proto::TYPE_INT64, false);
  const auto plan = ProtoPlan::Compile(store_->GetTable(kTable).value().schema, message).value();
  auto batch = std::make_shared<RowBatch>(plan->schema());
  // Enough that lists outgrow their first 2,048 places, over several chunks.
  const int rows = 5000;
  for (int i = 0; i < rows; ++i) {
    std::string row = "\x08";
    AddVarint(static_cast<uint64_t>(i), &row);
    for (int j = 0; j < i % 4; ++j) row += "\x12\x02t" + std::to_string(j);
    // Part { n: [-1, 1] packed, t: 1 } and Part { n: [2] }.
    row += std::string("\x1a\x06\x0a\x02\x01\x02\x10\x01", 8);
    row += std::string("\x1a\x02\x08\x04", 4);
    ASSERT_TRUE(plan->Decode(row, batch.get()).ok());
  }
  EXPECT_FALSE(plan->Decode("", batch.get()).ok());                  // No id.
  EXPECT_FALSE(plan->Decode("\x08\x01\x12\x09", batch.get()).ok());  // Cut off.
  ASSERT_TRUE(store_->AppendAndWait(kTable, batch).status.ok());
  EXPECT_EQ(Number(store_.get(), "sum(id)", kTable), rows * (rows - 1) / 2);
  EXPECT_EQ(Number(store_.get(), "sum(len(tags))", kTable), rows / 4 * 6);
  EXPECT_EQ(Number(store_.get(), "sum(len(parts))", kTable), rows * 2);
  EXPECT_EQ(Number(store_.get(), "sum(list_sum(parts[1].n) + list_sum(parts[2].n))", kTable),
            rows * 2);
  EXPECT_EQ(Number(store_.get(),
                   "count(*) FILTER (parts[1].t = make_timestamptz(1) AND "
                   "parts[2].t IS NULL AND list_contains(tags, 't2'))",
                   kTable),
            rows / 4);
}

TEST(ProtoPlanTest, WhatDoesNotFitIsRefused) {
  const auto schema =
      std::make_shared<const Schema>(SchemaFromText("name:STRING,number:INTEGER").value());
  google::protobuf::DescriptorProto message = NameAndNumber();
  message.mutable_field(0)->set_type(Proto::TYPE_INT64);
  EXPECT_FALSE(ProtoPlan::Compile(schema, message).ok());
  message = NameAndNumber();
  message.mutable_field(0)->set_name("other");
  EXPECT_FALSE(ProtoPlan::Compile(schema, message).ok());
  message = NameAndNumber();
  message.mutable_field(1)->set_label(Proto::LABEL_REPEATED);
  EXPECT_FALSE(ProtoPlan::Compile(schema, message).ok());
  const auto required =
      std::make_shared<const Schema>(SchemaFromText("name,number:INT64,x:DATE:REQUIRED").value());
  EXPECT_FALSE(ProtoPlan::Compile(required, NameAndNumber()).ok());
}

TEST(SchemaTest, Texts) {
  EXPECT_EQ(SchemaFromJson(SchemaToJson(NameAndNumberSchema())).value(), NameAndNumberSchema());
  EXPECT_FALSE(SchemaFromText("a:STRING,A:INTEGER").ok());
  EXPECT_FALSE(SchemaFromText("a b:STRING").ok());
  EXPECT_FALSE(SchemaFromText("a:WORD").ok());
  EXPECT_FALSE(SchemaFromJson("[1]").ok());
  EXPECT_FALSE(SchemaFromJson("{").ok());
  EXPECT_EQ(SqlTypeOf(SchemaFromJson(R"([{"name":"r","type":"STRUCT","mode":"REPEATED",
      "fields":[{"name":"a","type":"BIGNUMERIC"}]}])")
                              .ok()
                          ? Field{}
                          : Field{.name = "x", .type = FieldType::kNumeric}),
            "DECIMAL(38,9)");
}

}  // namespace
}  // namespace joist::tables
