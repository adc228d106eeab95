// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Rows into tables: a pipeline through joist/io/bigquery and gRPC into Joist's tables, each row
// once and durable, beside DuckDB's appender called by hand. Two columns, as events_per_user has.

#include <benchmark/benchmark.h>

#include <duckdb.h>
#include <grpcpp/grpcpp.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>

#include "joist/io/bigquery/bigquery.h"
#include "joist/joist.h"
#include "joist/serve/bigquery/write_service.h"
#include "joist/store/tables/table_store.h"
#include "joist/transforms/generate_sequence.h"

namespace joist::bigquery {

struct BenchCount {
  std::string user;
  int64_t events = 0;
};
JOIST_ROW(BenchCount, user, events)

inline BenchCount BenchRow(int64_t i) {
  return {"u" + std::to_string(10'000'000 + i % 100'000), i % 100};
}

namespace {

/// A folder of its own, empty.
class BenchFolder {
 public:
  BenchFolder() { std::filesystem::create_directories(path_); }
  ~BenchFolder() { std::filesystem::remove_all(path_); }
  BenchFolder(const BenchFolder&) = delete;
  BenchFolder& operator=(const BenchFolder&) = delete;
  std::string operator/(const char* name) const { return path_ + "/" + name; }

 private:
  const std::string path_ = std::filesystem::temp_directory_path().string() + "/joist_bigquery_" +
                            std::to_string(getpid());
};

void Connector(benchmark::State& state) {
  const BenchFolder folder;
  auto store = *tables::TableStore::Open({.folder = folder / "tables"});
  const auto service = serve::MakeBigQueryWrite(store.get());
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.SetMaxReceiveMessageSize(20 << 20);
  builder.RegisterService(service.get());
  const auto server = builder.BuildAndStart();
  const auto schema = tables::SchemaFromJson(SchemaJson(ColumnsOf<BenchCount>()));
  if (!store->CreateDataset({"p", "d"}, "{}").ok() ||
      !store->CreateTable({"p", "d", "t"}, *schema, "{}").ok()) {
    return state.SkipWithError("no table");
  }
  int64_t written = 0;
  for ([[maybe_unused]] const auto& round : state) {
    const std::string threads = "--max_num_workers=" + std::to_string(state.range(1));
    const char* const argv[] = {"bench", threads.c_str()};
    Pipeline p(2, argv);
    p | GenerateSequence(0).To(state.range(0)) | "Rows" >> Map(BenchRow) |
        "Write" >> WriteRows<BenchCount>("p.d.t")
                       .WithEndpoint("127.0.0.1:" + std::to_string(port))
                       .WithCreateDisposition(CreateDisposition::kCreateNever);
    const Status status = p.Run().WaitUntilFinish().status();
    if (!status.ok()) return state.SkipWithError(status.message().c_str());
    written += state.range(0);
  }
  state.SetItemsProcessed(written);
  const auto size = store->SizeOf({"p", "d", "t"});
  if (!size.ok() || size->rows != written) state.SkipWithError("rows are missing, or twice");
  server->Shutdown();
}
BENCHMARK(Connector)
    ->Args({2'000'000, 1})
    ->Args({2'000'000, 2})
    ->Unit(benchmark::kMillisecond)
    ->MeasureProcessCPUTime()
    ->UseRealTime();

void AppenderByHand(benchmark::State& state) {
  const BenchFolder folder;
  duckdb_database database;
  duckdb_connection connection;
  if (duckdb_open((folder / "by_hand").c_str(), &database) != DuckDBSuccess ||
      duckdb_connect(database, &connection) != DuckDBSuccess ||
      duckdb_query(connection, "CREATE TABLE t (u VARCHAR, n BIGINT)", nullptr) != DuckDBSuccess) {
    return state.SkipWithError("no table");
  }
  for ([[maybe_unused]] const auto& round : state) {
    duckdb_appender appender;
    duckdb_appender_create(connection, nullptr, "t", &appender);
    for (int64_t i = 0; i < state.range(0); ++i) {
      const BenchCount row = BenchRow(i);
      duckdb_append_varchar_length(appender, row.user.data(), row.user.size());
      duckdb_append_int64(appender, row.events);
      duckdb_appender_end_row(appender);
    }
    if (duckdb_appender_destroy(&appender) != DuckDBSuccess) state.SkipWithError("not appended");
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
  duckdb_disconnect(&connection);
  duckdb_close(&database);
}
BENCHMARK(AppenderByHand)->Arg(2'000'000)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace joist::bigquery
