// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Finding files by pattern, as Beam's file systems do:
//
//   *       any characters of one name          [abc] [a-z] [!a-z]   one character of a set
//   **      any characters, also "/"            {one,two}            either
//   ?       one character of a name             \x                   x itself
//
// A dot at the beginning of a name is a character like others. `**` does not follow links to
// folders. Folders of unfinished writes (file_writer.h) are never entered. Functions without state.

#ifndef JOIST_IO_FILES_GLOB_H_
#define JOIST_IO_FILES_GLOB_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "joist/base/status.h"

namespace joist::files {

struct FileInfo {
  std::string path;
  uint64_t size = 0;
  friend bool operator==(const FileInfo&, const FileInfo&) = default;
};

/// Whether finding nothing is an error.
enum class EmptyMatch : uint8_t { kRefuse, kAllow };

/// The regular files (and pipes and devices, if named without a wildcard) that match `pattern`,
/// sorted by path, each once. A path that exists is taken as it stands, brackets or not.
Result<std::vector<FileInfo>> Match(std::string_view pattern,
                                    EmptyMatch empty = EmptyMatch::kRefuse);

/// Whether the whole of `path` matches `pattern`, which has no braces.
bool Matches(std::string_view pattern, std::string_view path);

/// The patterns without braces that `pattern` stands for.
Result<std::vector<std::string>> ExpandBraces(std::string_view pattern);

/// A path of this machine: `path` without "file://". Refuses other schemes ("gs://") by name.
Result<std::string> LocalPath(std::string_view path);

}  // namespace joist::files

#endif  // JOIST_IO_FILES_GLOB_H_
