// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/side_input_view.h"

#include "joist/exec/key_numbers.h"
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
    has_keys_ = true;
  }
}

void KeyedValues::Build() {
  std::vector<uint32_t> key_of;
  for (const auto& spool : spools_) {
    for (const auto& block : spool->blocks()) {
      numbers_.Upsert(
          block.values.size(), [&](size_t i) { return block.values[i].key; },
          [&] { return static_cast<uint32_t>(ends_.size()); },
          [&](size_t i, uint32_t number) {
            if (number == ends_.size()) {
              ends_.push_back(0);
              keys_.push_back(block.values[i].key);
            }
            ++ends_[number];
            key_of.push_back(number);
          });
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
  const uint32_t* const number = numbers_.Lookup(key);
  if (number == nullptr) return {};
  const uint32_t begin = *number == 0 ? 0 : ends_[*number - 1];
  return Iterable<std::string>(values_.get() + begin, ends_[*number] - begin);
}

const std::vector<std::string_view>& KeyedValues::keys() const {
  const std::lock_guard lock(mutex_);
  if (!has_keys_) ListKeys();
  has_keys_ = true;
  return keys_;
}

void KeyedValues::ListKeys() const {
  KeyNumbers<std::string> numbers;
  Page<EncodedKv> page;
  keys_.clear();
  key_bytes_.Reset();
  for (const auto& spool : spools_) {
    for (const auto& block : spool->blocks()) {
      spool->Load(block, &page);
      for (size_t i = 0; i < page.size; ++i) {
        const std::string_view key = page.values[i].key;
        uint32_t number;
        numbers.Find(&key, 1, &number);
        if (number == keys_.size()) keys_.push_back(key_bytes_.Copy(key));
      }
    }
  }
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
