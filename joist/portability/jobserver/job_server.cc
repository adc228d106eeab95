// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/jobserver/job_server.h"

#include <grpcpp/grpcpp.h>
#include <grpcpp/resource_quota.h>

#include <atomic>
#include <chrono>
#include <utility>

#include "joist/portability/grpc_connections.h"
#include "joist/portability/jobserver/artifact_services.h"
#include "joist/portability/jobserver/artifact_store.h"
#include "joist/portability/jobserver/job_service.h"
#include "joist/portability/jobserver/job_table.h"

namespace joist::portability {
namespace {

/// Of a message: pipelines have models and jars' bytes in them.
constexpr int kMostMessageBytes = 128 << 20;
constexpr std::chrono::seconds kDrainTime{5};

std::string WithPort(const std::string& host, int port) {
  const bool is_v6 = host.find(':') != std::string::npos;
  return (is_v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

class GrpcJobServer final : public JobServer {
 public:
  GrpcJobServer(const JobServerSettings& settings, JobRunner* runner,
                std::unique_ptr<ArtifactStore> store)
      : store_(std::move(store)),
        jobs_(runner, JobLimits{.running = settings.max_jobs}, settings.log, settings.display),
        service_(runner, settings.workers, &jobs_, store_.get(), settings.log),
        staging_(&jobs_),
        retrieval_(store_.get()) {}
  ~GrpcJobServer() override { Stop(); }

  Status Listen(const JobServerSettings& settings) {
    const std::string& name =
        settings.advertised_host.empty() ? settings.host : settings.advertised_host;
    ::grpc::ResourceQuota quota;
    quota.SetMaxThreads(settings.max_streams);
    ::grpc::ServerBuilder builder;
    builder.SetResourceQuota(quota);
    builder.SetMaxReceiveMessageSize(kMostMessageBytes);
    builder.SetMaxSendMessageSize(kMostMessageBytes);
    BoundConnections(&builder, settings.idle_time);
    const std::string where = WithPort(settings.host, settings.port);
    builder.AddListeningPort(where, ::grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(&service_);
    builder.RegisterService(&staging_);
    builder.RegisterService(&retrieval_);
    // Nobody knows the port before it is chosen, so that no call comes before this is set; where it
    // was given, it is known.
    if (settings.port != 0) service_.set_artifact_endpoint(WithPort(name, settings.port));
    grpc_ = builder.BuildAndStart();
    if (grpc_ == nullptr || port_ == 0) {
      return {StatusCode::kUnavailable,
              "cannot listen on " + where +
                  ": the port is in use by another program, or may not be used, or the host is not "
                  "this machine; stop that program or choose another port (0 is any that is free)"};
    }
    endpoint_ = WithPort(name, port_);
    if (settings.port == 0) service_.set_artifact_endpoint(endpoint_);
    return OkStatus();
  }

  const std::string& endpoint() const override { return endpoint_; }
  int port() const override { return port_; }

  void Stop() override {
    if (is_stopping_.exchange(true)) return;
    jobs_.Stop();
    if (grpc_ != nullptr) grpc_->Shutdown(std::chrono::system_clock::now() + kDrainTime);
    grpc_.reset();
  }

 private:
  std::atomic<bool> is_stopping_ = false;
  const std::unique_ptr<ArtifactStore> store_;
  JobTable jobs_;
  JobService service_;
  ArtifactStagingService staging_;
  ArtifactRetrievalService retrieval_;
  std::unique_ptr<::grpc::Server> grpc_;
  std::string endpoint_;
  int port_ = 0;
};

}  // namespace

Result<std::unique_ptr<JobServer>> JobServer::Start(JobServerSettings settings, JobRunner* runner) {
  JOIST_ASSIGN_OR_RETURN(
      auto store, ArtifactStore::Open(settings.artifacts_folder, settings.max_artifact_bytes));
  if (!settings.log) settings.log = [](std::string_view) {};
  auto server = std::make_unique<GrpcJobServer>(settings, runner, std::move(store));
  JOIST_RETURN_IF_ERROR(server->Listen(settings));
  return std::unique_ptr<JobServer>(std::move(server));
}

}  // namespace joist::portability
