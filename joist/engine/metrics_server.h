// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// MetricsServer: answers GET /metrics and GET /healthz over HTTP, with one thread of its own. Made
// for who scrapes now and then, and for a port that strangers may find: a connection has one
// request, which may take kMostBytes and kLongest; there are kMostConnections at a time.

#ifndef JOIST_ENGINE_METRICS_SERVER_H_
#define JOIST_ENGINE_METRICS_SERVER_H_

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "joist/base/status.h"

namespace joist {

class MetricsServer {
 public:
  static constexpr size_t kMostBytes = 8192;
  static constexpr std::chrono::seconds kLongest{3};
  static constexpr int kMostConnections = 16;

  /// Listens on `host`, an address of this machine, and `port`, of which the system chooses one if
  /// it is 0. `metrics` gives what /metrics says; it is called by the server's thread. UNAVAILABLE
  /// where somebody else has the port, INVALID_ARGUMENT where `host` is no address.
  static Result<std::unique_ptr<MetricsServer>> Start(const std::string& host, int port,
                                                      std::function<std::string()> metrics);
  virtual ~MetricsServer() = default;

  virtual int port() const = 0;
};

}  // namespace joist

#endif  // JOIST_ENGINE_METRICS_SERVER_H_
