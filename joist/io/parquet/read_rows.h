// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// For tests: the rows of a part of a file, without a pipeline.

#ifndef JOIST_IO_PARQUET_READ_ROWS_H_
#define JOIST_IO_PARQUET_READ_ROWS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "joist/io/parquet/fields.h"
#include "joist/io/parquet/predicate.h"
#include "joist/io/parquet/row_group_reader.h"

namespace joist::parquet {

template <class T>
Result<std::vector<T>> ReadRows(const std::string& path, const Predicate& where = {},
                                uint64_t begin = 0, uint64_t end = UINT64_MAX) {
  JOIST_ASSIGN_OR_RETURN(RowGroupReader reader,
                         RowGroupReader::Open(path, SchemaOf<T>(), where, begin, end));
  std::vector<T> all;
  std::vector<T> rows(RowGroupReader::kSliceRows);
  RowGroupReader::Slice slice;
  for (;;) {
    JOIST_ASSIGN_OR_RETURN(const bool more, reader.Next(&slice));
    if (!more) return all;
    Fault fault;
    if (!TakeRows(slice, rows.data(), &fault)) return reader.Describe(fault);
    all.insert(all.end(), rows.begin(), rows.begin() + static_cast<int64_t>(slice.rows));
  }
}

}  // namespace joist::parquet

#endif  // JOIST_IO_PARQUET_READ_ROWS_H_
