// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// How a process that was started as a worker takes over before the user's main (docs/adr/0001,
// decision 5).

#ifndef JOIST_ENGINE_WORKER_START_H_
#define JOIST_ENGINE_WORKER_START_H_

namespace joist {

/// The environment variable that makes a process a worker.
inline constexpr const char* kWorkerVariable = "JOIST_WORKER";

/// In a worker whose launch record holds a whole graph: runs it and ends the process. Returns false
/// if the user's main is to build the pipeline, and in every other process.
bool ServeGraphIfAsked();

}  // namespace joist

#endif  // JOIST_ENGINE_WORKER_START_H_
