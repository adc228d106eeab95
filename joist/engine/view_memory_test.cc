// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Side inputs, what waits for them, Reshuffle and joins of about ten times what --memory allows.

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

#include "joist/engine/little_memory.h"

namespace joist {
namespace {

std::string Name(int64_t n) { return "the name of " + std::to_string(n); }
struct NameEach {
  KV<int64_t, std::string> operator()(int64_t n) const { return {n, Name(n)}; }
};

#if defined(JOIST_ASAN) || defined(__SANITIZE_THREAD__)
constexpr int64_t kNames = 200'000;  // All takes several times as long there.
#else
constexpr int64_t kNames = 800'000;  // 32 MB and more.
#endif

TEST(ViewMemory, MapsAndMultimapsOnDisk) {
  TestPipeline p;
  p.set_memory(kLimit);
  auto names = p | "Names" >> Read(Numbers{kNames}) | "Name" >> Map(NameEach());
  auto wrong = p | "Questions" >> Read(Numbers{20'000}) |
               "Ask" >> Filter(
                            [](int64_t n, SideInput<MapView<int64_t, std::string>> map,
                               SideInput<MultimapView<int64_t, std::string>> multimap) {
                              const int64_t key = n * 7919 % (2 * kNames);  // Half are not there.
                              const std::string_view name = map->Get(key, "none");
                              const std::string_view first = map->Get(0, "none");
                              int64_t found = 0;
                              for (std::string_view each : multimap->Get(key)) {
                                if (each != Name(key)) return true;
                                ++found;
                              }
                              return name != (key < kNames ? Name(key) : "none") ||
                                     found != (key < kNames ? 1 : 0) || first != Name(0) ||
                                     map->Contains(key) != (key < kNames);
                            },
                            AsMap(names), AsMultimap(names));
  PAssert::That(wrong).IsEmpty();
  ExpectSpilledWithinLimit(p.RunToEnd());
}

TEST(ViewMemory, KeysWithManyValues) {
  // A third of the values under one key, some hundred keys with some thousand, the others alone.
  TestPipeline p;
  p.set_memory(kLimit);
  struct ByKey {
    KV<int64_t, int64_t> operator()(int64_t n) const {
      return {n % 3 == 0 ? -1 : n % 3 == 1 ? n % 700 : n, n};
    }
  };
  auto keyed = p | "Numbers" >> Read(Numbers{1'500'000}) | "Key" >> Map(ByKey());
  auto sums = p | "Questions" >> Read(Numbers{1'000}) |
              "Ask" >> Map(
                           [](int64_t n, SideInput<MultimapView<int64_t, int64_t>> multimap) {
                             int64_t sum = 0;
                             for (int64_t each : multimap->Get(n == 999 ? -1 : n)) sum += each;
                             return KV{n, sum};
                           },
                           AsMultimap(keyed));
  auto in_groups = keyed | "Sums" >> Sum::PerKey();
  auto differ = CoGroupByKey(sums, in_groups) |
                "Differ" >> Filter([](const KV<int64_t, CoGbkResult<int64_t, int64_t>>& group) {
                  const auto& [asked, grouped] = group.value;
                  if (group.key < 0 || group.key == 999 || asked.empty()) return false;
                  return *asked.begin() != (grouped.empty() ? 0 : *grouped.begin());
                });
  PAssert::That(differ | Keys()).IsEmpty();
  PAssert::That(sums | "Of one" >> Filter([](KV<int64_t, int64_t> kv) { return kv.key == 999; }) |
                "Its sum" >> Values())
      .ContainsInAnyOrder({int64_t{499'999} * 500'000 / 2 * 3});
  ExpectSpilledWithinLimit(p.RunToEnd());
}

TEST(ViewMemory, IterablesAndListsOnDisk) {
  TestPipeline p;
  p.set_memory(kLimit);
  auto names = p | "Names" >> Read(Numbers{kNames}) | "Name" >> Map(NameEach()) | Values();
  auto lengths = p | "One" >> Create({int64_t{0}}) |
                 "Add" >> Map(
                              [](int64_t, SideInput<IterableView<std::string>> iterable,
                                 SideInput<ListView<std::string>> list) {
                                int64_t sum = 0, again = 0, by_index = 0;
                                for (std::string_view name : *iterable) {
                                  sum += std::stoll(std::string(name.substr(12)));
                                }
                                for (std::string_view name : *iterable) {
                                  again += std::stoll(std::string(name.substr(12)));
                                }
                                for (size_t i = 0; i < list->size(); i += 1) {
                                  by_index += std::stoll(std::string((*list)[i].substr(12)));
                                }
                                if (sum != again || sum != by_index || list->size() != kNames) {
                                  throw std::runtime_error("differs");
                                }
                                return sum;
                              },
                              AsIterable(names), AsList(names));
  PAssert::That(lengths).ContainsInAnyOrder({kNames * (kNames - 1) / 2});
  const JobOutcome outcome = p.RunToEnd();
  ASSERT_TRUE(outcome.status.ok()) << outcome.status.message();
  EXPECT_GT(outcome.metrics.spilled_bytes, 0);
}

TEST(ViewMemory, ReshuffleAndWhatWaitsForItsOwnSideInput) {
  TestPipeline p;
  p.set_memory(kLimit);
  auto names = p | "Names" >> Read(Numbers{kNames}) | "Name" >> Map(NameEach()) | Reshuffle();
  // Needs the number of its own input, and so waits until all of it is there.
  auto wrong =
      names | "Wrong" >> Filter(
                             [](const KV<int64_t, std::string>& kv, SideInput<int64_t> count) {
                               return *count != kNames || kv.value != Name(kv.key);
                             },
                             AsSingleton(names | "Count" >> Count::Globally()));
  PAssert::That(wrong | "Wrong keys" >> Keys()).IsEmpty();
  PAssert::That(names | "Keys" >> Keys() | "Sum" >> Sum::Globally())
      .ContainsInAnyOrder({kNames * (kNames - 1) / 2});
  ExpectSpilledWithinLimit(p.RunToEnd());
}

TEST(ViewMemory, AJoinOfTenTimesTheLimit) {
  TestPipeline p;
  p.set_memory(kLimit);
  auto left = p | "Left" >> Read(Numbers{kNames}) | "Name" >> Map(NameEach());
  auto right = p | "Right" >> Read(Numbers{2 * kNames}) |
               "Halves" >> Map([](int64_t n) { return KV{n / 2, n}; });
  auto wrong = CoGroupByKey("Join", left, right) |
               Filter([](const KV<int64_t, CoGbkResult<std::string, int64_t>>& group) {
                 int64_t sum = 0;
                 for (int64_t n : group.value.Get<1>()) sum += n;
                 return group.value.GetOnly<0>() != Name(group.key) || sum != 4 * group.key + 1;
               });
  PAssert::That(wrong | "Wrong keys" >> Keys()).IsEmpty();
  ExpectSpilledWithinLimit(p.RunToEnd());
}

}  // namespace
}  // namespace joist
