// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// The sum per key of some rows of a Parquet file, by hand: each thread takes row groups by a
// counter, has Arrow decode the three columns that matter in batches of 16 K rows, and puts the
// pairs that are wanted into its table (sum_pairs.h).

#ifndef JOIST_BENCH_RIVALS_PARQUET_SCAN_H_
#define JOIST_BENCH_RIVALS_PARQUET_SCAN_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <arrow/array.h>
#include <arrow/io/file.h>
#include <arrow/record_batch.h>
#include <parquet/arrow/reader.h>

#include "bench/pairs.h"
#include "bench/rivals/sum_pairs.h"

namespace joist::bench {

/// Columns 0, 1, 2 of the file are key, value (int64) and kind (int32). Throws.
template <typename Consumer>
void ScanParquet(const std::string& path, int32_t kinds, std::vector<Consumer>& consumers) {
  std::atomic<int> next_group = 0;
  SumTables(consumers, [&](size_t, SumTable& table) {
    ::parquet::ArrowReaderProperties properties(/*use_threads=*/false);
    properties.set_batch_size(16 << 10);
    const auto reader =
        ::parquet::arrow::FileReader::Make(
            ::arrow::default_memory_pool(),
            ::parquet::ParquetFileReader::Open(::arrow::io::ReadableFile::Open(path).ValueOrDie()),
            properties)
            .ValueOrDie();
    std::array<Pair, SumTable::kMostPairs> pairs;
    size_t count = 0;
    for (int group; (group = next_group++) < reader->num_row_groups();) {
      const auto batches = reader->GetRecordBatchReader({group}, {0, 1, 2}).ValueOrDie();
      std::shared_ptr<::arrow::RecordBatch> batch;
      while (batches->ReadNext(&batch).ok() && batch != nullptr) {
        const int64_t* key = batch->column_data(0)->GetValues<int64_t>(1);
        const int64_t* value = batch->column_data(1)->GetValues<int64_t>(1);
        const int32_t* kind = batch->column_data(2)->GetValues<int32_t>(1);
        for (int64_t i = 0; i < batch->num_rows(); ++i) {
          pairs[count] = {key[i], value[i]};
          count += kind[i] < kinds ? 1 : 0;
          if (count < pairs.size()) continue;
          table.Add(pairs.data(), count);
          count = 0;
        }
      }
    }
    table.Add(pairs.data(), count);
  });
}

}  // namespace joist::bench

#endif  // JOIST_BENCH_RIVALS_PARQUET_SCAN_H_
