// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#ifndef JOIST_SERVE_BIGQUERY_BIGQUERY_SERVICE_H_
#define JOIST_SERVE_BIGQUERY_BIGQUERY_SERVICE_H_

#include <memory>

#include "joist/serve/http.h"
#include "joist/store/tables/table_store.h"

namespace grpc {
class ServerBuilder;
}

namespace joist::serve {

/// BigQuery's APIs over a TableStore: the REST API v2, and the Storage Read and Write APIs of gRPC.
/// Any number of threads.
class BigQueryService {
 public:
  /// `store` outlives this.
  explicit BigQueryService(tables::TableStore* store);
  BigQueryService(const BigQueryService&) = delete;
  BigQueryService& operator=(const BigQueryService&) = delete;
  /// After the servers have been shut down. Queries at work are waited for.
  ~BigQueryService();

  /// Adds the gRPC services, and lets the server take messages of 20 MiB.
  void Register(grpc::ServerBuilder& builder);
  /// Answers paths that begin with /bigquery/v2, /upload/bigquery/v2 and
  /// /resumable/upload/bigquery/v2, and /$discovery/rest, which `bq` asks for.
  HttpHandler Rest();

 private:
  class Services;
  std::unique_ptr<Services> services_;
};

}  // namespace joist::serve

#endif  // JOIST_SERVE_BIGQUERY_BIGQUERY_SERVICE_H_
