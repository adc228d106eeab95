// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// The program joist-job-server, which `joist job-server` becomes (job_server_command.h). It is
// linked to what the job server needs and to nothing else, and statically (cmake/static_link.py).

#include <malloc.h>

#include <algorithm>
#include <thread>
#include <vector>

#include "joist/cli/job_server.h"
#include "joist/cli/main.h"

int main(int argc, char** argv) {
  // Of the threads that gRPC and jobs have, as many are at work as there are processors; glibc
  // gives each memory of its own, which the others cannot use again.
  mallopt(M_ARENA_MAX, static_cast<int>(std::max(2U, std::thread::hardware_concurrency())));
  std::vector<const char*> arguments = {"joist", joist::cli::kJobServerCommand.name.data()};
  arguments.insert(arguments.end(), argv + std::min(argc, 1), argv + argc);
  const joist::cli::Command commands[] = {joist::cli::kJobServerCommand};
  return joist::cli::Main(static_cast<int>(arguments.size()), arguments.data(), commands);
}
