// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// PubsubService: Google Pub/Sub's gRPC services Publisher and Subscriber over a MessageLog. Clients
// of Google's find it by PUBSUB_EMULATOR_HOST.
//
//   PubsubService pubsub(log.get());
//   grpc::ServerBuilder builder;
//   builder.AddListeningPort("127.0.0.1:8085", grpc::InsecureServerCredentials(), &port);
//   pubsub.Register(builder);
//   const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
//
// The server must have been shut down before the service goes, the log goes last. Thread-safe.

#ifndef JOIST_SERVE_PUBSUB_PUBSUB_SERVICE_H_
#define JOIST_SERVE_PUBSUB_PUBSUB_SERVICE_H_

#include <memory>

#include "joist/serve/http.h"
#include "joist/store/log/message_log.h"

namespace grpc {
class ServerBuilder;
}  // namespace grpc

namespace joist::serve {

class PubsubService {
 public:
  /// Also begins to push what is to be pushed.
  explicit PubsubService(store::MessageLog* log);
  ~PubsubService();
  PubsubService(const PubsubService&) = delete;
  PubsubService& operator=(const PubsubService&) = delete;

  /// Adds the services; messages of up to 20 MiB are taken then.
  void Register(grpc::ServerBuilder& builder);

  /// Answers Pub/Sub's REST paths, /v1/projects/…, and 404 to others; valid as long as the service.
  HttpHandler Rest();

 private:
  class Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace joist::serve

#endif  // JOIST_SERVE_PUBSUB_PUBSUB_SERVICE_H_
