// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/avro/field_shape.h"

#include <map>
#include <set>

#include "joist/io/avro/writer_schema.h"

namespace joist::avro {
namespace {

class SchemaText {
 public:
  void Put(const FieldShape& shape) {
    using Kind = FieldShape::Kind;
    switch (shape.kind) {
      case Kind::kNone: Name("null"); break;
      case Kind::kBool: Name("boolean"); break;
      case Kind::kInteger: Integer(shape); break;
      case Kind::kFloat: Name("float"); break;
      case Kind::kDouble: Name("double"); break;
      case Kind::kText:
      case Kind::kEnum: Name("string"); break;
      case Kind::kBytes:
      case Kind::kByteVector: Name("bytes"); break;
      case Kind::kTimestamp: Logical("timestamp-millis"); break;
      case Kind::kDuration: Logical(kDurationMillisName); break;
      case Kind::kOptional:
        text_ += "[\"null\",";
        Put(*shape.part);
        text_ += ']';
        break;
      case Kind::kMap: Map(shape); break;
      case Kind::kList:
      case Kind::kCollection: Array(*shape.part); break;
      case Kind::kRow: Row(shape); break;
      case Kind::kLogical: Put(*shape.part); break;
    }
  }
  std::string Take() { return std::move(text_); }

 private:
  void Name(std::string_view name) { text_.append("\"").append(name).append("\""); }
  void Logical(std::string_view name) {
    text_.append("{\"type\":\"long\",\"logicalType\":");
    Name(name);
    text_ += '}';
  }
  void Integer(const FieldShape& shape) {
    if (shape.size < 4 || (shape.size == 4 && shape.is_signed)) {
      Name("int");
    } else if (shape.size == 4 || shape.is_signed) {
      Name("long");
    } else {
      text_ += "{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":20,\"scale\":0}";
    }
  }
  void Array(const FieldShape& element) {
    text_ += "{\"type\":\"array\",\"items\":";
    Put(element);
    text_ += '}';
  }
  void Map(const FieldShape& shape) {
    const FieldShape::Kind key = shape.part->fields[0].shape->kind;
    if (key != FieldShape::Kind::kText && key != FieldShape::Kind::kEnum) {
      return Array(*shape.part);
    }
    text_ += "{\"type\":\"map\",\"values\":";
    Put(*shape.part->fields[1].shape);
    text_ += '}';
  }
  void Row(const FieldShape& shape) {
    const auto known = names_.find(&shape);
    if (known != names_.end()) return Name(known->second);
    const std::string name = NewName(shape.row_name);
    names_[&shape] = name;
    text_ += "{\"type\":\"record\",\"name\":";
    Name(name);
    text_ += ",\"fields\":[";
    for (size_t i = 0; i < shape.fields.size(); ++i) {
      const FieldPart& field = shape.fields[i];
      text_ += i == 0 ? "{\"name\":" : ",{\"name\":";
      Name(field.name);
      text_ += ",\"type\":";
      Put(*field.shape);
      if (field.shape->kind == FieldShape::Kind::kOptional) text_ += ",\"default\":null";
      text_ += '}';
    }
    text_ += "]}";
  }
  // Avro's names are letters, digits and _; two types may have the same in different namespaces.
  std::string NewName(std::string_view wanted) {
    std::string name;
    for (const char c : wanted) {
      const bool allowed = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
                           (c >= '0' && c <= '9' && !name.empty());
      name += allowed ? c : '_';
    }
    std::string candidate = name;
    for (int i = 2; !taken_.insert(candidate).second; ++i) {
      candidate = name + "_" + std::to_string(i);
    }
    return candidate;
  }

  std::string text_;
  std::map<const FieldShape*, std::string> names_;
  std::set<std::string> taken_;
};

}  // namespace

std::string SchemaTextOf(const FieldShape& row) {
  SchemaText text;
  text.Put(row);
  return text.Take();
}

}  // namespace joist::avro
