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
#include <vector>

#include "joist/engine/stage.h"
#include "joist/exec/stream_operator.h"

namespace joist {

class StreamRun {
 public:
  /// `job` has its graph, plan, stats and memory. `stop` is set to end the run early.
  StreamRun(JobTables* job, std::atomic<bool>* stop);
  ~StreamRun();

  /// Runs to the end of all sources; calls `watch` now and then. Returns why it failed.
  Status Run(const std::function<void()>& watch);

 private:
  struct Root {
    int node;
    std::unique_ptr<StreamSource> stream;  ///< Null for what ends.
    bool at_end = false;
  };

  void MakeOperators();
  OperatorContext ContextOf(int node);
  void Begin();
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
  std::vector<std::unique_ptr<Operator>> operators_;  ///< By node; of steps with input.
  std::vector<Root> roots_;
  std::vector<Timestamp> watermarks_;  ///< By node: of its output.
};

}  // namespace joist

#endif  // JOIST_ENGINE_STREAM_RUN_H_
