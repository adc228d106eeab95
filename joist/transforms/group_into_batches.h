// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// GroupIntoBatches: the values of each key in batches, for work that is cheaper by the batch, such
// as calls of a service.
//
//   requests | joist::GroupIntoBatches(100)       // KV<K, V> to KV<K, std::vector<V>>
//
//   requests | joist::GroupIntoBatches(100).WithMaxBufferingDuration(joist::Duration::Seconds(5))
//
//   requests | joist::GroupIntoBatches(100).WithShardedKey()
//                                           // KV<K, V> to KV<ShardedKey<K>, std::vector<V>>
//
// Only the last batch of a key and window is smaller, and those that a time limit has cut. Of
// bounded input batches are made when all of a key's values are there, and there is nothing to wait
// for; in a stream a batch is made when it is full, when its first value has waited for the limit,
// or when its window expires.

#ifndef JOIST_TRANSFORMS_GROUP_INTO_BATCHES_H_
#define JOIST_TRANSFORMS_GROUP_INTO_BATCHES_H_

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <source_location>
#include <tuple>
#include <utility>
#include <vector>

#include "joist/model/sharded_key.h"
#include "joist/sdk/group_by_key.h"
#include "joist/sdk/par_do.h"
#include "joist/transforms/argument.h"
#include "joist/transforms/element_function.h"
#include "joist/transforms/parts.h"

namespace joist {

namespace group_into_batches_internal {
template <class K, class V>
struct Cut {
  int64_t size = 1;
  static auto Parts(auto& self) { return std::tie(self.size); }
  void Process(const View<KV<K, Iterable<V>>>& group, Emit<KV<K, std::vector<V>>> emit) const {
    const auto most = static_cast<size_t>(size);
    size_t left = group.value.size();
    std::vector<V> batch;
    for (const auto& value : group.value) {
      if (batch.empty()) batch.reserve(std::min(most, left));
      batch.push_back(Own<V>(value));
      --left;
      if (batch.size() < most && left > 0) continue;
      emit(KV<Lent<K>, std::vector<V>>{Lend<K>(group.key), std::exchange(batch, {})});
    }
  }
};

/// In a stream.
template <class K, class V>
struct Gather {
  using Batch = KV<K, std::vector<V>>;
  struct Limit {};
  int64_t size = 1;
  int64_t most_millis = 0;  ///< 0: no limit.
  static auto Parts(auto& self) { return std::tie(self.size, self.most_millis); }

  void Process(const KV<K, V>& value, BagState<V> batch, ProcessingTimer<Limit> limit,
               Emit<Batch> emit) const {
    batch.Add(value.value);
    if (batch.size() == 1 && most_millis > 0) limit.SetRelative(Duration::Millis(most_millis));
    if (static_cast<int64_t>(batch.size()) < size) return;
    limit.Clear();
    Flush(value.key, batch, emit);
  }
  void OnTimer(Limit, BagState<V> batch, TimerKey<K> key, Emit<Batch> emit) const {
    Flush(*key, batch, emit);
  }
  void OnWindowExpiration(BagState<V> batch, TimerKey<K> key, Emit<Batch> emit) const {
    Flush(*key, batch, emit);
  }
  static void Flush(const K& key, const BagState<V>& batch, const Emit<Batch>& emit) {
    if (batch.IsEmpty()) return;
    emit(Batch{key, batch.Read()});
    batch.Clear();
  }
};

/// Each thread's copy is a shard, of all keys that it sees.
template <class K, class V>
struct ToShard {
  Bytes shard_id;
  static auto Parts(auto&) { return std::tie(); }

  void Setup() {
    static std::atomic<uint32_t> next = 0;
    shard_id.data.clear();
    PutBigEndian32(next.fetch_add(1, std::memory_order_relaxed), &shard_id.data);
  }
  KV<ShardedKey<K>, V> Process(const View<KV<K, V>>& kv) const {
    return {{Own<K>(kv.key), shard_id}, Own<V>(kv.value)};
  }
};
}  // namespace group_into_batches_internal

struct GroupIntoBatchesWithShardedKey;

/// Batches of `size` (1 or more) values.
struct GroupIntoBatches : Transform {
  explicit GroupIntoBatches(int64_t size,
                            std::source_location where = std::source_location::current())
      : Transform(where), size(size) {}
  static constexpr std::string_view kKind = "GroupIntoBatches";
  /// No value of a stream waits longer for its batch to be full, by the engine's clock.
  GroupIntoBatches WithMaxBufferingDuration(Duration most) && {
    max_buffering = most;
    return *this;
  }
  /// For keys with more values than one thread should see; comes last.
  GroupIntoBatchesWithShardedKey WithShardedKey() const;

  template <class T>
  auto Expand(const PCollection<T>& in) const {
    if constexpr (!kIsKV<T>) {
      static_assert(kIsKV<T>, "Joist: GroupIntoBatches takes a collection of KVs.");
      return PCollection<Invalid>(&in.builder());
    } else {
      using Cut = group_into_batches_internal::Cut<typename T::key_t, typename T::value_t>;
      using Gather = group_into_batches_internal::Gather<typename T::key_t, typename T::value_t>;
      CheckArgument(size >= 1, in.builder(), *this, size, "batches of 1 or more");
      if (in.builder().graph().collections()[in.id()].is_bounded) {
        return in | "Group" >> GroupByKey() | "Cut" >> ParDo(Cut{size});
      }
      return in | "Gather" >> ParDo(Gather{size, max_buffering.millis});
    }
  }
  int64_t size;
  Duration max_buffering;  ///< Zero: no limit.
};

/// Each thread that sees a key's values is a shard of it, which has batches of its own: several
/// threads make them, and each shard has one that is not full.
struct GroupIntoBatchesWithShardedKey : Transform {
  explicit GroupIntoBatchesWithShardedKey(GroupIntoBatches by_shard)
      : Transform(by_shard.where), by_shard(by_shard) {}
  static constexpr std::string_view kKind = "GroupIntoBatches.WithShardedKey";
  template <class T>
  auto Expand(const PCollection<T>& in) const {
    if constexpr (!kIsKV<T>) {
      static_assert(kIsKV<T>, "Joist: GroupIntoBatches takes a collection of KVs.");
      return PCollection<Invalid>(&in.builder());
    } else {
      using ToShard = group_into_batches_internal::ToShard<typename T::key_t, typename T::value_t>;
      return in | "Shard" >> Map(ToShard()) | "Batches" >> by_shard;
    }
  }
  GroupIntoBatches by_shard;
};

inline GroupIntoBatchesWithShardedKey GroupIntoBatches::WithShardedKey() const {
  return GroupIntoBatchesWithShardedKey(*this);
}

}  // namespace joist

#endif  // JOIST_TRANSFORMS_GROUP_INTO_BATCHES_H_
