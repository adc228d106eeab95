// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/exec/wall_time.h"

#include <atomic>
#include <thread>

namespace joist {
namespace {

class SystemClocks final : public Clocks {
 public:
  Timestamp WallTime() override {
    const auto since = std::chrono::system_clock::now().time_since_epoch();
    return Timestamp::Millis(std::chrono::duration_cast<std::chrono::milliseconds>(since).count());
  }
  SteadyTimePoint SteadyTime() override { return std::chrono::steady_clock::now(); }
  void SleepFor(std::chrono::milliseconds duration) override {
    std::this_thread::sleep_for(duration);
  }
};

SystemClocks system_clocks;
std::atomic<Clocks*> clocks_in_use{&system_clocks};

Clocks& InUse() { return *clocks_in_use.load(std::memory_order_relaxed); }

}  // namespace

Timestamp WallTime() { return InUse().WallTime(); }
SteadyTimePoint SteadyTime() { return InUse().SteadyTime(); }
void SleepFor(std::chrono::milliseconds duration) { InUse().SleepFor(duration); }

void SetClocks(Clocks* clocks) { clocks_in_use = clocks == nullptr ? &system_clocks : clocks; }

}  // namespace joist
