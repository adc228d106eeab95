// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#ifndef JOIST_APPS_JOIST_JOB_SERVER_COMMAND_H_
#define JOIST_APPS_JOIST_JOB_SERVER_COMMAND_H_

#include "joist/cli/command.h"

namespace joist::apps {

/// `joist job-server`: the process goes on as the program joist-job-server, where that lies beside
/// this one: without the code of tables and files, which job servers have no use for, it takes a
/// third of the memory. Where it doesn't, this program serves the jobs.
cli::Command JobServerCommand();

}  // namespace joist::apps

#endif  // JOIST_APPS_JOIST_JOB_SERVER_COMMAND_H_
