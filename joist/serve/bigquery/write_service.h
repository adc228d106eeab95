// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#ifndef JOIST_SERVE_BIGQUERY_WRITE_SERVICE_H_
#define JOIST_SERVE_BIGQUERY_WRITE_SERVICE_H_

#include <grpcpp/impl/codegen/service_type.h>

#include <memory>

#include "joist/store/tables/table_store.h"

namespace joist::serve {

/// The gRPC service google.cloud.bigquery.storage.v1.BigQueryWrite over `store`, which outlives it.
std::unique_ptr<grpc::Service> MakeBigQueryWrite(tables::TableStore* store);

}  // namespace joist::serve

#endif  // JOIST_SERVE_BIGQUERY_WRITE_SERVICE_H_
