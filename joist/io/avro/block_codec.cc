// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/avro/block_codec.h"

#include <snappy.h>
#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <new>

namespace joist::avro {
namespace {

constexpr std::string_view kNames[] = {"null", "deflate", "snappy", "zstandard", "bzip2"};
constexpr size_t kChecksum = 4;  // Behind what snappy has compressed.
constexpr size_t kLeastMemory = 64 << 10;

// zlib's CRC-32 as Avro puts it behind snappy's data: big-endian.
std::string Checksum(std::string_view data) {
  const auto sum = crc32_z(0, reinterpret_cast<const Bytef*>(data.data()), data.size());
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(sum >> shift);
  return bytes;
}

unsigned Bounded(size_t size) { return static_cast<unsigned>(std::min<size_t>(size, 1u << 30)); }

Status Deflate(std::string_view data, std::string* out) {
  z_stream stream = {};
  if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY) !=
      Z_OK) {
    throw std::bad_alloc();
  }
  const size_t before = out->size();
  out->resize(before + deflateBound(&stream, data.size()));
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data.data()));
  stream.avail_in = static_cast<uInt>(data.size());
  stream.next_out = reinterpret_cast<Bytef*>(out->data() + before);
  stream.avail_out = static_cast<uInt>(out->size() - before);
  const int code = deflate(&stream, Z_FINISH);
  out->resize(out->size() - stream.avail_out);
  deflateEnd(&stream);
  return code == Z_STREAM_END ? OkStatus() : Internal("deflate did not finish");
}

}  // namespace

std::string_view CodecName(Codec codec) { return kNames[static_cast<size_t>(codec)]; }

Result<Codec> CodecFromName(std::string_view name) {
  const auto* found = std::find(std::begin(kNames), std::end(kNames), name);
  if (found == std::end(kNames)) {
    return InvalidArgument("its codec is \"" + std::string(name.substr(0, 100)) +
                           "\"; Joist knows null, deflate, snappy, zstandard and bzip2");
  }
  return static_cast<Codec>(found - kNames);
}

// Deflate without a frame (RFC 1951).
class BlockDecompressor::Inflater final : public files::Decompressor {
 public:
  Inflater() {
    if (inflateInit2(&stream_, -MAX_WBITS) != Z_OK) throw std::bad_alloc();
  }
  ~Inflater() override { inflateEnd(&stream_); }

  Result<Progress> Run(const char* in, size_t in_size, char* out, size_t out_size) override {
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in));
    stream_.avail_in = Bounded(in_size);
    stream_.next_out = reinterpret_cast<Bytef*>(out);
    stream_.avail_out = Bounded(out_size);
    const int code = inflate(&stream_, Z_NO_FLUSH);
    at_boundary_ = code == Z_STREAM_END;
    if (at_boundary_) {
      inflateReset(&stream_);
    } else if (code == Z_MEM_ERROR) {
      throw std::bad_alloc();
    } else if (code != Z_OK && code != Z_BUF_ERROR) {
      return DataLoss(stream_.msg != nullptr ? stream_.msg : "invalid data");
    }
    return Progress{static_cast<size_t>(reinterpret_cast<char*>(stream_.next_in) - in),
                    static_cast<size_t>(reinterpret_cast<char*>(stream_.next_out) - out)};
  }
  bool at_boundary() const override { return at_boundary_; }

 private:
  z_stream stream_ = {};
  bool at_boundary_ = true;
};

BlockDecompressor::BlockDecompressor(Codec codec, uint64_t most_bytes)
    : codec_(codec), most_bytes_(most_bytes) {}
BlockDecompressor::BlockDecompressor(BlockDecompressor&&) noexcept = default;
BlockDecompressor& BlockDecompressor::operator=(BlockDecompressor&&) noexcept = default;
BlockDecompressor::~BlockDecompressor() = default;

void BlockDecompressor::Reserve(size_t size, size_t kept) {
  if (size <= capacity_) return;
  auto larger = std::make_unique_for_overwrite<char[]>(size + kSlack);
  if (kept > 0) std::memcpy(larger.get(), memory_.get(), kept);
  memory_ = std::move(larger);
  capacity_ = size;
}

Result<std::string_view> BlockDecompressor::Run(std::string_view stored) {
  if (codec_ == Codec::kNull) return stored;
  if (codec_ == Codec::kSnappy) return Snappy(stored);
  if (decompressor_ == nullptr) {
    if (codec_ == Codec::kDeflate) {
      decompressor_ = std::make_unique<Inflater>();
    } else {
      decompressor_ = files::Decompressor::Create(
          codec_ == Codec::kZstandard ? files::Compression::kZstd : files::Compression::kBzip2);
    }
  }
  Result<std::string_view> data = Stream(*decompressor_, stored);
  if (!data.ok()) decompressor_ = nullptr;  // It may be in the middle of something.
  return data;
}

Result<std::string_view> BlockDecompressor::Snappy(std::string_view stored) {
  if (stored.size() < kChecksum) return DataLoss("it ends too early");
  const std::string_view compressed = stored.substr(0, stored.size() - kChecksum);
  size_t size;
  if (!snappy::GetUncompressedLength(compressed.data(), compressed.size(), &size) ||
      (size <= most_bytes_ &&
       !snappy::IsValidCompressedBuffer(compressed.data(), compressed.size()))) {
    return DataLoss("invalid data");
  }
  if (size > most_bytes_) return DataLoss("it has more bytes than allowed");
  Reserve(size, 0);
  if (!snappy::RawUncompress(compressed.data(), compressed.size(), memory_.get())) {
    return DataLoss("invalid data");
  }
  const std::string_view data(memory_.get(), size);
  if (Checksum(data) != stored.substr(compressed.size())) return DataLoss("incorrect data check");
  return data;
}

Result<std::string_view> BlockDecompressor::Stream(files::Decompressor& decompressor,
                                                   std::string_view stored) {
  Reserve(std::min<uint64_t>(std::max(kLeastMemory, 4 * stored.size()), most_bytes_), 0);
  size_t size = 0;
  for (;;) {
    JOIST_ASSIGN_OR_RETURN(
        const files::Decompressor::Progress progress,
        decompressor.Run(stored.data(), stored.size(), memory_.get() + size, capacity_ - size));
    stored.remove_prefix(progress.consumed);
    size += progress.produced;
    // Python's writers leave a part of zlib's checksum behind deflate's end.
    if (decompressor.at_boundary() && (stored.empty() || codec_ == Codec::kDeflate)) {
      return std::string_view(memory_.get(), size);
    }
    if (size == capacity_) {
      // A byte more than allowed tells whether there are more.
      if (size > most_bytes_) return DataLoss("it has more bytes than allowed");
      Reserve(std::min<uint64_t>(2 * capacity_, most_bytes_) + 1, size);
    } else if (progress.consumed == 0 && progress.produced == 0) {
      return DataLoss("it ends too early");
    }
  }
}

Status BlockCompressor::Run(std::string_view data, std::string* out) {
  switch (codec_) {
    case Codec::kNull: out->append(data); return OkStatus();
    case Codec::kDeflate: return Deflate(data, out);
    case Codec::kSnappy: {
      const size_t before = out->size();
      out->resize(before + snappy::MaxCompressedLength(data.size()));
      size_t size;
      snappy::RawCompress(data.data(), data.size(), out->data() + before, &size);
      out->resize(before + size);
      out->append(Checksum(data));
      return OkStatus();
    }
    case Codec::kZstandard:
      if (zstd_ == nullptr) zstd_ = files::Compressor::Create(files::Compression::kZstd);
      return zstd_->Run(data, /*at_end=*/true, out);
    case Codec::kBzip2:
      return files::Compressor::Create(files::Compression::kBzip2)->Run(data, /*at_end=*/true, out);
  }
  return OkStatus();
}

}  // namespace joist::avro
