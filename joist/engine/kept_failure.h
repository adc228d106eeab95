// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// KeptFailure: a bundle that failed, as a file that `joist replay` runs again: the program, the
// step, and what the step was given (exec/bundle_record.h).
//
// A file is "JOISTFL1" and one packed block (engine/packed_block.h). It holds arguments and
// elements, which may be nobody else's business, so only its owner may read it. It is written under
// another name first, and never in place of one that is there.

#ifndef JOIST_ENGINE_KEPT_FAILURE_H_
#define JOIST_ENGINE_KEPT_FAILURE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "joist/base/status.h"
#include "joist/exec/bundle_record.h"
#include "joist/model/timestamp.h"

namespace joist {

/// How a process was started.
struct ProgramStart {
  std::string program;  ///< Path.
  std::string folder;   ///< In which it was.
  std::vector<std::string> arguments;
};
/// Of this process; empty where the system does not say.
ProgramStart StartOfThisProgram();

struct KeptFailure {
  Timestamp made_at;  ///< On the wall.
  ProgramStart start;
  std::string job_name;
  uint64_t fingerprint = 0;  ///< Of the graph.
  bool is_stream = false;
  std::string step;
  std::string error;
  std::string element;  ///< That failed, as text; may be empty.
  int attempts = 0;
  KeptBundle bundle;
};

/// The most that one may have, not compressed.
inline constexpr size_t kMostKeptBytes = size_t{512} << 20;
/// In a folder.
inline constexpr size_t kMostKeptFailures = 10;

std::string EncodeKeptFailure(const KeptFailure& failure);
/// False where the bytes are none. Takes memory for what is there alone.
bool DecodeKeptFailure(std::string_view bytes, KeptFailure* failure);

/// Writes the next of the folder, which is made if there is none; returns its path.
Result<std::string> KeepFailure(const std::string& directory, const KeptFailure& failure);
Result<KeptFailure> ReadKeptFailure(const std::string& path);
/// The paths of those in a folder, by number. An error where it cannot be read.
Result<std::vector<std::string>> KeptFailuresIn(const std::string& directory);

}  // namespace joist

#endif  // JOIST_ENGINE_KEPT_FAILURE_H_
