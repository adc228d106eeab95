// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/engine/checkpoint_store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>
#include <zstd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <utility>

#include "joist/exec/wall_time.h"
#include "joist/model/wire.h"

namespace joist {
namespace {

constexpr std::string_view kMagic = "JOISTCP1";
constexpr std::string_view kPrefix = "checkpoint-";
constexpr size_t kKept = 3;
constexpr int kLevel = 1;  // What takes the least time with the disk's taken into account.
constexpr size_t kUnpackedAtOnce = size_t{1} << 20;

class File {
 public:
  File(const std::string& path, int flags)
      : descriptor_(open(path.c_str(), flags | O_CLOEXEC, 0644)) {}
  ~File() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  bool ok() const { return descriptor_ >= 0; }
  bool Write(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t written = write(descriptor_, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return false;
      bytes.remove_prefix(static_cast<size_t>(written));
    }
    return true;
  }
  bool ReadAll(std::string* bytes) const {
    char buffer[64 << 10];
    while (true) {
      const ssize_t count = read(descriptor_, buffer, sizeof(buffer));
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) return count == 0;
      bytes->append(buffer, static_cast<size_t>(count));
    }
  }
  bool Sync() const { return fdatasync(descriptor_) == 0; }
  bool SyncNames() const { return fsync(descriptor_) == 0; }

 private:
  int descriptor_;
};

/// 0 where the name is not one of a checkpoint.
uint64_t NumberOf(const std::string& path) {
  const std::string name = std::filesystem::path(path).filename().string();
  if (!name.starts_with(kPrefix)) return 0;
  uint64_t number = 0;
  const char* const end = name.data() + name.size();
  const auto [at, error] = std::from_chars(name.data() + kPrefix.size(), end, number);
  return error == std::errc() && at == end ? number : 0;
}

std::string NameOf(uint64_t number) {
  std::string digits = std::to_string(number);
  return std::string(kPrefix) + std::string(digits.size() < 10 ? 10 - digits.size() : 0, '0') +
         digits;
}

struct Context {
  ZSTD_CCtx* context = ZSTD_createCCtx();
  ~Context() { ZSTD_freeCCtx(context); }
};

/// Null, or what is wrong. Takes memory for what is there, not for what a damaged header claims.
const char* Unpack(std::string_view packed, std::string* plain) {
  const std::unique_ptr<ZSTD_DCtx, size_t (*)(ZSTD_DCtx*)> context(ZSTD_createDCtx(),
                                                                   ZSTD_freeDCtx);
  ZSTD_inBuffer in{packed.data(), packed.size(), 0};
  for (size_t left = 1; left != 0;) {
    const size_t before = plain->size();
    plain->resize(before + kUnpackedAtOnce);
    ZSTD_outBuffer out{plain->data() + before, kUnpackedAtOnce, 0};
    left = ZSTD_decompressStream(context.get(), &out, &in);
    plain->resize(before + out.pos);
    if (ZSTD_isError(left) != 0) return ZSTD_getErrorName(left);
    if (left != 0 && out.pos == 0 && in.pos == in.size) return "it ends too early";
  }
  return in.pos == in.size ? nullptr : "something follows it";
}

}  // namespace

CheckpointStore::CheckpointStore(std::string directory, int lock, uint64_t last)
    : directory_(std::move(directory)), lock_(lock), last_(last) {}
CheckpointStore::~CheckpointStore() { close(lock_); }

Result<std::unique_ptr<CheckpointStore>> CheckpointStore::Open(std::string directory) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) {
    return FromErrno(error.value(), "cannot make the checkpoint directory " + directory);
  }
  const std::string lock = directory + "/lock";
  const int descriptor = open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor < 0)
    return FromErrno(errno, "cannot write to the checkpoint directory " + directory);
  if (flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    close(descriptor);
    return Status(StatusCode::kFailedPrecondition,
                  "another process uses the checkpoint directory " + directory +
                      "; stop it, or give this job another --checkpoint_dir");
  }
  const Result<std::vector<std::string>> files = List(directory);
  if (!files.ok()) {
    close(descriptor);
    return files.status();
  }
  const uint64_t last = files->empty() ? 0 : NumberOf(files->back());
  return std::unique_ptr<CheckpointStore>(
      new CheckpointStore(std::move(directory), descriptor, last));
}

Result<std::vector<std::string>> CheckpointStore::List(const std::string& directory) {
  std::vector<std::string> files;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    if (NumberOf(entry.path().string()) > 0) files.push_back(entry.path().string());
  }
  if (error) {
    return FromErrno(error.value(), "cannot read the checkpoint directory " + directory);
  }
  std::sort(files.begin(), files.end(),
            [](const std::string& a, const std::string& b) { return NumberOf(a) < NumberOf(b); });
  return files;
}

Result<CheckpointStore::Checkpoint> CheckpointStore::Read(const std::string& path) {
  const auto damaged = [&](const char* how) {
    return DataLoss("checkpoint " + path + " is damaged: " + how);
  };
  const File file(path, O_RDONLY);
  std::string bytes;
  if (!file.ok() || !file.ReadAll(&bytes))
    return FromErrno(errno, "cannot read checkpoint " + path);
  if (!std::string_view(bytes).starts_with(kMagic)) return damaged("it does not begin as one");
  const std::string_view packed = std::string_view(bytes).substr(kMagic.size());
  std::string plain;
  if (const char* const wrong = Unpack(packed, &plain)) return damaged(wrong);
  ByteReader in(plain);
  Checkpoint checkpoint;
  if (!in.TakeBigEndian64(&checkpoint.number) || !in.TakeBigEndian64(&checkpoint.fingerprint) ||
      !in.TakeInstant(&checkpoint.made_at.millis)) {
    return damaged("it ends too early");
  }
  checkpoint.state = in.rest();
  return checkpoint;
}

Result<std::optional<CheckpointStore::Checkpoint>> CheckpointStore::Latest(
    std::vector<std::string>* warnings) const {
  JOIST_ASSIGN_OR_RETURN(const std::vector<std::string> files, List(directory_));
  for (auto file = files.rbegin(); file != files.rend(); ++file) {
    Result<Checkpoint> checkpoint = Read(*file);
    if (checkpoint.ok()) return std::optional<Checkpoint>(std::move(*checkpoint));
    warnings->push_back(checkpoint.status().message());
  }
  if (files.empty()) return std::optional<Checkpoint>();
  return DataLoss("none of the " + std::to_string(files.size()) + " checkpoints in " + directory_ +
                  " can be read; " + warnings->front() +
                  ". Remove them to begin anew, which loses what they held");
}

Status CheckpointStore::Write(uint64_t fingerprint, std::string_view state) {
  std::string plain;
  PutBigEndian64(last_ + 1, &plain);
  PutBigEndian64(fingerprint, &plain);
  PutInstant(WallTime().millis, &plain);
  plain += state;
  const Context context;
  ZSTD_CCtx_setParameter(context.context, ZSTD_c_compressionLevel, kLevel);
  ZSTD_CCtx_setParameter(context.context, ZSTD_c_checksumFlag, 1);
  std::string bytes(kMagic);
  bytes.resize(kMagic.size() + ZSTD_compressBound(plain.size()));
  const size_t packed = ZSTD_compress2(context.context, bytes.data() + kMagic.size(),
                                       bytes.size() - kMagic.size(), plain.data(), plain.size());
  if (ZSTD_isError(packed) != 0) return Internal(ZSTD_getErrorName(packed));
  bytes.resize(kMagic.size() + packed);

  const std::string path = directory_ + "/" + NameOf(last_ + 1);
  const std::string temporary = directory_ + "/unfinished";
  const auto failed = [&] {
    Status status = FromErrno(errno, "cannot write checkpoint " + path);
    unlink(temporary.c_str());  // A full disk has room again.
    return status;
  };
  {
    const File file(temporary, O_WRONLY | O_CREAT | O_TRUNC);
    if (!file.ok() || !file.Write(bytes) || !file.Sync()) return failed();
  }
  if (rename(temporary.c_str(), path.c_str()) != 0) return failed();
  const File folder(directory_, O_RDONLY | O_DIRECTORY);
  if (!folder.ok() || !folder.SyncNames()) return failed();
  ++last_;

  JOIST_ASSIGN_OR_RETURN(const std::vector<std::string> files, List(directory_));
  for (size_t i = 0; i + kKept < files.size(); ++i) unlink(files[i].c_str());
  return OkStatus();
}

}  // namespace joist
