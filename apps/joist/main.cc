// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// The joist program: runs and shows the pipelines that are linked into it, each of which says
// JOIST_PIPELINE. A program with pipelines of your own has the same main.
//
//   joist list
//   joist run wordcount --input='texts/*.txt' --output=counts

#include "joist/cli/main.h"

#ifdef JOIST_WITH_SERVE
#include "apps/joist/pubsub_commands.h"
#include "apps/joist/serve.h"
#include "apps/joist/table_commands.h"
#include "joist/cli/job_server.h"

int main(int argc, char** argv) {
  const joist::cli::Command more[] = {
      joist::apps::kServeCommand,   joist::apps::kTopicCommand, joist::apps::kSubscriptionCommand,
      joist::apps::kDatasetCommand, joist::apps::kTableCommand, joist::cli::kJobServerCommand};
  return joist::cli::Main(argc, argv, more);
}
#else
int main(int argc, char** argv) { return joist::cli::Main(argc, argv); }
#endif
