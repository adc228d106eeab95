// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// What the tests of this folder share: a folder that goes away, rows of (STRING, INTEGER).

#ifndef JOIST_STORE_TABLES_TEST_TABLES_H_
#define JOIST_STORE_TABLES_TEST_TABLES_H_

#include <google/protobuf/descriptor.pb.h>
#include <unistd.h>

#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "joist/store/tables/proto_rows.h"
#include "joist/store/tables/table_store.h"

namespace joist::tables {

/// A folder of this process, removed at the end.
class TestFolder {
 public:
  explicit TestFolder(const std::string& name)
      : path_(std::filesystem::temp_directory_path().string() + "/joist_tables_" + name + "_" +
              std::to_string(getpid())) {
    std::filesystem::remove_all(path_);
  }
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;
  ~TestFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  const std::string path_;
};

/// message Row { optional string name = 1; optional int64 number = 2; }
inline google::protobuf::DescriptorProto NameAndNumber() {
  using Proto = google::protobuf::FieldDescriptorProto;
  google::protobuf::DescriptorProto message;
  message.set_name("Row");
  const auto add = [&](const char* name, int number, Proto::Type type) {
    Proto* field = message.add_field();
    field->set_name(name);
    field->set_number(number);
    field->set_type(type);
    field->set_label(Proto::LABEL_OPTIONAL);
  };
  add("name", 1, Proto::TYPE_STRING);
  add("number", 2, Proto::TYPE_INT64);
  return message;
}

inline Schema NameAndNumberSchema() { return SchemaFromText("name:STRING,number:INTEGER").value(); }

/// A varint.
inline void AddVarint(uint64_t value, std::string* out) {
  for (; value >= 0x80; value >>= 7) out->push_back(static_cast<char>(value | 0x80));
  out->push_back(static_cast<char>(value));
}

/// A serialized Row.
inline std::string RowBytes(const std::string& name, int64_t number) {
  std::string row = "\x0a";
  AddVarint(name.size(), &row);
  row += name + "\x10";
  AddVarint(static_cast<uint64_t>(number), &row);
  return row;
}

/// Rows ("row N", N) for N in [begin, end).
inline std::shared_ptr<RowBatch> NumberedRows(const ProtoPlan& plan, int64_t begin, int64_t end) {
  auto batch = std::make_shared<RowBatch>(plan.schema());
  for (int64_t i = begin; i < end; ++i) {
    ThrowIfError(plan.Decode(RowBytes("row " + std::to_string(i), i), batch.get()));
  }
  return batch;
}

/// The first column of a query's rows, as texts.
inline std::vector<std::string> Column(TableStore* store, const std::string& sql) {
  auto connection = store->TakeConnection().value();
  auto rows = connection->Texts(sql);
  ThrowIfError(rows.status());
  std::vector<std::string> column;
  for (const auto& row : *rows) column.push_back(row[0]);
  store->GiveBack(std::move(connection));
  return column;
}

inline int64_t Number(TableStore* store, const std::string& what, const TableName& name) {
  const std::string text = Column(store, "SELECT (" + what + ")::VARCHAR FROM " + name.Sql()).at(0);
  int64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

}  // namespace joist::tables

#endif  // JOIST_STORE_TABLES_TEST_TABLES_H_
