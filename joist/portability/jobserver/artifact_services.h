// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Beam's artifact services (beam_artifact_api.proto), for clients and for workers. For sources:
// gRPC's headers are heavy. Any number of threads.

#ifndef JOIST_PORTABILITY_JOBSERVER_ARTIFACT_SERVICES_H_
#define JOIST_PORTABILITY_JOBSERVER_ARTIFACT_SERVICES_H_

#include <org/apache/beam/model/job_management/v1/beam_artifact_api.grpc.pb.h>

#include "joist/portability/beam_names.h"
#include "joist/portability/jobserver/artifact_store.h"
#include "joist/portability/jobserver/job_table.h"

namespace joist::portability {

/// Takes the artifacts of a job that was prepared from the client, and makes the pipeline say where
/// they are. A preparation whose staging fails is forgotten.
class ArtifactStagingService final : public job::ArtifactStagingService::Service {
 public:
  explicit ArtifactStagingService(JobTable* jobs) : jobs_(jobs) {}

  ::grpc::Status ReverseArtifactRetrievalService(
      ::grpc::ServerContext* context,
      ::grpc::ServerReaderWriter<job::ArtifactRequestWrapper, job::ArtifactResponseWrapper>* client)
      override;

 private:
  JobTable* const jobs_;
};

/// Gives workers what was staged.
class ArtifactRetrievalService final : public job::ArtifactRetrievalService::Service {
 public:
  explicit ArtifactRetrievalService(const ArtifactStore* store) : store_(store) {}

  ::grpc::Status ResolveArtifacts(::grpc::ServerContext* context,
                                  const job::ResolveArtifactsRequest* request,
                                  job::ResolveArtifactsResponse* response) override;
  ::grpc::Status GetArtifact(::grpc::ServerContext* context, const job::GetArtifactRequest* request,
                             ::grpc::ServerWriter<job::GetArtifactResponse>* writer) override;

 private:
  const ArtifactStore* const store_;
};

}  // namespace joist::portability

#endif  // JOIST_PORTABILITY_JOBSERVER_ARTIFACT_SERVICES_H_
