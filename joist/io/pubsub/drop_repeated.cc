// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/pubsub/drop_repeated.h"

#include "joist/sdk/deduplicate.h"
#include "joist/sdk/keys.h"
#include "joist/sdk/par_do.h"

namespace joist::pubsub {

// The steps' functions are found by their types' names in another process: so these are in no
// unnamed namespace.
namespace drop_repeated_internal {

struct WithId {
  std::string id_attribute;
  KV<std::string, Message> operator()(const Message& message) const {
    const auto found = message.attributes.find(id_attribute);
    return {found == message.attributes.end() ? message.message_id : found->second, message};
  }
};
JOIST_ROW(WithId, id_attribute)

}  // namespace drop_repeated_internal

PCollection<Message> DropRepeated(const PCollection<Message>& messages,
                                  const std::string& id_attribute, Duration period) {
  return messages | "Ids" >> Map(drop_repeated_internal::WithId{id_attribute}) |
         "Deduplicate" >> Deduplicate::KeyedValues().WithDuration(period) | "Messages" >> Values();
}

}  // namespace joist::pubsub
