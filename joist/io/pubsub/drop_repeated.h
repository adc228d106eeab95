// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
#ifndef JOIST_IO_PUBSUB_DROP_REPEATED_H_
#define JOIST_IO_PUBSUB_DROP_REPEATED_H_

#include <string>

#include "joist/io/pubsub/message.h"
#include "joist/sdk/pcollection.h"

namespace joist::pubsub {

/// Of the messages with the same value of the attribute the first (joist/sdk/deduplicate.h); one
/// without the attribute has its message id.
PCollection<Message> DropRepeated(const PCollection<Message>& messages,
                                  const std::string& id_attribute, Duration period);

}  // namespace joist::pubsub

#endif  // JOIST_IO_PUBSUB_DROP_REPEATED_H_
