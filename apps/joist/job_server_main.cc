// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// The program joist-job-server, which `joist job-server` becomes (job_server_command.h). It is
// linked to what the job server needs and to nothing else, and statically (cmake/static_link.py).

#include <algorithm>
#include <vector>

#include "joist/cli/job_server.h"
#include "joist/cli/main.h"

int main(int argc, char** argv) {
  std::vector<const char*> arguments = {"joist", joist::cli::kJobServerCommand.name.data()};
  arguments.insert(arguments.end(), argv + std::min(argc, 1), argv + argc);
  const joist::cli::Command commands[] = {joist::cli::kJobServerCommand};
  return joist::cli::Main(static_cast<int>(arguments.size()), arguments.data(), commands);
}
