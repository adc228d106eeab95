// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/engine/job_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "joist/engine/checkpoint_store.h"
#include "joist/engine/file_checkpoints.h"

namespace joist {
namespace {

/// How often a checkpoint is looked for that the job may remove meanwhile.
constexpr int kTries = 10;

std::string PathOf(const std::string& directory, JobRequest request) {
  return directory + (request == JobRequest::kDrain ? "/drain" : "/stop");
}

/// Copies a folder of files; links them where that can be.
Status CopyFolder(const std::string& from, const std::string& to) {
  std::error_code error;
  std::filesystem::create_directories(to, error);
  for (const auto& entry : std::filesystem::directory_iterator(from, error)) {
    const std::filesystem::path target = to / entry.path().filename();
    std::filesystem::create_hard_link(entry.path(), target, error);
    if (error) std::filesystem::copy_file(entry.path(), target, error);
    if (error) break;
  }
  return error ? FromErrno(error.value(), "cannot copy " + from + " to " + to) : OkStatus();
}

Result<uint64_t> CopyLatest(const std::string& directory, const std::string& to) {
  JOIST_ASSIGN_OR_RETURN(const std::vector<std::string> files,
                         CheckpointStore::List(SystemDisk(), directory));
  if (files.empty()) return NotFound("there are no checkpoints in " + directory);
  JOIST_ASSIGN_OR_RETURN(const CheckpointStore::Checkpoint checkpoint,
                         CheckpointStore::Read(SystemDisk(), files.back()));
  const CheckpointHeader& header = checkpoint.header;
  if (header.cold != 0) {
    JOIST_RETURN_IF_ERROR(CopyFolder(FileCheckpoints::ColdPathOf(directory, header.cold),
                                     FileCheckpoints::ColdPathOf(to, header.cold)));
  }
  const std::string path = to + "/" + CheckpointStore::NameOf(header.number);
  JOIST_RETURN_IF_ERROR(CheckpointStore::WriteWhole(SystemDisk(), checkpoint, path).status());
  return header.number;
}

}  // namespace

Result<uint64_t> CopyLatestCheckpoint(const std::string& directory, const std::string& to) {
  std::error_code error;
  std::filesystem::create_directories(to, error);
  if (error) return FromErrno(error.value(), "cannot make the folder " + to);
  if (!std::filesystem::is_empty(to, error)) {
    return Status(StatusCode::kAlreadyExists, "the folder " + to + " is not empty");
  }
  for (int i = 1;; ++i) {
    Result<uint64_t> number = CopyLatest(directory, to);
    if (number.ok() || i == kTries || number.status().code() == StatusCode::kNotFound) {
      return number;
    }
    for (const auto& entry : std::filesystem::directory_iterator(to, error)) {
      std::filesystem::remove_all(entry.path(), error);
    }
  }
}

Status TakeUpSavepoint(const std::string& savepoint, const std::string& directory) {
  return CopyLatest(savepoint, directory).status();
}

Status RequestOfJob(const std::string& directory, JobRequest request) {
  const int lock = open((directory + "/lock").c_str(), O_RDWR | O_CLOEXEC);
  if (lock < 0) return NotFound("no job has its checkpoints in " + directory);
  const bool runs = flock(lock, LOCK_EX | LOCK_NB) != 0;
  close(lock);
  if (!runs) {
    return Status(StatusCode::kFailedPrecondition, "no job runs with the folder " + directory);
  }
  const std::string path = PathOf(directory, request);
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  if (file < 0) return FromErrno(errno, "cannot write " + path);
  close(file);
  return OkStatus();
}

std::optional<JobRequest> TakeRequest(const std::string& directory) {
  for (const JobRequest request : {JobRequest::kStop, JobRequest::kDrain}) {
    if (unlink(PathOf(directory, request).c_str()) == 0) return request;
  }
  return std::nullopt;
}

}  // namespace joist
