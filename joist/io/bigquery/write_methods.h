// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// What each Method makes of blocks. Blocks are in the global window.

#ifndef JOIST_IO_BIGQUERY_WRITE_METHODS_H_
#define JOIST_IO_BIGQUERY_WRITE_METHODS_H_

#include <string>
#include <string_view>

#include "joist/io/bigquery/row_json.h"
#include "joist/io/bigquery/write_blocks.h"
#include "joist/sdk/pcollection.h"

namespace joist::bigquery {

using Blocks = PCollection<KV<Lane, RowBlock>>;

/// The output of rows that were refused.
struct Failed {};

/// `row` is as EncodeRow makes it.
FailedRow MakeFailedRow(const RowJson& json, const std::string& table, std::string_view row,
                        const std::string& error);

/// kStorageWriteApi: a block that is refused ends the job.
PCollection<std::string> WriteAtStreamOffsets(const Blocks& blocks, const TableSettings& settings,
                                              Duration wait);
/// kStorageWriteApi with failed rows.
WriteResult WriteUnseen(const Blocks& blocks, const TableSettings& settings, Duration wait);
/// kStorageApiAtLeastOnce.
WriteResult WriteToDefaultStreams(const Blocks& blocks, const TableSettings& settings);
/// kStreamingInserts.
WriteResult WriteInserts(const Blocks& blocks, const TableSettings& settings);
/// kFileLoads.
PCollection<std::string> WriteLoads(const Blocks& blocks, const TableSettings& settings);

}  // namespace joist::bigquery

#endif  // JOIST_IO_BIGQUERY_WRITE_METHODS_H_
