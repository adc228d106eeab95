// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// MatchContinuously: the files that match a pattern, those that are there and those that come. A
// collection without end, for a stream:
//
//   pipeline | joist::files::MatchContinuously("in/*.csv", joist::Duration::Seconds(30))
//                  .Until(joist::files::Termination::AfterTotalOf(joist::Duration::Hours(1)))
//
// The pattern is looked at when the stream begins and at each interval after that. A file is given
// once, whatever fails: which ones were seen is part of the checkpoints, some 50 bytes and its path
// for each file, for ever. What is looked at are names: a file should get its name when it is
// complete (be written elsewhere on the same disk, and renamed), else its beginning alone may be
// read.
//
// Times. By default a file has the time at which it was found, and the watermark is that of the
// last look. With WithModificationTimes(delay) it has the time of its last modification, and the
// watermark is `delay` before the last look: a file that appears under its name later than that
// after its last modification is late. Neither goes back.

#ifndef JOIST_IO_FILES_WATCH_H_
#define JOIST_IO_FILES_WATCH_H_

#include <cstdint>
#include <optional>
#include <source_location>
#include <string>
#include <string_view>
#include <utility>

#include "joist/model/fields.h"
#include "joist/model/timestamp.h"
#include "joist/sdk/pipeline.h"

namespace joist::files {

/// A file when it was found.
struct MatchedFile {
  std::string path;
  uint64_t size = 0;   ///< Bytes.
  Timestamp modified;  ///< Last.
};
JOIST_ROW(MatchedFile, path, size, modified)

/// When to stop looking; Beam's Watch.Growth conditions.
struct Termination {
  Duration total = Duration::Max();  ///< Since the first look.
  Duration quiet = Duration::Max();  ///< Since something was found last; not before that.

  static Termination Never() { return {}; }
  static Termination AfterTotalOf(Duration time) { return {.total = time}; }
  /// As in Beam, a watch that has found nothing yet goes on.
  static Termination AfterTimeSinceNewOutput(Duration time) { return {.quiet = time}; }
  static Termination EitherOf(const Termination& a, const Termination& b);

  /// After a look at `now`; `latest` is null where nothing was found yet.
  bool IsOver(Timestamp began, std::optional<Timestamp> latest, Timestamp now) const;
};
JOIST_ROW(Termination, total, quiet)

struct WatchSettings {
  Duration interval;
  Termination termination;
  bool matches_updated_files = false;
  /// Null: files have the time at which they were found.
  std::optional<Duration> modification_delay;
};
JOIST_ROW(WatchSettings, interval, termination, matches_updated_files, modification_delay)

/// The files of `pattern` as `settings` say. What is wrong with those is a fault.
PCollection<MatchedFile> WatchFiles(const Pipeline& pipeline, const std::string& pattern,
                                    const WatchSettings& settings);
/// Their paths.
PCollection<std::string> WatchPaths(const Pipeline& pipeline, const std::string& pattern,
                                    const WatchSettings& settings);

/// A pattern that matches nothing is no error.
class MatchContinuously : public Transform {
 public:
  static constexpr std::string_view kKind = "files::MatchContinuously";
  /// `interval` is positive.
  MatchContinuously(std::string pattern, Duration interval,
                    std::source_location where = std::source_location::current())
      : Transform(where), pattern_(std::move(pattern)) {
    settings_.interval = interval;
  }
  MatchContinuously Until(Termination termination) && {
    settings_.termination = termination;
    return std::move(*this);
  }
  /// Gives a file once more when its time of modification is another.
  MatchContinuously MatchUpdatedFiles() && {
    settings_.matches_updated_files = true;
    return std::move(*this);
  }
  /// `delay` is not negative; see the top of this file.
  MatchContinuously WithModificationTimes(Duration delay) && {
    settings_.modification_delay = delay;
    return std::move(*this);
  }

  PCollection<MatchedFile> Expand(const Pipeline& pipeline) const {
    return WatchFiles(pipeline, pattern_, settings_);
  }

 private:
  std::string pattern_;
  WatchSettings settings_;
};

}  // namespace joist::files

#endif  // JOIST_IO_FILES_WATCH_H_
