// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// What stands in for the job server where Joist was built without Beam's protocols.

#include <cstdio>

#include "joist/cli/job_server.h"

namespace joist::cli {
namespace {

constexpr const char* kWhy =
    "this program was built without Beam's protocols, which its build fetches (CONTRIBUTING.md)";

int RefuseJobs(const std::string& program, std::span<const std::string_view> /*arguments*/) {
  std::fprintf(stderr, "%s job-server: %s\n", program.c_str(), kWhy);
  return 1;
}

}  // namespace

Result<std::unique_ptr<RunningJobServer>> RunningJobServer::Start(const JobServing& /*serving*/,
                                                                  const serve::ServerLog& /*log*/) {
  return Status(StatusCode::kUnimplemented, kWhy);
}

const Command kJobServerCommand = {"job-server", "job-server",
                                   "Runs pipelines of Beam's SDKs; not in this program", kWhy,
                                   RefuseJobs};

}  // namespace joist::cli
