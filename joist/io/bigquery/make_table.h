// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
#ifndef JOIST_IO_BIGQUERY_MAKE_TABLE_H_
#define JOIST_IO_BIGQUERY_MAKE_TABLE_H_

#include "joist/base/status.h"
#include "joist/io/bigquery/write_blocks.h"

namespace joist::bigquery {

/// Makes the table by BigQuery's REST API, and its dataset where that is missing; one that is there
/// already is left alone.
Status MakeTable(const TableSettings& settings);

}  // namespace joist::bigquery

#endif  // JOIST_IO_BIGQUERY_MAKE_TABLE_H_
