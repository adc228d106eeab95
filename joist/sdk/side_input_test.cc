// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Side inputs of every shape.

#include "joist/sdk/side_input.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "joist/sdk/testing/test_pipeline.h"

namespace joist {
namespace {

TEST(SideInput, Singleton) {
  TestPipeline p;
  auto numbers = p | Create({1, 2, 3});
  auto total = numbers | Sum::Globally();
  auto name = p | "Name" >> Create({"sum"});
  auto flag = p | "Flag" >> Create({true});
  auto empty = numbers | Filter([](int n) { return n > 9; });
  PAssert::That(numbers | Map(
                              [](int n, SideInput<int> total, SideInput<std::string> name) {
                                return std::to_string(n) + "/" + *name + std::to_string(*total);
                              },
                              AsSingleton(total), AsSingleton(name)))
      .ContainsInAnyOrder({"1/sum6", "2/sum6", "3/sum6"});
  PAssert::That(numbers | Map([](int n, SideInput<int> missing) { return n * *missing; },
                              AsSingleton(empty, 100)))
      .ContainsInAnyOrder({100, 200, 300});
  PAssert::That(numbers | Filter([](int n, SideInput<bool> flag) { return *flag && n > 1; },
                                 AsSingleton(flag)))
      .ContainsInAnyOrder({2, 3});
  EXPECT_TRUE(p.RunOk());
}

// Which of two side inputs of one type is meant follows from their order.
TEST(SideInput, TwoOfOneType) {
  TestPipeline p;
  auto ten = p | "Ten" >> Create({10});
  auto seven = p | "Seven" >> Create({7});
  auto results =
      p | Create({1}) |
      FlatMap([](int n, SideInput<int> a, Emit<int> emit, SideInput<int> b) { emit(n + *a - *b); },
              AsSingleton(ten), AsSingleton(seven));
  PAssert::That(results).ContainsInAnyOrder({4});
  EXPECT_TRUE(p.RunOk());
}

TEST(SideInput, IterableAndList) {
  TestPipeline p;
  std::vector<std::string> many;
  for (int i = 0; i < 5000; ++i) many.push_back("word " + std::to_string(i));
  auto words = p | "Words" >> Create(many);
  auto bools = p | "Bools" >> Create({true, false, true});
  auto none = words | Filter([](std::string_view) { return false; });
  auto one = p | "One" >> Create({1});
  PAssert::That(one | Map(
                          [](int, SideInput<IterableView<std::string>> words,
                             SideInput<ListView<std::string>> list) {
                            size_t bytes = 0;
                            for (std::string_view word : *words) bytes += word.size();
                            for (size_t i = 0; i < list->size(); ++i) bytes -= (*list)[i].size();
                            return KV{bytes, words->size()};
                          },
                          AsIterable(words), AsList(words)))
      .ContainsInAnyOrder({{0, 5000}});
  PAssert::That(one | Map(
                          [](int, SideInput<IterableView<bool>> bools) {
                            return std::count(bools->begin(), bools->end(), true);
                          },
                          AsIterable(bools)))
      .ContainsInAnyOrder({2});
  PAssert::That(one |
                Map([](int, SideInput<IterableView<std::string>> a,
                       SideInput<ListView<std::string>> b) { return a->empty() && b->empty(); },
                    AsIterable(none), AsList(none)))
      .ContainsInAnyOrder({true});
  EXPECT_TRUE(p.RunOk());
}

TEST(SideInput, MapAndMultimap) {
  TestPipeline p;
  auto ages = p | "Ages" >> Create<KV<std::string, int>>({{"ann", 30}, {"bob", 40}});
  auto visits = p | "Visits" >> Create<KV<std::string, std::string>>(
                                    {{"ann", "rome"}, {"bob", "oslo"}, {"ann", "bonn"}});
  auto flags = p | "Flags" >> Create<KV<bool, bool>>({{true, false}, {false, true}});
  auto none = ages | Filter([](const KV<std::string_view, int>&) { return false; });
  auto names = p | "Names" >> Create({"ann", "eve"});
  PAssert::That(names | Map(
                            [](std::string_view name, SideInput<MapView<std::string, int>> ages,
                               SideInput<MultimapView<std::string, std::string>> visits) {
                              std::vector<std::string> towns;
                              for (std::string_view town : visits->Get(name))
                                towns.emplace_back(town);
                              std::sort(towns.begin(), towns.end());
                              std::string result =
                                  std::string(name) + " " + std::to_string(ages->Get(name, -1));
                              for (const std::string& town : towns) result += " " + town;
                              return result + (ages->Contains(name) ? "" : " unknown") +
                                     (visits->Contains(name) ? "" : " nowhere");
                            },
                            AsMap(ages), AsMultimap(visits)))
      .ContainsInAnyOrder({"ann 30 bonn rome", "eve -1 unknown nowhere"});
  PAssert::That(names | Map(
                            [](std::string_view name, SideInput<MapView<std::string, int>> none) {
                              return none->size() + none->Contains(name);
                            },
                            AsMap(none)))
      .ContainsInAnyOrder({0, 0});
  PAssert::That(names |
                Map([](std::string_view name,
                       SideInput<MapView<bool, bool>> flags) { return flags->At(name == "ann"); },
                    AsMap(flags)))
      .ContainsInAnyOrder({false, true});
  EXPECT_TRUE(p.RunOk());
}

TEST(SideInput, MultimapOfManyValues) {
  TestPipeline p;
  std::vector<KV<int64_t, int64_t>> pairs;
  for (int64_t i = 0; i < 20000; ++i) pairs.push_back({i % 777, i});
  auto many = p | "Many" >> Create(pairs);
  auto sums = p | Create<int64_t>({0, 1, 776, 777}) |
              Map(
                  [](int64_t key, SideInput<MultimapView<int64_t, int64_t>> many) {
                    int64_t sum = 0;
                    for (int64_t value : many->Get(key)) sum += value;
                    return KV{key, sum};
                  },
                  AsMultimap(many));
  std::vector<KV<int64_t, int64_t>> expected;
  for (int64_t key : {0, 1, 776, 777}) {
    int64_t sum = 0;
    for (const auto& pair : pairs) sum += pair.key == key ? pair.value : 0;
    expected.push_back({key, sum});
  }
  PAssert::That(sums).ContainsInAnyOrder(expected);
  EXPECT_TRUE(p.RunOk());
}

template <class Build>
std::string FailureOf(Build build) {
  TestPipeline p;
  build(p);
  const JobOutcome outcome = p.RunToEnd();
  EXPECT_EQ(outcome.state, JobState::kFailed);
  return outcome.status.message();
}

TEST(SideInput, Refusals) {
  EXPECT_EQ(FailureOf([](TestPipeline& p) {
              auto two = p | "Two" >> Create({1, 2});
              p | Create({1}) |
                  "Use" >> Map([](int n, SideInput<int> s) { return n + *s; }, AsSingleton(two));
            }),
            "step \"Use/SideInput\": a singleton side input needs exactly one element, and its "
            "collection has 2; combine them first, or use AsIterable");
  EXPECT_EQ(FailureOf([](TestPipeline& p) {
              auto none = p | "None" >> Create(std::vector<int>());
              p | Create({1}) |
                  "Use" >> Map([](int n, SideInput<int> s) { return n + *s; }, AsSingleton(none));
            }),
            "step \"Use/SideInput\": a singleton side input needs exactly one element, and its "
            "collection has 0; give it a default, AsSingleton(collection, value)");
  EXPECT_EQ(
      FailureOf([](TestPipeline& p) {
        auto twice = p | "Twice" >> Create<KV<int, int>>({{1, 1}, {1, 2}});
        p | Create({1}) |
            "Use" >>
                Map([](int n, SideInput<MapView<int, int>> s) { return s->At(n); }, AsMap(twice));
      }),
      "step \"Use/SideInput\": a map side input has several values for one key; use AsMultimap");
  EXPECT_EQ(FailureOf([](TestPipeline& p) {
              auto map = p | "Map" >> Create<KV<std::string, int>>({{"a", 1}});
              p | Create({"b"}) |
                  "Use" >> Map([](std::string_view n,
                                  SideInput<MapView<std::string, int>> s) { return s->At(n); },
                               AsMap(map));
            }),
            R"(step "Use": the side input's map has no key "b" (element: "b"))");
}

// The planner must cut: the step's own stage makes what the step waits for.
TEST(SideInput, OfTheSameStage) {
  TestPipeline p;
  std::vector<int64_t> numbers;
  for (int64_t n = 1; n <= 10000; ++n) numbers.push_back(n);
  auto all = p | Create(numbers);
  auto doubled = all | Map([](int64_t n) { return 2 * n; });
  auto big = doubled | Filter([](int64_t n) { return n > 19990; });
  auto above = doubled | "Above" >> Filter(
                                        [](int64_t n, SideInput<IterableView<int64_t>> big) {
                                          return n >= *std::min_element(big->begin(), big->end());
                                        },
                                        AsIterable(big));
  auto again =
      above | "Again" >> Map([](int64_t n, SideInput<int64_t> count) { return n + *count; },
                             AsSingleton(above | Count::Globally()));
  PAssert::That(again).ContainsInAnyOrder({19997, 19999, 20001, 20003, 20005});
  EXPECT_TRUE(p.RunOk());
}

TEST(SideInput, OfElementsThatHoldGroups) {
  TestPipeline p;
  auto groups = p | Create<KV<int, bool>>({{1, true}, {2, false}, {1, false}}) | GroupByKey();
  auto one = p | "One" >> Create({7});
  auto sizes = groups | Map(
                            [](const KV<int, Iterable<bool>>& group, SideInput<int> seven) {
                              return KV{group.key, static_cast<int>(group.value.size()) * *seven};
                            },
                            AsSingleton(one));
  PAssert::That(sizes).ContainsInAnyOrder({{1, 14}, {2, 7}});
  EXPECT_TRUE(p.RunOk());
}

}  // namespace
}  // namespace joist
