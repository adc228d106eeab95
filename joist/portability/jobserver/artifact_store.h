// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// ArtifactStore: the files that clients stage for their jobs (packages, jars, programs), and that
// the jobs' workers fetch. Each server has a folder of its own, each job one in that, each file a
// number. Names of clients are never part of a path: what a worker asks for is looked up among the
// names that the store has given itself.
//
// Thread-safe, but for an ArtifactWriter, which belongs to one thread.

#ifndef JOIST_PORTABILITY_JOBSERVER_ARTIFACT_STORE_H_
#define JOIST_PORTABILITY_JOBSERVER_ARTIFACT_STORE_H_

#include <cstdint>
#include <cstdio>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "joist/base/status.h"

namespace joist::portability {

class JobArtifacts;

/// A file of a job.
struct StoredArtifact {
  std::string name;    ///< "TOKEN/NUMBER", by which Find knows it.
  std::string sha256;  ///< In lower-case hexadecimal digits.
  uint64_t bytes = 0;
};

/// A file that is being written; destroyed before Finish, it is deleted.
class ArtifactWriter {
 public:
  ArtifactWriter(std::shared_ptr<JobArtifacts> job, std::string name, std::string path);
  ~ArtifactWriter();
  ArtifactWriter(const ArtifactWriter&) = delete;
  ArtifactWriter& operator=(const ArtifactWriter&) = delete;

  /// kResourceExhausted where the job has more bytes than it may.
  Status Write(std::string_view bytes);
  /// `sha256`: what the client says that the file has, in hexadecimal digits; empty: it says
  /// nothing. kDataLoss where that is not so.
  Result<StoredArtifact> Finish(std::string_view sha256);

 private:
  const std::shared_ptr<JobArtifacts> job_;
  const std::string path_;
  StoredArtifact artifact_;
  std::FILE* file_ = nullptr;
  int open_error_ = 0;
  std::shared_ptr<void> hash_;  ///< OpenSSL's EVP_MD_CTX.
};

class ArtifactStore {
 public:
  /// Makes a folder in `folder` (empty: the system's for temporary files), and deletes those that
  /// servers which have been killed left there. A job's files have `most_bytes` at most.
  static Result<std::unique_ptr<ArtifactStore>> Open(const std::string& folder,
                                                     uint64_t most_bytes);
  /// Deletes the folder. All that belongs to jobs has been destroyed.
  ~ArtifactStore();
  ArtifactStore(const ArtifactStore&) = delete;
  ArtifactStore& operator=(const ArtifactStore&) = delete;

  const std::string& folder() const { return folder_; }
  /// A place for a job's files, deleted with it. `token` is a word nobody can guess.
  Result<std::shared_ptr<JobArtifacts>> MakeJob(const std::string& token);
  /// The path of a finished file; kNotFound where the store has given nothing this name.
  Result<std::string> Find(std::string_view name) const;

 private:
  friend class JobArtifacts;
  ArtifactStore(std::string folder, int lock, uint64_t most_bytes)
      : folder_(std::move(folder)), lock_(lock), most_bytes_(most_bytes) {}

  const std::string folder_;
  const int lock_;  ///< File descriptor of the folder, locked while this process lives.
  const uint64_t most_bytes_;
  mutable std::mutex mutex_;
  std::map<std::string, std::string, std::less<>> paths_;  ///< By the artifacts' names.
};

/// The files of one job; destroyed, it deletes them.
class JobArtifacts : public std::enable_shared_from_this<JobArtifacts> {
 public:
  JobArtifacts(ArtifactStore* store, std::string token);
  ~JobArtifacts();
  JobArtifacts(const JobArtifacts&) = delete;
  JobArtifacts& operator=(const JobArtifacts&) = delete;

  /// A new file; kResourceExhausted beyond kMostFiles.
  Result<std::unique_ptr<ArtifactWriter>> Add();
  static constexpr int kMostFiles = 10'000;

 private:
  friend class ArtifactWriter;
  /// Adds to what the job's files have.
  Status Reserve(uint64_t bytes);
  void Publish(const std::string& name, const std::string& path);

  ArtifactStore* const store_;
  const std::string token_;
  const std::string folder_;
  std::mutex mutex_;
  int files_ = 0;
  uint64_t bytes_ = 0;
};

}  // namespace joist::portability

#endif  // JOIST_PORTABILITY_JOBSERVER_ARTIFACT_STORE_H_
