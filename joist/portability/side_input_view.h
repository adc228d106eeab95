// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// How a collection is viewed for an SDK: as a list of encoded elements, or by encoded keys, which
// can be listed too. Beyond what memory may hold, views are on disk.

#ifndef JOIST_PORTABILITY_SIDE_INPUT_VIEW_H_
#define JOIST_PORTABILITY_SIDE_INPUT_VIEW_H_

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "joist/exec/hash_pages.h"
#include "joist/exec/reshuffle.h"
#include "joist/exec/step.h"
#include "joist/portability/key_index.h"

namespace joist::portability {

using EncodedKv = KV<std::string, std::string>;

/// What all threads share of a side input by key. Thread-safe.
class KeyedValues {
 public:
  using Cache = HashPages<std::string, std::string>::Cache;

  KeyedValues(const Spools<EncodedKv>& spools, MemoryBudget* memory);
  /// The values of `key`: in memory or, of a key that has many, paged, as long as this; else as
  /// long as their page is in `cache`. Throws StatusException.
  Iterable<std::string> Get(std::string_view key, Cache& cache) const;
  /// Each once, as long as this. Made when it is first asked for: all keys are in memory from then
  /// on. Throws StatusException.
  const std::vector<std::string_view>& keys() const;

 private:
  void Build();
  std::vector<std::string_view> ListKeys() const;

  Spools<EncodedKv> spools_;  ///< Where the bytes lie.
  // In memory.
  KeyIndex index_;
  std::vector<uint32_t> ends_;  ///< In values_, by a key's number.
  std::unique_ptr<std::string_view[]> values_;
  // On disk.
  std::unique_ptr<HashPages<std::string, std::string>> pages_;

  mutable std::mutex mutex_;
  mutable Arena key_bytes_;  ///< Of keys on disk, once they were asked for.
  mutable std::optional<std::vector<std::string_view>> keys_on_disk_;
};

/// A side input by key as one thread sees it.
class KeyedValuesView {
 public:
  KeyedValuesView(std::shared_ptr<const KeyedValues> shared, MemoryBudget* memory)
      : shared_(std::move(shared)), cache_(memory) {}
  /// Good until BeginCall, or, where they are paged or in memory, as long as shared().
  Iterable<std::string> Get(std::string_view key) const { return shared_->Get(key, cache_); }
  const std::vector<std::string_view>& keys() const { return shared_->keys(); }
  const std::shared_ptr<const KeyedValues>& shared() const { return shared_; }
  void BeginCall() const { cache_.BeginCall(); }

 private:
  std::shared_ptr<const KeyedValues> shared_;
  mutable KeyedValues::Cache cache_;
};

/// The kView steps of a side input: over a collection of std::string (encoded elements), whose view
/// is a ListView<std::string>, or of EncodedKv, whose view is a KeyedValuesView.
std::shared_ptr<Step> MakeIterableSideInput();
std::shared_ptr<Step> MakeMultimapSideInput();

}  // namespace joist::portability

#endif  // JOIST_PORTABILITY_SIDE_INPUT_VIEW_H_
