// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/cli/job_server.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <optional>
#include <span>
#include <string_view>

#include "joist/cli/command_options.h"
#include "joist/cli/job_screen.h"
#include "joist/cli/progress_log.h"
#include "joist/cli/stop_signals.h"
#include "joist/portability/jobserver/job_server.h"
#include "joist/portability/jobserver/worker_starter.h"
#include "joist/portability/portable_runner.h"

namespace joist::cli {
namespace {

constexpr int kWrongJobArguments = 2;

/// What others call this machine, where it listens on all of its addresses.
std::string NameOf(const std::string& host) {
  return host == "0.0.0.0" || host == "::" ? "localhost" : host;
}

class LocalJobServer final : public RunningJobServer {
 public:
  LocalJobServer(const JobServing& serving, const serve::ServerLog& log)
      : log_(log),
        progress_log_(log),
        workers_({.allow_process = serving.allow_process}),
        runner_(portability::MakePortableRunner({.host = NameOf(serving.host),
                                                 .state_directory = serving.state_dir,
                                                 .memory = serving.memory,
                                                 .threads = serving.threads,
                                                 .max_workers = serving.max_workers},
                                                &workers_)) {}
  ~LocalJobServer() override = default;

  Status Listen(const JobServing& serving) {
    JOIST_ASSIGN_OR_RETURN(
        server_,
        portability::JobServer::Start(
            {.host = serving.host,
             .port = serving.port,
             .advertised_host = NameOf(serving.host),
             .max_jobs = serving.max_jobs,
             .artifacts_folder = serving.artifacts_dir,
             .max_artifact_bytes = serving.max_artifact_bytes,
             .workers = &workers_,
             .log = [this](std::string_view line) { log_.Say(serve::Severity::kInfo, line); },
             .display = serving.display != nullptr ? serving.display
                        : serving.log_progress     ? &progress_log_
                                                   : nullptr},
            runner_.get()));
    workers_.set_artifact_endpoint(server_->endpoint());
    return OkStatus();
  }

  const std::string& endpoint() const override { return server_->endpoint(); }
  void Stop() override { server_->Stop(); }

 private:
  const serve::ServerLog log_;
  ProgressLog progress_log_;
  portability::LocalWorkerStarter workers_;
  const std::unique_ptr<portability::JobRunner> runner_;
  std::unique_ptr<portability::JobServer> server_;
};

enum class ShowsProgress : uint8_t { kAuto, kNever };
JOIST_ENUM(ShowsProgress, kAuto, kNever)

struct JobServerOptions {
  std::string host = "localhost";
  int port = kJobServerPort;
  bool allow_process = false;
  int max_jobs = 8;
  ByteCount memory;
  int threads = 0;
  int max_workers = 64;
  std::string artifacts_dir;
  ByteCount max_artifact_bytes = {1 << 30};
  std::string state_dir;
  serve::LogFormat log_format = serve::LogFormat::kText;
  ShowsProgress progress = ShowsProgress::kAuto;
};

OptionFields FieldsOf(JobServerOptions* o) {
  OptionFields fields;
  fields.Add(o->host, "host", "Name or address to listen on; there is no TLS");
  fields.Add(o->port, "port", "Port; 0 is any that is free");
  fields.Add(o->allow_process, "allow_process", "Run the commands of PROCESS environments");
  fields.Add(o->max_jobs, "max_jobs", "Jobs at a time");
  fields.Add(o->memory, "memory", "That a job's data may take; 0 is half of what is left");
  fields.Add(o->threads, "threads", "Of a job; 0 is one for each processor");
  fields.Add(o->max_workers, "max_workers", "SDK workers of each environment of a job");
  fields.Add(o->artifacts_dir, "artifacts_dir", "Folder of the files that clients stage");
  fields.Add(o->max_artifact_bytes, "max_artifact_bytes", "That a job may stage");
  fields.Add(o->state_dir, "state_dir", "Folder of streams' checkpoints");
  fields.Add(o->log_format, "log_format", "Of what is said on stderr");
  fields.Add(o->progress, "progress", "Whether it says how far jobs are");
  return fields;
}

Status CheckOptions(const JobServerOptions& o) {
  if (o.port < 0 || o.port > 65535) return InvalidArgument("--port must be 0 to 65535");
  if (o.max_jobs < 1) return InvalidArgument("--max_jobs is from 1 on");
  if (o.max_workers < 1) return InvalidArgument("--max_workers is from 1 on");
  if (o.threads < 0) return InvalidArgument("--threads is from 0 on");
  return OkStatus();
}

bool IsLoopback(const std::string& host) {
  return host == "localhost" || host.starts_with("127.") || host == "::1";
}

int Refuse(const std::string& program, const Status& status, int exit_code) {
  std::fprintf(stderr, "%s job-server: %s\n", program.c_str(), status.message().c_str());
  return exit_code;
}

int ServeJobs(const std::string& program, std::span<const std::string_view> arguments) {
  JobServerOptions options;
  const OptionFields fields = FieldsOf(&options);
  Status status = ReadCommandOptions(arguments, fields);
  if (status.ok()) status = CheckOptions(options);
  if (!status.ok()) return Refuse(program, status, kWrongJobArguments);
  // gRPC's own lines say nothing that isn't said here.
  setenv("GRPC_VERBOSITY", "NONE", 0);
  StopSignals signals;
  const bool has_screen = options.progress == ShowsProgress::kAuto &&
                          options.log_format == serve::LogFormat::kText &&
                          isatty(STDERR_FILENO) == 1;
  std::optional<JobScreen> screen;
  std::function<void(std::string_view)> write;
  if (has_screen) {
    screen.emplace(STDERR_FILENO);
    write = [&screen](std::string_view line) { screen->Tell(line); };
  }
  const serve::ServerLog log(options.log_format, write);
  auto server = RunningJobServer::Start({.host = options.host,
                                         .port = options.port,
                                         .allow_process = options.allow_process,
                                         .max_jobs = options.max_jobs,
                                         .memory = static_cast<int64_t>(options.memory.bytes),
                                         .threads = options.threads,
                                         .max_workers = options.max_workers,
                                         .artifacts_dir = options.artifacts_dir,
                                         .max_artifact_bytes = options.max_artifact_bytes.bytes,
                                         .state_dir = options.state_dir,
                                         .log_progress = options.progress == ShowsProgress::kAuto,
                                         .display = has_screen ? &*screen : nullptr},
                                        log);
  if (!server.ok()) return Refuse(program, server.status(), 1);
  const std::string& endpoint = server.value()->endpoint();
  std::printf(
      "joist runs Beam's pipelines; for clients --runner=PortableRunner "
      "--job_endpoint=%s --environment_type=LOOPBACK\n",
      endpoint.c_str());
  std::fflush(stdout);
  log.Say(serve::Severity::kInfo, "serving",
          {{"endpoint", endpoint}, {"process", std::to_string(getpid())}});
  const int exit_code = signals.Wait();
  log.Say(serve::Severity::kInfo, "stopping");
  server.value()->Stop();
  log.Say(serve::Severity::kInfo, "stopped");
  return exit_code;
}

}  // namespace

Result<std::unique_ptr<RunningJobServer>> RunningJobServer::Start(const JobServing& serving,
                                                                  const serve::ServerLog& log) {
  auto server = std::make_unique<LocalJobServer>(serving, log);
  JOIST_RETURN_IF_ERROR(server->Listen(serving));
  if (!IsLoopback(serving.host)) {
    log.Say(serve::Severity::kWarning,
            "others can reach the job server, unencrypted and without proving who they are",
            {{"host", serving.host}});
  }
  return std::unique_ptr<RunningJobServer>(std::move(server));
}

const Command kJobServerCommand = {
    "job-server", "job-server [--option=value …]",
    "Runs pipelines that Beam's Python, Go and Java SDKs submit",
    "Listens for Beam's portable runners; programs of any SDK find it by --job_endpoint. SIGTERM "
    "and\n"
    "Ctrl-C cancel the jobs that run and end it, a second time at once.\n"
    "\nOptions:\n"
    "  --host=NAME               by which clients and workers reach it [localhost]; there is no "
    "TLS,\n"
    "                            and nobody is asked who they are\n"
    "  --port=N                  [8073]; 0 is any that is free\n"
    "  --allow_process           run the commands that pipelines name (environment PROCESS)\n"
    "  --max_jobs=N              at a time [8]; more are refused\n"
    "  --memory=BYTES            that a job's data may take [half of what the machine has left]\n"
    "  --threads=N               of a job [one for each processor]\n"
    "  --max_workers=N           SDK workers of each environment of a job [64]; one that asks for\n"
    "                            more (its option sdk_worker_parallelism) is refused\n"
    "  --artifacts_dir=FOLDER    for the files that clients stage [the system's temporary folder]\n"
    "  --max_artifact_bytes=N    that a job may stage [1GiB]\n"
    "  --state_dir=FOLDER        for streams' checkpoints, which are nowhere else [none: streams "
    "make none]\n"
    "  --log_format=FORMAT       text [text], json or none; on stderr\n"
    "  --progress=WHETHER        auto [auto]: where text is logged to a terminal the graphs of "
    "jobs\n"
    "                            and tables of those that run, elsewhere a few lines; or never\n"
    "\nExamples:\n"
    "  $ job-server\n"
    "  $ job-server --port=0 --memory=512MB --max_jobs=2 --state_dir=state\n"
    "  python -m apache_beam.examples.wordcount --output=counts --runner=PortableRunner \\\n"
    "      --job_endpoint=localhost:8073 --environment_type=LOOPBACK\n",
    ServeJobs};

}  // namespace joist::cli
