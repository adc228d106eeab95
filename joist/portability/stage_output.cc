// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/stage_output.h"

#include <string>
#include <utility>

namespace joist::portability {

StageOutput::StageOutput(const WireCoder* coder, const WindowCodec* windows)
    : coder_(coder), windows_codec_(windows) {}

Result<size_t> StageOutput::Push(std::string_view bytes) {
  ByteReader reader(bytes);
  size_t pushed = 0;
  while (reader.remaining() > 0) {
    if (!windows_codec_->TakeHeader(&reader, &header_)) break;
    const size_t begin = reader.position();
    if (!coder_->Skip(&reader)) break;
    const std::string_view value = bytes.substr(begin, reader.position() - begin);
    for (const Window& window : header_.windows) {
      values_.writer().SetView(count_, value);
      timestamps_.Set(count_, header_.timestamp);
      windows_.Set(count_, window);
      panes_.Set(count_, header_.pane);
      ++pushed;
      if (++count_ == kBatchSize) Flush();
    }
  }
  Flush();
  if (reader.error() != nullptr) {
    return Internal(std::string("the SDK has output bytes that are no element: ") + reader.error());
  }
  return pushed;
}

void StageOutput::Flush() {
  if (count_ == 0) return;
  const Meta meta{timestamps_.column(), windows_.column(), panes_.column()};
  output_.Push({values_.view(), std::exchange(count_, 0), meta});
}

}  // namespace joist::portability
