// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// What a server's /metrics says of its parts.

#ifndef JOIST_SERVE_SERVER_FIGURES_H_
#define JOIST_SERVE_SERVER_FIGURES_H_

#include "joist/serve/http_server.h"
#include "joist/serve/ingest.h"
#include "joist/serve/metrics_text.h"

namespace joist::store {
class MessageLog;
}  // namespace joist::store

namespace joist::serve {

void AppendHttpFigures(const HttpFigures& figures, MetricsText* text);
void AppendIngestFigures(const IngestFigures& figures, MetricsText* text);
/// Of the first thousand topics and subscriptions, by name.
void AppendLogFigures(store::MessageLog* log, MetricsText* text);

}  // namespace joist::serve

#endif  // JOIST_SERVE_SERVER_FIGURES_H_
