// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Rows as BigQuery's Storage Write API sends them: serialized messages of a type that the writer
// describes. The description is compiled once into a plan, by which each row is decoded straight
// into a RowBatch.

#ifndef JOIST_STORE_TABLES_PROTO_ROWS_H_
#define JOIST_STORE_TABLES_PROTO_ROWS_H_

#include <google/protobuf/descriptor.pb.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "joist/base/status.h"
#include "joist/store/tables/row_batch.h"

namespace joist::tables {

/// A row that cannot be taken, and why.
struct RowFault {
  int64_t row = 0;
  std::string reason = {};
};

/// How messages of one type become rows of one schema. Immutable; any number of threads.
class ProtoPlan {
 public:
  /// Fails where the message has a field that the schema lacks, lacks a REQUIRED one, or has one of
  /// a type that cannot become the column's.
  static Result<std::shared_ptr<const ProtoPlan>> Compile(
      std::shared_ptr<const Schema> schema, const google::protobuf::DescriptorProto& message);
  ~ProtoPlan();

  const std::shared_ptr<const Schema>& schema() const { return schema_; }

  /// Decodes one row into `batch`, which has the same schema. Gives the reason where it cannot; the
  /// batch is then as before.
  Status Decode(std::string_view row, RowBatch* batch) const;

  /// What is known of a field of the message, by its number.
  struct FieldPlan;
  /// What is known of a message.
  struct MessagePlan;

 private:
  explicit ProtoPlan(std::shared_ptr<const Schema> schema);

  const std::shared_ptr<const Schema> schema_;
  std::unique_ptr<MessagePlan> root_;
};

}  // namespace joist::tables

#endif  // JOIST_STORE_TABLES_PROTO_ROWS_H_
