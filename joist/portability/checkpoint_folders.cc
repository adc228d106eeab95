// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/checkpoint_folders.h"

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include "joist/portability/quoted.h"

namespace joist::portability {
namespace {

namespace fs = std::filesystem;

/// A name of a folder, of whatever a client calls its job.
std::string FileNameOf(const std::string& name) {
  std::string file;
  for (const char c : name.substr(0, 200)) {
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                          (c >= '0' && c <= '9') || c == '-' || c == '_';
    file.push_back(is_plain ? c : '_');
  }
  return file;
}

/// Whether `folder` is `of` or in it; both without links.
bool IsWithin(const std::string& folder, const std::string& of) {
  return folder == of || folder.starts_with(of + "/");
}

/// What links that lead nowhere yet leave of WithoutLinks.
bool HasLinkBelow(const std::string& directory, const std::string& folder) {
  std::error_code ignored;
  for (fs::path at = folder; at.native().size() > directory.size(); at = at.parent_path()) {
    if (fs::is_symlink(fs::symlink_status(at, ignored))) return true;
  }
  return false;
}

/// As it is once all links are followed; the end of it need not exist. Empty where that cannot be
/// told.
std::string WithoutLinks(const fs::path& path) {
  std::error_code error;
  std::string resolved = fs::weakly_canonical(fs::absolute(path, error), error).string();
  if (error) return "";
  while (resolved.size() > 1 && resolved.back() == '/') resolved.pop_back();
  return resolved;
}

}  // namespace

CheckpointFolders::CheckpointFolders(std::string directory) : directory_(std::move(directory)) {}

Result<std::string> CheckpointFolders::Find(const std::string& asked,
                                            const std::string& job_name) const {
  if (directory_.empty()) {
    if (asked.empty()) return std::string();
    return Status(
        StatusCode::kFailedPrecondition,
        "the pipeline option checkpoint_dir is set, and this server keeps no checkpoints; "
        "start it with --state_dir=FOLDER, or leave the option out");
  }
  if (asked.empty() && job_name.empty()) return std::string();
  const fs::path below = asked.empty() ? FileNameOf(job_name) : asked;
  const bool climbs = std::find(below.begin(), below.end(), "..") != below.end();
  const std::string directory = WithoutLinks(directory_);
  const std::string folder = WithoutLinks(fs::path(directory) / below);
  if (climbs || asked.find('\0') != std::string::npos || folder == directory || directory.empty() ||
      !IsWithin(folder, directory) || HasLinkBelow(directory, folder)) {
    return InvalidArgument("the pipeline option checkpoint_dir, " + Quoted(asked) +
                           ", is no folder below this server's --state_dir; name one by a path "
                           "relative to that, without \"..\" and links that lead elsewhere");
  }
  return folder;
}

Status CheckpointFolders::CheckFree(const std::string& folder) const {
  const std::lock_guard lock(mutex_);
  return CheckFreeLocked(folder);
}

Status CheckpointFolders::CheckFreeLocked(const std::string& folder) const {
  const auto taken = std::find_if(used_.begin(), used_.end(), [&](const auto& used) {
    return IsWithin(folder, used.first) || IsWithin(used.first, folder);
  });
  if (taken == used_.end()) return OkStatus();
  return {StatusCode::kFailedPrecondition,
          "the job " + taken->second + " runs and has its checkpoints in the folder " +
              Quoted(fs::path(folder).filename().string()) +
              ", where those of this one would be; wait for it to end, or give this one another "
              "--job_name or --checkpoint_dir"};
}

Result<std::shared_ptr<void>> CheckpointFolders::Take(const std::string& folder,
                                                      const std::string& job_id) {
  const std::lock_guard lock(mutex_);
  JOIST_RETURN_IF_ERROR(CheckFreeLocked(folder));
  used_.emplace(folder, job_id);
  return std::shared_ptr<void>(this, [this, folder](void*) {
    const std::lock_guard end_lock(mutex_);
    used_.erase(folder);
  });
}

}  // namespace joist::portability
