// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// FileWatch: the restriction of a watched pattern: which files were seen, and since when. A look at
// the pattern is its position: claiming one makes it part of what was seen, and what is left are
// the looks to come. Values; the set is shared and never changed.

#ifndef JOIST_IO_FILES_FILE_WATCH_H_
#define JOIST_IO_FILES_FILE_WATCH_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "joist/base/status.h"
#include "joist/io/files/watch.h"
#include "joist/model/coder.h"

namespace joist::files {

/// Paths, and when each was modified last, in nanoseconds since 1970.
using SeenFiles = std::map<std::string, int64_t>;

class WatchTracker;

struct FileWatch {
  using Tracker = WatchTracker;
  std::shared_ptr<const SeenFiles> seen = std::make_shared<SeenFiles>();
  std::optional<Timestamp> began;   ///< The first look.
  std::optional<Timestamp> latest;  ///< At which something was found.
  bool is_over = false;             ///< There are no more looks.
};

/// What a look has found.
struct FileLook {
  std::vector<MatchedFile> found;
  FileWatch after;
};

/// Belongs to one thread.
class WatchTracker {
 public:
  using Position = FileLook;
  explicit WatchTracker(FileWatch watch) : watch_(std::move(watch)) {}

  /// One look a call; false where there is none any more.
  bool TryClaim(const FileLook& look);
  /// The looks to come; null where there are none. They are not shared out.
  std::optional<FileWatch> TrySplit(double fraction);
  Status CheckDone() const;
  const FileWatch& restriction() const { return watch_; }

 private:
  FileWatch watch_;
  std::optional<FileWatch> next_;  ///< After the look that was claimed.
};

/// Looks at `pattern` at `now`: what of it `watch` has not seen.
Result<FileLook> Look(const std::string& pattern, const WatchSettings& settings,
                      const FileWatch& watch, Timestamp now);

}  // namespace joist::files

namespace joist {

template <>
struct Coder<files::FileWatch> {
  static constexpr bool kDeterministic = true;
  static CoderSpec Spec() { return MakeCoderSpec(kBytesCoder); }
  static void Encode(const files::FileWatch& watch, std::string* out, bool nested);
  static bool Decode(ByteReader* in, files::FileWatch* watch, bool nested);
};

}  // namespace joist

#endif  // JOIST_IO_FILES_FILE_WATCH_H_
