// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/engine/checkpoint_file.h"

#include <zstd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <utility>

#include "joist/base/hash.h"

namespace joist {
namespace {

constexpr std::string_view kMagic = "JOISTCP2";
constexpr std::string_view kMagicOfAnyVersion = "JOISTCP";
constexpr int kLevel = 1;  // What takes the least time with the disk's taken into account.
constexpr size_t kReadAtOnce = size_t{1} << 20;

/// By errno. That a disk cannot read is not yet that something is lost.
Status CannotRead(const std::string& path) {
  Status status = FromErrno(errno, "cannot read checkpoint " + path);
  if (status.code() != StatusCode::kDataLoss) return status;
  return Status(StatusCode::kUnavailable, status.message() + "; remove it if that is for good");
}

}  // namespace

// ---- Writing

struct CheckpointWriter::Packer {
  ~Packer() { ZSTD_freeCCtx(context); }
  ZSTD_CCtx* context = ZSTD_createCCtx();
  std::string plain;
  std::string packed;
};

CheckpointWriter::CheckpointWriter(Disk* disk, std::string path, const CheckpointHeader& header)
    : disk_(disk),
      path_(std::move(path)),
      temporary_((std::filesystem::path(path_).parent_path() / "unfinished").string()),
      packer_(std::make_unique<Packer>()),
      file_(disk->Create(temporary_)) {
  if (file_ == nullptr) Fail();
  ZSTD_CCtx_setParameter(packer_->context, ZSTD_c_compressionLevel, kLevel);
  ZSTD_CCtx_setParameter(packer_->context, ZSTD_c_checksumFlag, 1);
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
  std::string& plain = packer_->plain;
  plain.assign(1, static_cast<char>(kind));
  plain += head;
  plain += content;
  std::string& packed = packer_->packed;
  packed.resize(ZSTD_compressBound(plain.size()));
  const size_t size =
      ZSTD_compress2(packer_->context, packed.data(), packed.size(), plain.data(), plain.size());
  if (ZSTD_isError(size) != 0) {
    status_ = Internal(ZSTD_getErrorName(size));
    return;
  }
  std::string length;
  PutBigEndian64(size, &length);
  Write(length);
  Write(std::string_view(packed).substr(0, size));
  ++blocks_;
}

void CheckpointWriter::Write(std::string_view bytes) {
  if (!status_.ok()) return;
  if (!file_->Write(bytes)) Fail();
  bytes_ += bytes.size();
}

void CheckpointWriter::Fail() { status_ = FromErrno(errno, "cannot write checkpoint " + path_); }

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

struct CheckpointReader::Unpacker {
  ~Unpacker() { ZSTD_freeDCtx(context); }

  /// Null, or what is wrong. Takes memory for what is there, not for what a damaged frame claims.
  const char* Unpack(std::string_view packed, std::string* plain) const {
    ZSTD_DCtx_reset(context, ZSTD_reset_session_only);
    plain->clear();
    ZSTD_inBuffer in{packed.data(), packed.size(), 0};
    for (size_t left = 1; left != 0;) {
      const size_t before = plain->size();
      plain->resize(before + kReadAtOnce);
      ZSTD_outBuffer out{plain->data() + before, kReadAtOnce, 0};
      left = ZSTD_decompressStream(context, &out, &in);
      plain->resize(before + out.pos);
      if (ZSTD_isError(left) != 0) return ZSTD_getErrorName(left);
      if (left != 0 && out.pos == 0 && in.pos == in.size) return "a block ends too early";
    }
    return in.pos == in.size ? nullptr : "something follows a block";
  }

  ZSTD_DCtx* context = ZSTD_createDCtx();
};

CheckpointReader::CheckpointReader(std::unique_ptr<Disk::File> file, std::string path)
    : path_(std::move(path)), file_(std::move(file)), unpacker_(std::make_unique<Unpacker>()) {}
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
  if (const char* const wrong = unpacker_->Unpack(packed_, &plain_)) return Damaged(wrong);
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
