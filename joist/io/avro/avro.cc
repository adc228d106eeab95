// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/avro/avro.h"

#include <random>

namespace joist::avro::avro_rows_internal {

std::string NewMarker() {
  std::random_device random;
  std::string marker;
  while (marker.size() < ContainerHeader::kMarker) marker += static_cast<char>(random());
  return marker;
}

}  // namespace joist::avro::avro_rows_internal
