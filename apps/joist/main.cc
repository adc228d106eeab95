// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// The joist program: runs and shows the pipelines that are linked into it, each of which says
// JOIST_PIPELINE. A program with pipelines of your own has the same main.
//
//   joist list
//   joist run wordcount --input='texts/*.txt' --output=counts

#include "joist/cli/main.h"

#ifdef JOIST_WITH_SERVE
#include "apps/joist/serve.h"

int main(int argc, char** argv) {
  return joist::cli::Main(argc, argv, {&joist::apps::kServeCommand, 1});
}
#else
int main(int argc, char** argv) { return joist::cli::Main(argc, argv); }
#endif
