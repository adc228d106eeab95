// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/engine/packed_block.h"

#include <zstd.h>

#include <algorithm>

namespace joist {
namespace {

constexpr int kPackingLevel = 1;  // What takes the least time with the disk's taken into account.
constexpr size_t kUnpackedAtOnce = size_t{1} << 20;

}  // namespace

struct BlockPacker::Context {
  ~Context() { ZSTD_freeCCtx(zstd); }
  ZSTD_CCtx* zstd = ZSTD_createCCtx();
};

BlockPacker::BlockPacker() : context_(std::make_unique<Context>()) {
  ZSTD_CCtx_setParameter(context_->zstd, ZSTD_c_compressionLevel, kPackingLevel);
  ZSTD_CCtx_setParameter(context_->zstd, ZSTD_c_checksumFlag, 1);
}
BlockPacker::~BlockPacker() = default;

Result<std::string_view> BlockPacker::Pack(std::string_view plain) {
  packed_.resize(ZSTD_compressBound(plain.size()));
  const size_t size =
      ZSTD_compress2(context_->zstd, packed_.data(), packed_.size(), plain.data(), plain.size());
  if (ZSTD_isError(size) != 0) return Internal(ZSTD_getErrorName(size));
  return std::string_view(packed_).substr(0, size);
}

struct BlockUnpacker::Context {
  ~Context() { ZSTD_freeDCtx(zstd); }
  ZSTD_DCtx* zstd = ZSTD_createDCtx();
};

BlockUnpacker::BlockUnpacker() : context_(std::make_unique<Context>()) {}
BlockUnpacker::~BlockUnpacker() = default;

const char* BlockUnpacker::Unpack(std::string_view packed, size_t most, std::string* plain) const {
  ZSTD_DCtx_reset(context_->zstd, ZSTD_reset_session_only);
  plain->clear();
  ZSTD_inBuffer in{packed.data(), packed.size(), 0};
  for (size_t left = 1; left != 0;) {
    const size_t before = plain->size();
    const size_t room = std::min(kUnpackedAtOnce, most - before);
    plain->resize(before + room);
    ZSTD_outBuffer out{plain->data() + before, room, 0};
    left = ZSTD_decompressStream(context_->zstd, &out, &in);
    plain->resize(before + out.pos);
    if (ZSTD_isError(left) != 0) return ZSTD_getErrorName(left);
    if (left == 0 || out.pos > 0) continue;
    if (room == 0) return "a block is too large";
    if (in.pos == in.size) return "a block ends too early";
  }
  return in.pos == in.size ? nullptr : "something follows a block";
}

}  // namespace joist
