// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Rows of (STRING, INTEGER) from the bytes of protocol buffers to the disk.

#include <benchmark/benchmark.h>

#include <future>
#include <vector>

#include "joist/store/tables/test_tables.h"

namespace joist::tables {
namespace {

/// `rows` in a request; each is answered when it is on disk, eight are on their way.
void AppendRows(benchmark::State& state) {
  const TestFolder folder("bench");
  auto store = TableStore::Open({.folder = folder.path()}).value();
  const TableName name{"p", "d", "t"};
  ThrowIfError(store->CreateDataset(name.Dataset(), "{}"));
  ThrowIfError(store->CreateTable(name, NameAndNumberSchema(), "{}"));
  const auto plan =
      ProtoPlan::Compile(store->GetTable(name).value().schema, NameAndNumber()).value();
  std::vector<std::string> rows;
  for (int64_t i = 0; i < state.range(0); ++i) {
    rows.push_back(RowBytes("the row of number " + std::to_string(i), i));
  }
  constexpr size_t kOnTheirWay = 8;
  std::vector<std::future<void>> waiting;
  for (auto unused : state) {
    auto batch = std::make_shared<RowBatch>(plan->schema());
    for (const std::string& row : rows) ThrowIfError(plan->Decode(row, batch.get()));
    auto done = std::make_shared<std::promise<void>>();
    waiting.push_back(done->get_future());
    store->Append(name, "", std::nullopt, std::move(batch), [done](const AppendAnswer& answer) {
      JOIST_CHECK(answer.status.ok());
      done->set_value();
    });
    if (waiting.size() < kOnTheirWay) continue;
    waiting.front().get();
    waiting.erase(waiting.begin());
  }
  for (auto& one : waiting) one.get();
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(AppendRows)->Arg(100)->Arg(5000)->UseRealTime();

void DecodeRows(benchmark::State& state) {
  const auto plan =
      ProtoPlan::Compile(std::make_shared<const Schema>(NameAndNumberSchema()), NameAndNumber())
          .value();
  std::vector<std::string> rows;
  for (int64_t i = 0; i < 5000; ++i) {
    rows.push_back(RowBytes("the row of number " + std::to_string(i), i));
  }
  for (auto unused : state) {
    RowBatch batch(plan->schema());
    for (const std::string& row : rows) ThrowIfError(plan->Decode(row, &batch));
    benchmark::DoNotOptimize(batch.rows());
  }
  state.SetItemsProcessed(state.iterations() * 5000);
}
BENCHMARK(DecodeRows);

}  // namespace
}  // namespace joist::tables
