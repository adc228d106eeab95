// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// MemoryBudget: what a job may hold of its data in memory. Whatever grows with the input
// (groupings, combine tables, side inputs) says what it holds, by the slab and not by the element,
// and goes to disk before it passes its part:
//
//   what the steps of a running stage gather    half of the limit, shared among threads and sinks
//   what a complete grouping keeps for reading  a quarter
//   what its readers lay out, by thread         a quarter
//
// Batches in flight, read buffers and the program itself are small, do not grow, and are not
// counted.

#ifndef JOIST_EXEC_MEMORY_H_
#define JOIST_EXEC_MEMORY_H_

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>

namespace joist {

/// Thread-safe.
class MemoryBudget {
 public:
  /// `spill_directory`: where temporary files go.
  MemoryBudget(int64_t limit, int threads, std::string spill_directory)
      : limit_(limit), threads_(threads), spill_directory_(std::move(spill_directory)) {}

  int64_t limit() const { return limit_; }
  const std::string& spill_directory() const { return spill_directory_; }
  /// Bytes that one of `sinks` of a stage may gather on one thread.
  int64_t sink_part(int sinks) const { return std::max<int64_t>(limit_ / 2 / threads_ / sinks, 1); }
  /// Bytes that a complete grouping may keep in memory.
  int64_t sealed_part() const { return limit_ / 4; }
  /// Bytes that one thread may lay out to read a grouping.
  int64_t reader_part() const { return std::max<int64_t>(limit_ / 4 / threads_, 1); }

  /// `bytes` more are held; fewer, if negative.
  void Add(int64_t bytes) {
    const int64_t held = held_.fetch_add(bytes, std::memory_order_relaxed) + bytes;
    int64_t peak = peak_.load(std::memory_order_relaxed);
    while (held > peak && !peak_.compare_exchange_weak(peak, held, std::memory_order_relaxed)) {
    }
  }
  void AddSpilled(int64_t bytes) { spilled_.fetch_add(bytes, std::memory_order_relaxed); }

  int64_t held_bytes() const { return held_.load(std::memory_order_relaxed); }
  /// The most that was ever held.
  int64_t peak_bytes() const { return peak_.load(std::memory_order_relaxed); }
  /// Bytes written to temporary files, compressed.
  int64_t spilled_bytes() const { return spilled_.load(std::memory_order_relaxed); }

 private:
  const int64_t limit_;
  const int threads_;
  const std::string spill_directory_;
  std::atomic<int64_t> held_{0};
  std::atomic<int64_t> peak_{0};
  std::atomic<int64_t> spilled_{0};
};

/// What one holder has of a budget; gives it back at its end. Belongs to one thread at a time.
class MemoryUse {
 public:
  explicit MemoryUse(MemoryBudget* budget = nullptr) : budget_(budget) {}
  MemoryUse(MemoryUse&& other) noexcept
      : budget_(other.budget_), bytes_(std::exchange(other.bytes_, 0)) {}
  MemoryUse& operator=(MemoryUse&& other) noexcept {
    std::swap(budget_, other.budget_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~MemoryUse() { Set(0); }

  /// Holds `bytes` from now on.
  void Set(int64_t bytes) {
    if (budget_ != nullptr && bytes != bytes_) budget_->Add(bytes - bytes_);
    bytes_ = bytes;
  }
  int64_t bytes() const { return bytes_; }

 private:
  MemoryBudget* budget_;
  int64_t bytes_ = 0;
};

}  // namespace joist

#endif  // JOIST_EXEC_MEMORY_H_
