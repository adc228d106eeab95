// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// What a job takes of the machine where nobody says how much.

#ifndef JOIST_ENGINE_MACHINE_H_
#define JOIST_ENGINE_MACHINE_H_

#include <cstdint>
#include <string>

namespace joist {

/// Half of the memory that is available now, to the machine and to this process's control group.
int64_t DefaultMemoryBytes();

/// $TMPDIR, else /var/tmp, which unlike /tmp is not kept in memory, else /tmp.
std::string DefaultSpillDirectory();

}  // namespace joist

#endif  // JOIST_ENGINE_MACHINE_H_
