// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Schema and FieldType: Beam's schemas as values, with their encoding as Beam's Schema message
// (which is the payload of the row coder). Values; pure functions.

#ifndef JOIST_MODEL_SCHEMA_H_
#define JOIST_MODEL_SCHEMA_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "joist/base/status.h"

namespace joist {

struct Schema;

/// The numbers are the wire's.
enum class AtomicType : uint8_t {
  kByte = 1,
  kInt16 = 2,
  kInt32 = 3,
  kInt64 = 4,
  kFloat = 5,
  kDouble = 6,
  kString = 7,
  kBoolean = 8,
  kBytes = 9,
};

// Logical types whose encoding or meaning Joist knows.
inline constexpr std::string_view kMillisInstantType = "beam:logical_type:millis_instant:v1";
inline constexpr std::string_view kMicrosInstantType = "beam:logical_type:micros_instant:v1";
inline constexpr std::string_view kDecimalType = "beam:logical_type:decimal:v1";
inline constexpr std::string_view kFixedBytesType = "beam:logical_type:fixed_bytes:v1";
inline constexpr std::string_view kVarBytesType = "beam:logical_type:var_bytes:v1";
inline constexpr std::string_view kFixedCharType = "beam:logical_type:fixed_char:v1";
inline constexpr std::string_view kVarCharType = "beam:logical_type:var_char:v1";
inline constexpr std::string_view kNanosDurationType = "beam:logical_type:nanos_duration:v1";
inline constexpr std::string_view kUint64Type = "joist:logical_type:uint64:v1";

struct FieldType {
  /// The numbers are the wire's.
  enum class Kind : uint8_t { kAtomic = 2, kArray, kIterable, kMap, kRow, kLogical };

  Kind kind = Kind::kAtomic;
  AtomicType atomic = AtomicType::kString;
  bool nullable = false;
  std::vector<FieldType> parts;  // Element; key and value; representation and type of argument.
  std::vector<Schema> row;       // One, where kind is kRow.
  std::string urn;               // Of a logical type.
  std::string logical_payload;   // Of a logical type.
  std::string logical_argument;  // Of a logical type: a FieldValue message.

  static FieldType Atomic(AtomicType type);
  static FieldType Array(FieldType element);
  static FieldType Iterable(FieldType element);
  static FieldType Map(FieldType key, FieldType value);
  static FieldType Row(Schema schema);
  static FieldType Logical(std::string_view urn, FieldType representation);
  FieldType Nullable() const;

  /// The whole number that a logical type has as argument (the length of fixed_char), or -1.
  int64_t IntegerArgument() const;

  /// "STRING", "ARRAY<INT64?>", "ROW<key STRING, value DOUBLE>"; a question mark is for nullable.
  std::string ToString() const;

  friend bool operator==(const FieldType& a, const FieldType& b);
};

struct Field {
  std::string name;
  FieldType type;
  std::string description = {};
  int32_t id = 0;
  int32_t encoding_position = 0;
  std::vector<std::string> options = {};  // Option messages, kept as they are.

  friend bool operator==(const Field&, const Field&) = default;
};

struct Schema {
  std::vector<Field> fields;
  std::string id;                       // Empty, or a UUID.
  bool encoding_positions_set = false;  // The order of encoding is not that of `fields`.
  std::vector<std::string> options;     // Option messages, kept as they are.

  /// The index of the field `name`, or -1.
  int IndexOf(std::string_view name) const;

  /// The fields' indices in the order of encoding.
  std::vector<size_t> EncodingOrder() const;

  /// OK, or what is wrong: a name twice, a position twice, a row within rows too deep.
  Status Validate() const;

  /// "customer STRING, cents INT64, note STRING?".
  std::string ToString() const;

  /// Beam's Schema message.
  std::string Serialize() const;
  static Result<Schema> Parse(std::string_view message);

  /// An id that follows from the fields: the same for the same fields on every machine.
  std::string StableId() const;

  friend bool operator==(const Schema&, const Schema&) = default;
};

}  // namespace joist

#endif  // JOIST_MODEL_SCHEMA_H_
