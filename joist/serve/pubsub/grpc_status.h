// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// A Status as gRPC has it.

#ifndef JOIST_SERVE_PUBSUB_GRPC_STATUS_H_
#define JOIST_SERVE_PUBSUB_GRPC_STATUS_H_

#include <grpcpp/support/status.h>

#include "joist/base/status.h"

namespace joist::serve {

inline grpc::Status GrpcStatus(const Status& status) {
  return {static_cast<grpc::StatusCode>(status.code()), status.message()};
}

}  // namespace joist::serve

#endif  // JOIST_SERVE_PUBSUB_GRPC_STATUS_H_
