// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// The joist program: runs and shows the pipelines that are linked into it, each of which says
// JOIST_PIPELINE. A program with pipelines of your own has the same main.
//
//   joist list
//   joist run wordcount --input='texts/*.txt' --output=counts

#include "joist/cli/main.h"

#ifdef JOIST_WITH_SERVE
#include "apps/joist/job_server_command.h"
#include "apps/joist/pubsub_commands.h"
#include "apps/joist/serve.h"
#include "apps/joist/table_commands.h"

int main(int argc, char** argv) {
  const joist::cli::Command more[] = {
      joist::apps::kServeCommand,   joist::apps::kTopicCommand, joist::apps::kSubscriptionCommand,
      joist::apps::kDatasetCommand, joist::apps::kTableCommand, joist::apps::JobServerCommand()};
  return joist::cli::Main(argc, argv, more);
}
#else
int main(int argc, char** argv) { return joist::cli::Main(argc, argv); }
#endif
