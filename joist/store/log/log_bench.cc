// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Messages of 1 KB a second: durable publishing beside a file that is appended to and synced by
// hand, and beside RocksDB, which was the other choice for keeping them. Arguments: messages a
// batch, and publishers that wait for their answers. ctest's short run shows only that it works.

#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <memory>
#include <semaphore>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#ifdef JOIST_WITH_ROCKSDB
#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>
#endif

#include "joist/store/log/message_log.h"
#include "joist/store/log/testing/scratch_folder.h"

namespace joist::store {
namespace {

constexpr size_t kMessageBytes = 1024;
// Each publisher has so many batches on their way.
constexpr int kInFlight = 4;
constexpr int kBatchesOfRound = 64;

using BenchAttributes = std::array<std::pair<std::string_view, std::string_view>, 1>;
constexpr BenchAttributes kAttributes = {{{"source", "bench"}}};

std::unique_ptr<MessageLog> OpenLog(const ScratchFolder& folder) {
  MessageLogOptions options;
  options.folder = folder.path();
  auto log = MessageLog::Open(options);
  JOIST_CHECK(log.ok());
  JOIST_CHECK(log.value()->CreateTopic("t", {}).ok());
  JOIST_CHECK(log.value()->CreateSubscription("s", {.topic = "t"}).ok());
  return std::move(*log);
}

void PublishRound(MessageLog* log, int64_t batch_size, int batches) {
  const std::string data(kMessageBytes, 'x');
  std::counting_semaphore<kInFlight> room(kInFlight);
  for (int i = 0; i < batches; ++i) {
    room.acquire();
    PublishBatch batch;
    batch.Reserve(static_cast<size_t>(batch_size) * (kMessageBytes + 64));
    for (int64_t message = 0; message < batch_size; ++message) {
      JOIST_CHECK(batch.Add(data, kAttributes, {}).ok());
    }
    JOIST_CHECK(log->Publish("t", std::move(batch),
                             [&](const Result<uint64_t>& first) {
                               JOIST_CHECK(first.ok());
                               room.release();
                             })
                    .ok());
  }
  for (int i = 0; i < kInFlight; ++i) room.acquire();
}

void BM_LogPublish(benchmark::State& state) {
  const ScratchFolder folder;
  const auto log = OpenLog(folder);
  const int64_t batch_size = state.range(0);
  const int publishers = static_cast<int>(state.range(1));
  for (auto _ : state) {
    std::vector<std::jthread> threads;
    for (int i = 0; i < publishers; ++i) {
      threads.emplace_back([&] { PublishRound(log.get(), batch_size, kBatchesOfRound); });
    }
  }
  state.SetItemsProcessed(state.iterations() * publishers * kBatchesOfRound * batch_size);
}
BENCHMARK(BM_LogPublish)
    ->ArgNames({"batch", "publishers"})
    ->Args({1000, 1})
    ->Args({1000, 2})
    ->Args({100, 1})
    ->Args({100, 8})
    ->Args({1, 8})
    ->UseRealTime();

void BM_LogPullAndAcknowledge(benchmark::State& state) {
  const ScratchFolder folder;
  const auto log = OpenLog(folder);
  const int64_t batch_size = state.range(0);
  int64_t pulled_messages = 0;
  for (auto _ : state) {
    state.PauseTiming();
    PublishRound(log.get(), 1000, kBatchesOfRound);
    state.ResumeTiming();
    std::vector<AckId> ids;
    while (true) {
      const auto pulled = log->Pull("s", {.messages = static_cast<size_t>(batch_size)});
      JOIST_CHECK(pulled.ok());
      if (pulled.value().messages.empty()) break;
      ids.clear();
      for (const Delivery& delivery : pulled.value().messages) ids.push_back(delivery.id);
      JOIST_CHECK(log->Acknowledge("s", ids, nullptr).ok());
      pulled_messages += static_cast<int64_t>(ids.size());
    }
  }
  state.SetItemsProcessed(pulled_messages);
}
BENCHMARK(BM_LogPullAndAcknowledge)->ArgName("batch")->Arg(1000)->Arg(100)->UseRealTime();

/// The least that durable messages cost: the same bytes, one file, nothing else.
void BM_AppendByHand(benchmark::State& state) {
  const ScratchFolder folder;
  const int file = open((folder.path() + "/file").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
  JOIST_CHECK(file >= 0);
  const std::string bytes(static_cast<size_t>(state.range(0)) * (kMessageBytes + 30), 'x');
  for (auto _ : state) {
    JOIST_CHECK(write(file, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
    JOIST_CHECK(fdatasync(file) == 0);
  }
  close(file);
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_AppendByHand)->ArgName("batch")->Arg(4000)->Arg(1000)->Arg(100)->Arg(1)->UseRealTime();

#ifdef JOIST_WITH_ROCKSDB
void BM_RocksDbWriteBatch(benchmark::State& state) {
  const ScratchFolder folder;
  rocksdb::Options options;
  options.create_if_missing = true;
  options.compression = rocksdb::kNoCompression;
  rocksdb::DB* opened = nullptr;
  JOIST_CHECK(rocksdb::DB::Open(options, folder.path() + "/db", &opened).ok());
  const std::unique_ptr<rocksdb::DB> database(opened);
  const std::string data(kMessageBytes, 'x');
  rocksdb::WriteOptions durable;
  durable.sync = true;
  uint64_t next = 0;
  for (auto _ : state) {
    rocksdb::WriteBatch batch;
    for (int64_t i = 0; i < state.range(0); ++i) {
      const uint64_t key = __builtin_bswap64(next++);
      batch.Put({reinterpret_cast<const char*>(&key), sizeof(key)}, data);
    }
    JOIST_CHECK(database->Write(durable, &batch).ok());
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_RocksDbWriteBatch)
    ->ArgName("batch")
    ->Arg(4000)
    ->Arg(1000)
    ->Arg(100)
    ->Arg(1)
    ->UseRealTime();
#endif

}  // namespace
}  // namespace joist::store
