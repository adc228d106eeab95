// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#ifndef JOIST_SERVE_BIGQUERY_REST_H_
#define JOIST_SERVE_BIGQUERY_REST_H_

#include <memory>

#include "joist/serve/http.h"
#include "joist/store/tables/table_store.h"

namespace joist::serve {

/// BigQuery's REST API v2. Any number of threads.
class RestApi {
 public:
  RestApi() = default;
  RestApi(const RestApi&) = delete;
  RestApi& operator=(const RestApi&) = delete;
  virtual ~RestApi() = default;

  /// Answers at once, or from another thread when there is an answer.
  virtual void Handle(const HttpRequest& request, const HttpReply& reply) = 0;
};

/// `store` outlives it.
std::shared_ptr<RestApi> MakeRest(tables::TableStore* store);

}  // namespace joist::serve

#endif  // JOIST_SERVE_BIGQUERY_REST_H_
