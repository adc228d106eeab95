// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// StreamCheckpoints: where a StreamRun's checkpoints go, and when they are made. SavedStream: one
// that a run goes on from.

#ifndef JOIST_ENGINE_STREAM_CHECKPOINTS_H_
#define JOIST_ENGINE_STREAM_CHECKPOINTS_H_

#include <string>
#include <string_view>
#include <vector>

#include "joist/base/function_ref.h"
#include "joist/base/status.h"
#include "joist/engine/saved_run.h"

namespace joist {

/// Belongs to the thread of the run.
class StreamCheckpoints {
 public:
  virtual ~StreamCheckpoints() = default;
  /// Whether one is to be made now; asked after each bundle.
  virtual bool IsDue() = 0;
  /// Begins to keep it, while the stream goes on: EncodeSavedRun, and the keys that have changed
  /// since the last call, or since what the run went on from. False if the run is to end here, so
  /// that another goes on from the checkpoint.
  virtual bool Keep(std::string run, std::vector<StepKeys> keys) = 0;
  /// Whether the one that Keep was given last is safe; `waits` until it is. Throws StatusException.
  virtual bool IsSafe(bool waits) = 0;
};

class SavedStream {
 public:
  virtual ~SavedStream() = default;
  virtual std::string_view run() const = 0;
  /// Calls take(keys), what was said last first. Stops where that is not OK.
  virtual Status ReadKeys(FunctionRef<Status(const std::vector<StepKeys>&)> take) const = 0;
};

}  // namespace joist

#endif  // JOIST_ENGINE_STREAM_CHECKPOINTS_H_
