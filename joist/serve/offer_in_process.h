// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// OfferInProcess: a program whose pipelines speak Pub/Sub or BigQuery needs no server then: where
// no `joist serve` runs on this machine, the connectors find one inside of the process.

#ifndef JOIST_SERVE_OFFER_IN_PROCESS_H_
#define JOIST_SERVE_OFFER_IN_PROCESS_H_

#include "joist/serve/server.h"

namespace joist::serve {

/// Started when a connector asks for the first time, and stopped when the process exits. Call it
/// once, before a pipeline runs.
void OfferInProcess(ServerSettings settings);

}  // namespace joist::serve

#endif  // JOIST_SERVE_OFFER_IN_PROCESS_H_
