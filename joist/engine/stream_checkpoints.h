// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// StreamCheckpoints: where a StreamRun's checkpoints go, and when they are made.

#ifndef JOIST_ENGINE_STREAM_CHECKPOINTS_H_
#define JOIST_ENGINE_STREAM_CHECKPOINTS_H_

#include <string>

namespace joist {

/// Belongs to the thread of the run.
class StreamCheckpoints {
 public:
  virtual ~StreamCheckpoints() = default;
  /// Whether one is to be made now; asked after each bundle.
  virtual bool IsDue() = 0;
  /// Begins to keep it, while the stream goes on. False if the run is to end here, so that another
  /// goes on from the checkpoint.
  virtual bool Keep(std::string bytes) = 0;
  /// Whether the one that Keep was given last is safe; `waits` until it is. Throws StatusException.
  virtual bool IsSafe(bool waits) = 0;
};

}  // namespace joist

#endif  // JOIST_ENGINE_STREAM_CHECKPOINTS_H_
