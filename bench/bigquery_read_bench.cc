// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Rows out of tables: a pipeline through joist/io/bigquery, Storage Read and gRPC out of Joist's
// tables in this process, beside a loop over DuckDB's chunks by hand that makes the same rows. Two
// columns, as events_per_user has. Both sum up what they read, and the sums must agree.

#include <benchmark/benchmark.h>

#include <duckdb.h>
#include <grpcpp/grpcpp.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "joist/io/bigquery/read.h"
#include "joist/joist.h"
#include "joist/serve/bigquery/read_service.h"
#include "joist/store/tables/query.h"
#include "joist/store/tables/table_store.h"

namespace joist::bigquery {

struct ReadCount {
  std::string user;
  int64_t events = 0;
};
JOIST_ROW(ReadCount, user, events)

/// Of what a pipeline has read.
inline std::atomic<int64_t> sum_of_events{0};
inline std::atomic<int64_t> sum_of_lengths{0};

struct SumUp {
  int64_t unused = 0;
  int64_t events = 0;
  int64_t lengths = 0;
  void StartBundle() { events = lengths = 0; }
  void Process(const ReadCount& row, Emit<int64_t>) {
    events += row.events;
    lengths += static_cast<int64_t>(row.user.size());
  }
  void FinishBundle() const {
    sum_of_events += events;
    sum_of_lengths += lengths;
  }
};
constexpr FieldList<SumUp, &SumUp::unused> JoistFields(const SumUp*) {
  return {"SumUp", {"unused"}};
}

namespace {

constexpr int64_t kRows = 4'000'000;
constexpr int64_t kSumOfEvents = kRows / 100 * 4'950;
constexpr int64_t kSumOfLengths = kRows * 9;

/// Tables with the one that is read, made once, in a folder of its own.
class BenchTables {
 public:
  BenchTables() {
    store_ = *tables::TableStore::Open({.folder = folder_});
    const auto made = store_->CreateDataset({"p", "d"}, "{}");
    const auto filled = tables::RunQuery(
        store_.get(), {.sql = "CREATE TABLE d.t AS SELECT 'u' || (10000000 + MOD(i, 100000)) AS "
                              "user, MOD(i, 100) AS events FROM UNNEST(GENERATE_ARRAY(0, " +
                              std::to_string(kRows - 1) + ")) AS i",
                       .project = "p"});
    ok_ = made.ok() && filled.ok();
  }
  ~BenchTables() {
    store_ = nullptr;
    std::filesystem::remove_all(folder_);
  }
  BenchTables(const BenchTables&) = delete;
  BenchTables& operator=(const BenchTables&) = delete;
  bool ok() const { return ok_; }
  tables::TableStore* store() { return store_.get(); }

 private:
  const std::string folder_ =
      std::filesystem::temp_directory_path().string() + "/joist_reads_" + std::to_string(getpid());
  std::unique_ptr<tables::TableStore> store_;
  bool ok_ = false;
};

BenchTables& Tables() {
  static BenchTables tables;
  return tables;
}

void ReadConnector(benchmark::State& state) {
  if (!Tables().ok()) return state.SkipWithError("no table");
  const auto service = serve::MakeBigQueryRead(Tables().store());
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(service.get());
  const auto server = builder.BuildAndStart();
  for ([[maybe_unused]] const auto& round : state) {
    sum_of_events = sum_of_lengths = 0;
    const std::string threads = "--max_num_workers=" + std::to_string(state.range(0));
    const char* const argv[] = {"bench", threads.c_str()};
    Pipeline p(2, argv);
    p | "Read" >> ReadRows<ReadCount>("p.d.t").WithEndpoint("127.0.0.1:" + std::to_string(port)) |
        "Sum" >> ParDo(SumUp());
    const Status status = p.Run().WaitUntilFinish().status();
    if (!status.ok()) return state.SkipWithError(status.message().c_str());
    if (sum_of_events != kSumOfEvents || sum_of_lengths != kSumOfLengths) {
      return state.SkipWithError("rows are missing, twice, or others");
    }
  }
  state.SetItemsProcessed(state.iterations() * kRows);
  server->Shutdown();
}
BENCHMARK(ReadConnector)
    ->Arg(1)
    ->Arg(2)
    ->Unit(benchmark::kMillisecond)
    ->MeasureProcessCPUTime()
    ->UseRealTime();

void ReadByHand(benchmark::State& state) {
  if (!Tables().ok()) return state.SkipWithError("no table");
  for ([[maybe_unused]] const auto& round : state) {
    auto rows = tables::QueryStream::Open(Tables().store(), "SELECT * FROM \"p.d\".t");
    if (!rows.ok()) return state.SkipWithError(rows.status().message().c_str());
    std::vector<ReadCount> batch(2'048);
    int64_t events = 0, lengths = 0;
    while (true) {
      const auto chunk = (*rows)->Next();
      if (!chunk.ok()) return state.SkipWithError(chunk.status().message().c_str());
      if (chunk->rows() == 0) break;
      const void* const users = duckdb_vector_get_data(chunk->column(0));
      const auto* const numbers =
          static_cast<const int64_t*>(duckdb_vector_get_data(chunk->column(1)));
      for (size_t i = 0; i < chunk->rows(); ++i) {
        batch[i].user = tables::TextAt(users, i);
        batch[i].events = numbers[i];
      }
      for (size_t i = 0; i < chunk->rows(); ++i) {
        events += batch[i].events;
        lengths += static_cast<int64_t>(batch[i].user.size());
      }
    }
    if (events != kSumOfEvents || lengths != kSumOfLengths) state.SkipWithError("other rows");
  }
  state.SetItemsProcessed(state.iterations() * kRows);
}
BENCHMARK(ReadByHand)->Unit(benchmark::kMillisecond)->MeasureProcessCPUTime()->UseRealTime();

}  // namespace
}  // namespace joist::bigquery
