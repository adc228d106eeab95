// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/files/watch.h"

#include <sys/stat.h>

#include <algorithm>

#include "joist/io/files/file_source.h"
#include "joist/io/files/file_watch.h"
#include "joist/sdk/par_do.h"

namespace joist::files {
namespace {

/// By which a file's time of modification may be before the clock that it was taken from.
constexpr Duration kFileClock = Duration::Millis(10);

/// False if it is gone.
bool FindTimeOf(const std::string& path, int64_t* nanos) {
  struct stat info;
  if (stat(path.c_str(), &info) != 0) return false;
  *nanos = int64_t{info.st_mtim.tv_sec} * 1'000'000'000 + info.st_mtim.tv_nsec;
  return true;
}

/// What a FileWatch is in checkpoints.
struct SavedWatch {
  SeenFiles seen;
  std::optional<Timestamp> began;
  std::optional<Timestamp> latest;
  bool is_over = false;
};
JOIST_ROW(SavedWatch, seen, began, latest, is_over)

}  // namespace

// The steps' functions are found by their types' names in another process: so these are in no
// unnamed namespace.
namespace watch_internal {

struct Watch {
  static constexpr bool kIsBounded = false;
  WatchSettings settings;

  FileWatch InitialRestriction(const std::string&) const { return {}; }
  ProcessContinuation Process(const std::string& pattern, RestrictionTracker<FileWatch>& tracker,
                              ManualWatermarkEstimator& watermark, Emit<MatchedFile> emit) const {
    // The clock may have gone back.
    const Timestamp now = std::max(tracker.processing_time(), watermark.watermark());
    const Result<FileLook> look = Look(pattern, settings, tracker.restriction(), now);
    ThrowIfError(look.status());
    if (!tracker.TryClaim(*look)) return ProcessContinuation::Stop();
    for (const MatchedFile& file : look->found) {
      emit(file, settings.modification_delay.has_value() ? file.modified : now);
    }
    watermark.SetWatermark(settings.modification_delay.has_value()
                               ? now - *settings.modification_delay - kFileClock
                               : now);
    if (look->after.is_over) return ProcessContinuation::Stop();
    return ProcessContinuation::Resume(settings.interval);
  }
};
JOIST_ROW(Watch, settings)

struct PathOf {
  std::string operator()(const MatchedFile& file) const { return file.path; }
};

}  // namespace watch_internal

Termination Termination::EitherOf(const Termination& a, const Termination& b) {
  return {std::min(a.total, b.total), std::min(a.quiet, b.quiet)};
}

bool Termination::IsOver(Timestamp began, std::optional<Timestamp> latest, Timestamp now) const {
  return now - began >= total || (latest.has_value() && now - *latest >= quiet);
}

bool WatchTracker::TryClaim(const FileLook& look) {
  if (watch_.is_over || next_.has_value()) return false;
  next_ = look.after;
  watch_.is_over = look.after.is_over;
  return true;
}

std::optional<FileWatch> WatchTracker::TrySplit(double fraction) {
  if (fraction > 0 || watch_.is_over) return std::nullopt;
  FileWatch rest = next_.has_value() ? std::move(*next_) : watch_;
  watch_.is_over = true;
  return rest;
}

Status WatchTracker::CheckDone() const {
  return watch_.is_over ? OkStatus() : Internal("a watch of files has ended before its last look");
}

Result<FileLook> Look(const std::string& pattern, const WatchSettings& settings,
                      const FileWatch& watch, Timestamp now) {
  JOIST_ASSIGN_OR_RETURN(const std::vector<FileInfo> files, Match(pattern, EmptyMatch::kAllow));
  FileLook look;
  look.after = watch;
  std::shared_ptr<SeenFiles> seen;  // Made when there is something new.
  for (const FileInfo& file : files) {
    const auto known = watch.seen->find(file.path);
    const bool is_known = known != watch.seen->end();
    if (is_known && !settings.matches_updated_files) continue;
    int64_t nanos;
    if (!FindTimeOf(file.path, &nanos) || (is_known && known->second == nanos)) continue;
    if (seen == nullptr) seen = std::make_shared<SeenFiles>(*watch.seen);
    seen->insert_or_assign(file.path, nanos);
    look.found.push_back({file.path, file.size, Timestamp::Millis(nanos / 1'000'000)});
  }
  if (seen != nullptr) {
    look.after.seen = std::move(seen);
    look.after.latest = now;
  }
  if (!look.after.began.has_value()) look.after.began = now;
  look.after.is_over = settings.termination.IsOver(*look.after.began, look.after.latest, now);
  return look;
}

PCollection<MatchedFile> WatchFiles(const Pipeline& pipeline, const std::string& pattern,
                                    const WatchSettings& settings) {
  if (settings.interval <= Duration::Zero()) {
    pipeline.builder().AddFault("has an interval that is not positive");
  }
  if (settings.modification_delay.value_or(Duration::Zero()) < Duration::Zero()) {
    pipeline.builder().AddFault("has a delay that is negative");
  }
  return OnePattern(pipeline, pattern) | "Watch" >> ParDo(watch_internal::Watch{settings});
}

PCollection<std::string> WatchPaths(const Pipeline& pipeline, const std::string& pattern,
                                    const WatchSettings& settings) {
  return WatchFiles(pipeline, pattern, settings) | "Paths" >> Map(watch_internal::PathOf());
}

}  // namespace joist::files

namespace joist {

void Coder<files::FileWatch>::Encode(const files::FileWatch& watch, std::string* out, bool nested) {
  Coder<files::SavedWatch>::Encode({*watch.seen, watch.began, watch.latest, watch.is_over}, out,
                                   nested);
}

bool Coder<files::FileWatch>::Decode(ByteReader* in, files::FileWatch* watch, bool nested) {
  files::SavedWatch saved;
  if (!Coder<files::SavedWatch>::Decode(in, &saved, nested)) return false;
  *watch = {std::make_shared<files::SeenFiles>(std::move(saved.seen)), saved.began, saved.latest,
            saved.is_over};
  return true;
}

}  // namespace joist
