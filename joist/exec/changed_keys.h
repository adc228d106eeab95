// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// ChangedKeys: which keys of an operator have changed since its last checkpoint. A key is a number,
// which may become that of another key; what is gone is known by its text. Belongs to one thread.

#ifndef JOIST_EXEC_CHANGED_KEYS_H_
#define JOIST_EXEC_CHANGED_KEYS_H_

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace joist {

class ChangedKeys {
 public:
  void Add(std::span<const uint32_t> keys) {
    for (const uint32_t key : keys) {
      if (key >= is_changed_.size()) is_changed_.resize(std::max<size_t>(key + 1, 2 * key));
      if (is_changed_[key] != 0) continue;
      is_changed_[key] = 1;
      changed_.push_back(key);
    }
  }
  void AddRemoved(uint32_t key, std::string_view text) {
    Forget(key);
    removed_.emplace_back(text);
  }
  void Forget(uint32_t key) {
    if (key < is_changed_.size()) is_changed_[key] = 0;
  }

  /// Calls take(text) for each that was removed. It may be there again: then it has changed. And
  template <class Take>
  void Remove(Take take) {
    std::sort(removed_.begin(), removed_.end());
    removed_.erase(std::unique(removed_.begin(), removed_.end()), removed_.end());
    for (const std::string& text : removed_) take(std::string_view(text));
    removed_.clear();
  }
  /// take(key) for each that is there and has changed; ahead(key) a while before, to fetch what is
  /// known of it.
  template <class Take, class Ahead>
  void Put(Take take, Ahead ahead) {
    for (size_t i = 0; i < changed_.size(); ++i) {
      if (i + kAhead < changed_.size()) ahead(changed_[i + kAhead]);
      const uint32_t key = changed_[i];
      if (is_changed_[key] == 0) continue;
      is_changed_[key] = 0;
      take(key);
    }
    changed_.clear();
  }

 private:
  static constexpr size_t kAhead = 8;

  std::vector<uint8_t> is_changed_;  ///< By number.
  std::vector<uint32_t> changed_;    ///< Each for which that was set; it may have gone since.
  std::vector<std::string> removed_;
};

}  // namespace joist

#endif  // JOIST_EXEC_CHANGED_KEYS_H_
