// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/jobserver/job_table.h"

#include <org/apache/beam/model/pipeline/v1/beam_runner_api.pb.h>
#include <sys/random.h>

#include <algorithm>
#include <iterator>
#include <limits>
#include <utility>


namespace joist::portability {
namespace {

/// That a job takes in memory.
uint64_t BytesOf(const SubmittedJob& job) {
  return job.graph->ByteSizeLong() + job.options.size() + job.name.size();
}

std::string HowItEnded(const Job& job) {
  const std::string summary = ": " + job.summary();
  switch (*job.state().state) {
    case BeamState::kDone: return " is done" + summary;
    case BeamState::kDrained: return " is drained" + summary;
    case BeamState::kCancelled: return " is cancelled" + summary;
    default: return " has failed" + summary;
  }
}

}  // namespace

std::string RandomWord(int bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string word;
  for (int i = 0; i < bytes; ++i) {
    unsigned char byte = 0;
    JOIST_CHECK(getrandom(&byte, 1, 0) == 1);
    word += kDigits[byte >> 4];
    word += kDigits[byte & 15];
  }
  return word;
}

JobTable::JobTable(JobRunner* runner, JobLimits limits, std::function<void(std::string_view)> log,
                   JobDisplay* display)
    : runner_(runner), limits_(limits), log_(std::move(log)), display_(display) {}

Status JobTable::Add(Preparation preparation) {
  Forgotten forgotten;
  const std::lock_guard lock(mutex_);
  if (is_stopping_) return {StatusCode::kUnavailable, "the job server is stopping"};
  preparation.made = std::chrono::steady_clock::now();
  const auto too_old = preparation.made - limits_.preparation_time;
  for (auto i = preparations_.begin(); i != preparations_.end();) {
    const auto next = std::next(i);
    if (i->second.made < too_old) {
      forgotten.preparations.push_back(std::move(i->second));
      preparations_.erase(i);
    }
    i = next;
  }
  while (std::ssize(preparations_) >= limits_.prepared) DropOldestPreparation(&forgotten);
  const uint64_t bytes = BytesOf(preparation.job);
  while (PipelineBytes() + bytes > limits_.pipeline_bytes) {
    if (DropOldestEnded(&forgotten)) continue;
    return {StatusCode::kResourceExhausted,
            "the pipeline and its options have " + std::to_string(bytes) +
                " bytes, those of the other jobs " + std::to_string(PipelineBytes()) +
                "; the server holds " + std::to_string(limits_.pipeline_bytes) +
                ": wait for a job to end"};
  }
  const std::string id = preparation.id;
  preparations_.insert_or_assign(id, std::move(preparation));
  return OkStatus();
}

Result<Preparation> JobTable::FindPreparation(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  const auto found = preparations_.find(id);
  if (found == preparations_.end()) return CannotFind(id);
  return found->second;
}

Status JobTable::SetStaged(const std::string& id, std::shared_ptr<const pipeline::Pipeline> graph) {
  const std::lock_guard lock(mutex_);
  const auto found = preparations_.find(id);
  if (found == preparations_.end()) return CannotFind(id);
  found->second.job.graph = std::move(graph);
  found->second.needs_staging = false;
  return OkStatus();
}

void JobTable::DropPreparation(const std::string& id) {
  Forgotten forgotten;
  const std::lock_guard lock(mutex_);
  const auto found = preparations_.find(id);
  if (found == preparations_.end()) return;
  forgotten.preparations.push_back(std::move(found->second));
  preparations_.erase(found);
}

Result<std::shared_ptr<Job>> JobTable::Run(const std::string& preparation_id) {
  Forgotten forgotten;
  const std::lock_guard lock(mutex_);
  JOIST_ASSIGN_OR_RETURN(std::shared_ptr<Job> job, Take(preparation_id));
  while (CountEnded() > limits_.ended) DropOldestEnded(&forgotten);
  log_("job " + job->submitted().id + " starts");
  job->Start(runner_,
             [this](const Job& ended) { log_("job " + ended.submitted().id + HowItEnded(ended)); });
  jobs_.push_back(job);
  return job;
}

Result<std::shared_ptr<Job>> JobTable::Take(const std::string& preparation_id) {
  if (is_stopping_) return Status(StatusCode::kUnavailable, "the job server is stopping");
  const auto found = preparations_.find(preparation_id);
  if (found == preparations_.end()) return CannotFind(preparation_id);
  if (found->second.needs_staging) {
    return Status(StatusCode::kFailedPrecondition,
                  "the artifacts of the job " + Quoted(found->second.job.name) +
                      " are not staged; offer them to ReverseArtifactRetrievalService first");
  }
  if (std::ssize(jobs_) - CountEnded() >= limits_.running) {
    return Status(StatusCode::kResourceExhausted,
                  "as many jobs run as this server runs at a time, " +
                      std::to_string(limits_.running) +
                      " (--max_jobs); wait for one to end, or cancel one");
  }
  auto job = std::make_shared<Job>(std::move(found->second.job), std::move(found->second.artifacts),
                                   display_);
  preparations_.erase(found);
  return job;
}

Result<std::shared_ptr<Job>> JobTable::Find(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  for (const std::shared_ptr<Job>& job : jobs_) {
    if (job->submitted().id == id) return job;
  }
  return NotFound("there is no job " + Quoted(id) + " here; the last " +
                  std::to_string(limits_.ended) + " that have ended are known");
}

std::vector<std::shared_ptr<Job>> JobTable::All() const {
  const std::lock_guard lock(mutex_);
  return jobs_;
}

void JobTable::Stop() {
  std::vector<std::shared_ptr<Job>> jobs;
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
    jobs = jobs_;
  }
  for (const std::shared_ptr<Job>& job : jobs) job->Cancel();
  constexpr uint64_t kNever = std::numeric_limits<uint64_t>::max();
  JobEvent none;
  for (const std::shared_ptr<Job>& job : jobs) {
    while (job->WaitForEvent(kNever, true, std::chrono::seconds(1), &none) != Job::Next::kEnd) {
    }
  }
}

Status JobTable::CannotFind(const std::string& preparation_id) const {
  return NotFound("nothing is prepared as " + Quoted(preparation_id) +
                  ": it was run before, or has waited for more than " +
                  std::to_string(limits_.preparation_time.count()) +
                  " minutes; submit the pipeline again");
}

void JobTable::DropOldestPreparation(Forgotten* forgotten) {
  const auto oldest = std::ranges::min_element(preparations_, {},
                                               [](const auto& entry) { return entry.second.made; });
  forgotten->preparations.push_back(std::move(oldest->second));
  preparations_.erase(oldest);
}

bool JobTable::DropOldestEnded(Forgotten* forgotten) {
  const auto oldest = std::ranges::find_if(jobs_, &Job::has_ended);
  if (oldest == jobs_.end()) return false;
  forgotten->jobs.push_back(std::move(*oldest));
  jobs_.erase(oldest);
  return true;
}

uint64_t JobTable::PipelineBytes() const {
  uint64_t bytes = 0;
  for (const auto& [id, preparation] : preparations_) bytes += BytesOf(preparation.job);
  for (const std::shared_ptr<Job>& job : jobs_) bytes += BytesOf(job->submitted());
  return bytes;
}

int JobTable::CountEnded() const {
  return static_cast<int>(std::ranges::count_if(jobs_, &Job::has_ended));
}

}  // namespace joist::portability
