// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// A program with the command job-server, whose runner runs nothing (fake_job_runner.h).

#include "joist/cli/job_server.h"
#include "joist/cli/main.h"
#include "joist/portability/jobserver/testing/fake_job_runner.h"
#include "joist/portability/portable_runner.h"

namespace joist::portability {

std::unique_ptr<JobRunner> MakePortableRunner(const PortableRunnerSettings& /*settings*/,
                                              WorkerStarter* /*workers*/) {
  return std::make_unique<FakeJobRunner>();
}

}  // namespace joist::portability

int main(int argc, char** argv) {
  const joist::cli::Command more[] = {joist::cli::kJobServerCommand};
  return joist::cli::Main(argc, argv, more);
}
