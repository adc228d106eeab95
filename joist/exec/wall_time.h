// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// WallTime: the time on the wall, which is processing time where no script has charge of it.

#ifndef JOIST_EXEC_WALL_TIME_H_
#define JOIST_EXEC_WALL_TIME_H_

#include "joist/model/timestamp.h"

namespace joist {

/// By the system's clock. Thread-safe.
Timestamp WallTime();

}  // namespace joist

#endif  // JOIST_EXEC_WALL_TIME_H_
