// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// The launching side and the worker's side of RunInSecondProcess. The launch record goes to a file
// whose name is in the environment; the outcome comes back in another beside it.

#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <tuple>
#include <vector>

#include "joist/engine/metric_code.h"
#include "joist/engine/worker_start.h"
#include "joist/exec/graph_code.h"
#include "joist/model/coder.h"
#include "joist/sdk/runner.h"

extern char** environ;

namespace joist {
namespace {

// Graph (empty: build it again), threads, pipeline, fingerprint.
using LaunchRecord = std::tuple<std::string, int, int64_t, std::string, uint64_t>;
using StepCode = std::tuple<std::string, uint64_t, uint64_t, double>;
using OutcomeCode = std::tuple<uint8_t, uint8_t, std::string, std::vector<StepCode>,
                               std::vector<std::tuple<std::string, MetricCode>>, int64_t, int64_t>;

constexpr size_t kLargestFile = size_t{1} << 30;

std::string EncodeOutcome(const JobOutcome& outcome) {
  std::vector<StepCode> steps;
  for (const auto& step : outcome.metrics.steps) {
    steps.emplace_back(step.step, step.elements_in, step.elements_out, step.seconds);
  }
  std::vector<std::tuple<std::string, MetricCode>> metrics;
  for (const StepMetric& metric : outcome.metrics.metrics) {
    metrics.emplace_back(metric.step, EncodeMetric(metric.name, metric.value));
  }
  return EncodeToString(
      OutcomeCode(static_cast<uint8_t>(outcome.state), static_cast<uint8_t>(outcome.status.code()),
                  outcome.status.message(), steps, metrics, outcome.metrics.peak_memory_bytes,
                  outcome.metrics.spilled_bytes));
}

Result<JobOutcome> DecodeOutcome(std::string_view bytes) {
  JOIST_ASSIGN_OR_RETURN(const OutcomeCode code, DecodeFromString<OutcomeCode>(bytes));
  const auto& [state, status, message, steps, metrics, peak, spilled] = code;
  JobOutcome outcome;
  outcome.metrics.peak_memory_bytes = peak;
  outcome.metrics.spilled_bytes = spilled;
  outcome.state = static_cast<JobState>(state);
  outcome.status = Status(static_cast<StatusCode>(status), message);
  for (const auto& [name, in, out, seconds] : steps) {
    outcome.metrics.steps.push_back({name, in, out, seconds});
  }
  for (const auto& [step, code] : metrics) {
    StepMetric metric{step, {}, {}};
    if (!DecodeMetric(code, &metric.name, &metric.value)) {
      return DataLoss("the worker's outcome is malformed");
    }
    outcome.metrics.metrics.push_back(std::move(metric));
  }
  return outcome;
}

Status WriteWhole(const std::string& path, std::string_view bytes) {
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) return FromErrno(errno, "cannot write " + path);
  while (!bytes.empty()) {
    const ssize_t written = write(file, bytes.data(), bytes.size());
    if (written < 0) {
      const Status failure = FromErrno(errno, "cannot write " + path);
      close(file);
      return failure;
    }
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  close(file);
  return OkStatus();
}

Result<std::string> ReadWhole(const std::string& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return FromErrno(errno, "cannot read " + path);
  std::string bytes;
  char buffer[65536];
  ssize_t got;
  while ((got = read(file, buffer, sizeof(buffer))) > 0 && bytes.size() < kLargestFile) {
    bytes.append(buffer, static_cast<size_t>(got));
  }
  close(file);
  return bytes;
}

[[noreturn]] void EndWorker(const std::string& directory, const JobOutcome& outcome) {
  const Status written = WriteWhole(directory + "/outcome", EncodeOutcome(outcome));
  fflush(nullptr);
  _exit(written.ok() ? 0 : 1);
}

Result<LaunchRecord> ReadLaunchRecord(const std::string& directory) {
  JOIST_ASSIGN_OR_RETURN(const std::string bytes, ReadWhole(directory + "/launch"));
  return DecodeFromString<LaunchRecord>(bytes);
}

/// Starts this executable again and waits for it; the directory is in its environment.
Status StartAndWait(const std::string& directory, const Rerun& rerun) {
  // The same arguments as this process, of which a test program's filter is replaced by Rerun's.
  JOIST_ASSIGN_OR_RETURN(const std::string command_line, ReadWhole("/proc/self/cmdline"));
  std::vector<std::string> arguments;
  for (size_t begin = 0; begin < command_line.size();) {
    arguments.emplace_back(command_line.c_str() + begin);
    begin += arguments.back().size() + 1;
    if (arguments.back().starts_with("--gtest_")) arguments.pop_back();
  }
  std::vector<std::string> environment = {kWorkerVariable + ("=" + directory)};
  environment.insert(environment.end(), rerun.environment.begin(), rerun.environment.end());
  const auto overridden = [&](const char* entry) {
    const size_t name = std::strcspn(entry, "=") + 1;
    for (const std::string& own : environment) {
      if (own.compare(0, name, entry, name) == 0) return true;
    }
    return false;
  };
  std::vector<char*> argv, envp;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  for (std::string& entry : environment) envp.push_back(entry.data());
  for (char** entry = environ; *entry != nullptr; ++entry) {
    if (!overridden(*entry)) envp.push_back(*entry);
  }
  argv.push_back(nullptr);
  envp.push_back(nullptr);
  pid_t child = 0;
  if (const int error =
          posix_spawn(&child, "/proc/self/exe", nullptr, nullptr, argv.data(), envp.data());
      error != 0) {
    return FromErrno(error, "cannot start a worker process");
  }
  int state = 0;
  while (waitpid(child, &state, 0) < 0 && errno == EINTR) {
  }
  if (WIFSIGNALED(state)) {
    return Internal("the worker process was ended by signal " + std::to_string(WTERMSIG(state)));
  }
  return OkStatus();
}

Result<JobOutcome> Launch(const Graph& graph, const RunSettings& settings, const Rerun& rerun,
                          const std::string& directory) {
  std::string encoded;
  if (CheckTravels(graph).ok()) {
    JOIST_ASSIGN_OR_RETURN(encoded, EncodeGraph(graph));
  }
  JOIST_RETURN_IF_ERROR(WriteWhole(
      directory + "/launch", EncodeToString(LaunchRecord(encoded, settings.threads, settings.memory,
                                                         rerun.pipeline, graph.Fingerprint()))));
  JOIST_RETURN_IF_ERROR(StartAndWait(directory, rerun));
  Result<std::string> outcome = ReadWhole(directory + "/outcome");
  if (!outcome.ok()) {
    return Internal("the worker process ended before it came to the pipeline " + rerun.pipeline);
  }
  return DecodeOutcome(*outcome);
}

}  // namespace

JobOutcome RunInSecondProcess(const Graph& graph, const RunSettings& settings, const Rerun& rerun) {
  const char* temp = getenv("TMPDIR");
  std::string directory = std::string(temp != nullptr ? temp : "/tmp") + "/joist-worker-XXXXXX";
  if (mkdtemp(directory.data()) == nullptr) {
    return {JobState::kFailed, FromErrno(errno, "cannot make " + directory), {}};
  }
  Result<JobOutcome> outcome = Launch(graph, settings, rerun, directory);
  unlink((directory + "/launch").c_str());
  unlink((directory + "/outcome").c_str());
  rmdir(directory.c_str());
  if (!outcome.ok()) return {JobState::kFailed, outcome.status(), {}};
  return std::move(*outcome);
}

void ServeIfAsked(const Graph& graph, const std::string& pipeline) {
  const char* directory = getenv(kWorkerVariable);
  if (directory == nullptr) return;
  const Result<LaunchRecord> record = ReadLaunchRecord(directory);
  if (!record.ok()) EndWorker(directory, {JobState::kFailed, record.status(), {}});
  const auto& [encoded, threads, memory, name, fingerprint] = *record;
  if (name != pipeline) return;
  if (graph.Fingerprint() != fingerprint) {
    EndWorker(directory,
              {JobState::kFailed,
               Status(StatusCode::kFailedPrecondition,
                      "the worker built another pipeline than the one that was launched; what is "
                      "built before Run may depend on arguments and options only"),
               {}});
  }
  const JobRequests requests;
  RunSettings settings;
  settings.threads = threads;
  settings.memory = memory;
  EndWorker(directory, RunEmbedded(graph, settings, requests));
}

bool ServeGraphIfAsked() {
  const char* directory = getenv(kWorkerVariable);
  if (directory == nullptr) return false;
  const Result<LaunchRecord> record = ReadLaunchRecord(directory);
  if (!record.ok()) EndWorker(directory, {JobState::kFailed, record.status(), {}});
  const auto& [encoded, threads, memory, name, fingerprint] = *record;
  if (encoded.empty()) return false;
  const Result<Graph> graph = DecodeGraph(encoded);
  if (!graph.ok()) EndWorker(directory, {JobState::kFailed, graph.status(), {}});
  const JobRequests requests;
  RunSettings settings;
  settings.threads = threads;
  settings.memory = memory;
  EndWorker(directory, RunEmbedded(*graph, settings, requests));
}

}  // namespace joist
