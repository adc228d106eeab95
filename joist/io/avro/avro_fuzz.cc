// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Any bytes as a file: what Joist reads without a complaint is what the naive reader reads, and a
// file with the row's own schema that the naive reader takes, Joist takes as well. Cut, and with
// bad records collected, it is read to its end, whatever it holds.

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "joist/io/avro/naive_reader.h"
#include "joist/io/avro/test_rows.h"

namespace joist::avro {

struct Sample {
  int64_t id = 0;
  double real = 0;
  std::string text;
  std::optional<int32_t> maybe;
  std::vector<int64_t> list;
  std::map<std::string, std::string> map;
  Point point;
  std::vector<Point> points;
};
JOIST_ROW(Sample, id, real, text, maybe, list, map, point, points)

namespace {

[[noreturn]] void Wrong() { throw std::runtime_error("not of this type"); }

int64_t Integer(const NaiveValue& value, bool narrow) {
  const AvroType type = value.node->type;
  if (type != AvroType::kInt && (narrow || type != AvroType::kLong)) Wrong();
  if (narrow && value.number != static_cast<int32_t>(value.number)) Wrong();
  return value.number;
}
double Real(const NaiveValue& value) {
  const AvroType type = value.node->type;
  if (type == AvroType::kFloat || type == AvroType::kDouble) return value.real;
  return static_cast<double>(Integer(value, false));
}
std::string Text(const NaiveValue& value) {
  const AvroType type = value.node->type;
  if (type != AvroType::kString && type != AvroType::kBytes && type != AvroType::kEnum) Wrong();
  return value.bytes;
}
const NaiveValue* Field(const NaiveValue& record, std::string_view name) {
  if (record.node->type != AvroType::kRecord) Wrong();
  for (size_t i = 0; i < record.parts.size(); ++i) {
    if (record.node->names[i] == name) return &record.parts[i];
  }
  return nullptr;
}
const NaiveValue& MustHave(const NaiveValue& record, std::string_view name) {
  const NaiveValue* field = Field(record, name);
  if (field == nullptr) Wrong();
  return *field;
}
Point PointOf(const NaiveValue& value) {
  return {static_cast<int32_t>(Integer(MustHave(value, "x"), true)),
          static_cast<int32_t>(Integer(MustHave(value, "y"), true))};
}

Sample SampleOf(const NaiveValue& record) {
  Sample row;
  row.id = Integer(MustHave(record, "id"), false);
  row.real = Real(MustHave(record, "real"));
  row.text = Text(MustHave(record, "text"));
  if (const NaiveValue* maybe = Field(record, "maybe");
      maybe != nullptr && maybe->node->type != AvroType::kNull) {
    row.maybe = static_cast<int32_t>(Integer(*maybe, true));
  }
  const NaiveValue& list = MustHave(record, "list");
  if (list.node->type != AvroType::kArray) Wrong();
  for (const NaiveValue& one : list.parts) row.list.push_back(Integer(one, false));
  const NaiveValue& map = MustHave(record, "map");
  if (map.node->type == AvroType::kMap) {
    for (size_t i = 0; i < map.parts.size(); ++i) row.map[map.keys[i]] = Text(map.parts[i]);
  } else {
    if (map.node->type != AvroType::kArray) Wrong();
    for (const NaiveValue& entry : map.parts) {
      row.map[Text(MustHave(entry, "key"))] = Text(MustHave(entry, "value"));
    }
  }
  row.point = PointOf(MustHave(record, "point"));
  const NaiveValue& points = MustHave(record, "points");
  if (points.node->type != AvroType::kArray) Wrong();
  for (const NaiveValue& point : points.parts) row.points.push_back(PointOf(point));
  return row;
}

struct NaiveFile {
  std::string codec;
  std::string schema;
  std::vector<Sample> rows;
};

// Throws. Leaves the rows of a compressed file alone.
void ReadNaively(std::string_view content, NaiveFile* file) {
  NaiveReader in(content);
  if (in.Bytes(4) != std::string_view("Obj\1", 4)) Wrong();
  for (int64_t count = in.Long(); count != 0; count = in.Long()) {
    if (count < 0) in.Long();
    if (count == INT64_MIN) Wrong();
    for (count = std::abs(count); count > 0; --count) {
      const std::string_view key = in.Text();
      const std::string_view value = in.Text();
      if (key == "avro.schema") file->schema = value;
      if (key == "avro.codec") file->codec = value;
    }
  }
  const std::string_view marker = in.Bytes(16);
  const Result<WriterSchema> schema = WriterSchema::Parse(file->schema);
  if (!schema.ok()) Wrong();
  if (!file->codec.empty() && file->codec != "null") return;
  while (!in.at_end()) {
    int64_t records = in.Long();
    NaiveReader block(in.Text());
    if (in.Bytes(16) != marker || records < 0) Wrong();
    if (records > (1 << 20)) Wrong();
    for (; records > 0; --records) {
      file->rows.push_back(
          SampleOf(block.Value(*schema, schema->root_index(), &ShapeOf<Sample>())));
    }
    if (!block.at_end()) Wrong();
  }
}

}  // namespace
}  // namespace joist::avro

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace joist;  // NOLINT(google-build-using-namespace)
  const std::string_view content(reinterpret_cast<const char*>(data), size);
  static const int file = memfd_create("avro", MFD_CLOEXEC);
  static const std::string path = "/proc/self/fd/" + std::to_string(file);
  JOIST_CHECK(ftruncate(file, 0) == 0);
  JOIST_CHECK(pwrite(file, content.data(), content.size(), 0) ==
              static_cast<ssize_t>(content.size()));

  avro::NaiveFile naive;
  bool naive_ok = true;
  try {
    avro::ReadNaively(content, &naive);
  } catch (const std::exception&) {
    naive_ok = false;
  }
  const avro::ContainerOptions options{.longest_block = 1 << 20, .read_bytes = 1 + size % 300};
  const auto rows = avro::ReadRows<avro::Sample>(path, options);
  const bool compressed = !naive.codec.empty() && naive.codec != "null";
  if (!compressed && naive.schema.find("decimal") == std::string::npos) {
    if (rows.ok()) {
      JOIST_CHECK(naive_ok);
      JOIST_CHECK(rows->size() == naive.rows.size());
      for (size_t i = 0; i < rows->size(); ++i) {
        JOIST_CHECK(EncodeToString((*rows)[i]) == EncodeToString(naive.rows[i]));
      }
    } else {
      static const std::string own = avro::SchemaTextOf(avro::ShapeOf<avro::Sample>());
      JOIST_CHECK(!naive_ok || naive.schema != own);
    }
  }

  for (const uint64_t cut : {uint64_t{0}, uint64_t{size} / 2, uint64_t{size}}) {
    for (const bool behind : {false, true}) {
      avro::ContainerOptions part = options;
      (behind ? part.begin : part.end) = cut;
      std::vector<files::BadRecord> bad;
      const auto found = avro::ReadRows<avro::Sample>(path, part, &bad);
      if (rows.ok()) JOIST_CHECK(found.ok());
    }
  }
  return 0;
}
