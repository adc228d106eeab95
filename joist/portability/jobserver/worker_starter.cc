// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/jobserver/worker_starter.h"

#include <grpcpp/grpcpp.h>
#include <org/apache/beam/model/fn_execution/v1/beam_fn_api.grpc.pb.h>
#include <org/apache/beam/model/pipeline/v1/beam_runner_api.pb.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <cstdlib>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "joist/base/one_line.h"
#include "joist/portability/jobserver/child_process.h"
#include "joist/portability/quoted.h"

namespace joist::portability {
namespace {

constexpr std::string_view kExternalUrn = "beam:env:external:v1";
constexpr std::string_view kProcessUrn = "beam:env:process:v1";
constexpr std::string_view kDockerUrn = "beam:env:docker:v1";
/// A pool answers at once, but the client's program may be busy with starting.
constexpr std::chrono::seconds kStartTime{60};
constexpr std::chrono::seconds kStopTime{5};

/// Whom a worker is to call.
struct WorkerEndpoints {
  std::string worker_id;
  std::string services;
  std::string artifacts;
};

/// As programs that boot a worker take them.
std::vector<std::string> BootArguments(const WorkerEndpoints& worker) {
  return {"--id=" + worker.worker_id, "--logging_endpoint=" + worker.services,
          "--artifact_endpoint=" + worker.artifacts, "--provision_endpoint=" + worker.services,
          "--control_endpoint=" + worker.services};
}

/// A worker of a pool that a client, or someone else, runs.
class PooledWorker final : public StartedWorker {
 public:
  static Result<std::unique_ptr<StartedWorker>> Start(const pipeline::ExternalPayload& payload,
                                                      const WorkerEndpoints& worker) {
    const std::string& where = payload.endpoint().url();
    ::grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
    auto pool = fn::BeamFnExternalWorkerPool::NewStub(
        ::grpc::CreateCustomChannel(where, ::grpc::InsecureChannelCredentials(), arguments));
    fn::StartWorkerRequest request;
    request.set_worker_id(worker.worker_id);
    request.mutable_control_endpoint()->set_url(worker.services);
    request.mutable_logging_endpoint()->set_url(worker.services);
    request.mutable_provision_endpoint()->set_url(worker.services);
    request.mutable_artifact_endpoint()->set_url(worker.artifacts);
    *request.mutable_params() = payload.params();
    fn::StartWorkerResponse response;
    ::grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kStartTime);
    const ::grpc::Status called = pool->StartWorker(&context, request, &response);
    if (!called.ok()) {
      const bool is_gone = called.error_code() == ::grpc::StatusCode::UNAVAILABLE;
      return Status(static_cast<StatusCode>(called.error_code()),
                    "cannot start a worker at " + where + ": " + OneLine(called.error_message()) +
                        (is_gone ? "; with LOOPBACK the program that submitted the job must go on "
                                   "running, with EXTERNAL the pool"
                                 : ""));
    }
    if (!response.error().empty()) {
      return Internal("the worker pool at " + where +
                      " cannot start a worker: " + OneLine(response.error()));
    }
    return std::unique_ptr<StartedWorker>(
        std::make_unique<PooledWorker>(std::move(pool), worker.worker_id));
  }

  PooledWorker(std::unique_ptr<fn::BeamFnExternalWorkerPool::Stub> pool, std::string worker_id)
      : pool_(std::move(pool)), worker_id_(std::move(worker_id)) {}
  ~PooledWorker() override {
    fn::StopWorkerRequest request;
    request.set_worker_id(worker_id_);
    fn::StopWorkerResponse ignored;
    ::grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kStopTime);
    // A pool that is gone has no worker any more.
    pool_->StopWorker(&context, request, &ignored);
  }
  /// Pools cannot be asked.
  Status status() const override { return OkStatus(); }

 private:
  const std::unique_ptr<fn::BeamFnExternalWorkerPool::Stub> pool_;
  const std::string worker_id_;
};

class ProcessWorker final : public StartedWorker {
 public:
  static Result<std::unique_ptr<StartedWorker>> Start(std::vector<std::string> command,
                                                      const WorkerEndpoints& worker,
                                                      const std::vector<std::string>& environment) {
    for (std::string& argument : BootArguments(worker)) command.push_back(std::move(argument));
    JOIST_ASSIGN_OR_RETURN(auto process, ChildProcess::Start(command, environment));
    return std::unique_ptr<StartedWorker>(std::make_unique<ProcessWorker>(std::move(process)));
  }
  explicit ProcessWorker(std::unique_ptr<ChildProcess> process) : process_(std::move(process)) {}
  Status status() const override { return process_->status(); }

 private:
  const std::unique_ptr<ChildProcess> process_;
};

/// A name that `docker run` cannot take for an option.
bool IsImageName(std::string_view name) {
  constexpr std::string_view kOthers = "._-/:@";
  return !name.empty() && std::isalnum(static_cast<unsigned char>(name[0])) != 0 &&
         std::ranges::all_of(name, [&](char c) {
           return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
                  kOthers.find(c) != std::string_view::npos;
         });
}

bool IsInPath(const std::string& program) {
  const char* const variable = std::getenv("PATH");
  std::string_view path = variable == nullptr ? "" : variable;
  while (!path.empty()) {
    const std::string_view folder = path.substr(0, path.find(':'));
    if (access((std::string(folder) + "/" + program).c_str(), X_OK) == 0) return true;
    path.remove_prefix(std::min(path.size(), folder.size() + 1));
  }
  return false;
}

/// Deletes the container where ending `docker run` has not.
class DockerWorker final : public StartedWorker {
 public:
  static Result<std::unique_ptr<StartedWorker>> Start(const std::string& image,
                                                      const WorkerEndpoints& worker) {
    std::string name = "joist-" + worker.worker_id;
    std::ranges::replace_if(
        name, [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; }, '-');
    JOIST_ASSIGN_OR_RETURN(
        auto process,
        ProcessWorker::Start({"docker", "run", "--rm", "--network=host", "--name=" + name, image},
                             worker, {}));
    return std::unique_ptr<StartedWorker>(
        std::make_unique<DockerWorker>(std::move(process), std::move(name)));
  }
  DockerWorker(std::unique_ptr<StartedWorker> process, std::string name)
      : process_(std::move(process)), name_(std::move(name)) {}
  ~DockerWorker() override {
    process_.reset();
    auto removal = ChildProcess::Start({"docker", "rm", "--force", name_}, {});
    const auto until = std::chrono::steady_clock::now() + kStopTime;
    while (removal.ok() && removal.value()->status().ok() &&
           std::chrono::steady_clock::now() < until) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  }
  Status status() const override { return process_->status(); }

 private:
  std::unique_ptr<StartedWorker> process_;
  const std::string name_;
};

template <class Payload>
Result<Payload> PayloadOf(const pipeline::Environment& environment) {
  Payload payload;
  if (payload.ParseFromString(environment.payload())) return payload;
  return InvalidArgument("the environment " + environment.urn() + " has a payload that is none");
}

}  // namespace

void LocalWorkerStarter::set_artifact_endpoint(std::string endpoint) {
  const std::lock_guard lock(mutex_);
  artifact_endpoint_ = std::move(endpoint);
}

Status LocalWorkerStarter::Check(const pipeline::Environment& environment) const {
  const std::string& urn = environment.urn();
  if (urn == kExternalUrn) {
    JOIST_ASSIGN_OR_RETURN(const auto payload, PayloadOf<pipeline::ExternalPayload>(environment));
    if (!payload.endpoint().url().empty()) return OkStatus();
    return InvalidArgument(
        "an EXTERNAL environment has no endpoint; say --environment_config=HOST:PORT, that of its "
        "worker pool");
  }
  if (urn == kProcessUrn) {
    if (!settings_.allow_process) {
      return {StatusCode::kPermissionDenied,
              "this server does not run commands of pipelines (environment PROCESS); start it with "
              "--allow_process, or use LOOPBACK or EXTERNAL"};
    }
    JOIST_ASSIGN_OR_RETURN(const auto payload, PayloadOf<pipeline::ProcessPayload>(environment));
    if (!payload.command().empty()) return OkStatus();
    return InvalidArgument(
        "a PROCESS environment has no command; say --environment_config with "
        "one: {\"command\": \"PROGRAM\"}");
  }
  if (urn == kDockerUrn) {
    JOIST_ASSIGN_OR_RETURN(const auto payload, PayloadOf<pipeline::DockerPayload>(environment));
    if (!IsImageName(payload.container_image())) {
      return InvalidArgument(Quoted(payload.container_image()) +
                             " is no name of a container image");
    }
    if (IsInPath("docker")) return OkStatus();
    return {StatusCode::kFailedPrecondition,
            "this server has no docker, which the pipeline's environment DOCKER (Beam's default) "
            "needs; submit it with --environment_type=LOOPBACK, or install Docker"};
  }
  return {StatusCode::kUnimplemented,
          "the environment " + (urn.empty() ? "without a type" : Quoted(urn)) +
              " is not supported; use LOOPBACK, EXTERNAL, PROCESS or DOCKER (--environment_type)"};
}

Result<std::unique_ptr<StartedWorker>> LocalWorkerStarter::Start(
    const pipeline::Environment& environment, const std::string& worker_id,
    const std::string& endpoint) {
  JOIST_RETURN_IF_ERROR(Check(environment));
  WorkerEndpoints worker = {.worker_id = worker_id, .services = endpoint, .artifacts = {}};
  {
    const std::lock_guard lock(mutex_);
    worker.artifacts = artifact_endpoint_;
  }
  if (environment.urn() == kExternalUrn) {
    JOIST_ASSIGN_OR_RETURN(const auto payload, PayloadOf<pipeline::ExternalPayload>(environment));
    return PooledWorker::Start(payload, worker);
  }
  if (environment.urn() == kDockerUrn) {
    JOIST_ASSIGN_OR_RETURN(const auto payload, PayloadOf<pipeline::DockerPayload>(environment));
    return DockerWorker::Start(payload.container_image(), worker);
  }
  JOIST_ASSIGN_OR_RETURN(const auto payload, PayloadOf<pipeline::ProcessPayload>(environment));
  std::vector<std::string> variables;
  for (const auto& [name, value] : payload.env()) variables.push_back(name + "=" + value);
  return ProcessWorker::Start({payload.command()}, worker, variables);
}

}  // namespace joist::portability
