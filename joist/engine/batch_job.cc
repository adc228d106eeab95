// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/engine/batch_job.h"

#include <memory>
#include <string_view>

namespace joist {

BatchJob::BatchJob(RunningJob* job) : job_(job) {
  job->tables.count_failure = [this] { failures_.fetch_add(1); };
  stages_feeding_.resize(job->tables.graph->nodes().size());
}

Status BatchJob::Run() {
  if (!job_->settings.checkpoint_directory.empty()) {
    job_->Tell(
        "--checkpoint_dir is for streams; the input of this pipeline ends, and nothing is kept");
  }
  MakeBreakers();
  JobTables& tables = job_->tables;
  const auto& stages = tables.plan.stages;
  for (size_t i = 0; i < stages.size(); ++i) {
    const PlannedStage& stage = stages[i];
    if (job_->requests.cancel.load()) job_->stop.store(true);
    if (job_->stop.load()) return OkStatus();
    StageRun run(&tables, stage, job_->threads, &job_->stop);
    JOIST_RETURN_IF_ERROR(run.Prepare());
    const std::string_view name = tables.graph->nodes()[stage.root].name;
    JOIST_RETURN_IF_ERROR(run.Run([&] {
      if (job_->requests.cancel.load()) job_->stop.store(true);
      job_->progress.Update(i + 1, stages.size(), name, run.progress());
      Look(run, i + 1);
    }));
    if (job_->stop.load()) return OkStatus();
    tables.breakers[stage.root].reset();
    for (int sink : stage.sinks) {
      if (--stages_feeding_[sink] == 0) JOIST_RETURN_IF_ERROR(Seal(sink));
    }
  }
  return OkStatus();
}

void BatchJob::MakeBreakers() {
  JobTables& tables = job_->tables;
  for (const PlannedStage& stage : tables.plan.stages) {
    for (int sink : stage.sinks) {
      if (stages_feeding_[sink]++ > 0) continue;
      const Node& node = tables.graph->nodes()[sink];
      const auto& step = static_cast<const Step&>(*node.payload);
      const BreakerContext context{node.name, &job_->memory,
                                   &tables.graph->collections()[node.inputs[0]].windowing};
      tables.breakers[sink] =
          tables.plan.cut[sink] ? step.MakeInputBreaker(context) : step.MakeBreaker(context);
      JOIST_CHECK(tables.breakers[sink] != nullptr);
    }
  }
}

void BatchJob::Look(const StageRun& run, size_t stage) {
  if (!job_->is_watched() || !job_->watch.IsDue()) return;
  while (failures_seen_ < failures_.load()) {
    ++failures_seen_;
    job_->watch.AddFailure();
  }
  const double progress = run.progress();
  run.WhileNothingCommits([&] {
    job_->watch.Look(job_->tables.stats, stage, job_->tables.plan.stages.size(), progress);
  });
  job_->Show();
}

Status BatchJob::Seal(int sink) {
  try {
    try {
      job_->tables.breakers[sink]->Seal(job_->threads);
    } catch (...) {
      RethrowAsStepFailure(job_->tables.graph->nodes()[sink].name, "");
    }
  } catch (const StepFailure& failure) {
    return failure.status;
  }
  return OkStatus();
}

}  // namespace joist
