// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Beam's JobService (beam_job_api.proto). For sources: gRPC's headers are heavy. Any number of
// threads; a stream holds one until its job has ended or its client is gone.

#ifndef JOIST_PORTABILITY_JOBSERVER_JOB_SERVICE_H_
#define JOIST_PORTABILITY_JOBSERVER_JOB_SERVICE_H_

#include <org/apache/beam/model/job_management/v1/beam_job_api.grpc.pb.h>

#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "joist/portability/beam_names.h"
#include "joist/portability/jobserver/artifact_store.h"
#include "joist/portability/jobserver/job_table.h"

namespace joist::portability {

class JobService final : public job::JobService::Service {
 public:
  /// `workers` may be null; `log` takes a line for each job that is refused.
  JobService(JobRunner* runner, const WorkerStarter* workers, JobTable* jobs,
             ArtifactStore* artifacts, std::function<void(std::string_view)> log)
      : runner_(runner),
        workers_(workers),
        jobs_(jobs),
        artifacts_(artifacts),
        log_(std::move(log)) {}
  /// Where clients stage artifacts, and workers fetch them. Before there are calls.
  void set_artifact_endpoint(std::string endpoint) { artifact_endpoint_ = std::move(endpoint); }

  using Context = ::grpc::ServerContext;
  ::grpc::Status Prepare(Context* context, const job::PrepareJobRequest* request,
                         job::PrepareJobResponse* response) override;
  ::grpc::Status Run(Context* context, const job::RunJobRequest* request,
                     job::RunJobResponse* response) override;
  ::grpc::Status GetJobs(Context* context, const job::GetJobsRequest* request,
                         job::GetJobsResponse* response) override;
  ::grpc::Status GetState(Context* context, const job::GetJobStateRequest* request,
                          job::JobStateEvent* response) override;
  ::grpc::Status GetPipeline(Context* context, const job::GetJobPipelineRequest* request,
                             job::GetJobPipelineResponse* response) override;
  ::grpc::Status Cancel(Context* context, const job::CancelJobRequest* request,
                        job::CancelJobResponse* response) override;
  ::grpc::Status Drain(Context* context, const job::DrainJobRequest* request,
                       job::DrainJobResponse* response) override;
  ::grpc::Status GetStateStream(Context* context, const job::GetJobStateRequest* request,
                                ::grpc::ServerWriter<job::JobStateEvent>* writer) override;
  ::grpc::Status GetMessageStream(Context* context, const job::JobMessagesRequest* request,
                                  ::grpc::ServerWriter<job::JobMessagesResponse>* writer) override;
  ::grpc::Status GetJobMetrics(Context* context, const job::GetJobMetricsRequest* request,
                               job::GetJobMetricsResponse* response) override;
  ::grpc::Status DescribePipelineOptions(Context* context,
                                         const job::DescribePipelineOptionsRequest* request,
                                         job::DescribePipelineOptionsResponse* response) override;

 private:
  JobRunner* const runner_;
  const WorkerStarter* const workers_;
  JobTable* const jobs_;
  ArtifactStore* const artifacts_;
  const std::function<void(std::string_view)> log_;
  std::string artifact_endpoint_;
};

}  // namespace joist::portability

#endif  // JOIST_PORTABILITY_JOBSERVER_JOB_SERVICE_H_
