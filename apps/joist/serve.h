// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#ifndef JOIST_APPS_JOIST_SERVE_H_
#define JOIST_APPS_JOIST_SERVE_H_

#include "joist/cli/command.h"

namespace joist::apps {

/// `joist serve`: messages and tables on this machine, behind the APIs of Google's clients.
extern const cli::Command kServeCommand;

}  // namespace joist::apps

#endif  // JOIST_APPS_JOIST_SERVE_H_
