// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/net/socket_settings.h"

namespace joist::net {

void CheckSocket(const SocketSettings& settings, PipelineBuilder& builder) {
  if (settings.host.empty() || settings.port < 1 || settings.port > 65535) {
    builder.AddFault("does not name a host and a port from 1 to 65535");
  }
  if (settings.timeout <= Duration::Zero()) builder.AddFault("has a timeout that is not positive");
  if (settings.retries.attempts < 1) builder.AddFault("makes no attempt at all");
}

}  // namespace joist::net
