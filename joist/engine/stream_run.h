// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// StreamRun: a whole graph at work on input without end, by one thread. Every step has one
// operator, connected to those behind it; what begins streams is asked for bundle after bundle.
// After each the graph is visited once in its order, and every step finishes its bundle, then sees
// its watermark, before the steps behind it do: so each sees all elements that its watermark
// covers.
//
// What ends (a Create beside a stream) is read as the first bundle. Steps that have work of their
// own (splittable functions) go on with it when the graph is visited, whether or not there is a
// stream.

#ifndef JOIST_ENGINE_STREAM_RUN_H_
#define JOIST_ENGINE_STREAM_RUN_H_

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "joist/engine/stage.h"
#include "joist/engine/stream_checkpoints.h"
#include "joist/exec/stream_operator.h"

namespace joist {

class StreamRun {
 public:
  /// `job` has its graph, plan, stats and memory. `stop` is set to end the run early, `drain` to
  /// end it when all that has come is worked on. `checkpoints` may be null.
  StreamRun(JobTables* job, std::atomic<bool>* stop, const std::atomic<bool>* drain,
            StreamCheckpoints* checkpoints);
  ~StreamRun();

  /// Runs to the end of all sources, or of this run by the checkpoints' wish; calls `watch` now and
  /// then. Goes on from a checkpoint unless that is empty. Returns why it failed.
  Status Run(std::string_view checkpoint, const std::function<void()>& watch);
  /// Whether it may help to try again, after a failure.
  bool is_retryable() const { return is_retryable_; }

 private:
  struct Root {
    int node;
    std::unique_ptr<StreamSource> stream;  ///< Null for what ends.
    bool at_end = false;
  };

  void MakeOperators();
  OperatorContext ContextOf(int node);
  void Begin();
  std::string Save();
  Status Restore(std::string_view checkpoint);
  /// False if the run is to end.
  bool MakeCheckpoint();
  /// What was done is safe.
  void Commit();
  /// Nothing new comes any more.
  void Drain();
  /// False when there is none.
  bool NextBundle();
  /// Of all steps.
  Timestamp NextWork() const;
  /// Processing time: that of the streams which have charge of it, else that on the wall.
  Timestamp Now() const;
  void StartBundle();
  void ReadToTheEnd(int node);
  void Visit();
  /// Of what comes to a node.
  Timestamp InputWatermark(int node) const;

  JobTables* const job_;
  std::atomic<bool>* const stop_;
  const std::atomic<bool>* const drain_;
  StreamCheckpoints* const checkpoints_;
  bool is_drained_ = false;
  bool is_retryable_ = false;
  bool is_handed_on_ = false;  ///< Another run goes on from the last checkpoint.
  std::vector<std::unique_ptr<Operator>> operators_;  ///< By node; of steps with input.
  std::vector<Root> roots_;
  std::vector<Timestamp> watermarks_;  ///< By node: of its output.
};

}  // namespace joist

#endif  // JOIST_ENGINE_STREAM_RUN_H_
