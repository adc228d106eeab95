// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// fake_job_server: a job server for tests with Beam's own clients. Prints where it listens, and
// ends when its input does. A job starts a worker of each environment, says which artifacts were
// staged, counts its transforms, and ends as its option "outcome" wants (fake_job_runner.h).

#include <org/apache/beam/model/pipeline/v1/metrics.pb.h>

#include <cstdio>
#include <string>

#include "joist/portability/jobserver/job_server.h"
#include "joist/portability/jobserver/testing/fake_job_runner.h"
#include "joist/portability/jobserver/worker_starter.h"

namespace {

using joist::portability::JobListener;
namespace pipeline = joist::portability::pipeline;

std::string Counted(const std::string& name, int count) {
  pipeline::MonitoringInfo info;
  info.set_urn("beam:metric:user:sum_int64:v1");
  info.set_type("beam:metrics:sum_int64:v1");
  (*info.mutable_labels())["NAMESPACE"] = "fake";
  (*info.mutable_labels())["NAME"] = name;
  (*info.mutable_labels())["PTRANSFORM"] = "all";
  info.set_payload(std::string(1, static_cast<char>(count)));
  return info.SerializeAsString();
}

}  // namespace

int main() {
  joist::portability::LocalWorkerStarter workers({});
  std::string endpoint;
  joist::portability::FakeJobRunner runner(
      [&](const joist::portability::SubmittedJob& job, JobListener* listener) {
        const pipeline::Components& parts = job.graph->components();
        for (const auto& [id, environment] : parts.environments()) {
          for (const pipeline::ArtifactInformation& artifact : environment.dependencies()) {
            pipeline::ArtifactFilePayload file;
            file.ParseFromString(artifact.type_payload());
            listener->Message(JobListener::Importance::kWarning, "artifact " + file.sha256());
          }
          auto worker = workers.Start(environment, "worker-" + id, endpoint);
          if (!worker.ok()) return worker.status();
        }
        const std::string counted = Counted("transforms", parts.transforms_size());
        listener->Metrics({counted}, {counted});
        return joist::OkStatus();
      });
  auto server = joist::portability::JobServer::Start({.workers = &workers}, &runner);
  if (!server.ok()) {
    std::fprintf(stderr, "%s\n", server.status().message().c_str());
    return 1;
  }
  endpoint = server.value()->endpoint();
  workers.set_artifact_endpoint(endpoint);
  std::printf("%s\n", endpoint.c_str());
  std::fflush(stdout);
  while (std::getchar() != EOF) {
  }
}
