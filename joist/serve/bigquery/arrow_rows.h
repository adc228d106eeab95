// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#ifndef JOIST_SERVE_BIGQUERY_ARROW_ROWS_H_
#define JOIST_SERVE_BIGQUERY_ARROW_ROWS_H_

#include <string>

#include "joist/base/status.h"
#include "joist/store/tables/query.h"

namespace joist::serve {

/// Whether this program was built with Arrow; without, the functions fail with UNIMPLEMENTED.
bool HasArrow();
/// The rows' schema as a message of Arrow's IPC.
Result<std::string> ArrowSchemaOf(const tables::QueryStream& rows);
/// A chunk of these rows as a record batch of Arrow's IPC.
Result<std::string> ArrowBatchOf(const tables::QueryStream& rows, const tables::Chunk& chunk);

}  // namespace joist::serve

#endif  // JOIST_SERVE_BIGQUERY_ARROW_ROWS_H_
