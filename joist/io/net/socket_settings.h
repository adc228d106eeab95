// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// SocketSettings: the server that lines are sent to or read from, and how long that may take.

#ifndef JOIST_IO_NET_SOCKET_SETTINGS_H_
#define JOIST_IO_NET_SOCKET_SETTINGS_H_

#include <cstdint>
#include <string>

#include "joist/io/net/retry.h"
#include "joist/model/fields.h"
#include "joist/model/timestamp.h"
#include "joist/sdk/pcollection.h"

namespace joist::net {

struct SocketSettings {
  std::string host;
  int64_t port = 0;                          ///< From 1 to 65535.
  Duration timeout = Duration::Seconds(30);  ///< Of connecting and of sending 64 KB; positive.
  RetryPolicy retries;                       ///< Of connecting.

  /// For messages.
  std::string Name() const { return host + " at port " + std::to_string(port); }
};
JOIST_ROW(SocketSettings, host, port, timeout, retries)

/// What is wrong with them is a fault of the step.
void CheckSocket(const SocketSettings& settings, PipelineBuilder& builder);

}  // namespace joist::net

#endif  // JOIST_IO_NET_SOCKET_SETTINGS_H_
