// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// BadRecord: a record of a file that is not what was asked for, as the readers' error outputs have
// it.

#ifndef JOIST_IO_FILES_BAD_RECORD_H_
#define JOIST_IO_FILES_BAD_RECORD_H_

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "joist/base/status.h"
#include "joist/model/fields.h"

namespace joist::files {

/// Tag of the output for records that are malformed.
struct Errors {};

struct BadRecord {
  std::string file;     ///< Its path; empty where records come from no file.
  uint64_t offset = 0;  ///< Of the record's first byte in the file, after decompression.
  std::string reason;   ///< What is wrong, one line.
  std::string record;   ///< Its text, the first kShown bytes of it.

  static constexpr size_t kShown = 4096;
};
JOIST_ROW(BadRecord, file, offset, reason, record)

/// A job's one line about a bad record.
inline Status BadRecordError(const BadRecord& bad) {
  const std::string where =
      bad.file.empty() ? ""
                       : bad.file + ": the record at byte " + std::to_string(bad.offset) + ": ";
  return InvalidArgument(where + bad.reason);
}

}  // namespace joist::files

#endif  // JOIST_IO_FILES_BAD_RECORD_H_
