// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/avro/avro.h"

#include <random>
#include <utility>

namespace joist::avro {
namespace avro_rows_internal {

std::string NewMarker() {
  std::random_device random;
  std::string marker;
  while (marker.size() < ContainerHeader::kMarker) marker += static_cast<char>(random());
  return marker;
}

}  // namespace avro_rows_internal

files::WriteSettings Write::Prepare(PipelineBuilder& builder, const FieldShape& shape,
                                    const std::string& marker, bool by_key) const {
  files::WriteSettings settings = settings_;
  settings.by_key = by_key;
  settings.header = HeaderText({SchemaTextOf(shape), codec_, marker});
  return files::PrepareShards(builder, std::move(settings), validate_, where);
}

}  // namespace joist::avro
