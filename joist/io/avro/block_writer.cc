// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/avro/block_writer.h"

#include "joist/io/avro/encode.h"

namespace joist::avro {

Result<std::string_view> BlockWriter::Finish() {
  stored_.clear();
  JOIST_RETURN_IF_ERROR(compressor_.Run(records_, &stored_));
  block_.clear();
  PutLong(static_cast<int64_t>(count_), &block_);
  PutText(stored_, &block_);
  block_ += marker_;
  records_.clear();
  count_ = 0;
  return std::string_view(block_);
}

}  // namespace joist::avro
