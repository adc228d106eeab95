// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#ifndef JOIST_APPS_JOIST_TABLE_COMMANDS_H_
#define JOIST_APPS_JOIST_TABLE_COMMANDS_H_

#include "joist/cli/command.h"

namespace joist::apps {

/// `joist dataset` and `joist table`: a client of a server that speaks BigQuery's REST API.
extern const cli::Command kDatasetCommand;
extern const cli::Command kTableCommand;

}  // namespace joist::apps

#endif  // JOIST_APPS_JOIST_TABLE_COMMANDS_H_
