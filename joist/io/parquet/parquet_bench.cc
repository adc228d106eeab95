// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Rows a second out of a Parquet file of six columns, of which three are wanted: filtered and added
// up per key on one thread, as a pipeline and as a loop written by hand over Arrow's batches. The
// predicate keeps half of the rows and no statistics help. Everybody leaves the same sums. Then the
// rows alone: Joist's reader without a pipeline, and Arrow's decoding without rows, which is what
// is not Joist's.

#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

#include <arrow/array.h>
#include <arrow/io/file.h>
#include <arrow/record_batch.h>
#include <benchmark/benchmark.h>
#include <parquet/arrow/reader.h>

#include "joist/io/parquet/parquet.h"
#include "joist/joist.h"

namespace joist::parquet {

struct Wide {
  int64_t key = 0;
  double value = 0;
  int32_t kind = 0;
  std::string name;
  int64_t time = 0;
  std::string comment;
};
JOIST_ROW(Wide, key, value, kind, name, time, comment)

struct Pair {
  int64_t key = 0;
  double value = 0;
};
JOIST_ROW(Pair, key, value)

struct Named {
  std::string name;
  int64_t time = 0;
};
JOIST_ROW(Named, name, time)

/// The sum of a collection's values, for the check.
struct AddUp {
  void operator()(const KV<int64_t, double>& kv) const { Total() += kv.value; }
  static double& Total() {
    static double total = 0;
    return total;
  }
};

namespace {

constexpr int64_t kRows = 400'000;
constexpr int32_t kKinds = 100;
constexpr int32_t kWanted = 50;

struct TemporaryFile {
  std::string path;
  ~TemporaryFile() { unlink(path.c_str()); }
};

const std::string& Path() {
  static const TemporaryFile file{[] {
    std::string made = "/tmp/joist_parquet_bench." + std::to_string(getpid());
    std::mt19937_64 random(1);
    auto file = RowFileWriter::Create(made, made, SchemaOf<Wide>(), Codec::kSnappy, 100'000);
    for (int64_t i = 0; i < kRows; ++i) {
      const Wide row{static_cast<int64_t>(random() % 10'000),
                     static_cast<double>(random() % 1000),
                     static_cast<int32_t>(random() % kKinds),
                     "name " + std::to_string(random() % 1'000'000),
                     1'700'000'000'000 + i,
                     "some comment of some length"};
      PutRow(row, file->columns());
      if (!file->EndRow().ok()) std::abort();
    }
    if (!file->Close().ok()) std::abort();
    return made;
  }()};
  return file.path;
}

void Report(benchmark::State& state) { state.SetItemsProcessed(state.iterations() * kRows); }

double SumByHand() {
  auto file = *::arrow::io::ReadableFile::Open(Path());
  std::unique_ptr<::parquet::arrow::FileReader> reader;
  ::parquet::ArrowReaderProperties properties(/*use_threads=*/false);
  properties.set_batch_size(16 << 10);
  reader = *::parquet::arrow::FileReader::Make(
      ::arrow::default_memory_pool(), ::parquet::ParquetFileReader::Open(file), properties);
  std::vector<int> groups(static_cast<size_t>(reader->num_row_groups()));
  for (size_t i = 0; i < groups.size(); ++i) groups[i] = static_cast<int>(i);
  auto batches = *reader->GetRecordBatchReader(groups, {0, 1, 2});
  std::unordered_map<int64_t, double> sums;
  std::shared_ptr<::arrow::RecordBatch> batch;
  while (batches->ReadNext(&batch).ok() && batch != nullptr) {
    const int64_t* keys = batch->column_data(0)->GetValues<int64_t>(1);
    const double* values = batch->column_data(1)->GetValues<double>(1);
    const int32_t* kinds = batch->column_data(2)->GetValues<int32_t>(1);
    for (int64_t i = 0; i < batch->num_rows(); ++i) {
      if (kinds[i] < kWanted) sums[keys[i]] += values[i];
    }
  }
  double total = 0;
  for (const auto& [key, sum] : sums) total += sum;
  return total;
}

void BM_SumByHand(benchmark::State& state) {
  Path();
  for (auto _ : state) benchmark::DoNotOptimize(SumByHand());
  Report(state);
}
BENCHMARK(BM_SumByHand)->Unit(benchmark::kMillisecond);

void BM_SumByPipeline(benchmark::State& state) {
  const double expected = SumByHand();
  for (auto _ : state) {
    AddUp::Total() = 0;
    const char* const arguments[] = {"parquet_bench", "--max_num_workers=1", "--progress=off"};
    Pipeline p(3, arguments);
    p | Read<Pair>(Path()).Where(Column("kind") < kWanted) |
        Map([](const Pair& pair) { return KV<int64_t, double>{pair.key, pair.value}; }) |
        Sum::PerKey() | MapBatches([](const Batch<KV<int64_t, double>>& sums, Emit<int64_t>) {
          for (size_t i = 0; i < sums.size(); ++i) AddUp()(sums[i]);
        });
    if (p.Run().WaitUntilFinish().exit_code() != 0 || AddUp::Total() != expected) std::abort();
  }
  Report(state);
}
BENCHMARK(BM_SumByPipeline)->Unit(benchmark::kMillisecond);

template <class T>
void BM_Rows(benchmark::State& state) {
  Path();
  std::vector<T> rows(RowGroupReader::kSliceRows);
  for (auto _ : state) {
    auto reader = RowGroupReader::Open(Path(), SchemaOf<T>(), {}, 0, UINT64_MAX);
    if (!reader.ok()) std::abort();
    RowGroupReader::Slice slice;
    int64_t count = 0;
    while (*reader->Next(&slice)) {
      Fault fault;
      if (!TakeRows(slice, rows.data(), &fault)) std::abort();
      count += static_cast<int64_t>(slice.rows);
    }
    if (count != kRows) std::abort();
  }
  Report(state);
}
BENCHMARK(BM_Rows<Pair>)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_Rows<Named>)->Unit(benchmark::kMillisecond);

void BM_ColumnsOfArrow(benchmark::State& state) {
  Path();
  const bool named = state.range(0) != 0;
  for (auto _ : state) {
    auto file = *::arrow::io::ReadableFile::Open(Path());
    ::parquet::ArrowReaderProperties properties(/*use_threads=*/false);
    properties.set_batch_size(16 << 10);
    auto reader = *::parquet::arrow::FileReader::Make(
        ::arrow::default_memory_pool(), ::parquet::ParquetFileReader::Open(file), properties);
    const auto columns = named ? std::vector<int>{3, 4} : std::vector<int>{0, 1};
    auto batches = *reader->GetRecordBatchReader({0, 1, 2, 3}, columns);
    std::shared_ptr<::arrow::RecordBatch> batch;
    int64_t count = 0;
    while (batches->ReadNext(&batch).ok() && batch != nullptr) count += batch->num_rows();
    if (count != kRows) std::abort();
  }
  Report(state);
}
BENCHMARK(BM_ColumnsOfArrow)->Arg(0)->Arg(1)->ArgName("named")->Unit(benchmark::kMillisecond);

void BM_Write(benchmark::State& state) {
  const std::string path = Path() + ".written";
  for (auto _ : state) {
    auto file = RowFileWriter::Create(path, path, SchemaOf<Pair>(), Codec::kSnappy, 100'000);
    for (int64_t i = 0; i < kRows; ++i) {
      PutRow(Pair{i % 1000, static_cast<double>(i)}, file->columns());
      if (!file->EndRow().ok()) std::abort();
    }
    if (!file->Close().ok()) std::abort();
    unlink(path.c_str());
  }
  Report(state);
}
BENCHMARK(BM_Write)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace joist::parquet
