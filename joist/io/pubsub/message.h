// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
#ifndef JOIST_IO_PUBSUB_MESSAGE_H_
#define JOIST_IO_PUBSUB_MESSAGE_H_

#include <map>
#include <string>

#include "joist/model/fields.h"
#include "joist/model/timestamp.h"

namespace joist::pubsub {

/// A message of Pub/Sub. One that is written needs data or attributes.
struct Message {
  std::string data = {};
  std::map<std::string, std::string> attributes = {};
  std::string ordering_key = {};
  std::string message_id = {};  ///< The service's; not written.
  Timestamp publish_time = {};  ///< The service's; not written.
};
JOIST_ROW(Message, data, attributes, ordering_key, message_id, publish_time)

}  // namespace joist::pubsub

#endif  // JOIST_IO_PUBSUB_MESSAGE_H_
