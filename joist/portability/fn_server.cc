// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// The services of the Fn API, which find the worker of a call, and the server that has them.
// Control and data, where much is in flight, are done by gRPC's callbacks; state and logging, whose
// handlers may take their time, have a thread for each call.

#include "joist/portability/fn_server.h"

#include <grpcpp/grpcpp.h>
#include <org/apache/beam/model/fn_execution/v1/beam_fn_api.grpc.pb.h>
#include <org/apache/beam/model/fn_execution/v1/beam_provision_api.grpc.pb.h>

#include <map>
#include <mutex>
#include <utility>

#include "joist/portability/grpc_connections.h"
#include "joist/portability/quoted.h"
#include "joist/portability/sdk_worker.h"

namespace joist::portability {
namespace {

constexpr size_t kMostWorkers = 1000;
/// Each call of state and logging, which workers keep open, has one; beyond that they are refused.
constexpr int kMostThreads = 4 * kMostWorkers;
constexpr std::chrono::seconds kShutdownTimeout{1};

// Thread-safe.
class WorkerTable {
 public:
  Status Add(const std::shared_ptr<ServedWorker>& worker) {
    const std::lock_guard lock(mutex_);
    if (workers_.size() == kMostWorkers) {
      return {StatusCode::kResourceExhausted,
              "there are " + std::to_string(kMostWorkers) + " SDK workers, no more are taken"};
    }
    if (!workers_.emplace(worker->id(), worker).second) {
      return {StatusCode::kAlreadyExists, "there is an SDK worker " + worker->id() + " already"};
    }
    return OkStatus();
  }

  void Remove(const ServedWorker& worker) {
    const std::lock_guard lock(mutex_);
    const auto found = workers_.find(worker.id());
    if (found != workers_.end() && found->second.get() == &worker) workers_.erase(found);
  }

  std::shared_ptr<ServedWorker> Find(const std::string& id) const {
    const std::lock_guard lock(mutex_);
    const auto found = workers_.find(id);
    return found == workers_.end() ? nullptr : found->second;
  }

  void StopAll(const std::string& why) {
    std::map<std::string, std::shared_ptr<ServedWorker>> workers;
    {
      const std::lock_guard lock(mutex_);
      workers.swap(workers_);
    }
    for (const auto& [id, worker] : workers) worker->Stop(why);
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<ServedWorker>> workers_;
};

std::string MetadataOf(const ::grpc::ServerContextBase& context, const char* key) {
  const auto& all = context.client_metadata();
  const auto found = all.find(key);
  return found == all.end() ? "" : std::string(found->second.data(), found->second.size());
}

std::string WorkerIdOf(const ::grpc::ServerContextBase& context) {
  return MetadataOf(context, "worker_id");
}

::grpc::Status NoSuchWorker(const std::string& id) {
  return {::grpc::StatusCode::NOT_FOUND,
          "no SDK worker " + Quoted(id) + " is expected (metadata worker_id)"};
}

::grpc::Status SecondStream(const char* what, const std::string& id) {
  return {::grpc::StatusCode::ALREADY_EXISTS,
          "SDK worker " + id + " has its " + what + " stream already, or is to have none"};
}

template <class In, class Out>
class RefusedStream final : public ::grpc::ServerBidiReactor<In, Out> {
 public:
  explicit RefusedStream(const ::grpc::Status& status) { this->Finish(status); }
  void OnDone() override { delete this; }
};

using ControlBase = fn::BeamFnControl::WithCallbackMethod_Control<fn::BeamFnControl::Service>;

class ControlService final : public ControlBase {
 public:
  explicit ControlService(const WorkerTable* workers) : workers_(*workers) {}

  ::grpc::ServerBidiReactor<fn::InstructionResponse, fn::InstructionRequest>* Control(
      ::grpc::CallbackServerContext* context) override {
    using Refused = RefusedStream<fn::InstructionResponse, fn::InstructionRequest>;
    const std::string id = WorkerIdOf(*context);
    const auto worker = workers_.Find(id);
    if (worker == nullptr) return new Refused(NoSuchWorker(id));
    auto* const stream = worker->OpenControl();
    return stream != nullptr ? stream : new Refused(SecondStream("control", id));
  }

  ::grpc::Status GetProcessBundleDescriptor(::grpc::ServerContext* context,
                                            const fn::GetProcessBundleDescriptorRequest* request,
                                            fn::ProcessBundleDescriptor* response) override {
    const std::string id = WorkerIdOf(*context);
    const auto worker = workers_.Find(id);
    if (worker == nullptr) return NoSuchWorker(id);
    auto descriptor = worker->Descriptor(request->process_bundle_descriptor_id());
    if (!descriptor.ok()) {
      return {::grpc::StatusCode::NOT_FOUND, descriptor.status().message()};
    }
    *response = *std::move(descriptor);
    return ::grpc::Status::OK;
  }

 private:
  const WorkerTable& workers_;
};

class DataService final : public fn::BeamFnData::CallbackService {
 public:
  explicit DataService(const WorkerTable* workers) : workers_(*workers) {}

  ::grpc::ServerBidiReactor<fn::Elements, fn::Elements>* Data(
      ::grpc::CallbackServerContext* context) override {
    using Refused = RefusedStream<fn::Elements, fn::Elements>;
    const std::string id = WorkerIdOf(*context);
    const auto worker = workers_.Find(id);
    if (worker == nullptr) return new Refused(NoSuchWorker(id));
    auto* const stream = worker->OpenData(MetadataOf(*context, "data_stream_id"));
    return stream != nullptr ? stream : new Refused(SecondStream("data", id));
  }

 private:
  const WorkerTable& workers_;
};

class StatusService final : public fn::BeamFnWorkerStatus::CallbackService {
 public:
  explicit StatusService(const WorkerTable* workers) : workers_(*workers) {}

  ::grpc::ServerBidiReactor<fn::WorkerStatusResponse, fn::WorkerStatusRequest>* WorkerStatus(
      ::grpc::CallbackServerContext* context) override {
    using Refused = RefusedStream<fn::WorkerStatusResponse, fn::WorkerStatusRequest>;
    const std::string id = WorkerIdOf(*context);
    const auto worker = workers_.Find(id);
    if (worker == nullptr) return new Refused(NoSuchWorker(id));
    auto* const stream = worker->OpenStatus();
    return stream != nullptr ? stream : new Refused(SecondStream("status", id));
  }

 private:
  const WorkerTable& workers_;
};

class StateService final : public fn::BeamFnState::Service {
 public:
  explicit StateService(const WorkerTable* workers) : workers_(*workers) {}

  ::grpc::Status State(
      ::grpc::ServerContext* context,
      ::grpc::ServerReaderWriter<fn::StateResponse, fn::StateRequest>* stream) override {
    const std::string id = WorkerIdOf(*context);
    const auto worker = workers_.Find(id);
    if (worker == nullptr) return NoSuchWorker(id);
    fn::StateRequest request;
    fn::StateResponse response;
    while (stream->Read(&request)) {
      response.Clear();
      worker->HandleState(request, &response);
      if (!stream->Write(response)) break;
    }
    return ::grpc::Status::OK;
  }

 private:
  const WorkerTable& workers_;
};

class LoggingService final : public fn::BeamFnLogging::Service {
 public:
  explicit LoggingService(const WorkerTable* workers) : workers_(*workers) {}

  ::grpc::Status Logging(
      ::grpc::ServerContext* context,
      ::grpc::ServerReaderWriter<fn::LogControl, fn::LogEntry_List>* stream) override {
    const std::string id = WorkerIdOf(*context);
    const auto worker = workers_.Find(id);
    if (worker == nullptr) return NoSuchWorker(id);
    fn::LogEntry_List entries;
    while (stream->Read(&entries)) {
      for (fn::LogEntry& entry : *entries.mutable_log_entries()) worker->Log(&entry);
    }
    return ::grpc::Status::OK;
  }

 private:
  const WorkerTable& workers_;
};

class ProvisionService final : public fn::ProvisionService::Service {
 public:
  explicit ProvisionService(const WorkerTable* workers) : workers_(*workers) {}

  ::grpc::Status GetProvisionInfo(::grpc::ServerContext* context,
                                  const fn::GetProvisionInfoRequest* /*request*/,
                                  fn::GetProvisionInfoResponse* response) override {
    const std::string id = WorkerIdOf(*context);
    const auto worker = workers_.Find(id);
    if (worker == nullptr) return NoSuchWorker(id);
    if (!response->mutable_info()->ParseFromString(worker->provision_info())) {
      return {::grpc::StatusCode::INTERNAL, "the provision info of " + id + " cannot be read"};
    }
    return ::grpc::Status::OK;
  }

 private:
  const WorkerTable& workers_;
};

class GrpcFnServer final : public FnServer {
 public:
  ~GrpcFnServer() override {
    workers_->StopAll("the server is shut down");
    if (server_ != nullptr) server_->Shutdown(std::chrono::system_clock::now() + kShutdownTimeout);
  }

  explicit GrpcFnServer(int most_message_bytes) : most_message_bytes_(most_message_bytes) {}

  Status Listen(const std::string& host, int port) {
    ::grpc::ResourceQuota quota;
    quota.SetMaxThreads(kMostThreads);
    ::grpc::ServerBuilder builder;
    builder.SetResourceQuota(quota);
    int bound_port = 0;
    builder.AddListeningPort(host + ":" + std::to_string(port), ::grpc::InsecureServerCredentials(),
                             &bound_port);
    builder.SetMaxReceiveMessageSize(most_message_bytes_);
    builder.SetMaxSendMessageSize(-1);
    BoundConnections(&builder);
    builder.RegisterService(&control_);
    builder.RegisterService(&data_);
    builder.RegisterService(&status_);
    builder.RegisterService(&state_);
    builder.RegisterService(&logging_);
    builder.RegisterService(&provision_);
    server_ = builder.BuildAndStart();
    if (server_ == nullptr || bound_port == 0) {
      return {StatusCode::kUnavailable, "cannot listen for SDK workers on " + host + ":" +
                                            std::to_string(port) + "; is the port taken?"};
    }
    endpoint_ = host + ":" + std::to_string(bound_port);
    return OkStatus();
  }

  const std::string& endpoint() const override { return endpoint_; }

  std::shared_ptr<SdkWorker> Expect(WorkerSetup setup) override {
    const auto worker =
        std::make_shared<ServedWorker>(std::move(setup), endpoint_, most_message_bytes_);
    if (Status status = workers_->Add(worker); !status.ok()) worker->Refuse(std::move(status));
    // The runner's share; the worker's calls and bundles have theirs.
    return {worker.get(), [worker, workers = workers_](SdkWorker*) {
              workers->Remove(*worker);
              worker->Stop("its job needs it no more");
              worker->StopLogging();
            }};
  }

 private:
  const int most_message_bytes_;
  const std::shared_ptr<WorkerTable> workers_ = std::make_shared<WorkerTable>();
  ControlService control_{workers_.get()};
  DataService data_{workers_.get()};
  StatusService status_{workers_.get()};
  StateService state_{workers_.get()};
  LoggingService logging_{workers_.get()};
  ProvisionService provision_{workers_.get()};
  std::string endpoint_;
  std::unique_ptr<::grpc::Server> server_;  ///< Ends before what it calls.
};

}  // namespace

Result<std::unique_ptr<FnServer>> FnServer::Start(const std::string& host, int port,
                                                  int most_message_bytes) {
  auto server = std::make_unique<GrpcFnServer>(most_message_bytes);
  JOIST_RETURN_IF_ERROR(server->Listen(host, port));
  return std::unique_ptr<FnServer>(std::move(server));
}

}  // namespace joist::portability
