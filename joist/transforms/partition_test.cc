// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/transforms/partition.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "joist/sdk/testing/test_pipeline.h"

namespace joist {
namespace {

TEST(Partition, Example) {
  TestPipeline p;
  auto words = p | Create({"a", "house", "of", "congratulations", "word", ""});
  // [example]
  auto by_size = words | joist::Partition(3, [](std::string_view word, int parts) {
                   return std::min<int>(static_cast<int>(word.size()) / 4, parts - 1);
                 });
  // [example]
  ASSERT_EQ(by_size.size(), 3u);
  PAssert::That(by_size[0]).ContainsInAnyOrder({"a", "of", ""});
  PAssert::That(by_size[1]).ContainsInAnyOrder({"house", "word"});
  PAssert::That(by_size[2]).ContainsInAnyOrder({"congratulations"});
  EXPECT_TRUE(p.RunOk());
}

// A function with state that travels.
struct ByModulus {
  int64_t modulus = 1;
  int64_t operator()(const KV<std::string, int64_t>& kv) const { return kv.value % modulus; }
};
JOIST_ROW(ByModulus, modulus)

TEST(Partition, AgreesWithNaive) {
  for (const int count : {1, 2, 7, 300}) {
    std::mt19937_64 random(static_cast<uint64_t>(count));
    std::vector<KV<std::string, int64_t>> all;
    std::vector<std::vector<KV<std::string, int64_t>>> expected(static_cast<size_t>(count));
    for (int i = 0; i < 5000; ++i) {
      all.push_back({std::string(random() % 40, 'x'), static_cast<int64_t>(random() % 100'000)});
      expected[static_cast<size_t>(all.back().value % count)].push_back(all.back());
    }
    TestPipeline p;
    auto parts = p | Create(all) | Partition(count, ByModulus{count});
    for (size_t i = 0; i < parts.size(); i += 1 + parts.size() / 5) {
      PAssert::That(parts[i]).ContainsInAnyOrder(expected[i]);
    }
    EXPECT_TRUE(p.RunOk());
  }
}

TEST(Partition, KeepsTimesAndTakesGroups) {
  TestPipeline p;
  auto parts = p | Create<int64_t>({1, 2, 3, 4}) |
               FlatMap([](int64_t n, Emit<int64_t> emit) { emit(n, Timestamp{10 * n}); }) |
               Partition(2, [](int64_t n) { return n % 2; });
  PAssert::That(parts[1] | Map([](int64_t n, Timestamp t) { return KV{n, t.millis}; }))
      .ContainsInAnyOrder({{1, 10}, {3, 30}});
  auto groups = p | "Pairs" >> Create<KV<int, int>>({{1, 1}, {1, 2}, {2, 3}}) | GroupByKey() |
                Partition(2, [](const KV<int, Iterable<int>>& group) {
                  return group.value.size() > 1 ? 1 : 0;
                });
  PAssert::That(groups[1] | Keys()).ContainsInAnyOrder({1});
  EXPECT_TRUE(p.RunOk());
}

TEST(Partition, OfNothing) {
  TestPipeline p;
  auto parts = p | Create(std::vector<int>()) | Partition(2, [](int n) { return n; });
  PAssert::That(parts[0]).IsEmpty();
  PAssert::That(parts[1]).IsEmpty();
  EXPECT_TRUE(p.RunOk());
}

TEST(Partition, RefusesOtherNumbers) {
  for (const int64_t wrong : {-1, 2, 1 << 20}) {
    TestPipeline p;
    auto parts =
        p | Create<int64_t>({wrong}) | "Split" >> Partition(2, [](int64_t n) { return n; });
    PAssert::That(parts[0]).IsEmpty();
    const JobOutcome outcome = p.RunToEnd();
    EXPECT_EQ(outcome.state, JobState::kFailed);
    EXPECT_EQ(outcome.status.message(),
              "step \"Split\": the function of Partition returned " + std::to_string(wrong) +
                  ", which is none of 0 to 1 (element: " + std::to_string(wrong) + ")");
  }
}

}  // namespace
}  // namespace joist
