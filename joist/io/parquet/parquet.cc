// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/parquet/parquet.h"

#include <string>
#include <utility>

#include "joist/base/status.h"

namespace joist::parquet {

files::WriteSettings Write::Prepare(PipelineBuilder& builder, const Schema& schema,
                                    bool by_key) const {
  files::WriteSettings settings = settings_;
  settings.by_key = by_key;
  settings.compression = files::Compression::kNone;  // Whatever the suffix.
  Result<std::string> empty = EmptyFile(schema);
  Status status = empty.status();
  if (group_rows_ < 1) {
    status = InvalidArgument("row groups of " + std::to_string(group_rows_) + " rows");
  }
  if (status.ok()) {
    settings.empty = std::move(*empty);
  } else {
    builder.graph().AddFault(Status(status.code(), "cannot write " + settings.prefix + ": " +
                                                       status.message() + " (" +
                                                       DescribeLocation(where) + ")"));
  }
  return files::PrepareShards(builder, std::move(settings), validate_, where);
}

}  // namespace joist::parquet
