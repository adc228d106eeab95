// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/jobserver/job_service.h"

#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/time_util.h>

#include <cctype>
#include <chrono>
#include <memory>
#include <string_view>
#include <vector>

#include "joist/portability/jobserver/grpc_status.h"
#include "joist/portability/quoted.h"

namespace joist::portability {
namespace {

/// Of words that nobody may guess, and of those that are to differ.
constexpr int kSecretBytes = 16;
constexpr int kIdBytes = 6;
constexpr std::string_view kAnyOfUrn = "beam:env:anyof:v1";
/// How soon a stream sees that its client is gone.
constexpr std::chrono::milliseconds kPoll{500};

/// A job's name as a part of its id, which names folders too.
std::string PlainName(std::string_view name) {
  constexpr size_t kMostBytes = 64;
  std::string plain;
  for (const char c : name.substr(0, kMostBytes)) {
    plain += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '-';
  }
  return plain.empty() ? "job" : plain;
}

job::JobState::Enum ToProto(BeamState state) { return static_cast<job::JobState::Enum>(state); }

::google::protobuf::Timestamp TimeOf(const JobEvent& event) {
  const auto since = event.time.time_since_epoch();
  return ::google::protobuf::util::TimeUtil::MicrosecondsToTimestamp(
      std::chrono::duration_cast<std::chrono::microseconds>(since).count());
}

void SetState(const JobEvent& event, job::JobStateEvent* state) {
  state->set_state(ToProto(*event.state));
  *state->mutable_timestamp() = TimeOf(event);
}

job::JobMessage::MessageImportance ToProto(JobListener::Importance importance) {
  switch (importance) {
    case JobListener::Importance::kDebug: return job::JobMessage::JOB_MESSAGE_DEBUG;
    case JobListener::Importance::kDetail: return job::JobMessage::JOB_MESSAGE_DETAILED;
    case JobListener::Importance::kBasic: return job::JobMessage::JOB_MESSAGE_BASIC;
    case JobListener::Importance::kWarning: return job::JobMessage::JOB_MESSAGE_WARNING;
    case JobListener::Importance::kError: return job::JobMessage::JOB_MESSAGE_ERROR;
  }
  return job::JobMessage::MESSAGE_IMPORTANCE_UNSPECIFIED;
}

void SetMessage(const JobEvent& event, job::JobMessage* message) {
  message->set_message_id(std::to_string(event.number));
  message->set_time(::google::protobuf::util::TimeUtil::ToString(TimeOf(event)));
  message->set_importance(ToProto(event.importance));
  message->set_message_text(event.text);
}

/// The first of the environments that `choice` leaves to choose from that can be started; `choice`
/// where there is none, or it leaves nothing to choose.
pipeline::Environment Choose(const pipeline::Environment& choice, const WorkerStarter* workers) {
  pipeline::AnyOfEnvironmentPayload payload;
  if (workers != nullptr && choice.urn() == kAnyOfUrn &&
      payload.ParseFromString(choice.payload())) {
    for (const pipeline::Environment& environment : payload.environments()) {
      if (workers->Check(environment).ok()) return environment;
    }
  }
  return choice;
}

/// Gives `write` the job's events from `next` on until there are no more, the client is gone, or
/// `write` returns false.
template <class Write>
void Watch(const ::grpc::ServerContext& context, const Job& watched, uint64_t next,
           bool states_only, const Write& write) {
  JobEvent event;
  while (!context.IsCancelled()) {
    switch (watched.WaitForEvent(next, states_only, kPoll, &event)) {
      case Job::Next::kEvent:
        if (!write(event)) return;
        next = event.number + 1;
        break;
      case Job::Next::kNothingYet: break;
      case Job::Next::kEnd: return;
    }
  }
}

Status ParseInfos(const std::vector<std::string>& serialized,
                  ::google::protobuf::RepeatedPtrField<pipeline::MonitoringInfo>* infos) {
  for (const std::string& info : serialized) {
    if (!infos->Add()->ParseFromString(info)) {
      return Internal("a metric of the job is no MonitoringInfo");
    }
  }
  return OkStatus();
}

job::PipelineOptionType::Enum ToProto(JobOption::Type type) {
  switch (type) {
    case JobOption::Type::kString: return job::PipelineOptionType::STRING;
    case JobOption::Type::kBoolean: return job::PipelineOptionType::BOOLEAN;
    case JobOption::Type::kInteger: return job::PipelineOptionType::INTEGER;
  }
  return job::PipelineOptionType::STRING;
}

}  // namespace

::grpc::Status JobService::Prepare(Context* /*context*/, const job::PrepareJobRequest* request,
                                   job::PrepareJobResponse* response) {
  if (!request->has_pipeline()) {
    return {::grpc::StatusCode::INVALID_ARGUMENT, "the request has no pipeline"};
  }
  Preparation preparation;
  preparation.id = RandomWord(kSecretBytes);
  preparation.job.name = request->job_name();
  preparation.job.id = PlainName(request->job_name()) + "-" + RandomWord(kIdBytes);
  const auto graph = std::make_shared<pipeline::Pipeline>(request->pipeline());
  for (auto& [id, environment] : *graph->mutable_components()->mutable_environments()) {
    environment = Choose(environment, workers_);
    preparation.needs_staging = preparation.needs_staging || !environment.dependencies().empty();
  }
  preparation.job.graph = graph;
  preparation.job.options = request->pipeline_options().SerializeAsString();
  preparation.job.retrieval_token = RandomWord(kSecretBytes);
  preparation.job.artifact_endpoint = artifact_endpoint_;
  if (const Status status = runner_->Check(preparation.job); !status.ok()) {
    log_("job " + preparation.job.id + " is refused: " + Printable(status.message()));
    return GrpcStatus(status);
  }
  if (preparation.needs_staging) {
    auto artifacts = artifacts_->MakeJob(preparation.job.retrieval_token);
    if (!artifacts.ok()) return GrpcStatus(artifacts.status());
    preparation.artifacts = std::move(*artifacts);
  }
  const std::string id = preparation.id;
  if (const Status status = jobs_->Add(std::move(preparation)); !status.ok()) {
    return GrpcStatus(status);
  }
  response->set_preparation_id(id);
  response->set_staging_session_token(id);
  response->mutable_artifact_staging_endpoint()->set_url(artifact_endpoint_);
  return ::grpc::Status::OK;
}

::grpc::Status JobService::Run(Context* /*context*/, const job::RunJobRequest* request,
                               job::RunJobResponse* response) {
  const auto started = jobs_->Run(request->preparation_id());
  if (!started.ok()) return GrpcStatus(started.status());
  response->set_job_id(started.value()->submitted().id);
  return ::grpc::Status::OK;
}

::grpc::Status JobService::GetJobs(Context* /*context*/, const job::GetJobsRequest* /*request*/,
                                   job::GetJobsResponse* response) {
  for (const std::shared_ptr<Job>& one : jobs_->All()) {
    job::JobInfo* const info = response->add_job_info();
    info->set_job_id(one->submitted().id);
    info->set_job_name(one->submitted().name);
    // Not its options: passwords may be among them, and anyone may ask.
    info->set_state(ToProto(*one->state().state));
  }
  return ::grpc::Status::OK;
}

::grpc::Status JobService::GetState(Context* /*context*/, const job::GetJobStateRequest* request,
                                    job::JobStateEvent* response) {
  const auto found = jobs_->Find(request->job_id());
  if (!found.ok()) return GrpcStatus(found.status());
  SetState(found.value()->state(), response);
  return ::grpc::Status::OK;
}

::grpc::Status JobService::GetPipeline(Context* /*context*/,
                                       const job::GetJobPipelineRequest* request,
                                       job::GetJobPipelineResponse* response) {
  const auto found = jobs_->Find(request->job_id());
  if (!found.ok()) return GrpcStatus(found.status());
  *response->mutable_pipeline() = *found.value()->submitted().graph;
  return ::grpc::Status::OK;
}

::grpc::Status JobService::Cancel(Context* /*context*/, const job::CancelJobRequest* request,
                                  job::CancelJobResponse* response) {
  const auto found = jobs_->Find(request->job_id());
  if (!found.ok()) return GrpcStatus(found.status());
  response->set_state(ToProto(found.value()->Cancel()));
  return ::grpc::Status::OK;
}

::grpc::Status JobService::Drain(Context* /*context*/, const job::DrainJobRequest* request,
                                 job::DrainJobResponse* response) {
  const auto found = jobs_->Find(request->job_id());
  if (!found.ok()) return GrpcStatus(found.status());
  response->set_state(ToProto(found.value()->Drain()));
  return ::grpc::Status::OK;
}

::grpc::Status JobService::GetStateStream(Context* context, const job::GetJobStateRequest* request,
                                          ::grpc::ServerWriter<job::JobStateEvent>* writer) {
  const auto found = jobs_->Find(request->job_id());
  if (!found.ok()) return GrpcStatus(found.status());
  const Job& watched = *found.value();
  Watch(*context, watched, watched.state().number, true, [&](const JobEvent& event) {
    job::JobStateEvent state;
    SetState(event, &state);
    return writer->Write(state);
  });
  return ::grpc::Status::OK;
}

::grpc::Status JobService::GetMessageStream(
    Context* context, const job::JobMessagesRequest* request,
    ::grpc::ServerWriter<job::JobMessagesResponse>* writer) {
  const auto found = jobs_->Find(request->job_id());
  if (!found.ok()) return GrpcStatus(found.status());
  Watch(*context, *found.value(), 0, false, [&](const JobEvent& event) {
    job::JobMessagesResponse response;
    if (event.state) {
      SetState(event, response.mutable_state_response());
    } else {
      SetMessage(event, response.mutable_message_response());
    }
    return writer->Write(response);
  });
  return ::grpc::Status::OK;
}

::grpc::Status JobService::GetJobMetrics(Context* /*context*/,
                                         const job::GetJobMetricsRequest* request,
                                         job::GetJobMetricsResponse* response) {
  const auto found = jobs_->Find(request->job_id());
  if (!found.ok()) return GrpcStatus(found.status());
  std::vector<std::string> attempted;
  std::vector<std::string> committed;
  found.value()->GetMetrics(&attempted, &committed);
  job::MetricResults* const metrics = response->mutable_metrics();
  Status status = ParseInfos(attempted, metrics->mutable_attempted());
  if (status.ok()) status = ParseInfos(committed, metrics->mutable_committed());
  return GrpcStatus(status);
}

::grpc::Status JobService::DescribePipelineOptions(
    Context* /*context*/, const job::DescribePipelineOptionsRequest* /*request*/,
    job::DescribePipelineOptionsResponse* response) {
  for (const JobOption& option : runner_->options()) {
    job::PipelineOptionDescriptor* const described = response->add_options();
    described->set_name(option.name);
    described->set_type(ToProto(option.type));
    described->set_description(option.help);
    described->set_default_value(option.default_text);
    described->set_group("Joist");
  }
  return ::grpc::Status::OK;
}

}  // namespace joist::portability
