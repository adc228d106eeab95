// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// AttemptTable: how often messages were handed out that are not acknowledged, where that has to
// outlive the process: of a subscription with a dead-letter topic, which counts. Bounded: what
// comes when it is full is counted by the process alone. Belongs to one thread at a time.

#ifndef JOIST_STORE_LOG_ATTEMPT_TABLE_H_
#define JOIST_STORE_LOG_ATTEMPT_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "joist/base/status.h"

namespace joist::store {

class AttemptTable {
 public:
  static constexpr size_t kMost = 10'000;

  /// 0 of a message that is not in it.
  uint32_t Of(uint64_t offset) const {
    if (attempts_.empty()) return 0;
    const auto found = attempts_.find(offset);
    return found == attempts_.end() ? 0 : found->second;
  }
  void Set(uint64_t offset, uint32_t attempts);
  void Remove(uint64_t offset) {
    if (!attempts_.empty()) is_changed_ |= attempts_.erase(offset) > 0;
  }
  void RemoveBefore(uint64_t offset);

  /// Whether something changed since it was last called.
  bool TakeIsChanged() { return std::exchange(is_changed_, false); }
  void MarkChanged() { is_changed_ = true; }

  /// As bytes and back; DATA_LOSS where they are none.
  std::string Encode() const;
  static Result<AttemptTable> Decode(std::string_view bytes);

 private:
  std::map<uint64_t, uint32_t> attempts_;
  bool is_changed_ = false;
};

}  // namespace joist::store

#endif  // JOIST_STORE_LOG_ATTEMPT_TABLE_H_
