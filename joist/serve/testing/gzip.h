// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// For tests.

#ifndef JOIST_SERVE_TESTING_GZIP_H_
#define JOIST_SERVE_TESTING_GZIP_H_

#include <zlib.h>

#include <string>
#include <string_view>

namespace joist::serve {

/// `text` as a gzip file.
inline std::string Gzip(std::string_view text) {
  z_stream stream = {};
  deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, text.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(out.size() - stream.avail_out);
  deflateEnd(&stream);
  return out;
}

}  // namespace joist::serve

#endif  // JOIST_SERVE_TESTING_GZIP_H_
