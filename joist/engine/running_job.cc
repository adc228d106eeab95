// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/engine/running_job.h"

#include <algorithm>
#include <thread>

#include "joist/engine/machine.h"

namespace joist {
namespace {

/// Where failures are kept; empty if they are not.
std::string FailureFolder(const Graph& graph, const RunSettings& settings) {
  if (settings.keep_failures == "none") return "";
  if (!settings.keep_failures.empty()) return settings.keep_failures;
  const bool has_checkpoints = graph.has_unbounded() && !settings.checkpoint_directory.empty();
  return has_checkpoints ? settings.checkpoint_directory + "/failures" : "";
}

}  // namespace

RunningJob::RunningJob(const Graph& graph, const RunSettings& settings, const JobRequests& requests,
                       const RunObserver* observer)
    : settings(settings),
      requests(requests),
      observer(observer),
      threads(settings.threads > 0
                  ? settings.threads
                  : std::max(1, static_cast<int>(std::thread::hardware_concurrency()))),
      progress(settings.show_progress),
      memory(settings.memory > 0 ? settings.memory : DefaultMemoryBytes(), threads,
             settings.spill_directory.empty() ? DefaultSpillDirectory() : settings.spill_directory),
      watch(&graph, &memory, settings.job_name) {
  tables.graph = &graph;
  tables.memory = &memory;
  tables.tell = [this](const std::string& what) { Tell(what); };
  tables.plan = MakePlan(graph);
  tables.breakers.resize(graph.nodes().size());
  tables.stats.resize(graph.nodes().size());
  if (const std::string folder = FailureFolder(graph, settings); !folder.empty()) {
    keeper.emplace(&graph, folder, settings.job_name, tables.tell);
    tables.keeper = &*keeper;
  }
}

void RunningJob::Show() const {
  if (observer != nullptr) observer->show(watch.Latest());
}

void RunningJob::Tell(const std::string& what) const {
  if (observer != nullptr) {
    observer->tell(what);
  } else if (view != nullptr) {
    view->Tell("joist: " + what);
  } else {
    progress.Tell("joist: " + what);
  }
}

}  // namespace joist
