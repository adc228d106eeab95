// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// What the records of an Avro file are, said as simply as possible: the oracle of avro_fuzz.cc.
// Files whose blocks are not compressed; what is wrong is an exception.

#ifndef JOIST_IO_AVRO_NAIVE_READER_H_
#define JOIST_IO_AVRO_NAIVE_READER_H_

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "joist/io/avro/field_shape.h"
#include "joist/io/avro/writer_schema.h"

namespace joist::avro {

/// A value as the writer had it.
struct NaiveValue {
  const SchemaNode* node = nullptr;
  int64_t number = 0;             ///< Of integers, booleans, enums.
  double real = 0;                ///< Of floats and doubles.
  std::string bytes;              ///< Of strings, bytes, fixeds.
  std::vector<std::string> keys;  ///< Of maps.
  std::vector<NaiveValue> parts;  ///< Elements, values, fields.
};

class NaiveReader {
 public:
  explicit NaiveReader(std::string_view data) : data_(data) {}

  bool at_end() const { return data_.empty(); }
  std::string_view Bytes(uint64_t size) {
    if (size > data_.size()) throw std::runtime_error("too early");
    const std::string_view bytes = data_.substr(0, size);
    data_.remove_prefix(size);
    return bytes;
  }
  int64_t Long() {
    unsigned __int128 word = 0;
    for (int i = 0; i < 10; ++i) {
      const auto byte = static_cast<uint8_t>(Bytes(1)[0]);
      word |= static_cast<unsigned __int128>(byte & 0x7F) << (7 * i);
      if (byte >= 0x80) continue;
      if (word > UINT64_MAX) break;
      return static_cast<int64_t>(static_cast<uint64_t>(word) / 2) ^
             -static_cast<int64_t>(word & 1);
    }
    throw std::runtime_error("too long");
  }
  std::string_view Text() { return Bytes(static_cast<uint64_t>(Long())); }

  /// A value that is wanted as `shape`, or by nobody: a list that nobody wants and that says how
  /// many bytes it has is passed over by that.
  NaiveValue Value(const WriterSchema& schema, uint32_t index, const FieldShape* shape) {
    const SchemaNode& node = schema.node(index);
    if (shape != nullptr && shape->kind == FieldShape::Kind::kOptional) shape = shape->part;
    NaiveValue value;
    value.node = &node;
    switch (node.type) {
      case AvroType::kNull: break;
      case AvroType::kBoolean: value.number = static_cast<uint8_t>(Bytes(1)[0]); break;
      case AvroType::kInt:
      case AvroType::kLong: value.number = Long(); break;
      case AvroType::kEnum:
        value.number = Long();
        if (shape == nullptr) break;
        value.bytes = node.names.at(static_cast<uint64_t>(value.number));
        break;
      case AvroType::kFloat: {
        float real;
        std::memcpy(&real, Bytes(4).data(), 4);
        value.real = static_cast<double>(real);
        break;
      }
      case AvroType::kDouble: std::memcpy(&value.real, Bytes(8).data(), 8); break;
      case AvroType::kBytes:
      case AvroType::kString: value.bytes = Text(); break;
      case AvroType::kFixed: value.bytes = Bytes(node.size); break;
      case AvroType::kArray:
      case AvroType::kMap: List(schema, shape, &value); break;
      case AvroType::kRecord:
        for (size_t i = 0; i < node.parts.size(); ++i) {
          value.parts.push_back(Value(schema, node.parts[i], FieldOf(shape, node.names[i])));
        }
        break;
      case AvroType::kUnion:
        return Value(schema, node.parts.at(static_cast<uint64_t>(Long())), shape);
    }
    return value;
  }

 private:
  static const FieldShape* FieldOf(const FieldShape* row, std::string_view name) {
    if (row == nullptr) return nullptr;
    for (const FieldPart& field : row->fields) {
      if (field.name == name) return field.shape;
    }
    return nullptr;
  }

  void List(const WriterSchema& schema, const FieldShape* shape, NaiveValue* list) {
    const bool is_map = list->node->type == AvroType::kMap;
    const FieldShape* element = shape == nullptr ? nullptr : shape->part;
    if (is_map) element = FieldOf(element, "value");
    for (;;) {
      int64_t count = Long();
      if (count == 0) break;
      if (count < 0) {
        const auto size = static_cast<uint64_t>(Long());
        if (size > data_.size()) throw std::runtime_error("too early");
        if (shape == nullptr && size > 0) {
          Bytes(size);
          continue;
        }
      }
      if (count == INT64_MIN) throw std::runtime_error("too many");
      for (count = std::abs(count); count > 0; --count) {
        if (is_map) list->keys.emplace_back(Text());
        list->parts.push_back(Value(schema, list->node->parts[0], element));
        if (list->parts.size() > (1 << 20)) throw std::runtime_error("too many");
      }
    }
  }

  std::string_view data_;
};

}  // namespace joist::avro

#endif  // JOIST_IO_AVRO_NAIVE_READER_H_
