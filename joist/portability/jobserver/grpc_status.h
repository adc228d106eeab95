// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// A Status as gRPC has it. For sources: gRPC's headers are heavy.

#ifndef JOIST_PORTABILITY_JOBSERVER_GRPC_STATUS_H_
#define JOIST_PORTABILITY_JOBSERVER_GRPC_STATUS_H_

#include <grpcpp/support/status.h>

#include "joist/base/status.h"

namespace joist::portability {

inline ::grpc::Status GrpcStatus(const Status& status) {
  return {static_cast<::grpc::StatusCode>(status.code()), status.message()};
}

}  // namespace joist::portability

#endif  // JOIST_PORTABILITY_JOBSERVER_GRPC_STATUS_H_
