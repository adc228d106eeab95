// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Pub/Sub's REST form: the same methods as gRPC's with JSON, under /v1/projects/.

#ifndef JOIST_SERVE_PUBSUB_PUBSUB_REST_H_
#define JOIST_SERVE_PUBSUB_PUBSUB_REST_H_

#include "joist/serve/http.h"
#include "joist/serve/pubsub/pubsub_core.h"

namespace joist::serve {

/// Answers every path, with 404 what is none of Pub/Sub's. `core` outlives it. Thread-safe.
HttpHandler PubsubRest(PubsubCore* core);

}  // namespace joist::serve

#endif  // JOIST_SERVE_PUBSUB_PUBSUB_REST_H_
