// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Rows of protocol buffers, JSON and CSV, and SQL, out of any bytes: they are taken or refused, and
// what is taken has as many rows as it says.

#include <google/protobuf/descriptor.pb.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "joist/store/tables/column_reader.h"
#include "joist/store/tables/proto_rows.h"
#include "joist/store/tables/sql_rewrite.h"
#include "joist/store/tables/text_rows.h"

namespace {

using joist::tables::Chunk;
using joist::tables::ProtoPlan;
using joist::tables::RowBatch;
using joist::tables::Schema;
using joist::tables::SqlNames;

std::shared_ptr<const Schema> FuzzedSchema() {
  return std::make_shared<const Schema>(
      joist::tables::SchemaFromJson(R"([{"name":"s","type":"STRING"},{"name":"l","type":"INTEGER",
        "mode":"REPEATED"},{"name":"r","type":"RECORD","mode":"REPEATED","fields":[
        {"name":"n","type":"NUMERIC"},{"name":"t","type":"TIMESTAMP"}]}])")
          .value());
}

google::protobuf::DescriptorProto FuzzedMessage() {
  using Proto = google::protobuf::FieldDescriptorProto;
  google::protobuf::DescriptorProto message;
  message.set_name("M");
  const auto add = [](google::protobuf::DescriptorProto* to, const char* name, int number,
                      Proto::Type type, Proto::Label label) {
    Proto* field = to->add_field();
    field->set_name(name);
    field->set_number(number);
    field->set_type(type);
    field->set_label(label);
    return field;
  };
  add(&message, "s", 1, Proto::TYPE_STRING, Proto::LABEL_OPTIONAL);
  add(&message, "l", 2, Proto::TYPE_INT64, Proto::LABEL_REPEATED);
  add(&message, "r", 3, Proto::TYPE_MESSAGE, Proto::LABEL_REPEATED)->set_type_name("R");
  auto* part = message.add_nested_type();
  part->set_name("R");
  add(part, "n", 1, Proto::TYPE_BYTES, Proto::LABEL_OPTIONAL);
  add(part, "t", 2, Proto::TYPE_INT64, Proto::LABEL_OPTIONAL);
  return message;
}

/// The rows can be read again.
void ReadBack(RowBatch* batch) {
  batch->Finish();
  size_t rows = 0;
  std::string text;
  for (const Chunk& chunk : batch->chunks()) {
    rows += chunk.rows();
    joist::tables::AppendJsonRows(batch->schema(), chunk, 0, chunk.rows(), {}, &text);
  }
  JOIST_CHECK(rows == batch->rows());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto schema = FuzzedSchema();
  static const auto plan = ProtoPlan::Compile(schema, FuzzedMessage()).value();
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  RowBatch rows(schema);
  for (int i = 0; i < 3; ++i) {
    (void)plan->Decode(text, &rows);
  }
  ReadBack(&rows);
  for (const bool csv : {false, true}) {
    RowBatch lines(schema);
    (void)joist::tables::AddRows(text, {.csv = csv, .most_bad_rows = 1'000'000}, &lines);
    ReadBack(&lines);
  }
  const SqlNames names{"p", "d", [](const std::string&, const std::string&) { return true; }};
  (void)joist::tables::RewriteSql(text, names);
  return 0;
}
