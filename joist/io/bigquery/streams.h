// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#ifndef JOIST_IO_BIGQUERY_STREAMS_H_
#define JOIST_IO_BIGQUERY_STREAMS_H_

#include <memory>
#include <string>

#include "joist/io/bigquery/append_client.h"
#include "joist/io/bigquery/write_blocks.h"

namespace joist::bigquery {

/// Throws where there is no such service.
std::shared_ptr<AppendClient> ConnectTo(const TableSettings& settings);

/// A new stream of `table`, which is made as the settings say. Throws where it cannot.
std::string MakeStream(AppendClient* client, const TableSettings& settings,
                       const std::string& table, StreamType type);

/// As MakeTable, for another table than that of the settings.
Status MakeTableOf(TableSettings settings, const std::string& table);

/// The table of a stream's name.
std::string TableOfStream(const std::string& stream);

}  // namespace joist::bigquery

#endif  // JOIST_IO_BIGQUERY_STREAMS_H_
