// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/transforms/group_into_batches.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

#include "joist/sdk/testing/test_pipeline.h"
#include "joist/sdk/testing/test_stream.h"
#include "joist/sdk/window_into.h"

namespace joist {
namespace {

TEST(GroupIntoBatches, Example) {
  TestPipeline p;
  auto requests = p | Create<KV<std::string, int64_t>>({{"a", 1}, {"b", 1}, {"a", 1}, {"a", 1}});
  // [example]
  auto batches = requests | joist::GroupIntoBatches(2);
  // [example]
  PAssert::That(batches).ContainsInAnyOrder({{"a", {1, 1}}, {"a", {1}}, {"b", {1}}});
  EXPECT_TRUE(p.RunOk());
}

struct Account {
  std::string customer;
  std::vector<int64_t> cents;
};
JOIST_ROW(Account, customer, cents)

TEST(GroupIntoBatches, HoldsEachValueOnceInFullBatches) {
  for (const int64_t size : {1, 7, 4096, 1'000'000}) {
    std::vector<KV<std::string, Account>> all;
    std::vector<std::string> names;
    std::vector<KV<std::string, std::vector<int64_t>>> sizes;
    for (int64_t key = 0; key < 60; ++key) {
      const int64_t values = key * key;
      const std::string name = "key" + std::to_string(key);
      std::vector<int64_t> of_key;
      for (int64_t i = 0; i < values; ++i) {
        all.push_back({name, {name + "/" + std::to_string(i), {i, i}}});
        names.push_back(all.back().value.customer);
      }
      for (int64_t left = values; left > 0; left -= size) of_key.push_back(std::min(size, left));
      if (values > 0) sizes.push_back({name, {of_key.rbegin(), of_key.rend()}});
    }
    TestPipeline p;
    p.set_threads(4);
    auto batches = p | Create(all) | GroupIntoBatches(size);
    PAssert::That(batches | FlatMap([](const KV<std::string, std::vector<Account>>& batch) {
                    std::vector<std::string> names;
                    for (const Account& order : batch.value) {
                      names.push_back(order.customer.starts_with(batch.key + "/") ? order.customer
                                                                                  : "another's");
                    }
                    return names;
                  }))
        .ContainsInAnyOrder(names);
    PAssert::That(batches | Map([](const KV<std::string, std::vector<Account>>& batch) {
                    return KV{batch.key, static_cast<int64_t>(batch.value.size())};
                  }) |
                  GroupByKey() | Map([](const KV<std::string, Iterable<int64_t>>& group) {
                    std::vector<int64_t> of_key(group.value.begin(), group.value.end());
                    std::sort(of_key.begin(), of_key.end());
                    return KV{group.key, of_key};
                  }))
        .ContainsInAnyOrder(sizes);
    EXPECT_TRUE(p.RunOk());
  }
}

TEST(GroupIntoBatches, OfNothing) {
  TestPipeline p;
  PAssert::That(p | Create(std::vector<KV<int, bool>>()) | GroupIntoBatches(3)).IsEmpty();
  EXPECT_TRUE(p.RunOk());
}

using Batched = KV<std::string, std::vector<int64_t>>;

TEST(GroupIntoBatches, OfAStream) {
  TestPipeline p;
  const auto at = [](int64_t seconds) { return Timestamp::Seconds(seconds); };
  auto batches = p |
                 TestStream<KV<std::string, int64_t>>()
                     .AddElements({{{"a", 1}, at(1)}, {{"a", 2}, at(2)}, {{"b", 9}, at(3)}})
                     .AddElements({{{"a", 3}, at(1)}, {{"a", 4}, at(1)}, {{"a", 5}, at(61)}})
                     .AdvanceWatermarkTo(at(60))
                     .AddElements({{{"b", 8}, at(62)}})
                     .AdvanceWatermarkToInfinity() |
                 WindowInto(FixedWindows(Duration::Minutes(1))) | GroupIntoBatches(3);
  PAssert::That(batches)
      .InWindow({at(0), at(60)})
      .ContainsInAnyOrder({Batched{"a", {1, 2, 3}}, Batched{"a", {4}}, Batched{"b", {9}}});
  PAssert::That(batches)
      .InWindow({at(60), at(120)})
      .ContainsInAnyOrder({Batched{"a", {5}}, Batched{"b", {8}}});
  EXPECT_TRUE(p.RunOk());
}

TEST(GroupIntoBatches, NoValueWaitsLongerThanTheLimit) {
  TestPipeline p;
  const Timestamp t = Timestamp::Seconds(1);
  auto batches = p |
                 TestStream<KV<std::string, int64_t>>()
                     .AddElements({{{"a", 1}, t}})
                     .AdvanceProcessingTime(Duration::Seconds(4))
                     .AddElements({{{"a", 2}, t}})
                     .AdvanceProcessingTime(Duration::Seconds(2))  // 6 s after the first.
                     .AddElements({{{"a", 3}, t}, {{"a", 4}, t}, {{"a", 5}, t}})  // Full.
                     .AddElements({{{"a", 6}, t}})
                     .AdvanceProcessingTime(Duration::Seconds(4))
                     .AddElements({{{"a", 7}, t}})
                     .AdvanceWatermarkToInfinity() |
                 GroupIntoBatches(3).WithMaxBufferingDuration(Duration::Seconds(5));
  PAssert::That(batches).ContainsInAnyOrder(
      {Batched{"a", {1, 2}}, Batched{"a", {3, 4, 5}}, Batched{"a", {6, 7}}});
  EXPECT_TRUE(p.RunOk());
}

using Sharded = KV<ShardedKey<std::string>, std::vector<int64_t>>;

TEST(GroupIntoBatches, AHotKeyIsShardedByThread) {
  std::vector<KV<std::string, int64_t>> all;
  std::vector<int64_t> numbers;
  for (int64_t i = 0; i < 400; ++i) {
    all.push_back({"hot", i});
    numbers.push_back(i);
  }
  TestPipeline p;
  p.set_threads(4);
  auto batches = p | Create(all) | "Slow" >> Map([](const KV<std::string, int64_t>& kv) {
                                     // So that one thread does not take all before the others have
                                     // begun.
                                     std::this_thread::sleep_for(std::chrono::milliseconds(1));
                                     return kv;
                                   }) |
                 GroupIntoBatches(10).WithShardedKey();
  static_assert(std::is_same_v<decltype(batches), PCollection<Sharded>>);
  PAssert::That(batches | FlatMap([](const Sharded& batch) { return batch.value; }))
      .ContainsInAnyOrder(numbers);
  // Of each shard one batch at most is not full.
  PAssert::That(batches | "Sizes" >> Map([](const Sharded& batch) {
                            return KV{batch.key, static_cast<int64_t>(batch.value.size())};
                          }) |
                GroupByKey())
      .Satisfies([](const IterableView<KV<ShardedKey<std::string>, Iterable<int64_t>>>& shards) {
        for (const auto& shard : shards) {
          const auto full = std::count(shard.value.begin(), shard.value.end(), 10);
          if (static_cast<int64_t>(shard.value.size()) > full + 1) return false;
          if (shard.key.key != "hot") return false;
        }
        return shards.size() > 1 && shards.size() <= 4;
      });
  EXPECT_TRUE(p.RunOk());
}

TEST(GroupIntoBatches, ShardsOfAStream) {
  TestPipeline p;
  const Timestamp t = Timestamp::Seconds(1);
  auto batches =
      p |
      TestStream<KV<std::string, int64_t>>()
          .AddElements({{{"a", 1}, t}, {{"a", 2}, t}, {{"b", 3}, t}, {{"a", 4}, t}})
          .AdvanceProcessingTime(Duration::Seconds(2))
          .AddElements({{{"b", 5}, t}})
          .AdvanceWatermarkToInfinity() |
      GroupIntoBatches(2).WithMaxBufferingDuration(Duration::Seconds(1)).WithShardedKey();
  PAssert::That(batches |
                Map([](const Sharded& batch) { return Batched{batch.key.key, batch.value}; }))
      .ContainsInAnyOrder(
          {Batched{"a", {1, 2}}, Batched{"a", {4}}, Batched{"b", {3}}, Batched{"b", {5}}});
  EXPECT_TRUE(p.RunOk());
}

}  // namespace
}  // namespace joist
