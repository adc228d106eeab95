// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/exec/open_groups.h"

namespace joist {
namespace {

constexpr size_t kFirstBlock = size_t{4} << 10;
constexpr size_t kLargestBlock = size_t{2} << 20;

}  // namespace

template <class K>
OpenGroups<K>::OpenGroups(size_t accumulator_bytes)
    : group_bytes_(sizeof(OpenGroup) + ((accumulator_bytes + 7) & ~size_t{7})) {}

template <class K>
OpenGroup* OpenGroups<K>::Make() {
  if (blocks_.empty() || block_used_ + group_bytes_ > blocks_.back().size()) {
    const size_t bytes =
        blocks_.empty() ? kFirstBlock : std::min(blocks_.back().size() * 2, kLargestBlock);
    blocks_.emplace_back(bytes);
    block_bytes_ += bytes;
    block_used_ = 0;
  }
  char* const group = static_cast<char*>(blocks_.back().data()) + block_used_;
  block_used_ += group_bytes_;
  return reinterpret_cast<OpenGroup*>(group);  // Of zeros: an empty one.
}

template <class K>
void OpenGroups<K>::Find(const ColumnView<K>& keys, size_t count, OpenGroup** groups) {
  table_.Upsert(
      count, [&](size_t i) { return keys[i]; }, [this] { return Make(); },
      [&](size_t i, OpenGroup* group) {
        __builtin_prefetch(group, 1);
        groups[i] = group;
      });
}

template <class K>
void OpenGroups<K>::ForEach(void (*take)(void* context, View<K> key, OpenGroup& group),
                            void* context) const {
  table_.ForEach([&](const auto& slot) { take(context, slot.key(), *slot.value); });
}

template <class K>
void OpenGroups<K>::Clear() {
  table_ = KeyTable<K, OpenGroup*>();
  table_.set_most_bytes(most_bytes_);
  blocks_.clear();
  block_bytes_ = 0;
}

template <class K>
int64_t OpenGroups<K>::bytes_with(size_t more) const {
  return static_cast<int64_t>(table_.held_bytes() + table_.bytes_to_grow(more) + block_bytes_);
}

template class OpenGroups<uint64_t>;
template class OpenGroups<std::string>;

}  // namespace joist
