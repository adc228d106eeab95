// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Pipeline: a graph of steps being built, and the way to run it.
//
//   int main(int argc, char** argv) {
//     joist::Pipeline p(argc, argv);
//     p | joist::Create({1, 2, 3}) | joist::Map([](int n) { return n * n; }) | …;
//     return p.Run().WaitUntilFinish().exit_code();
//   }

#ifndef JOIST_SDK_PIPELINE_H_
#define JOIST_SDK_PIPELINE_H_

#include <memory>
#include <string>
#include <utility>

#include "joist/sdk/display_data.h"
#include "joist/sdk/graph_picture/graph_format.h"
#include "joist/sdk/options.h"
#include "joist/sdk/pcollection.h"
#include "joist/sdk/runner.h"

namespace joist {

/// A job that was started. Thread-safe; copies mean the same job. The job is waited for when its
/// last handle goes.
class PipelineResult {
 public:
  struct Job;
  explicit PipelineResult(std::shared_ptr<Job> job) : job_(std::move(job)) {}

  /// Blocks until the job has ended. Returns *this, for chaining.
  const PipelineResult& WaitUntilFinish() const;
  /// Asks the job to stop; returns at once.
  void Cancel() const;
  /// Asks a stream to come to its end: sources give nothing new, splittable functions truncate what
  /// they have (sdk/par_do.h), time ends and windows give their last panes. The job is done then.
  /// Returns at once; changes nothing where the input has an end.
  void Drain() const;

  JobState state() const;
  /// Why the job failed; OK otherwise. Waits for the end.
  const Status& status() const;
  /// Waits for the end.
  const JobMetrics& metrics() const;
  /// For main: 0 done, 1 failed (after one line on stderr that says why), 2 if the pipeline itself
  /// is wrong, 130 cancelled by Ctrl-C. Waits for the end.
  int exit_code() const;

 private:
  std::shared_ptr<Job> job_;
};

class Pipeline {
 public:
  /// Without options: an embedded run with the defaults.
  Pipeline();
  /// Reads the options (see joist/sdk/options.h). In a main function: --help and wrong options end
  /// the program here.
  Pipeline(int argc, const char* const* argv);
  explicit Pipeline(PipelineOptions options);

  /// The options of a struct declared with JOIST_OPTIONS.
  template <class T>
  T options() const {
    return options_.As<T>();
  }
  const PipelineOptions& options() const { return options_; }

  /// Starts it on the runner that the options name. The job does not need this object any more.
  /// With --print_graph it ends the program instead, when it has shown the pipeline on stdout.
  PipelineResult Run();

  /// The pipeline as a picture, or what is wrong with it (joist/sdk/graph_picture). The title is by
  /// default the program's name.
  Result<std::string> Draw(GraphFormat format, std::string_view title = {}) const;

  PipelineBuilder& builder() const { return *builder_; }
  const Graph& graph() const { return builder_->graph(); }

 private:
  Status Prepare(RunSettings* settings) const;
  void PrintGraphIfAsked();

  std::shared_ptr<PipelineBuilder> builder_;
  PipelineOptions options_;
};

/// A step at the beginning of a pipeline.
template <class T>
PCollection<T> AddRoot(PipelineBuilder& builder, std::shared_ptr<const StepPayload> step) {
  std::vector<const ElementType*> outputs = step->outputs();
  const int node = builder.Add(StepKind::kRead, std::move(step), {}, {}, std::move(outputs));
  return PCollection<T>(&builder, builder.OutputOf(node));
}

template <class X>
auto operator|(const Pipeline& pipeline, const X& transform) {
  if constexpr (TransformLike<X> && requires { transform.Expand(pipeline); }) {
    const display_data_internal::NotedScope scope(pipeline.builder(), "", transform);
    return transform.Expand(pipeline);
  } else {
    return apply_internal::Apply(pipeline.builder(), pipeline, "", transform);
  }
}
template <class X>
auto operator|(const Pipeline& pipeline, const Named<X>& named) {
  if constexpr (requires { named.transform.Expand(pipeline); }) {
    const display_data_internal::NotedScope scope(pipeline.builder(), named.name, named.transform);
    return named.transform.Expand(pipeline);
  } else {
    return apply_internal::Apply(pipeline.builder(), pipeline, named.name, named.transform);
  }
}

}  // namespace joist

#endif  // JOIST_SDK_PIPELINE_H_
