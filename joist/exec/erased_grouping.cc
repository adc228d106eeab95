// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/exec/erased_grouping.h"

#include "joist/exec/group_by_key.h"

namespace joist {
namespace {

template <class K>
std::unique_ptr<Breaker> MakeWithKey(bool values_are_words, const BreakerContext& context) {
  if (values_are_words) {
    return std::unique_ptr<Breaker>(new GroupByKeyBreaker<K, uint64_t>(context));
  }
  return std::unique_ptr<Breaker>(new GroupByKeyBreaker<K, std::string>(context));
}

}  // namespace

std::unique_ptr<Breaker> MakeErasedGrouping(bool keys_are_words, bool values_are_words,
                                            const BreakerContext& context) {
  return keys_are_words ? MakeWithKey<uint64_t>(values_are_words, context)
                        : MakeWithKey<std::string>(values_are_words, context);
}

}  // namespace joist
