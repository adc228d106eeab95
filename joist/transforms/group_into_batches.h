// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// GroupIntoBatches: the values of each key in batches, for work that is cheaper by the batch, such
// as calls of a service.
//
//   requests | joist::GroupIntoBatches(100)       // KV<K, V> to KV<K, std::vector<V>>
//
// Only the last batch of a key and window is smaller. The input is bounded: batches are made when
// all of a key's values are there, and there is nothing to wait for.

#ifndef JOIST_TRANSFORMS_GROUP_INTO_BATCHES_H_
#define JOIST_TRANSFORMS_GROUP_INTO_BATCHES_H_

#include <algorithm>
#include <tuple>
#include <utility>
#include <vector>

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
}  // namespace group_into_batches_internal

/// Batches of `size` (1 or more) values.
struct GroupIntoBatches : Transform {
  explicit GroupIntoBatches(int64_t size,
                            std::source_location where = std::source_location::current())
      : Transform(where), size(size) {}
  static constexpr std::string_view kKind = "GroupIntoBatches";
  template <class T>
  auto Expand(const PCollection<T>& in) const {
    if constexpr (!kIsKV<T>) {
      static_assert(kIsKV<T>, "Joist: GroupIntoBatches takes a collection of KVs.");
      return PCollection<Invalid>(&in.builder());
    } else {
      using Cut = group_into_batches_internal::Cut<typename T::key_t, typename T::value_t>;
      CheckArgument(size >= 1, in.builder(), *this, size, "batches of 1 or more");
      return in | "Group" >> GroupByKey() | "Cut" >> ParDo(Cut{size});
    }
  }
  int64_t size;
};

}  // namespace joist

#endif  // JOIST_TRANSFORMS_GROUP_INTO_BATCHES_H_
