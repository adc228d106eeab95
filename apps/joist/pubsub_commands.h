// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#ifndef JOIST_APPS_JOIST_PUBSUB_COMMANDS_H_
#define JOIST_APPS_JOIST_PUBSUB_COMMANDS_H_

#include "joist/cli/command.h"

namespace joist::apps {

/// `joist topic` and `joist subscription`: a client of a server that speaks Pub/Sub's gRPC.
extern const cli::Command kTopicCommand;
extern const cli::Command kSubscriptionCommand;

}  // namespace joist::apps

#endif  // JOIST_APPS_JOIST_PUBSUB_COMMANDS_H_
