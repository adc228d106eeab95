// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/jobserver/artifact_store.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

namespace joist::portability {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "joist-artifacts-";

/// The folder's descriptor, with its lock; -1 where another process has it, or it is none.
int TryLock(const std::string& folder) {
  const int descriptor = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
  if (descriptor < 0) return -1;
  if (flock(descriptor, LOCK_EX | LOCK_NB) == 0) return descriptor;
  close(descriptor);
  return -1;
}

/// Deletes the folders in `parent` of servers that are gone. A folder of someone else's cannot be
/// deleted; it is none of ours then.
void DeleteLeftOver(const std::string& parent) {
  std::error_code ignored;
  for (fs::directory_iterator i(parent, ignored), end; i != end; i.increment(ignored)) {
    if (ignored) return;
    if (!i->path().filename().string().starts_with(kPrefix)) continue;
    const int lock = TryLock(i->path());
    if (lock < 0) continue;
    fs::remove_all(i->path(), ignored);
    close(lock);
  }
}

Status CannotWrite(int error_number, const std::string& path) {
  return FromErrno(error_number, "cannot write the artifact " + path);
}

std::string HexDigits(const unsigned char* bytes, size_t size) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (size_t i = 0; i < size; ++i) {
    text += kDigits[bytes[i] >> 4];
    text += kDigits[bytes[i] & 15];
  }
  return text;
}

bool EqualHex(std::string_view lower_case, std::string_view any_case) {
  if (lower_case.size() != any_case.size()) return false;
  for (size_t i = 0; i < any_case.size(); ++i) {
    if (lower_case[i] != std::tolower(static_cast<unsigned char>(any_case[i]))) return false;
  }
  return true;
}

}  // namespace

ArtifactWriter::ArtifactWriter(std::shared_ptr<JobArtifacts> job, std::string name,
                               std::string path)
    : job_(std::move(job)), path_(std::move(path)), hash_(EVP_MD_CTX_new(), [](void* context) {
        EVP_MD_CTX_free(static_cast<EVP_MD_CTX*>(context));
      }) {
  artifact_.name = std::move(name);
  file_ = std::fopen(path_.c_str(), "wbxe");
  if (file_ == nullptr) open_error_ = errno;
  EVP_DigestInit_ex(static_cast<EVP_MD_CTX*>(hash_.get()), EVP_sha256(), nullptr);
}

ArtifactWriter::~ArtifactWriter() {
  if (file_ == nullptr) return;
  std::fclose(file_);
  unlink(path_.c_str());
}

Status ArtifactWriter::Write(std::string_view bytes) {
  if (file_ == nullptr) return CannotWrite(open_error_, path_);
  JOIST_RETURN_IF_ERROR(job_->Reserve(bytes.size()));
  if (std::fwrite(bytes.data(), 1, bytes.size(), file_) != bytes.size()) {
    return CannotWrite(errno, path_);
  }
  EVP_DigestUpdate(static_cast<EVP_MD_CTX*>(hash_.get()), bytes.data(), bytes.size());
  artifact_.bytes += bytes.size();
  return OkStatus();
}

Result<StoredArtifact> ArtifactWriter::Finish(std::string_view sha256) {
  if (file_ == nullptr) return CannotWrite(open_error_, path_);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  EVP_DigestFinal_ex(static_cast<EVP_MD_CTX*>(hash_.get()), digest.data(), &size);
  artifact_.sha256 = HexDigits(digest.data(), size);
  if (!sha256.empty() && !EqualHex(artifact_.sha256, sha256)) {
    return DataLoss("its SHA-256 is " + artifact_.sha256 + ", but should be " +
                    std::string(sha256.substr(0, 2 * EVP_MAX_MD_SIZE)));
  }
  if (std::fclose(std::exchange(file_, nullptr)) != 0) {
    const int error_number = errno;
    unlink(path_.c_str());
    return CannotWrite(error_number, path_);
  }
  job_->Publish(artifact_.name, path_);
  return artifact_;
}

Result<std::unique_ptr<ArtifactStore>> ArtifactStore::Open(const std::string& folder,
                                                           uint64_t most_bytes) {
  std::error_code error;
  const std::string parent = folder.empty() ? fs::temp_directory_path(error).string() : folder;
  if (!error) fs::create_directories(parent, error);
  if (error) return FromErrno(error.value(), "cannot make the folder of artifacts " + parent);
  DeleteLeftOver(parent);
  // Another server that starts may take the new folder for one left over, until it is locked.
  constexpr int kTries = 10;
  for (int i = 0; i < kTries; ++i) {
    std::string path = parent + "/" + std::string(kPrefix) + "XXXXXX";
    if (mkdtemp(path.data()) == nullptr) {
      return FromErrno(errno, "cannot make a folder of artifacts in " + parent);
    }
    const int lock = TryLock(path);
    if (lock >= 0 && fs::exists(path, error)) {
      return std::unique_ptr<ArtifactStore>(new ArtifactStore(path, lock, most_bytes));
    }
    if (lock >= 0) close(lock);
  }
  return Status(StatusCode::kUnavailable, "cannot lock a folder of artifacts in " + parent +
                                              "; choose another (--artifacts_dir)");
}

ArtifactStore::~ArtifactStore() {
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
  close(lock_);
}

Result<std::shared_ptr<JobArtifacts>> ArtifactStore::MakeJob(const std::string& token) {
  const std::string folder = folder_ + "/" + token;
  if (mkdir(folder.c_str(), S_IRWXU) != 0) {
    return FromErrno(errno, "cannot make the folder of artifacts " + folder);
  }
  return std::make_shared<JobArtifacts>(this, token);
}

Result<std::string> ArtifactStore::Find(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  const auto found = paths_.find(name);
  if (found == paths_.end()) {
    return NotFound(
        "there is no such artifact, or its job has ended; this server has those that "
        "were staged with it, by the names that it gave them");
  }
  return found->second;
}

JobArtifacts::JobArtifacts(ArtifactStore* store, std::string token)
    : store_(store), token_(std::move(token)), folder_(store->folder_ + "/" + token_) {}

JobArtifacts::~JobArtifacts() {
  {
    const std::lock_guard lock(store_->mutex_);
    for (int i = 0; i < files_; ++i) store_->paths_.erase(token_ + "/" + std::to_string(i));
  }
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

Result<std::unique_ptr<ArtifactWriter>> JobArtifacts::Add() {
  const std::lock_guard lock(mutex_);
  if (files_ == kMostFiles) {
    return Status(StatusCode::kResourceExhausted,
                  "a job has " + std::to_string(kMostFiles) + " artifacts at most");
  }
  const std::string number = std::to_string(files_++);
  return std::make_unique<ArtifactWriter>(shared_from_this(), token_ + "/" + number,
                                          folder_ + "/" + number);
}

Status JobArtifacts::Reserve(uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  if (bytes > store_->most_bytes_ - bytes_) {
    return {StatusCode::kResourceExhausted,
            "the job's artifacts have more than " + std::to_string(store_->most_bytes_) +
                " bytes; stage less, or start the server with more (--max_artifact_bytes)"};
  }
  bytes_ += bytes;
  return OkStatus();
}

void JobArtifacts::Publish(const std::string& name, const std::string& path) {
  const std::lock_guard lock(store_->mutex_);
  store_->paths_.insert_or_assign(name, path);
}

}  // namespace joist::portability
