// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// bigquery_server FOLDER: BigQuery's APIs over the tables of a folder, on two ports of loopback,
// which it prints; it ends with its standard input. For the tests.

#include <grpcpp/grpcpp.h>

#include <cstdio>
#include <iostream>
#include <string>

#include "joist/serve/bigquery/bigquery_service.h"
#include "joist/serve/http_server.h"

int main(int count, char** arguments) {
  if (count != 2) {
    std::fprintf(stderr, "usage: bigquery_server FOLDER\n");
    return 2;
  }
  auto store = joist::tables::TableStore::Open({.folder = arguments[1]});
  if (!store.ok()) {
    std::fprintf(stderr, "%s\n", store.status().message().c_str());
    return 1;
  }
  joist::serve::BigQueryService service(store->get());
  grpc::ServerBuilder builder;
  int grpc_port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &grpc_port);
  service.Register(builder);
  const auto grpc_server = builder.BuildAndStart();
  joist::serve::HttpServerSettings settings;
  settings.most_body_bytes = 64 << 20;
  auto http = joist::serve::HttpServer::Start(settings, service.Rest());
  if (!http.ok() || grpc_server == nullptr) {
    std::fprintf(stderr, "the server cannot listen\n");
    return 1;
  }
  std::printf("%d %d\n", (*http)->port(), grpc_port);
  std::fflush(stdout);
  std::string line;
  while (std::getline(std::cin, line)) {
  }
  (*http)->Stop();
  grpc_server->Shutdown();
  return 0;
}
