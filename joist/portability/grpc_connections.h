// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// What gRPC servers do about connections that nobody uses any more. For sources: gRPC's headers are
// heavy.

#ifndef JOIST_PORTABILITY_GRPC_CONNECTIONS_H_
#define JOIST_PORTABILITY_GRPC_CONNECTIONS_H_

#include <grpcpp/server_builder.h>

#include <chrono>

namespace joist::portability {

/// A connection without calls is closed after `idle`; who comes again opens another. Of one with
/// calls it is found out within two minutes whether there is still somebody at its other end, in a
/// process that runs. The port is shared with no other server.
inline void BoundConnections(::grpc::ServerBuilder* builder,
                             std::chrono::milliseconds idle = std::chrono::minutes(10)) {
  constexpr int kUntilAsked = 60'000;
  constexpr int kUntilAnswered = 60'000;
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kUntilAsked);
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kUntilAnswered);
  builder->AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS, static_cast<int>(idle.count()));
  // SDKs ask as often as they like.
  builder->AddChannelArgument(GRPC_ARG_HTTP2_MAX_PING_STRIKES, 0);
  // Two servers would share the port, and each have some of the clients.
  builder->AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
}

}  // namespace joist::portability

#endif  // JOIST_PORTABILITY_GRPC_CONNECTIONS_H_
