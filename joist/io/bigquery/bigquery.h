// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// BigQuery: rows in tables, of Google, of an emulator, or of `joist serve`; without any, of tables
// inside of this process (joist/io/google/service_channel.h).
//
//   struct Count { std::string user; int64_t events; };
//   JOIST_ROW(Count, user, events)
//   counts | joist::bigquery::WriteRows<Count>("shop.reports.counts")
//   p | joist::bigquery::ReadRows<Count>("shop.reports.counts")

#ifndef JOIST_IO_BIGQUERY_BIGQUERY_H_
#define JOIST_IO_BIGQUERY_BIGQUERY_H_

#include "joist/io/bigquery/read.h"
#include "joist/io/bigquery/write.h"

#endif  // JOIST_IO_BIGQUERY_BIGQUERY_H_
