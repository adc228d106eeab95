// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// WriterSchema: the schema in an Avro file's header (avro.apache.org/docs/1.11.1/specification),
// which says how its records are encoded. A value; immutable.
//
// Invariants:
//  1. A node's parts have lower numbers than itself: no type contains itself, since no row could
//     hold it. Named types may be parts of many nodes.
//  2. Bounded: kMostNodes nodes, no value is nested deeper than kDeepest.

#ifndef JOIST_IO_AVRO_WRITER_SCHEMA_H_
#define JOIST_IO_AVRO_WRITER_SCHEMA_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "joist/base/status.h"

namespace joist::avro {

enum class AvroType : uint8_t {
  kNull,
  kBoolean,
  kInt,
  kLong,
  kFloat,
  kDouble,
  kBytes,
  kString,
  kArray,
  kMap,
  kFixed,
  kEnum,
  kRecord,
  kUnion,
};

/// Logical types that Joist knows; others are as if they weren't there, as Avro wants it.
enum class AvroLogical : uint8_t {
  kNone,
  kDate,
  kTimeMillis,
  kTimeMicros,
  kTimestampMillis,
  kTimestampMicros,
  kTimestampNanos,
  kDecimal,
  kDurationMillis,  ///< Joist's own: a Duration as a long.
};

/// The logicalType of kDurationMillis.
inline constexpr std::string_view kDurationMillisName = "duration-millis";

struct SchemaNode {
  AvroType type = AvroType::kNull;
  AvroLogical logical = AvroLogical::kNone;
  std::string name;                ///< Of a record, an enum, a fixed; with its namespace.
  std::vector<uint32_t> parts;     ///< Elements; values; the fields' types; branches.
  std::vector<std::string> names;  ///< Fields; symbols.
  uint64_t size = 0;               ///< Of a fixed.
  uint32_t scale = 0;              ///< Of a decimal.
  uint64_t least_bytes = 0;        ///< That a value takes; saturates.
  uint32_t height = 1;             ///< Of the values that are nested in one, itself included.
};

class WriterSchema {
 public:
  static constexpr size_t kMostNodes = 100'000;
  static constexpr uint32_t kDeepest = 64;

  /// An error is a phrase ("its schema is no JSON"); the caller knows the file.
  static Result<WriterSchema> Parse(std::string_view json);

  const SchemaNode& node(uint32_t index) const { return nodes_[index]; }
  const SchemaNode& root() const { return nodes_.back(); }
  uint32_t root_index() const { return static_cast<uint32_t>(nodes_.size() - 1); }

  /// "string", "array of long", "long (timestamp-millis)"; for messages.
  std::string Describe(uint32_t index) const;

 private:
  explicit WriterSchema(std::vector<SchemaNode> nodes) : nodes_(std::move(nodes)) {}

  std::vector<SchemaNode> nodes_;
};

}  // namespace joist::avro

#endif  // JOIST_IO_AVRO_WRITER_SCHEMA_H_
