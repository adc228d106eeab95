// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Deduplicate: of elements with the same id the first.
//
//   events | joist::WithKeys([](const Event& event) { return event.id; })
//          | joist::Deduplicate::KeyedValues().WithDuration(joist::Duration::Minutes(10))
//          | joist::Values()
//
// An element is dropped if one with its id came before and is not `duration` older, by the
// elements' timestamps; one whose timestamp is still earlier is dropped too. For each window by
// itself: so before WindowInto, mostly. Costs some 20 bytes for each id of that time, and up to
// 100 MB; the timestamps, not a clock, say when an id is forgotten, so a replay drops the same. Ids
// are compared by 83 bits of hashes: among ten million that are remembered, a new one is taken for
// one of them once in 10^18 times.
//
// A key of state for each id would need a timer for each. Half a million keys, over which ids are
// spread by hash, need none: each forgets what is old when it gets another id, and a checkpoint
// writes those that have changed.

#ifndef JOIST_SDK_DEDUPLICATE_H_
#define JOIST_SDK_DEDUPLICATE_H_

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <optional>
#include <source_location>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "joist/base/hash.h"
#include "joist/model/kv.h"
#include "joist/sdk/metrics.h"
#include "joist/sdk/par_do.h"

namespace joist {

namespace deduplicate_internal {

inline constexpr int kBucketBits = 19;

struct SeenId {
  uint64_t hash = 0;
  Timestamp time;
};
JOIST_ROW(SeenId, hash, time)

/// Of the id's first hash the highest bits are the bucket; the other is what a bucket compares.
inline int64_t BucketOf(std::string_view id) {
  return static_cast<int64_t>(HashBytes(id) >> (64 - kBucketBits));
}
inline uint64_t HashInBucket(const std::string& id) { return HashBytes(id + '#'); }

/// `seen` (null: nothing) with `id` and without what is old; nothing if `seen` has the id. Takes no
/// more room than it needs, as there are many.
inline std::optional<std::vector<SeenId>> WithNew(uint64_t id, Timestamp time, Duration duration,
                                                  const std::vector<SeenId>* seen) {
  static const std::vector<SeenId> kNone;
  if (seen == nullptr) seen = &kNone;
  const auto is_old = [&](const SeenId& one) { return time - one.time >= duration; };
  size_t kept = 0;
  for (const SeenId& one : *seen) {
    if (is_old(one)) continue;
    if (one.hash == id) return std::nullopt;
    ++kept;
  }
  std::vector<SeenId> with;
  with.reserve(kept + 1);
  std::remove_copy_if(seen->begin(), seen->end(), std::back_inserter(with), is_old);
  with.push_back({id, time});
  return with;
}

template <class T>
struct IntoBuckets {
  int64_t unused = 0;  ///< Of state nothing travels.
  KV<int64_t, KV<std::string, T>> operator()(const KV<std::string, T>& element) const {
    return {BucketOf(element.key), element};
  }
};
template <class T>
constexpr FieldList<IntoBuckets<T>, &IntoBuckets<T>::unused> JoistFields(const IntoBuckets<T>*) {
  return {"IntoBuckets", {"unused"}};
}

template <class T>
struct FirstOfId {
  struct Seen {};
  Duration duration;

  void Process(const KV<int64_t, KV<std::string, T>>& element, Timestamp time,
               ValueState<std::vector<SeenId>, Seen> state, Emit<KV<std::string, T>> emit) const {
    static const Counter dropped("deduplicate", "dropped");
    auto seen = WithNew(HashInBucket(element.value.key), time, duration, state.Read());
    if (!seen.has_value()) {
      dropped.Inc();
      return;
    }
    state.Write(*std::move(seen));
    emit(element.value);
  }
};
template <class T>
constexpr FieldList<FirstOfId<T>, &FirstOfId<T>::duration> JoistFields(const FirstOfId<T>*) {
  return {"FirstOfId", {"duration"}};
}

}  // namespace deduplicate_internal

namespace Deduplicate {  // NOLINT: Beam's names.

/// KV<std::string, T>, whose keys are the ids. Counts in deduplicate/dropped.
class KeyedValues : public Transform {
 public:
  static constexpr std::string_view kKind = "Deduplicate.KeyedValues";
  explicit KeyedValues(std::source_location where = std::source_location::current())
      : Transform(where) {}
  /// 10 minutes by default, as in Beam.
  KeyedValues WithDuration(Duration duration) {
    duration_ = duration;
    return *this;
  }

  template <class T>
  PCollection<KV<std::string, T>> Expand(const PCollection<KV<std::string, T>>& in) const {
    if (duration_ <= Duration::Zero()) {
      in.builder().AddFault("remembers ids for a duration that is not positive");
    }
    return in | "Buckets" >> Map(deduplicate_internal::IntoBuckets<T>()) |
           "First" >> ParDo(deduplicate_internal::FirstOfId<T>{duration_});
  }

 private:
  Duration duration_ = Duration::Minutes(10);
};

}  // namespace Deduplicate

}  // namespace joist

#endif  // JOIST_SDK_DEDUPLICATE_H_
