// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// AppendClient: BigQuery's Storage Write. Keeps a connection to each of the kMostConnections
// streams that were appended to last. Belongs to one thread.

#ifndef JOIST_IO_BIGQUERY_APPEND_CLIENT_H_
#define JOIST_IO_BIGQUERY_APPEND_CLIENT_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "joist/base/status.h"
#include "joist/io/sink/offset_addressed.h"

namespace grpc {
class Channel;
}  // namespace grpc

namespace joist::bigquery {

/// A row that the service refuses for what is in it.
struct RefusedRow {
  std::string row = {};
  std::string error = {};
};

enum class StreamType : uint8_t {
  kCommitted,  ///< Rows are seen when they are appended.
  kBuffered,   ///< Rows are seen as far as Flush says.
};

class AppendClient {
 public:
  static constexpr size_t kMostConnections = 64;

  explicit AppendClient(std::shared_ptr<grpc::Channel> channel);
  ~AppendClient();

  /// A new stream of `table` (as TablePath has it): its name. kNotFound where there is no such
  /// table.
  Result<std::string> CreateStream(const std::string& table, StreamType type);

  /// Appends `rows`, a serialized google.cloud.bigquery.storage.v1.ProtoRows whose rows
  /// `descriptor` describes (a serialized DescriptorProto). Returns when they are durable. What a
  /// broken connection leaves open is tried again, which the offset makes safe; without one, as the
  /// default stream has none, rows may be there twice. With `refused` rows that the service refuses
  /// go there, and the others are appended; else they are an error, and nothing is appended.
  Result<sink::AppendAnswer> Append(const std::string& stream, std::optional<int64_t> offset,
                                    const std::string& descriptor, std::string_view rows,
                                    std::vector<RefusedRow>* refused);

  /// Rows of a buffered stream below `end` are seen from now on, if they are not already.
  Status Flush(const std::string& stream, int64_t end);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace joist::bigquery

#endif  // JOIST_IO_BIGQUERY_APPEND_CLIENT_H_
