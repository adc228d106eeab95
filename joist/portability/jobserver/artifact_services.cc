// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/jobserver/artifact_services.h"

#include <org/apache/beam/model/pipeline/v1/beam_runner_api.pb.h>

#include <cerrno>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "joist/portability/jobserver/grpc_status.h"
#include "joist/portability/quoted.h"

namespace joist::portability {
namespace {

constexpr const char* kFileUrn = "beam:artifact:type:file:v1";
constexpr const char* kUrlUrn = "beam:artifact:type:url:v1";
constexpr const char* kEmbeddedUrn = "beam:artifact:type:embedded:v1";
constexpr const char* kStagingToUrn = "beam:artifact:role:staging_to:v1";
constexpr size_t kChunkBytes = 1 << 20;
/// Of what a client says of all its artifacts, which becomes a part of the pipeline.
constexpr size_t kMostDescribedBytes = 32 << 20;

using StagingStream =
    ::grpc::ServerReaderWriter<job::ArtifactRequestWrapper, job::ArtifactResponseWrapper>;

/// For messages: what the artifact is to be called.
std::string NameOf(const pipeline::ArtifactInformation& artifact) {
  pipeline::ArtifactStagingToRolePayload role;
  if (artifact.role_urn() == kStagingToUrn && role.ParseFromString(artifact.role_payload())) {
    return "artifact " + Quoted(role.staged_name());
  }
  return "artifact of the type " + Quoted(artifact.type_urn());
}

/// The SHA-256 that the client knows of; empty where it says none.
std::string ShaOf(const pipeline::ArtifactInformation& artifact) {
  if (artifact.type_urn() == kFileUrn) {
    pipeline::ArtifactFilePayload file;
    if (file.ParseFromString(artifact.type_payload())) return file.sha256();
  } else if (artifact.type_urn() == kUrlUrn) {
    pipeline::ArtifactUrlPayload url;
    if (url.ParseFromString(artifact.type_payload())) return url.sha256();
  }
  return {};
}

Status Gone() {
  return {StatusCode::kAborted, "the client has ended the call before all artifacts were there"};
}

/// One client that stages.
class Staging {
 public:
  Staging(StagingStream* client, std::shared_ptr<JobArtifacts> artifacts)
      : client_(client), artifacts_(std::move(artifacts)) {}

  /// Makes the environment's dependencies files of the store.
  Status Stage(pipeline::Environment* environment) {
    if (environment->dependencies().empty()) return OkStatus();
    job::ArtifactRequestWrapper request;
    *request.mutable_resolve_artifact()->mutable_artifacts() = environment->dependencies();
    if (!client_->Write(request)) return Gone();
    job::ArtifactResponseWrapper response;
    if (!client_->Read(&response)) return Gone();
    if (!response.has_resolve_artifact_response()) {
      return InvalidArgument("the client has answered resolve_artifact with something else");
    }
    auto* const replacements = response.mutable_resolve_artifact_response();
    environment->clear_dependencies();
    for (const pipeline::ArtifactInformation& artifact : replacements->replacements()) {
      Result<pipeline::ArtifactInformation> staged = StageOnce(artifact);
      if (!staged.ok()) {
        return {staged.status().code(),
                "cannot stage the " + NameOf(artifact) + ": " + staged.status().message()};
      }
      described_bytes_ += staged->ByteSizeLong();
      if (described_bytes_ > kMostDescribedBytes) {
        return {StatusCode::kResourceExhausted,
                "the names and roles of the artifacts have more than " +
                    std::to_string(kMostDescribedBytes) + " bytes; stage fewer"};
      }
      *environment->add_dependencies() = std::move(*staged);
    }
    return OkStatus();
  }

 private:
  /// Environments often have the same artifacts.
  Result<pipeline::ArtifactInformation> StageOnce(const pipeline::ArtifactInformation& artifact) {
    const auto [found, is_new] = staged_.try_emplace(artifact.SerializeAsString());
    if (is_new) {
      JOIST_ASSIGN_OR_RETURN(found->second, Fetch(artifact));
    }
    return found->second;
  }

  Result<pipeline::ArtifactInformation> Fetch(const pipeline::ArtifactInformation& artifact) {
    JOIST_ASSIGN_OR_RETURN(const auto file, artifacts_->Add());
    JOIST_RETURN_IF_ERROR(CopyTo(artifact, file.get()));
    JOIST_ASSIGN_OR_RETURN(const StoredArtifact stored, file->Finish(ShaOf(artifact)));
    pipeline::ArtifactFilePayload payload;
    payload.set_path(stored.name);
    payload.set_sha256(stored.sha256);
    pipeline::ArtifactInformation staged = artifact;
    staged.set_type_urn(kFileUrn);
    staged.set_type_payload(payload.SerializeAsString());
    return staged;
  }

  Status CopyTo(const pipeline::ArtifactInformation& artifact, ArtifactWriter* file) {
    // Not every client gives what the pipeline itself has in it.
    if (artifact.type_urn() == kEmbeddedUrn) {
      pipeline::EmbeddedFilePayload embedded;
      if (!embedded.ParseFromString(artifact.type_payload())) {
        return InvalidArgument("its payload is no EmbeddedFilePayload");
      }
      return file->Write(embedded.data());
    }
    job::ArtifactRequestWrapper request;
    *request.mutable_get_artifact()->mutable_artifact() = artifact;
    if (!client_->Write(request)) return Gone();
    job::ArtifactResponseWrapper response;
    do {
      if (!client_->Read(&response)) return Gone();
      JOIST_RETURN_IF_ERROR(file->Write(response.get_artifact_response().data()));
    } while (!response.is_last());
    return OkStatus();
  }

  StagingStream* const client_;
  const std::shared_ptr<JobArtifacts> artifacts_;
  std::map<std::string, pipeline::ArtifactInformation> staged_;  ///< By the client's.
  size_t described_bytes_ = 0;
};

}  // namespace

::grpc::Status ArtifactStagingService::ReverseArtifactRetrievalService(
    ::grpc::ServerContext* /*context*/, StagingStream* client) {
  job::ArtifactResponseWrapper first;
  if (!client->Read(&first)) return GrpcStatus(Gone());
  Result<Preparation> found = jobs_->FindPreparation(first.staging_token());
  if (!found.ok()) return GrpcStatus(found.status());
  auto graph = std::make_shared<pipeline::Pipeline>(*found->job.graph);
  Status status;
  if (found->needs_staging) {
    Staging staging(client, found->artifacts);
    for (auto& [id, environment] : *graph->mutable_components()->mutable_environments()) {
      if (status.ok()) status = staging.Stage(&environment);
    }
  }
  if (status.ok()) {
    status = jobs_->SetStaged(found->id, std::move(graph));
  } else {
    jobs_->DropPreparation(found->id);
  }
  return GrpcStatus(status);
}

::grpc::Status ArtifactRetrievalService::ResolveArtifacts(
    ::grpc::ServerContext* /*context*/, const job::ResolveArtifactsRequest* request,
    job::ResolveArtifactsResponse* response) {
  // They were resolved when they were staged.
  *response->mutable_replacements() = request->artifacts();
  return ::grpc::Status::OK;
}

::grpc::Status ArtifactRetrievalService::GetArtifact(
    ::grpc::ServerContext* /*context*/, const job::GetArtifactRequest* request,
    ::grpc::ServerWriter<job::GetArtifactResponse>* writer) {
  pipeline::ArtifactFilePayload payload;
  if (request->artifact().type_urn() != kFileUrn ||
      !payload.ParseFromString(request->artifact().type_payload())) {
    return {::grpc::StatusCode::INVALID_ARGUMENT, "this server has artifacts of the type " +
                                                      std::string(kFileUrn) +
                                                      ", the ones that were staged with it"};
  }
  const Result<std::string> path = store_->Find(payload.path());
  if (!path.ok()) return GrpcStatus(path.status());
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path->c_str(), "rbe"),
                                                             &std::fclose);
  if (file == nullptr) return GrpcStatus(FromErrno(errno, "cannot read the artifact " + *path));
  job::GetArtifactResponse chunk;
  std::string* const data = chunk.mutable_data();
  while (true) {
    data->resize(kChunkBytes);
    data->resize(std::fread(data->data(), 1, kChunkBytes, file.get()));
    if (data->empty()) break;
    if (!writer->Write(chunk)) break;
  }
  if (std::ferror(file.get()) != 0) {
    return GrpcStatus(DataLoss("cannot read the artifact " + *path));
  }
  return ::grpc::Status::OK;
}

}  // namespace joist::portability
