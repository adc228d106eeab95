// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/exec/spill_file.h"

#include <unistd.h>
#include <zstd.h>

#include <cerrno>
#include <memory>

#include "joist/base/status.h"
#include "joist/base/unnamed_file.h"

namespace joist {
namespace {

/// About 600 MB/s a core; what is spilled is read once or twice.
constexpr int kLevel = -1;
/// Bytes written at once.
constexpr size_t kWriteBytes = 256 << 10;

struct FreeContext {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

/// Each thread's own, made when first needed.
struct Contexts {
  std::unique_ptr<ZSTD_CCtx, FreeContext> compress;
  std::unique_ptr<ZSTD_DCtx, FreeContext> decompress;
  std::string bytes;
};
Contexts& ThreadContexts() {
  thread_local Contexts contexts;
  return contexts;
}

[[noreturn]] void ThrowSpillError(int error_number, const char* what,
                                  const std::string& directory) {
  Status status = FromErrno(error_number, std::string(what) + " a temporary file in " + directory);
  throw StatusException(
      Status(status.code(),
             status.message() +
                 "; give more memory with --memory, or another folder with --temp_location"));
}

}  // namespace

SpillFile::SpillFile(MemoryBudget* budget)
    : budget_(budget), file_(OpenUnnamedFile(budget->spill_directory())) {
  if (file_ < 0) ThrowSpillError(errno, "cannot make", budget->spill_directory());
}

SpillFile::~SpillFile() {
  if (file_ >= 0) ::close(file_);
}

SpillFile::Block SpillFile::Append(std::string_view plain, uint32_t records) {
  Contexts& contexts = ThreadContexts();
  if (contexts.compress == nullptr) {
    contexts.compress.reset(ZSTD_createCCtx());
    ZSTD_CCtx_setParameter(contexts.compress.get(), ZSTD_c_compressionLevel, kLevel);
    ZSTD_CCtx_setParameter(contexts.compress.get(), ZSTD_c_checksumFlag, 1);
  }
  const size_t before = pending_.size();
  pending_.resize(before + ZSTD_compressBound(plain.size()));
  const size_t size = ZSTD_compress2(contexts.compress.get(), pending_.data() + before,
                                     pending_.size() - before, plain.data(), plain.size());
  JOIST_CHECK(!ZSTD_isError(size));
  pending_.resize(before + size);
  const Block block{written_ + before, static_cast<uint32_t>(size),
                    static_cast<uint32_t>(plain.size()), records};
  if (pending_.size() >= kWriteBytes) Flush();
  return block;
}

void SpillFile::Flush() {
  for (size_t done = 0; done < pending_.size();) {
    const ssize_t wrote = ::pwrite(file_, pending_.data() + done, pending_.size() - done,
                                   static_cast<off_t>(written_ + done));
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) {
      ThrowSpillError(wrote == 0 ? ENOSPC : errno, "cannot write", budget_->spill_directory());
    }
    done += static_cast<size_t>(wrote);
  }
  written_ += pending_.size();
  budget_->AddSpilled(static_cast<int64_t>(pending_.size()));
  pending_.clear();
}

std::string_view SpillFile::Read(const Block& block, Arena& arena) const {
  JOIST_CHECK(block.offset + block.stored_bytes <= written_);
  Contexts& contexts = ThreadContexts();
  if (contexts.decompress == nullptr) contexts.decompress.reset(ZSTD_createDCtx());
  contexts.bytes.resize(std::max<size_t>(contexts.bytes.size(), block.stored_bytes));
  for (size_t done = 0; done < block.stored_bytes;) {
    const ssize_t got = ::pread(file_, contexts.bytes.data() + done, block.stored_bytes - done,
                                static_cast<off_t>(block.offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      ThrowSpillError(got == 0 ? EIO : errno, "cannot read", budget_->spill_directory());
    }
    done += static_cast<size_t>(got);
  }
  char* const plain = arena.Allocate(block.plain_bytes);
  const size_t size = ZSTD_decompressDCtx(contexts.decompress.get(), plain, block.plain_bytes,
                                          contexts.bytes.data(), block.stored_bytes);
  if (ZSTD_isError(size) || size != block.plain_bytes) {
    throw StatusException(DataLoss("a temporary file in " + budget_->spill_directory() +
                                   " was damaged: " + ZSTD_getErrorName(size)));
  }
  return {plain, block.plain_bytes};
}

}  // namespace joist
