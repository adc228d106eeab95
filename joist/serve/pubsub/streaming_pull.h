// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// StreamingPull: one stream of messages to a client, which acknowledges on it or beside it. It has
// no thread: it goes on when a request has come, a response has gone, or the log has something.

#ifndef JOIST_SERVE_PUBSUB_STREAMING_PULL_H_
#define JOIST_SERVE_PUBSUB_STREAMING_PULL_H_

#include <google/pubsub/v1/pubsub.pb.h>
#include <grpcpp/support/server_callback.h>

#include "joist/serve/pubsub/pubsub_core.h"

namespace joist::serve {

/// A reactor that deletes itself. `core` outlives it.
grpc::ServerBidiReactor<v1::StreamingPullRequest, v1::StreamingPullResponse>* StartStreamingPull(
    PubsubCore* core);

}  // namespace joist::serve

#endif  // JOIST_SERVE_PUBSUB_STREAMING_PULL_H_
