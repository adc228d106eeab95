// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/exec/key_numbers.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace joist {
namespace {

template <class K>
K KeyOf(uint64_t i);
template <>
uint64_t KeyOf(uint64_t i) {
  return i;
}
template <>
std::string KeyOf(uint64_t i) {
  return i % 3 == 0 ? std::string(i % 50, 'x') + std::to_string(i) : std::to_string(i);
}

/// Against a map: finds in batches, with forgetting in between.
template <class K>
void ActsLikeAMap(uint64_t keys, int rounds) {
  std::mt19937_64 random(keys);
  KeyNumbers<K> numbers;
  std::map<K, uint32_t> truth;
  for (int round = 0; round < rounds; ++round) {
    std::vector<K> batch;
    for (size_t i = 0; i < random() % 300; ++i) batch.push_back(KeyOf<K>(random() % keys));
    const std::vector<typename KeyNumbers<K>::Key> views(batch.begin(), batch.end());
    std::vector<uint32_t> found(batch.size());
    numbers.Find(views.data(), views.size(), found.data());
    for (size_t i = 0; i < batch.size(); ++i) {
      const auto [known, is_new] = truth.emplace(batch[i], found[i]);
      ASSERT_EQ(known->second, found[i]) << "a key keeps its number";
      ASSERT_EQ(numbers.key(found[i]), batch[i]);
    }
    while (!truth.empty() && random() % 3 != 0) {
      auto victim = truth.lower_bound(KeyOf<K>(random() % keys));
      if (victim == truth.end()) victim = truth.begin();
      numbers.Forget(victim->second);
      truth.erase(victim);
    }
    ASSERT_EQ(numbers.size(), truth.size());
    std::set<uint32_t> in_use;
    for (const auto& [key, number] : truth) in_use.insert(number);
    ASSERT_EQ(in_use.size(), truth.size()) << "no two keys have one number";
    std::set<uint32_t> each;
    numbers.ForEach([&](uint32_t number) { each.insert(number); });
    ASSERT_EQ(each, in_use);
  }
}

TEST(KeyNumbers, OfWordsThatComeAndGo) {
  ActsLikeAMap<uint64_t>(50, 500);
  ActsLikeAMap<uint64_t>(5000, 300);
}
TEST(KeyNumbers, OfTextsThatComeAndGo) {
  ActsLikeAMap<std::string>(50, 500);
  ActsLikeAMap<std::string>(5000, 300);
}

TEST(KeyNumbers, AreUsedAgain) {
  KeyNumbers<uint64_t> numbers;
  for (uint64_t key = 0; key < 1000; ++key) {
    uint32_t number;
    numbers.Find(&key, 1, &number);
    EXPECT_EQ(number, 0u);
    numbers.Forget(number);
  }
}

}  // namespace
}  // namespace joist
