// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/serve/bigquery/bigquery_service.h"

#include <grpcpp/server_builder.h>

#include "joist/serve/bigquery/read_service.h"
#include "joist/serve/bigquery/rest.h"
#include "joist/serve/bigquery/write_service.h"

namespace joist::serve {

/// The services; REST's is the last to be made and the first to go.
class BigQueryService::Services {
 public:
  explicit Services(tables::TableStore* store)
      : write(MakeBigQueryWrite(store)), read(MakeBigQueryRead(store)), rest(MakeRest(store)) {}

  const std::unique_ptr<grpc::Service> write;
  const std::unique_ptr<grpc::Service> read;
  const std::shared_ptr<RestApi> rest;
};

BigQueryService::BigQueryService(tables::TableStore* store)
    : services_(std::make_unique<Services>(store)) {}

BigQueryService::~BigQueryService() = default;

void BigQueryService::Register(grpc::ServerBuilder& builder) {
  constexpr int kLargestMessage = 20 << 20;
  builder.SetMaxReceiveMessageSize(kLargestMessage);
  builder.RegisterService(services_->write.get());
  builder.RegisterService(services_->read.get());
}

HttpHandler BigQueryService::Rest() {
  return [rest = services_->rest.get()](const HttpRequest& request, const HttpReply& reply) {
    rest->Handle(request, reply);
  };
}

}  // namespace joist::serve
