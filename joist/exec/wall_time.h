// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// The clocks that the engine goes by: the time on the wall, which is processing time where no
// script has charge of it, and a steady one for pauses. A simulator has its own.

#ifndef JOIST_EXEC_WALL_TIME_H_
#define JOIST_EXEC_WALL_TIME_H_

#include <chrono>

#include "joist/model/timestamp.h"

namespace joist {

using SteadyTimePoint = std::chrono::steady_clock::time_point;

/// Thread-safe.
class Clocks {
 public:
  virtual ~Clocks() = default;
  virtual Timestamp WallTime() = 0;
  virtual SteadyTimePoint SteadyTime() = 0;
  virtual void SleepFor(std::chrono::milliseconds) = 0;
};

/// By the system's clocks, or those that were set. Thread-safe.
Timestamp WallTime();
SteadyTimePoint SteadyTime();
void SleepFor(std::chrono::milliseconds);

/// For a simulator: from now on `clocks` count, the system's if null. While no job runs.
void SetClocks(Clocks* clocks);

}  // namespace joist

#endif  // JOIST_EXEC_WALL_TIME_H_
