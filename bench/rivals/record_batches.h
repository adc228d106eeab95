// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// A Parquet file for several threads, by hand: row groups are taken from a counter, and Arrow
// decodes the columns that matter in batches of 16 K rows.

#ifndef JOIST_BENCH_RIVALS_RECORD_BATCHES_H_
#define JOIST_BENCH_RIVALS_RECORD_BATCHES_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <arrow/array.h>
#include <arrow/io/file.h>
#include <arrow/record_batch.h>
#include <parquet/arrow/reader.h>

namespace joist::bench {

class RecordBatches {
 public:
  /// `columns` are those of the file that matter, of which `texts` come as numbers into a
  /// dictionary.
  RecordBatches(std::string path, std::vector<int> columns, std::vector<int> texts = {})
      : path_(std::move(path)), columns_(std::move(columns)), texts_(std::move(texts)) {}

  /// Calls take(batch) for the batches that this thread gets. Throws.
  template <typename Take>
  void ForEach(Take take) {
    ::parquet::ArrowReaderProperties properties(/*use_threads=*/false);
    properties.set_batch_size(16 << 10);
    for (const int column : texts_) properties.set_read_dictionary(column, true);
    const auto reader =
        ::parquet::arrow::FileReader::Make(
            ::arrow::default_memory_pool(),
            ::parquet::ParquetFileReader::Open(::arrow::io::ReadableFile::Open(path_).ValueOrDie()),
            properties)
            .ValueOrDie();
    for (int group; (group = next_group_++) < reader->num_row_groups();) {
      const auto batches = reader->GetRecordBatchReader({group}, columns_).ValueOrDie();
      std::shared_ptr<::arrow::RecordBatch> batch;
      while (batches->ReadNext(&batch).ok() && batch != nullptr) take(*batch);
    }
  }

 private:
  std::string path_;
  std::vector<int> columns_;
  std::vector<int> texts_;
  std::atomic<int> next_group_ = 0;
};

template <typename T>
const T* ColumnOf(const ::arrow::RecordBatch& batch, int column) {
  return batch.column_data(column)->GetValues<T>(1);
}

/// A column of texts, as numbers of a dictionary that is the batch's own.
struct TextColumn {
  const int32_t* numbers;
  std::vector<std::string_view> dictionary;

  TextColumn(const ::arrow::RecordBatch& batch, int column)
      : numbers(ColumnOf<int32_t>(batch, column)) {
    const auto& array = static_cast<const ::arrow::DictionaryArray&>(*batch.column(column));
    const auto& texts = static_cast<const ::arrow::StringArray&>(*array.dictionary());
    for (int64_t i = 0; i < texts.length(); ++i) dictionary.push_back(texts.GetView(i));
  }
};

}  // namespace joist::bench

#endif  // JOIST_BENCH_RIVALS_RECORD_BATCHES_H_
