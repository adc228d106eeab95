// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// DropRepeated: of messages with the same id the first. A key of state for each id would need a
// timer for each; a million keys, over which ids are spread by hash, need none: each drops what is
// old when it is looked at, and a checkpoint writes those that have changed.

#include <algorithm>
#include <vector>

#include "joist/base/hash.h"
#include "joist/io/pubsub/pubsub.h"
#include "joist/sdk/metrics.h"
#include "joist/sdk/par_do.h"

namespace joist::pubsub {

// The steps' functions are found by their types' names in another process: so these are in no
// unnamed namespace.
namespace drop_repeated_internal {

constexpr int kBucketBits = 20;
const Counter repeated_ids{"pubsub", "repeated_ids"};

/// With the bucket 84 bits of the id's hashes are compared: among ten million ids that are
/// remembered, a new one is taken for one of them once in 10^18 times.
struct SeenId {
  uint64_t hash = 0;
  Timestamp published;
};
JOIST_ROW(SeenId, hash, published)

const std::string& IdOf(const Message& message, const std::string& id_attribute) {
  const auto found = message.attributes.find(id_attribute);
  return found == message.attributes.end() ? message.message_id : found->second;
}

struct BucketOf {
  std::string id_attribute;
  KV<int64_t, Message> operator()(const Message& message) const {
    const uint64_t hash = HashBytes(IdOf(message, id_attribute));
    return {static_cast<int64_t>(hash >> (64 - kBucketBits)), message};
  }
};
JOIST_ROW(BucketOf, id_attribute)

/// The clock is that of publish times, which a message keeps in a replay.
struct FirstOfId {
  struct Seen {};
  std::string id_attribute;
  Duration period;

  void Process(const KV<int64_t, Message>& message, ValueState<std::vector<SeenId>, Seen> state,
               Emit<Message> emit) const {
    // Another hash than the bucket's.
    const uint64_t hash = HashBytes(IdOf(message.value, id_attribute) + '#');
    const Timestamp now = message.value.publish_time;
    std::vector<SeenId> seen = state.ReadOr({});
    std::erase_if(seen, [&](const SeenId& one) { return now - one.published >= period; });
    if (std::any_of(seen.begin(), seen.end(),
                    [&](const SeenId& one) { return one.hash == hash; })) {
      repeated_ids.Inc();
      return;
    }
    seen.push_back({hash, now});
    state.Write(std::move(seen));
    emit(message.value);
  }
};
JOIST_ROW(FirstOfId, id_attribute, period)

}  // namespace drop_repeated_internal

PCollection<Message> DropRepeated(const PCollection<Message>& messages,
                                  const std::string& id_attribute, Duration period) {
  if (period <= Duration::Zero()) {
    messages.builder().AddFault("remembers ids for a period that is not positive");
  }
  return messages | "Buckets" >> Map(drop_repeated_internal::BucketOf{id_attribute}) |
         "FirstOfId" >> ParDo(drop_repeated_internal::FirstOfId{id_attribute, period});
}

}  // namespace joist::pubsub
