// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// WaiterList: who is to be called, once, when something may have become deliverable. Belongs to one
// thread at a time; waiters are called by whoever took them.

#ifndef JOIST_STORE_LOG_WAITER_LIST_H_
#define JOIST_STORE_LOG_WAITER_LIST_H_

#include <algorithm>
#include <cstddef>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

namespace joist::store {

/// Called once, from any thread, when something may have become deliverable; must return soon and
/// not call the log. Forgotten when the caller drops it.
using Waiter = std::shared_ptr<const std::function<void()>>;

class WaiterList {
 public:
  bool empty() const { return waiters_.empty(); }

  void Add(const Waiter& waiter) {
    if (waiters_.size() >= prune_at_) {
      std::erase_if(waiters_, [](const auto& other) { return other.expired(); });
      prune_at_ = std::max<size_t>(64, 2 * waiters_.size());
    }
    waiters_.push_back(waiter);
  }

  /// Those that are still there; the list is empty then.
  std::vector<Waiter> Take() {
    std::vector<Waiter> taken;
    taken.reserve(waiters_.size());
    for (const auto& waiter : std::exchange(waiters_, {})) {
      if (Waiter alive = waiter.lock(); alive != nullptr) taken.push_back(std::move(alive));
    }
    return taken;
  }

 private:
  std::vector<std::weak_ptr<const std::function<void()>>> waiters_;
  size_t prune_at_ = 64;
};

}  // namespace joist::store

#endif  // JOIST_STORE_LOG_WAITER_LIST_H_
