// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// AppendClient: BigQuery's Storage Write, for streams that are appended to at offsets. Keeps a
// connection to each stream. Belongs to one thread.

#ifndef JOIST_IO_BIGQUERY_APPEND_CLIENT_H_
#define JOIST_IO_BIGQUERY_APPEND_CLIENT_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "joist/base/status.h"
#include "joist/io/sink/offset_addressed.h"

namespace grpc {
class Channel;
}  // namespace grpc

namespace joist::bigquery {

class AppendClient {
 public:
  explicit AppendClient(std::shared_ptr<grpc::Channel> channel);
  ~AppendClient();

  /// A new stream of `table` (as TablePath has it) whose rows are visible as soon as they are
  /// appended: its name. kNotFound where there is no such table.
  Result<std::string> CreateStream(const std::string& table);

  /// Appends `rows`, a serialized google.cloud.bigquery.storage.v1.ProtoRows whose rows
  /// `descriptor` describes (a serialized DescriptorProto). Returns when they are durable. What a
  /// broken connection leaves open is tried again, which the offset makes safe.
  Result<sink::AppendAnswer> Append(const std::string& stream, int64_t offset,
                                    const std::string& descriptor, std::string_view rows);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace joist::bigquery

#endif  // JOIST_IO_BIGQUERY_APPEND_CLIENT_H_
