// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/side_input_view.h"

#include "joist/exec/view.h"

namespace joist::portability {

KeyedValues::KeyedValues(const Spools<EncodedKv>& spools, MemoryBudget* memory) : spools_(spools) {
  bool is_on_disk = false;
  for (const auto& spool : spools) is_on_disk |= spool->is_on_disk();
  if (is_on_disk) {
    pages_ = std::make_unique<HashPages<std::string, std::string>>(spools, memory);
    for (const auto& spool : spools_) spool->Spill(memory);  // Kept for their keys alone.
  } else {
    Build();
  }
}

void KeyedValues::Build() {
  std::vector<uint32_t> key_of;
  for (const auto& spool : spools_) {
    for (const auto& block : spool->blocks()) {
      for (const auto& value : block.values) {
        const uint32_t number = index_.Add(value.key);
        if (number == ends_.size()) ends_.push_back(0);
        ++ends_[number];
        key_of.push_back(number);
      }
    }
  }
  uint32_t sum = 0;
  for (uint32_t& end : ends_) sum += std::exchange(end, sum);
  values_ = std::make_unique<std::string_view[]>(key_of.size());
  size_t at = 0;
  for (const auto& spool : spools_) {
    for (const auto& block : spool->blocks()) {
      for (const auto& value : block.values) values_[ends_[key_of[at++]]++] = value.value;
    }
    spool->ReleaseValues();
  }
}

Iterable<std::string> KeyedValues::Get(std::string_view key, Cache& cache) const {
  if (pages_ != nullptr) [[unlikely]]
    return pages_->Get(key, cache);
  const std::optional<uint32_t> number = index_.Find(key);
  if (!number.has_value()) return {};
  const uint32_t begin = *number == 0 ? 0 : ends_[*number - 1];
  return Iterable<std::string>(values_.get() + begin, ends_[*number] - begin);
}

const std::vector<std::string_view>& KeyedValues::keys() const {
  if (pages_ == nullptr) return index_.keys();
  const std::lock_guard lock(mutex_);
  if (!keys_on_disk_.has_value()) {
    key_bytes_.Reset();
    keys_on_disk_ = ListKeys();
  }
  return *keys_on_disk_;
}

std::vector<std::string_view> KeyedValues::ListKeys() const {
  KeyIndex index;
  Page<EncodedKv> page;
  for (const auto& spool : spools_) {
    for (const auto& block : spool->blocks()) {
      spool->Load(block, &page);
      for (size_t i = 0; i < page.size; ++i) {
        const std::string_view key = page.values[i].key;
        if (!index.Find(key).has_value()) index.Add(key_bytes_.Copy(key));
      }
    }
  }
  return index.keys();
}

/// A side input by key, for exec/view.h.
struct AsKeyedValues {
  using Element = EncodedKv;
  using View = KeyedValuesView;
  using Shared = KeyedValues;
  std::shared_ptr<const Shared> Share(const CommittedSpools<Element>& committed,
                                      std::string_view) const {
    return std::make_shared<const Shared>(committed.spools(), committed.memory());
  }
};

std::shared_ptr<Step> MakeIterableSideInput() {
  return MakeStep<ViewStep<AsListView<std::string>>>(AsListView<std::string>());
}

std::shared_ptr<Step> MakeMultimapSideInput() {
  return MakeStep<ViewStep<AsKeyedValues>>(AsKeyedValues());
}

}  // namespace joist::portability
