// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/sdk/co_group_by_key.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "joist/sdk/testing/test_pipeline.h"

namespace joist {
namespace {

/// A key's values of three collections, each sorted.
struct Sorted {
  std::string key;
  std::vector<int64_t> numbers;
  std::vector<std::string> names;
  std::vector<bool> flags;
};
JOIST_ROW(Sorted, key, numbers, names, flags)

struct Sort {
  Sorted Process(const KV<std::string_view, CoGbkResult<int64_t, std::string, bool>>& group) const {
    const auto& [numbers, names, flags] = group.value;
    Sorted sorted{std::string(group.key), {}, {}, {}};
    for (int64_t number : numbers) sorted.numbers.push_back(number);
    for (std::string_view name : names) sorted.names.emplace_back(name);
    for (bool flag : flags) sorted.flags.push_back(flag);
    std::sort(sorted.numbers.begin(), sorted.numbers.end());
    std::sort(sorted.names.begin(), sorted.names.end());
    std::sort(sorted.flags.begin(), sorted.flags.end());
    return sorted;
  }
};

/// `kept`: with a Reshuffle in between, which owns the groups.
void CheckThree(size_t count, size_t keys, int64_t memory, bool kept) {
  std::mt19937 random(static_cast<unsigned>(count + keys));
  const auto key = [&] { return "key " + std::to_string(random() % keys); };
  std::vector<KV<std::string, int64_t>> numbers;
  std::vector<KV<std::string, std::string>> names;
  std::vector<KV<std::string, bool>> flags;
  std::map<std::string, Sorted> expected;
  for (size_t i = 0; i < count; ++i) {
    numbers.push_back({key(), static_cast<int64_t>(i)});
    expected[numbers.back().key].numbers.push_back(static_cast<int64_t>(i));
    if (i % 3 == 0) {
      names.push_back({key(), std::string(random() % 40, 'n') + std::to_string(i)});
      expected[names.back().key].names.push_back(names.back().value);
    }
    if (i % 5 == 0) {
      flags.push_back({key(), i % 2 == 0});
      expected[flags.back().key].flags.push_back(flags.back().value);
    }
  }
  std::vector<Sorted> sorted;
  for (auto& [name, group] : expected) {
    group.key = name;
    std::sort(group.numbers.begin(), group.numbers.end());
    std::sort(group.names.begin(), group.names.end());
    std::sort(group.flags.begin(), group.flags.end());
    sorted.push_back(group);
  }
  TestPipeline p;
  if (memory > 0) p.set_memory(memory);
  auto groups = CoGroupByKey("Group", p | "Numbers" >> Create(numbers),
                             p | "Names" >> Create(names), p | "Flags" >> Create(flags));
  if (kept) groups = groups | Reshuffle();
  PAssert::That(groups | Map(Sort())).ContainsInAnyOrder(sorted);
  EXPECT_TRUE(p.RunOk());
}

TEST(CoGroupByKey, OfThreeCollections) {
  for (size_t count : {size_t{0}, size_t{1}, size_t{50}, size_t{30000}}) {
    for (size_t keys : {size_t{1}, size_t{20}, size_t{10000}}) CheckThree(count, keys, 0, false);
  }
}

TEST(CoGroupByKey, OnDisk) {
  CheckThree(400'000, 100'000, int64_t{4} << 20, false);
  CheckThree(400'000, 3, int64_t{4} << 20, false);  // Groups that don't fit.
}

TEST(CoGroupByKey, ResultsCanBeKept) { CheckThree(10'000, 100, 0, true); }

TEST(CoGroupByKey, OfACollectionWithItselfAndWithOneBehindIt) {
  TestPipeline p;
  auto pairs = p | Create<KV<int, int>>({{1, 10}, {2, 20}});
  auto doubled = pairs | Map([](KV<int, int> kv) { return KV<int, int>{kv.key, 2 * kv.value}; });
  auto sums =
      CoGroupByKey(pairs, pairs, doubled) |
      Map([](const KV<int, CoGbkResult<int, int, int>>& group) {
        const auto& all = group.value;
        return KV<int, int>{group.key, all.GetOnly<0>() + all.GetOnly<1>() + all.GetOnly<2>()};
      });
  PAssert::That(sums).ContainsInAnyOrder({{1, 40}, {2, 80}});
  EXPECT_TRUE(p.RunOk());
}

TEST(CoGroupByKey, GetOnly) {
  TestPipeline p;
  auto left = p | "Left" >> Create<KV<int, int>>({{1, 10}, {2, 20}});
  auto right = p | "Right" >> Create<KV<int, int>>({{1, 11}, {1, 12}});
  auto groups = CoGroupByKey(left, right);
  auto or_five = groups | "Fallback" >> Filter([](const KV<int, CoGbkResult<int, int>>& group) {
                            return group.key == 2 && group.value.GetOnly<1>(5) == 5;
                          });
  PAssert::That(or_five | Keys()).ContainsInAnyOrder({2});
  groups | "Only" >> Map([](const KV<int, CoGbkResult<int, int>>& group) {
             return group.key == 1 ? group.value.GetOnly<1>() : 0;
           });
  const JobOutcome outcome = p.RunToEnd();
  EXPECT_NE(
      outcome.status.message().find("GetOnly: collection 1 has 2 values under this key, not one"),
      std::string::npos)
      << outcome.status.message();
}

}  // namespace
}  // namespace joist
