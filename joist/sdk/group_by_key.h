// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// GroupByKey: all values of a key together, as an Iterable that can be read again. Reshuffle: the
// same elements, after a point at which all of them are kept, so that what follows is spread over
// all threads and retried by itself.
//
//   KV<K, V> … | joist::GroupByKey()   // KV<K, Iterable<V>>

#ifndef JOIST_SDK_GROUP_BY_KEY_H_
#define JOIST_SDK_GROUP_BY_KEY_H_

#include <memory>

#include "joist/exec/group_by_key.h"
#include "joist/exec/reshuffle.h"
#include "joist/sdk/pcollection.h"

namespace joist {

struct GroupByKey : Transform {
  explicit GroupByKey(std::source_location where = std::source_location::current())
      : Transform(where) {}
  static constexpr std::string_view kKind = "GroupByKey";
  template <class T>
  auto Expand(const PCollection<T>& in) const {
    if constexpr (!kIsKV<T>) {
      static_assert(kIsKV<T>, "Joist: GroupByKey takes a collection of KVs.");
      return PCollection<Invalid>(&in.builder());
    } else if constexpr (!kIsGroupable<T>) {
      JOIST_ASSERT_KEY(typename T::key_t);
      return PCollection<Invalid>(&in.builder());
    } else {
      using K = typename T::key_t;
      using V = typename T::value_t;
      return AddStep<KV<K, Iterable<V>>>(in, MakeStep<GroupByKeyStep<K, V>>(NoState()));
    }
  }
};

struct Reshuffle : Transform {
  explicit Reshuffle(std::source_location where = std::source_location::current())
      : Transform(where) {}
  static constexpr std::string_view kKind = "Reshuffle";
  template <class T>
  PCollection<T> Expand(const PCollection<T>& in) const {
    return AddStep<T>(in, MakeStep<ReshuffleStep<T>>(NoState()));
  }
};

}  // namespace joist

#endif  // JOIST_SDK_GROUP_BY_KEY_H_
