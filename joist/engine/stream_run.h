// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// StreamRun: a whole graph at work on input without end, by several lanes (exec/exchange.h), each
// with an operator of every step and a thread. What begins streams is asked for bundle after
// bundle. After each the graph is visited in its order, and every step finishes its bundle, then
// sees its watermark, before the steps behind it do: so each sees all elements that its watermark
// covers.
//
// The visit has phases. A new one begins where elements change lanes, and where a side input is
// shown: all lanes come to the end of a phase before one begins the next, and only then what a lane
// has found (a watermark, a pane of a view) is there for the others. A bundle is over when all
// phases are, with nothing on its way: checkpoints are made then.
//
// What ends (a Create beside a stream) is read as the first bundle. Steps that have work of their
// own (splittable functions) go on with it when the graph is visited, whether or not there is a
// stream.

#ifndef JOIST_ENGINE_STREAM_RUN_H_
#define JOIST_ENGINE_STREAM_RUN_H_

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "joist/base/function_ref.h"
#include "joist/engine/bundle_pace.h"
#include "joist/engine/input_scales.h"
#include "joist/engine/lane_threads.h"
#include "joist/engine/phase_waits.h"
#include "joist/engine/stage.h"
#include "joist/engine/step_tap.h"
#include "joist/engine/stream_checkpoints.h"
#include "joist/engine/stream_figures.h"
#include "joist/exec/bundle_limits.h"
#include "joist/exec/stream_operator.h"

namespace joist {

class ColdStates;

class StreamRun {
 public:
  /// `job` has its graph, plan, stats and memory. `bundle` is the most that a bundle takes. `stop`
  /// is set to end the run early, `drain` to end it when all that has come is worked on.
  /// `checkpoints` may be null, and so may `cold`, the place on disk of what memory has no room
  /// for. With an `order` lanes have no threads.
  StreamRun(JobTables* job, int lanes, const BundleLimits::Most& bundle, std::atomic<bool>* stop,
            const std::atomic<bool>* drain, StreamCheckpoints* checkpoints, ColdStates* cold,
            LaneOrder* order = nullptr);
  ~StreamRun();

  /// Before Run: the step `node` has failed before, and what it is given is recorded.
  void Record(int node) { recorded_ = node; }
  /// Runs to the end of all sources, or of this run by the checkpoints' wish; calls `watch` before
  /// the first bundle and after each. Goes on from a checkpoint unless that is null. Returns why it
  /// failed.
  Status Run(const SavedStream* from, const std::function<void()>& watch);
  /// Whether it may help to try again, after a failure.
  bool is_retryable() const { return failure_.has_value() && failure_->retryable; }
  /// After a failure: that of a step, if it was one's.
  const std::optional<StepFailure>& failure() const { return failure_; }
  /// And what the step was given in the bundle that failed, if it was recorded. To be called once.
  std::optional<KeptBundle> TakeBundle();
  /// For `watch` to call.
  StreamFigures Figures() const;

 private:
  static constexpr size_t kNotSaved = SIZE_MAX;

  struct Root {
    int node;
    std::unique_ptr<StreamSource> stream;  ///< Null for what ends.
    bool at_end = false;
  };

  struct Lane {
    std::vector<std::unique_ptr<Operator>> operators;  ///< By node; of steps with input.
    std::vector<Timestamp> watermarks;                 ///< By node: of its output.
    std::vector<StepStats> stats;                      ///< By node.
    InputScales scales;
    bool has_bundle = false;       ///< Started and not finished.
    std::unique_ptr<StepTap> tap;  ///< Of the step recorded, if there is one.
  };

  void FindPhases();
  void MakeOperators();
  void MakeStreamOperators(int node);
  OperatorContext ContextOf(int node, int lane);
  void ConnectTo(int node, Lane& lane);
  /// Where batches for a consumer go.
  Receiver* InputOf(const Consumer& consumer, Lane& lane) const;
  /// Calls take(operator) for those of all lanes.
  template <class Take>
  void ForEachOperator(Take take) const;
  /// With what a checkpoint did not have.
  void Begin();
  /// What of the checkpoint `bytes` (EncodeSavedRun; none if empty) is whose. An error where a step
  /// has state in it that this graph has no step for, or none that understands it.
  Status FindSaved(std::string_view bytes, SavedRun* run);
  Status Restore(const SavedStream& from, const SavedRun& run);
  Status RestoreKeys(const SavedStream& from);
  /// Calls call(operator, node, lane) in all lanes; an error where one is false.
  template <class Call>
  Status InEachOperator(Call call);
  Status Malformed(size_t node) const;
  /// False if the run is to end.
  bool BeginCheckpoint();
  /// Where the checkpoint that was begun is safe, so is what was done before it.
  void EndCheckpoint(bool waits);
  /// Both.
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
  /// Lets the first lane push what a bundle begins with, then visits the graph.
  void RunBundle(FunctionRef<void()> push);
  void Start(Lane& lane);
  /// One lane's part of what ends.
  void ReadToTheEnd(int node, int lane, const std::vector<SourceRange>& ranges, Source* source);
  void Visit();
  void VisitPhase(const std::vector<int>& nodes, Lane& lane, Timestamp now);
  /// Of what comes to a node in one lane.
  Timestamp InputWatermark(int node, const Lane& lane) const;
  /// What was counted so far, to the job.
  void CollectStats();

  JobTables* const job_;
  std::atomic<bool>* const stop_;
  const std::atomic<bool>* const drain_;
  StreamCheckpoints* const checkpoints_;
  ColdStates* const cold_;
  bool is_drained_ = false;
  int recorded_ = -1;  ///< Node; -1: none.
  std::optional<StepFailure> failure_;
  bool is_handed_on_ = false;          ///< Another run goes on from the last checkpoint.
  bool has_begun_checkpoint_ = false;  ///< And not ended it.
  std::vector<int> phase_of_;          ///< By node.
  std::vector<uint32_t> ids_;          ///< By node: of SavedStep.
  std::vector<size_t> saved_of_;       ///< By node: which of the checkpoint's steps it was.
  std::vector<StateLayout> layouts_;   ///< By node.
  std::vector<std::vector<int>> phases_;
  int groupings_ = 0;
  std::vector<Lane> lanes_;
  std::vector<StreamView*> views_;  ///< By node; of the first lane. Null where there is none.
  std::vector<Root> roots_;
  std::vector<Timestamp> watermarks_;  ///< By node: of its output, in all lanes.
  uint64_t bundles_ = 0;
  BundleLimits limits_;
  BundlePace pace_;
  PhaseWaits waits_;
  LaneThreads threads_;
};

}  // namespace joist

#endif  // JOIST_ENGINE_STREAM_RUN_H_
