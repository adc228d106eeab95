// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/serve/gunzip.h"

#include <zlib.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <utility>

namespace joist::serve {
namespace {

constexpr int kGzipOnly = 16 + MAX_WBITS;
constexpr size_t kFirstBytes = 64 << 10;

struct EndInflate {
  void operator()(z_stream* stream) const { inflateEnd(stream); }
};

/// Room for more, of which there is one byte too many at most.
void Grow(std::string* out, size_t used, size_t most_bytes) {
  const size_t wanted = std::max(kFirstBytes, 2 * used);
  out->resize(std::min(wanted, most_bytes + 1));
}

}  // namespace

Result<std::string> Gunzip(std::string_view compressed, size_t most_bytes) {
  if (compressed.size() > std::numeric_limits<uInt>::max()) {
    return Status(StatusCode::kResourceExhausted, "the gzip'ed body is too large");
  }
  z_stream stream = {};
  if (inflateInit2(&stream, kGzipOnly) != Z_OK) return Internal("zlib does not start");
  const std::unique_ptr<z_stream, EndInflate> ender(&stream);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(compressed.data()));
  stream.avail_in = static_cast<uInt>(compressed.size());
  std::string out;
  size_t used = 0;
  while (true) {
    if (used == out.size()) Grow(&out, used, most_bytes);
    stream.next_out = reinterpret_cast<Bytef*>(out.data() + used);
    const size_t room = std::min<size_t>(out.size() - used, std::numeric_limits<uInt>::max());
    stream.avail_out = static_cast<uInt>(room);
    const int code = inflate(&stream, Z_NO_FLUSH);
    used += room - stream.avail_out;
    if (used > most_bytes) {
      return Status(StatusCode::kResourceExhausted,
                    "the gzip'ed body holds more than " + std::to_string(most_bytes) + " bytes");
    }
    if (code == Z_STREAM_END && stream.avail_in == 0) break;
    if (code == Z_STREAM_END && inflateReset(&stream) == Z_OK) continue;  // The next member.
    if (code != Z_OK) return InvalidArgument("the body is no whole gzip file");
  }
  out.resize(used);
  return out;
}

}  // namespace joist::serve
