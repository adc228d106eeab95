// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/engine/lane_threads.h"

#include <numeric>
#include <utility>

namespace joist {
namespace {

/// Looks for a while before it sleeps: what lanes wait for each other is mostly shorter than it
/// takes to be woken.
void WaitWhile(const std::atomic<uint32_t>& value, uint32_t same) {
  constexpr int kLooks = 2000;
  for (int look = 0; look < kLooks; ++look) {
    if (value.load(std::memory_order_acquire) != same) return;
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  }
  value.wait(same, std::memory_order_acquire);
}

}  // namespace

LaneThreads::LaneThreads(int lanes, LaneOrder* order) : order_(order) {
  failures_.resize(static_cast<size_t>(lanes));
  if (order != nullptr) return;
  for (int lane = 1; lane < lanes; ++lane) threads_.emplace_back([this, lane] { Work(lane); });
}

LaneThreads::~LaneThreads() {
  work_ = nullptr;
  round_.fetch_add(1, std::memory_order_release);
  round_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void LaneThreads::Run(FunctionRef<void(int lane)> work) {
  work_ = &work;
  if (order_ != nullptr) return RunInOrder();
  if (!threads_.empty()) {
    at_work_.store(static_cast<uint32_t>(threads_.size()), std::memory_order_relaxed);
    round_.fetch_add(1, std::memory_order_release);
    round_.notify_all();
  }
  Call(0);
  while (const uint32_t left = at_work_.load(std::memory_order_acquire)) WaitWhile(at_work_, left);
  ThrowFirst();
}

void LaneThreads::RunInOrder() {
  std::vector<int> order(failures_.size());
  std::iota(order.begin(), order.end(), 0);
  order_->Shuffle(&order);
  for (const int lane : order) Call(lane);
  ThrowFirst();
}

void LaneThreads::ThrowFirst() {
  std::exception_ptr first;
  for (size_t lane = 0; lane < failures_.size(); ++lane) {
    const std::exception_ptr of_lane = std::exchange(failures_[lane], nullptr);
    if (first != nullptr || of_lane == nullptr) continue;
    first = of_lane;
    failed_lane_ = static_cast<int>(lane);
  }
  if (first != nullptr) std::rethrow_exception(first);
}

void LaneThreads::Call(int lane) {
  try {
    (*work_)(lane);
  } catch (...) {
    failures_[static_cast<size_t>(lane)] = std::current_exception();
  }
}

void LaneThreads::Work(int lane) {
  for (uint32_t round = 0;; ++round) {
    WaitWhile(round_, round);
    if (work_ == nullptr) return;
    Call(lane);
    if (at_work_.fetch_sub(1, std::memory_order_acq_rel) == 1) at_work_.notify_all();
  }
}

}  // namespace joist
