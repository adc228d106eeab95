// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#ifndef JOIST_SERVE_BIGQUERY_INSERT_IDS_H_
#define JOIST_SERVE_BIGQUERY_INSERT_IDS_H_

#include <chrono>
#include <cstddef>
#include <deque>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>

namespace joist::serve {

/// The insertIds of the last minute, by which rows that are sent twice are known. At most so many
/// are remembered. Any number of threads.
class InsertIds {
 public:
  using Clock = std::chrono::steady_clock;

  /// False where it was added within the last minute.
  bool Add(const std::string& id) { return Add(id, Clock::now()); }
  bool Add(const std::string& id, Clock::time_point now) {
    const std::scoped_lock lock(mutex_);
    while (!order_.empty() && (now - order_.front().second > kKept || order_.size() >= kMost)) {
      const auto known = times_.find(order_.front().first);
      if (known != times_.end() && known->second == order_.front().second) times_.erase(known);
      order_.pop_front();
    }
    if (!times_.emplace(id, now).second) return false;
    order_.emplace_back(id, now);
    return true;
  }

  /// The row wasn't written after all.
  void Remove(const std::string& id) {
    const std::scoped_lock lock(mutex_);
    times_.erase(id);
  }

 private:
  static constexpr std::chrono::minutes kKept{1};
  static constexpr size_t kMost = 500'000;

  std::mutex mutex_;
  std::unordered_map<std::string, Clock::time_point> times_;
  std::deque<std::pair<std::string, Clock::time_point>> order_;
};

}  // namespace joist::serve

#endif  // JOIST_SERVE_BIGQUERY_INSERT_IDS_H_
