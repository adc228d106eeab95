// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#ifndef JOIST_SERVE_BIGQUERY_RPC_STATUS_H_
#define JOIST_SERVE_BIGQUERY_RPC_STATUS_H_

#include <google/cloud/bigquery/storage/v1/storage.pb.h>
#include <grpcpp/support/status.h>

#include "joist/base/status.h"
#include "joist/store/tables/schema.h"

namespace joist::serve {

/// The codes are gRPC's own.
inline grpc::Status ToGrpc(const Status& status) {
  return {static_cast<grpc::StatusCode>(status.code()), status.message()};
}

/// The schema as the Storage APIs have it.
google::cloud::bigquery::storage::v1::TableSchema ToProto(const tables::Schema& schema);

}  // namespace joist::serve

#endif  // JOIST_SERVE_BIGQUERY_RPC_STATUS_H_
