// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/serve/bigquery/arrow_rows.h"

namespace joist::serve {

namespace {

Status NoArrow() {
  return {StatusCode::kUnimplemented, "this program was built without Arrow; ask for AVRO"};
}

}  // namespace

bool HasArrow() { return false; }

Result<std::string> ArrowSchemaOf(const tables::QueryStream&) { return NoArrow(); }

Result<std::string> ArrowBatchOf(const tables::QueryStream&, const tables::Chunk&) {
  return NoArrow();
}

}  // namespace joist::serve
