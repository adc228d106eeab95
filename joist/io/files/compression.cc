// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/files/compression.h"

#include <bzlib.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <climits>
#include <cstring>
#include <new>

namespace joist::files {
namespace {

constexpr size_t kOutputStep = 64 << 10;

Status Corrupt(std::string phrase) { return DataLoss(std::move(phrase)); }

// zlib and bzlib count in 32 bits.
unsigned Bounded(size_t size) { return static_cast<unsigned>(std::min<size_t>(size, 1u << 30)); }

class GzipDecompressor final : public Decompressor {
 public:
  GzipDecompressor() {
    if (inflateInit2(&stream_, 16 + MAX_WBITS) != Z_OK) throw std::bad_alloc();
  }
  ~GzipDecompressor() override { inflateEnd(&stream_); }

  Result<Progress> Run(const char* in, size_t in_size, char* out, size_t out_size) override {
    size_t skipped = 0;
    if (between_members_) {
      // Archives written to tape are padded with zeros, which every gzip accepts.
      while (skipped < in_size && in[skipped] == '\0' && any_member_) ++skipped;
      if (skipped == in_size) return Progress{skipped, 0};
      if (skipped > 0) return Corrupt("bytes follow the padding behind the last member");
      between_members_ = false;
    }
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in));
    stream_.avail_in = Bounded(in_size);
    stream_.next_out = reinterpret_cast<Bytef*>(out);
    stream_.avail_out = Bounded(out_size);
    const int code = inflate(&stream_, Z_NO_FLUSH);
    const Progress progress{static_cast<size_t>(reinterpret_cast<char*>(stream_.next_in) - in),
                            static_cast<size_t>(reinterpret_cast<char*>(stream_.next_out) - out)};
    if (code == Z_STREAM_END) {
      any_member_ = true;
      between_members_ = true;
      inflateReset(&stream_);
    } else if (code == Z_MEM_ERROR) {
      throw std::bad_alloc();
    } else if (code != Z_OK && code != Z_BUF_ERROR) {
      return Corrupt(stream_.msg != nullptr ? stream_.msg : "invalid data");
    }
    return progress;
  }

  bool at_boundary() const override { return between_members_; }

 private:
  z_stream stream_ = {};
  bool between_members_ = true;
  bool any_member_ = false;
};

class ZstdDecompressor final : public Decompressor {
 public:
  ZstdDecompressor() : stream_(ZSTD_createDStream()) {
    if (stream_ == nullptr) throw std::bad_alloc();
  }
  ~ZstdDecompressor() override { ZSTD_freeDStream(stream_); }

  Result<Progress> Run(const char* in, size_t in_size, char* out, size_t out_size) override {
    if (in_size == 0 && at_boundary_) return Progress{};  // It would ask for another frame.
    ZSTD_inBuffer input = {in, in_size, 0};
    ZSTD_outBuffer output = {out, out_size, 0};
    const size_t code = ZSTD_decompressStream(stream_, &output, &input);
    if (ZSTD_isError(code)) return Corrupt(ZSTD_getErrorName(code));
    at_boundary_ = code == 0;
    return Progress{input.pos, output.pos};
  }

  bool at_boundary() const override { return at_boundary_; }

 private:
  ZSTD_DStream* stream_;
  bool at_boundary_ = true;
};

class Bzip2Decompressor final : public Decompressor {
 public:
  ~Bzip2Decompressor() override { End(); }

  Result<Progress> Run(const char* in, size_t in_size, char* out, size_t out_size) override {
    if (!open_) {
      if (in_size == 0) return Progress{};
      stream_ = {};
      if (BZ2_bzDecompressInit(&stream_, 0, 0) != BZ_OK) throw std::bad_alloc();
      open_ = true;
    }
    stream_.next_in = const_cast<char*>(in);
    stream_.avail_in = Bounded(in_size);
    stream_.next_out = out;
    stream_.avail_out = Bounded(out_size);
    const int code = BZ2_bzDecompress(&stream_);
    const Progress progress{static_cast<size_t>(stream_.next_in - in),
                            static_cast<size_t>(stream_.next_out - out)};
    switch (code) {
      case BZ_OK: break;
      case BZ_STREAM_END: End(); break;
      case BZ_MEM_ERROR: throw std::bad_alloc();
      case BZ_DATA_ERROR_MAGIC: return Corrupt("incorrect header");
      default: return Corrupt("incorrect data check");
    }
    return progress;
  }

  bool at_boundary() const override { return !open_; }

 private:
  void End() {
    if (open_) BZ2_bzDecompressEnd(&stream_);
    open_ = false;
  }

  bz_stream stream_ = {};
  bool open_ = false;
};

class GzipCompressor final : public Compressor {
 public:
  GzipCompressor() {
    if (deflateInit2(&stream_, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 16 + MAX_WBITS, 8,
                     Z_DEFAULT_STRATEGY) != Z_OK) {
      throw std::bad_alloc();
    }
  }
  ~GzipCompressor() override { deflateEnd(&stream_); }

  Status Run(std::string_view plain, bool at_end, std::string* out) override {
    for (bool more = true; more;) {
      const size_t part = Bounded(plain.size());
      stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(plain.data()));
      stream_.avail_in = static_cast<uInt>(part);
      const size_t size = out->size();
      out->resize(size + kOutputStep);
      stream_.next_out = reinterpret_cast<Bytef*>(out->data() + size);
      stream_.avail_out = kOutputStep;
      const bool last = at_end && part == plain.size();
      const int code = deflate(&stream_, last ? Z_FINISH : Z_NO_FLUSH);
      if (code == Z_STREAM_ERROR) return Internal("deflate refuses its state");
      out->resize(size + kOutputStep - stream_.avail_out);
      plain.remove_prefix(part - stream_.avail_in);
      more = last ? code != Z_STREAM_END : !plain.empty();
    }
    return OkStatus();
  }

 private:
  z_stream stream_ = {};
};

class ZstdCompressor final : public Compressor {
 public:
  ZstdCompressor() : stream_(ZSTD_createCStream()) {
    if (stream_ == nullptr) throw std::bad_alloc();
    ZSTD_CCtx_setParameter(stream_, ZSTD_c_checksumFlag, 1);
  }
  ~ZstdCompressor() override { ZSTD_freeCStream(stream_); }

  Status Run(std::string_view plain, bool at_end, std::string* out) override {
    ZSTD_inBuffer input = {plain.data(), plain.size(), 0};
    for (bool more = true; more;) {
      const size_t size = out->size();
      out->resize(size + kOutputStep);
      ZSTD_outBuffer output = {out->data() + size, kOutputStep, 0};
      const size_t left =
          ZSTD_compressStream2(stream_, &output, &input, at_end ? ZSTD_e_end : ZSTD_e_continue);
      out->resize(size + output.pos);
      if (ZSTD_isError(left)) return Internal(ZSTD_getErrorName(left));
      more = at_end ? left != 0 : input.pos < input.size;
    }
    return OkStatus();
  }

 private:
  ZSTD_CStream* stream_;
};

class Bzip2Compressor final : public Compressor {
 public:
  Bzip2Compressor() {
    if (BZ2_bzCompressInit(&stream_, 9, 0, 0) != BZ_OK) throw std::bad_alloc();
  }
  ~Bzip2Compressor() override { BZ2_bzCompressEnd(&stream_); }

  Status Run(std::string_view plain, bool at_end, std::string* out) override {
    for (bool more = !plain.empty() || at_end; more;) {
      const size_t part = Bounded(plain.size());
      stream_.next_in = const_cast<char*>(plain.data());
      stream_.avail_in = static_cast<unsigned>(part);
      const size_t size = out->size();
      out->resize(size + kOutputStep);
      stream_.next_out = out->data() + size;
      stream_.avail_out = kOutputStep;
      const bool last = at_end && part == plain.size();
      const int code = BZ2_bzCompress(&stream_, last ? BZ_FINISH : BZ_RUN);
      if (code < 0) return Internal("bzip2 refuses its state");
      out->resize(size + kOutputStep - stream_.avail_out);
      plain.remove_prefix(part - stream_.avail_in);
      more = last ? code != BZ_STREAM_END : !plain.empty();
    }
    return OkStatus();
  }

 private:
  bz_stream stream_ = {};
};

}  // namespace

Compression ResolveCompression(Compression given, std::string_view path) {
  if (given != Compression::kAuto) return given;
  if (path.ends_with(".gz")) return Compression::kGzip;
  if (path.ends_with(".zst")) return Compression::kZstd;
  if (path.ends_with(".bz2")) return Compression::kBzip2;
  return Compression::kNone;
}

std::string_view CompressionName(Compression compression) {
  static constexpr std::string_view kNames[] = {"automatic", "none", "gzip", "zstd", "bzip2"};
  return kNames[static_cast<size_t>(compression)];
}

std::string_view CompressionSuffix(Compression compression) {
  static constexpr std::string_view kSuffixes[] = {"", "", ".gz", ".zst", ".bz2"};
  return kSuffixes[static_cast<size_t>(compression)];
}

std::unique_ptr<Decompressor> Decompressor::Create(Compression compression) {
  switch (compression) {
    case Compression::kGzip: return std::make_unique<GzipDecompressor>();
    case Compression::kZstd: return std::make_unique<ZstdDecompressor>();
    case Compression::kBzip2: return std::make_unique<Bzip2Decompressor>();
    default: return nullptr;
  }
}

std::unique_ptr<Compressor> Compressor::Create(Compression compression) {
  switch (compression) {
    case Compression::kGzip: return std::make_unique<GzipCompressor>();
    case Compression::kZstd: return std::make_unique<ZstdCompressor>();
    case Compression::kBzip2: return std::make_unique<Bzip2Compressor>();
    default: return nullptr;
  }
}

}  // namespace joist::files
