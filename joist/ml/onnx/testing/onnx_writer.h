// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// OnnxWriter: makes small ONNX files for tests, as the protobuf messages of ONNX's onnx.proto, so
// that tests need nothing but the library that they test.
//
//   OnnxWriter()
//       .Input("x", OnnxType::kFloat, {-1, 3})
//       .Constant("w", {3, 1}, {2, 3, 4})
//       .Node("MatMul", {"x", "w"}, {"y"})
//       .Output("y", OnnxType::kFloat, {-1, 1})
//       .Bytes();

#ifndef JOIST_ML_ONNX_TESTING_ONNX_WRITER_H_
#define JOIST_ML_ONNX_TESTING_ONNX_WRITER_H_

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "joist/model/wire.h"

namespace joist {

/// The numbers are those of TensorProto.DataType.
enum class OnnxType : uint8_t { kFloat = 1, kInt32 = 6, kInt64 = 7, kDouble = 11 };

class OnnxWriter {
 public:
  using Ints = std::vector<int64_t>;
  using Floats = std::vector<float>;
  using Strings = std::vector<std::string>;
  using Attribute =
      std::pair<std::string, std::variant<int64_t, std::string, Ints, Floats, Strings>>;

  /// A dimension below 0 is open.
  OnnxWriter& Input(std::string_view name, OnnxType type, const Ints& shape) {
    PutMessage(11, ValueInfo(name, TensorType(type, shape)), &graph_);
    return *this;
  }
  OnnxWriter& Output(std::string_view name, OnnxType type, const Ints& shape) {
    PutMessage(12, ValueInfo(name, TensorType(type, shape)), &graph_);
    return *this;
  }
  /// What ZipMap gives: a sequence of maps from int64 to float.
  OnnxWriter& OutputOfMaps(std::string_view name) {
    std::string map;
    PutNumber(1, static_cast<int64_t>(OnnxType::kInt64), &map);
    PutMessage(2, TensorType(OnnxType::kFloat, {}), &map);
    std::string sequence;
    PutMessage(1, Message(5, map), &sequence);
    PutMessage(12, ValueInfo(name, Message(4, sequence)), &graph_);
    return *this;
  }
  OnnxWriter& Constant(std::string_view name, const Ints& shape, const Floats& values) {
    std::string tensor;
    for (const int64_t size : shape) PutNumber(1, size, &tensor);
    PutNumber(2, static_cast<int64_t>(OnnxType::kFloat), &tensor);
    for (const float value : values) PutFloat(4, value, &tensor);
    PutMessage(8, name, &tensor);
    PutMessage(5, tensor, &graph_);
    return *this;
  }
  OnnxWriter& Node(std::string_view type, const Strings& inputs, const Strings& outputs,
                   const std::vector<Attribute>& attributes = {}, std::string_view domain = "") {
    std::string node;
    for (const std::string& input : inputs) PutMessage(1, input, &node);
    for (const std::string& output : outputs) PutMessage(2, output, &node);
    PutMessage(4, type, &node);
    for (const Attribute& attribute : attributes) PutMessage(5, AttributeText(attribute), &node);
    PutMessage(7, domain, &node);
    PutMessage(1, node, &graph_);
    return *this;
  }

  std::string Bytes() const {
    std::string model;
    PutNumber(1, 8, &model);  // The version of the format.
    PutMessage(7, graph_ + Message(2, "test"), &model);
    for (const auto& [domain, version] : {std::pair{"", 17}, {"ai.onnx.ml", 3}}) {
      std::string operators = Message(1, domain);
      PutNumber(2, version, &operators);
      PutMessage(8, operators, &model);
    }
    return model;
  }

 private:
  static void PutNumber(int field, int64_t value, std::string* out) {
    PutVarint(static_cast<uint64_t>(field) << 3, out);
    PutVarint(static_cast<uint64_t>(value), out);
  }
  static void PutFloat(int field, float value, std::string* out) {
    PutVarint(static_cast<uint64_t>(field) << 3 | 5, out);
    for (uint32_t bits = std::bit_cast<uint32_t>(value), i = 0; i < 4; ++i, bits >>= 8) {
      out->push_back(static_cast<char>(bits));
    }
  }
  static void PutMessage(int field, std::string_view bytes, std::string* out) {
    PutVarint(static_cast<uint64_t>(field) << 3 | 2, out);
    PutVarint(bytes.size(), out);
    out->append(bytes);
  }
  static std::string Message(int field, std::string_view bytes) {
    std::string out;
    PutMessage(field, bytes, &out);
    return out;
  }

  static std::string TensorType(OnnxType type, const Ints& shape) {
    std::string sizes;
    for (const int64_t size : shape) {
      std::string dimension;
      if (size >= 0) PutNumber(1, size, &dimension);
      PutMessage(1, dimension, &sizes);
    }
    std::string tensor;
    PutNumber(1, static_cast<int64_t>(type), &tensor);
    PutMessage(2, sizes, &tensor);
    return Message(1, tensor);
  }
  static std::string ValueInfo(std::string_view name, std::string_view type) {
    return Message(1, name) + Message(2, type);
  }
  static std::string AttributeText(const Attribute& attribute) {
    std::string out = Message(1, attribute.first);
    std::visit(
        [&out](const auto& value) {
          using T = std::remove_cvref_t<decltype(value)>;
          if constexpr (std::is_same_v<T, int64_t>) {
            PutNumber(3, value, &out);
            PutNumber(20, 2, &out);
          } else if constexpr (std::is_same_v<T, std::string>) {
            PutMessage(4, value, &out);
            PutNumber(20, 3, &out);
          } else if constexpr (std::is_same_v<T, Floats>) {
            for (const float one : value) PutFloat(7, one, &out);
            PutNumber(20, 6, &out);
          } else if constexpr (std::is_same_v<T, Ints>) {
            for (const int64_t one : value) PutNumber(8, one, &out);
            PutNumber(20, 7, &out);
          } else {
            for (const std::string& one : value) PutMessage(9, one, &out);
            PutNumber(20, 8, &out);
          }
        },
        attribute.second);
    return out;
  }

  std::string graph_;
};

}  // namespace joist

#endif  // JOIST_ML_ONNX_TESTING_ONNX_WRITER_H_
