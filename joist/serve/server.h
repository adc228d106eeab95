// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Server: Joist's own stores of messages and tables behind HTTP and gRPC, in one process: what
// `joist serve` runs, and what tests and applications may have inside of them.
//
//  - HTTP: POST /v1/topics/NAME (joist/serve/ingest.h), the REST forms of the APIs, GET /healthz,
//    /readyz and /metrics.
//  - gRPC: Google Pub/Sub, and BigQuery's Storage APIs.
//
// The folder of data belongs to one server at a time. What has been acknowledged to a client is
// there after the process was killed. Neither HTTP nor gRPC is encrypted. Thread-safe.

#ifndef JOIST_SERVE_SERVER_H_
#define JOIST_SERVE_SERVER_H_

#include <memory>
#include <string>
#include <vector>

#include "joist/base/status.h"
#include "joist/serve/http_server.h"
#include "joist/serve/ingest.h"
#include "joist/serve/server_log.h"

namespace grpc {
class Channel;
}  // namespace grpc

namespace joist::store {
class MessageLog;
}  // namespace joist::store

namespace joist::tables {
class TableStore;
}  // namespace joist::tables

namespace joist::serve {

struct ServerSettings {
  /// The folder of data; made if it isn't there.
  std::string data = {};
  /// Of both servers.
  std::string address = "127.0.0.1";
  /// 0: any that is free; kNoPort: none.
  int http_port = 0;
  int grpc_port = 0;
  static constexpr int kNoPort = -1;
  /// `address` and `port` of it are those above.
  HttpServerSettings http = {};
  /// In which /v1/topics/NAME is projects/PROJECT/topics/NAME.
  std::string project = "local";
  IngestSettings ingest = {};
  /// Topics of the project that are made if they aren't there.
  std::vector<std::string> topics = {};
  LogFormat log_format = LogFormat::kNone;
};

class Server {
 public:
  /// Opens the stores and listens. The error says what is wrong, where, and what to do.
  static Result<std::unique_ptr<Server>> Start(ServerSettings settings);
  /// Stops.
  virtual ~Server() = default;

  /// Finishes what has begun, then closes the ports and the stores. Once.
  virtual void Stop() = 0;

  /// kNoPort where there is none.
  virtual int http_port() const = 0;
  virtual int grpc_port() const = 0;
  /// A channel to the gRPC services that uses no port; until Stop.
  virtual std::shared_ptr<grpc::Channel> InProcessChannel() = 0;
  /// Until Stop.
  virtual store::MessageLog& log() = 0;
  /// Null where Joist was built without DuckDB; until Stop.
  virtual tables::TableStore* tables() = 0;
  /// In Prometheus' text format.
  virtual std::string Metrics() = 0;
};

}  // namespace joist::serve

#endif  // JOIST_SERVE_SERVER_H_
