// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// LaneThreads: a thread for each lane of a stream. They work at the same time, and meet.

#ifndef JOIST_ENGINE_LANE_THREADS_H_
#define JOIST_ENGINE_LANE_THREADS_H_

#include <atomic>
#include <cstdint>
#include <exception>
#include <thread>
#include <vector>

#include "joist/base/function_ref.h"

namespace joist {

/// For a simulator: in which order lanes work that have no threads.
class LaneOrder {
 public:
  virtual ~LaneOrder() = default;
  /// Puts `lanes`, 0 and so on, in an order.
  virtual void Shuffle(std::vector<int>* lanes) = 0;
};

/// Belongs to the thread that made it, which is the first lane's.
class LaneThreads {
 public:
  /// With an `order` all work is done by the caller of Run, lane after lane.
  explicit LaneThreads(int lanes, LaneOrder* order = nullptr);
  ~LaneThreads();
  LaneThreads(const LaneThreads&) = delete;
  LaneThreads& operator=(const LaneThreads&) = delete;

  int lanes() const { return static_cast<int>(failures_.size()); }
  /// Calls work(lane) for each lane, each by its thread, and returns when all have come to their
  /// ends. Throws what the first lane of those that failed has thrown.
  void Run(FunctionRef<void(int lane)> work);
  /// Which lane that was, when last Run has thrown; the first before.
  int failed_lane() const { return failed_lane_; }

 private:
  void RunInOrder();
  /// What the first lane of those that failed has thrown.
  void ThrowFirst();
  void Work(int lane);
  void Call(int lane);

  LaneOrder* const order_;
  /// Written by Run alone; the others wait for the next round.
  alignas(64) std::atomic<uint32_t> round_{0};
  alignas(64) std::atomic<uint32_t> at_work_{0};  ///< Lanes but the first.
  FunctionRef<void(int)>* work_ = nullptr;        ///< Null: the threads are to end.
  std::vector<std::exception_ptr> failures_;      ///< By lane.
  int failed_lane_ = 0;
  std::vector<std::thread> threads_;  ///< Of lanes but the first.
};

}  // namespace joist

#endif  // JOIST_ENGINE_LANE_THREADS_H_
