// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/engine/checkpoint_file.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <limits>
#include <utility>

#include "joist/base/hash.h"

namespace joist {
namespace {

constexpr std::string_view kMagic = "JOISTCP2";
constexpr std::string_view kMagicOfAnyVersion = "JOISTCP";
constexpr size_t kReadAtOnce = size_t{1} << 20;
constexpr size_t kAnySize = std::numeric_limits<size_t>::max();

/// By errno. That a disk cannot read is not yet that something is lost.
Status CannotRead(const std::string& path) {
  Status status = FromErrno(errno, "cannot read checkpoint " + path);
  if (status.code() != StatusCode::kDataLoss) return status;
  return Status(StatusCode::kUnavailable, status.message() + "; remove it if that is for good");
}

/// What a person can do where one cannot be written; empty if nobody knows.
std::string AdviceFor(int error_number) {
  switch (error_number) {
    case ENOSPC:
    case EDQUOT: return "; make room and start the job again, it goes on from its last checkpoint";
    case ENOENT:
    case ENOTDIR:
      return "; the folder is gone and with it what the job could go on from: bring it back, or "
             "start the job anew";
    default: return "";
  }
}

}  // namespace

// ---- Writing

CheckpointWriter::CheckpointWriter(Disk* disk, std::string path, const CheckpointHeader& header)
    : disk_(disk),
      path_(std::move(path)),
      temporary_((std::filesystem::path(path_).parent_path() / "unfinished").string()),
      file_(disk->Create(temporary_)) {
  if (file_ == nullptr) Fail();
  Write(kMagic);
  std::string content;
  PutBigEndian64(header.number, &content);
  PutBigEndian64(header.base, &content);
  PutBigEndian64(header.fingerprint, &content);
  PutInstant(header.made_at.millis, &content);
  PutBigEndian64(header.cold, &content);
  PutBigEndian32(kHashVersion, &content);
  Add(CheckpointBlock::kHeader, "", content);
}

CheckpointWriter::~CheckpointWriter() {
  if (!is_finished_) disk_->Remove(temporary_);
}

void CheckpointWriter::AddRun(std::string_view run) {
  do {
    Add(CheckpointBlock::kRun, "", run.substr(0, kBlockBytes));
    run.remove_prefix(std::min(run.size(), kBlockBytes));
  } while (!run.empty());
}

void CheckpointWriter::AddKeys(uint32_t step, std::string_view keys) {
  std::string head;
  PutVarint(step, &head);
  Add(CheckpointBlock::kKeys, head, keys);
}

void CheckpointWriter::Add(CheckpointBlock kind, std::string_view head, std::string_view content) {
  if (!status_.ok()) return;
  plain_.assign(1, static_cast<char>(kind));
  plain_ += head;
  plain_ += content;
  const Result<std::string_view> packed = packer_.Pack(plain_);
  if (!packed.ok()) {
    status_ = packed.status();
    return;
  }
  std::string length;
  PutBigEndian64(packed->size(), &length);
  Write(length);
  Write(*packed);
  ++blocks_;
}

void CheckpointWriter::Write(std::string_view bytes) {
  if (!status_.ok()) return;
  if (!file_->Write(bytes)) Fail();
  bytes_ += bytes.size();
}

void CheckpointWriter::Fail() {
  const int why = errno;
  const Status status = FromErrno(why, "cannot write checkpoint " + path_);
  status_ = Status(status.code(), status.message() + AdviceFor(why));
}

Status CheckpointWriter::Finish() {
  std::string count;
  PutBigEndian64(blocks_, &count);
  Add(CheckpointBlock::kEnd, "", count);
  if (status_.ok() && !file_->Sync()) Fail();
  file_.reset();
  if (status_.ok()) {
    const std::string folder = std::filesystem::path(path_).parent_path().string();
    is_finished_ = disk_->Rename(temporary_, path_);
    if (!is_finished_ || !disk_->SyncNames(folder.empty() ? "." : folder)) Fail();
  }
  return status_;
}

// ---- Reading

CheckpointReader::CheckpointReader(std::unique_ptr<Disk::File> file, std::string path)
    : path_(std::move(path)), file_(std::move(file)) {}
CheckpointReader::~CheckpointReader() = default;

Result<std::unique_ptr<CheckpointReader>> CheckpointReader::Open(Disk* disk,
                                                                 const std::string& path) {
  auto file = disk->Open(path);
  if (file == nullptr) return CannotRead(path);
  std::unique_ptr<CheckpointReader> reader(new CheckpointReader(std::move(file), path));
  JOIST_RETURN_IF_ERROR(reader->ReadHeader());
  return reader;
}

Status CheckpointReader::Damaged(std::string_view how) const {
  return DataLoss("checkpoint " + path_ + " is damaged: " + std::string(how));
}

Status CheckpointReader::Fill(size_t size, std::string* to) {
  to->clear();
  while (to->size() < size) {
    const size_t before = to->size();
    const size_t wanted = std::min(size - before, kReadAtOnce);
    size_t got = 0;
    to->resize(before + wanted);
    if (!file_->Read(to->data() + before, wanted, &got)) {
      return CannotRead(path_);
    }
    to->resize(before + got);
    bytes_ += got;
    if (got == 0) return Damaged("it ends too early");
  }
  return OkStatus();
}

Status CheckpointReader::ReadHeader() {
  JOIST_RETURN_IF_ERROR(Fill(kMagic.size(), &packed_));
  if (packed_ != kMagic) {
    const bool is_other_version =
        packed_.starts_with(kMagicOfAnyVersion) && packed_.back() >= '0' && packed_.back() <= '9';
    if (is_other_version) {
      return Status(StatusCode::kFailedPrecondition,
                    "checkpoint " + path_ + " has the format of another version of Joist (" +
                        packed_.substr(kMagicOfAnyVersion.size()) +
                        "); go on with that version, or give this job another --checkpoint_dir");
    }
    return Damaged("it does not begin as one");
  }
  std::string_view content;
  JOIST_ASSIGN_OR_RETURN(const CheckpointBlock kind, Next(&content));
  ByteReader in(content);
  uint32_t hash_version;
  if (kind != CheckpointBlock::kHeader || !in.TakeBigEndian64(&header_.number) ||
      !in.TakeBigEndian64(&header_.base) || !in.TakeBigEndian64(&header_.fingerprint) ||
      !in.TakeInstant(&header_.made_at.millis) || !in.TakeBigEndian64(&header_.cold) ||
      !in.TakeBigEndian32(&hash_version)) {
    return Damaged("its header is none");
  }
  if (hash_version != static_cast<uint32_t>(kHashVersion)) {
    return Status(StatusCode::kFailedPrecondition,
                  "checkpoint " + path_ + " has its keys dealt out by another hash (version " +
                      std::to_string(hash_version) + ")");
  }
  return OkStatus();
}

Result<CheckpointBlock> CheckpointReader::Next(std::string_view* content) {
  JOIST_RETURN_IF_ERROR(Fill(sizeof(uint64_t), &packed_));
  ByteReader length(packed_);
  uint64_t size;
  JOIST_CHECK(length.TakeBigEndian64(&size));
  JOIST_RETURN_IF_ERROR(Fill(size, &packed_));
  if (const char* const wrong = unpacker_.Unpack(packed_, kAnySize, &plain_)) return Damaged(wrong);
  if (plain_.empty()) return Damaged("a block has no kind");
  const auto kind = static_cast<CheckpointBlock>(plain_[0]);
  *content = std::string_view(plain_).substr(1);
  if (kind < CheckpointBlock::kHeader || kind > CheckpointBlock::kEnd) {
    return Damaged("a block is of no known kind");
  }
  if (kind == CheckpointBlock::kEnd) {
    ByteReader in(*content);
    uint64_t count;
    char more;
    size_t got = 0;
    if (!in.TakeBigEndian64(&count) || count != blocks_) return Damaged("blocks are missing");
    if (!file_->Read(&more, 1, &got)) return CannotRead(path_);
    if (got != 0) return Damaged("something follows it");
  }
  ++blocks_;
  return kind;
}

}  // namespace joist
