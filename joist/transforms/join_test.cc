// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/transforms/join.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "joist/sdk/testing/test_pipeline.h"

namespace joist {

struct Address {
  std::string street;
  int64_t number = 0;
};
JOIST_ROW(Address, street, number)

namespace {

using A = int64_t;
using B = std::string;
using Lefts = std::vector<KV<std::string, A>>;
using Rights = std::vector<KV<std::string, B>>;

/// What a join must give, by looking at each pair.
template <class Left, class Right>
std::vector<KV<std::string, KV<Left, Right>>> Naive(const Lefts& lefts, const Rights& rights) {
  std::vector<KV<std::string, KV<Left, Right>>> pairs;
  const auto has = [](const auto& side, const std::string& key) {
    return std::any_of(side.begin(), side.end(), [&](const auto& kv) { return kv.key == key; });
  };
  for (const auto& left : lefts) {
    for (const auto& right : rights) {
      if (left.key == right.key) pairs.push_back({left.key, {left.value, right.value}});
    }
    if constexpr (std::is_same_v<Right, std::optional<B>>) {
      if (!has(rights, left.key)) pairs.push_back({left.key, {left.value, std::nullopt}});
    }
  }
  if constexpr (std::is_same_v<Left, std::optional<A>>) {
    for (const auto& right : rights) {
      if (!has(lefts, right.key)) pairs.push_back({right.key, {std::nullopt, right.value}});
    }
  }
  return pairs;
}

void CheckJoins(const Lefts& lefts, const Rights& rights, int64_t memory = 0) {
  TestPipeline p;
  if (memory > 0) p.set_memory(memory);
  auto left = p | "Left" >> Create<KV<std::string, A>>(lefts);
  auto right = p | "Right" >> Create<KV<std::string, B>>(rights);
  PAssert::That(Join::Inner(left, right)).ContainsInAnyOrder(Naive<A, B>(lefts, rights));
  PAssert::That(Join::Left("Named", left, right))
      .ContainsInAnyOrder(Naive<A, std::optional<B>>(lefts, rights));
  PAssert::That(Join::Right(left, right))
      .ContainsInAnyOrder(Naive<std::optional<A>, B>(lefts, rights));
  PAssert::That(Join::Full(left, right))
      .ContainsInAnyOrder(Naive<std::optional<A>, std::optional<B>>(lefts, rights));
  PAssert::That(Join::InnerBroadcast(left, right)).ContainsInAnyOrder(Naive<A, B>(lefts, rights));
  PAssert::That(Join::LeftBroadcast(left, right))
      .ContainsInAnyOrder(Naive<A, std::optional<B>>(lefts, rights));
  EXPECT_TRUE(p.RunOk());
}

TEST(Join, OfFewByHand) {
  CheckJoins({}, {});
  CheckJoins({{"a", 1}}, {});
  CheckJoins({}, {{"a", "x"}});
  CheckJoins({{"a", 1}, {"a", 2}, {"b", 3}}, {{"a", "x"}, {"a", "y"}, {"c", "z"}, {"", "w"}});
}

TEST(Join, OfManyAgainstANaiveOne) {
  std::mt19937 random(7);
  for (size_t keys : {size_t{3}, size_t{40}, size_t{500}}) {
    Lefts lefts;
    Rights rights;
    for (int64_t i = 0; i < 300; ++i) {
      lefts.push_back({std::to_string(random() % keys), i});
      rights.push_back({std::to_string(random() % keys), std::string(random() % 30, 'r')});
    }
    CheckJoins(lefts, rights);
  }
}

TEST(Join, OfContacts) {
  TestPipeline p;
  auto emails = p | "Emails" >> Create<KV<std::string, std::string>>(
                                    {{"amy", "amy@example.com"}, {"carl", "carl@example.com"}});
  auto phones = p | "Phones" >> Create<KV<std::string, std::string>>(
                                    {{"amy", "111-222"}, {"amy", "333-444"}, {"ben", "555"}});
  auto contacts = Join::Inner("Contacts", emails, phones);
  PAssert::That(contacts).ContainsInAnyOrder(
      {{"amy", {"amy@example.com", "111-222"}}, {"amy", {"amy@example.com", "333-444"}}});
  EXPECT_TRUE(p.RunOk());
}

TEST(Join, BroadcastOfRows) {
  TestPipeline p;
  auto addresses = p | "Addresses" >> Create<KV<std::string, Address>>(
                                          {{"amy", {"Lane", 1}}, {"ben", {"Row", 2}}});
  auto ages = p | "Ages" >> Create<KV<std::string, int64_t>>({{"amy", 30}});
  PAssert::That(Join::InnerBroadcast(addresses, ages))
      .ContainsInAnyOrder(
          std::vector<KV<std::string, KV<Address, int64_t>>>{{"amy", {Address{"Lane", 1}, 30}}});
  EXPECT_TRUE(p.RunOk());
}

}  // namespace
}  // namespace joist
