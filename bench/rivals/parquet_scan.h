// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// The sum per key of some rows of a Parquet file, by hand: the three columns that matter in Arrow's
// batches (record_batches.h), the pairs that are wanted in a table a thread (sum_pairs.h).

#ifndef JOIST_BENCH_RIVALS_PARQUET_SCAN_H_
#define JOIST_BENCH_RIVALS_PARQUET_SCAN_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "bench/pairs.h"
#include "bench/rivals/record_batches.h"
#include "bench/rivals/sum_pairs.h"

namespace joist::bench {

/// Columns 0, 1, 2 of the file are key, value (int64) and kind (int32). Throws.
template <typename Consumer>
void ScanParquet(const std::string& path, int32_t kinds, std::vector<Consumer>& consumers) {
  RecordBatches batches(path, {0, 1, 2});
  SumTables(consumers, [&](size_t, SumTable& table) {
    std::array<Pair, SumTable::kMostPairs> pairs;
    size_t count = 0;
    batches.ForEach([&](const ::arrow::RecordBatch& batch) {
      const auto* key = ColumnOf<int64_t>(batch, 0);
      const auto* value = ColumnOf<int64_t>(batch, 1);
      const auto* kind = ColumnOf<int32_t>(batch, 2);
      for (int64_t i = 0; i < batch.num_rows(); ++i) {
        pairs[count] = {key[i], value[i]};
        count += kind[i] < kinds ? 1 : 0;
        if (count < pairs.size()) continue;
        table.Add(pairs.data(), count);
        count = 0;
      }
    });
    table.Add(pairs.data(), count);
  });
}

}  // namespace joist::bench

#endif  // JOIST_BENCH_RIVALS_PARQUET_SCAN_H_
