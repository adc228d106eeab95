// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// KeyTable and GroupKey against std::map from the encoded key.

#include "joist/exec/group_key.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "joist/model/row.h"

namespace joist {
namespace {

enum class Color : uint8_t { kRed, kGreen, kBlue };

struct Place {
  std::string town;
  int64_t number = 0;
};
JOIST_ROW(Place, town, number)

/// Puts `keys` into a table in calls of `step` keys, and checks every way of reading it.
template <class K>
void CheckAgainstMap(const std::vector<K>& keys, size_t step, size_t expected = 0) {
  std::map<std::string, int64_t> oracle;
  using Key = GroupKey<K>;
  KeyTable<typename Key::Table, int64_t> table(expected);
  std::string scratch;
  for (size_t first = 0; first < keys.size(); first += step) {
    const size_t count = std::min(step, keys.size() - first);
    size_t next = first;
    Arena arena;  // Gone after each call.
    table.Upsert(
        count, [&](size_t i) { return Key::Keep(ViewOfOwn<K>(keys[first + i]), &scratch, arena); },
        [] { return int64_t{0}; },
        [&](size_t i, int64_t& value) {
          ASSERT_EQ(first + i, next++);  // In order, each once.
          value += static_cast<int64_t>(first + i) + 1;
        });
    ASSERT_EQ(next, first + count);
  }
  for (size_t i = 0; i < keys.size(); ++i) {
    oracle[EncodeToString<K>(keys[i])] += static_cast<int64_t>(i) + 1;
  }
  ASSERT_EQ(table.size(), oracle.size());
  for (const K& key : keys) {
    const int64_t* found = table.Lookup(Key::ToKept(ViewOfOwn<K>(key), &scratch));
    ASSERT_NE(found, nullptr);
    ASSERT_EQ(*found, oracle.at(EncodeToString<K>(key)));
  }
  for (int bits : {0, 1, 2, 6, 10}) {
    if (bits > table.bits()) continue;
    std::map<std::string, int64_t> got;
    for (uint64_t partition = 0; partition < uint64_t{1} << bits; ++partition) {
      table.ForEach(partition, bits, [&](const auto& slot) {
        K own{};
        const View<K> key = Key::FromKept(slot.key(), &own);
        const bool is_new = got.emplace(EncodeToString<K>(Own<K>(key)), slot.value).second;
        ASSERT_TRUE(is_new) << "twice, with " << bits << " bits";
      });
    }
    ASSERT_EQ(got, oracle) << bits << " bits";
  }
}

template <class K>
void CheckAll(const std::vector<K>& keys) {
  for (size_t step : {size_t{1}, size_t{7}, size_t{1024}, keys.size()}) CheckAgainstMap(keys, step);
  CheckAgainstMap(keys, 100, /*expected=*/100000);
}

TEST(KeyTable, Integers) {
  std::mt19937_64 random(1);
  std::vector<int64_t> wide = {0, 1, -1, INT64_MIN, INT64_MAX, 0};
  std::vector<int32_t> narrow = {0, -1, INT32_MIN, INT32_MAX};
  std::vector<uint8_t> bytes = {0, 255};
  for (int i = 0; i < 5000; ++i) {
    wide.push_back(static_cast<int64_t>(random() % 3000));
    wide.push_back(static_cast<int64_t>(random()));
    narrow.push_back(static_cast<int32_t>(random() % 50) - 25);
    bytes.push_back(static_cast<uint8_t>(random()));
  }
  CheckAll(wide);
  CheckAll(narrow);
  CheckAll(bytes);
}

TEST(KeyTable, BoolsAndEnums) {
  // No std::vector<bool>: the keys are handed out by reference.
  KeyTable<bool, int> table;
  const bool keys[] = {true, false, true, true};
  table.Upsert(4, [&](size_t i) { return keys[i]; }, [] { return 0; }, [](size_t, int& n) { ++n; });
  EXPECT_EQ(table.size(), 2u);
  EXPECT_EQ(*table.Lookup(true), 3);
  EXPECT_EQ(*table.Lookup(false), 1);
  CheckAll<Color>({Color::kRed, Color::kBlue, Color::kRed, Color::kGreen});
}

TEST(KeyTable, Voids) { CheckAll<Void>({Void(), Void(), Void()}); }

TEST(KeyTable, DoublesAreTheirBits) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  std::vector<double> keys = {0.0, -0.0, nan, nan, -nan, 1.5, INFINITY, -INFINITY, 0.0, -0.0};
  CheckAll(keys);
  KeyTable<double, int> table;
  table.Upsert(
      keys.size(), [&](size_t i) { return keys[i]; }, [] { return 0; },
      [](size_t, int& n) { ++n; });
  EXPECT_EQ(*table.Lookup(0.0), 2);
  EXPECT_EQ(*table.Lookup(-0.0), 2);
  EXPECT_EQ(*table.Lookup(nan), 2);
}

TEST(KeyTable, StringsOfAllLengths) {
  std::vector<std::string> keys = {"", std::string(1, '\0'), std::string(2, '\0')};
  for (size_t length = 0; length <= 40; ++length) {
    keys.push_back(std::string(length, 'a'));
    keys.push_back(std::string(length, '\0'));
    for (size_t at = 0; at < length; ++at) {
      for (char different : {'\0', 'b', '\xff'}) {
        std::string key(length, 'a');
        key[at] = different;
        keys.push_back(std::move(key));
      }
    }
  }
  const std::vector<std::string> once = keys;
  keys.insert(keys.end(), once.begin(), once.end());
  CheckAll(keys);
}

TEST(KeyTable, StringsWithTheSamePrefix) {
  std::vector<std::string> keys;
  for (int i = 0; i < 5000; ++i) {
    keys.push_back("the same first bytes of all keys " + std::to_string(i % 3000));
    keys.push_back("8 bytes!" + std::to_string(i % 2000));
    keys.push_back(std::string(16, 'x') + std::to_string(i % 10));
  }
  CheckAll(keys);
}

// A view without bytes may have the address 0, which must not be read.
TEST(KeyTable, EmptyViewAtNoAddress) {
  KeyTable<std::string, int> table;
  const std::string_view keys[] = {std::string_view(), "", std::string_view("x").substr(1)};
  table.Upsert(3, [&](size_t i) { return keys[i]; }, [] { return 0; }, [](size_t, int& n) { ++n; });
  EXPECT_EQ(table.size(), 1u);
  EXPECT_EQ(*table.Lookup(std::string_view()), 3);
}

// A key is copied: the caller's bytes may go.
TEST(KeyTable, OwnsItsKeys) {
  KeyTable<std::string, int> table;
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 3000; ++i) {
      std::string key = std::to_string(i) + " is a key that is longer than a slot";
      table.Upsert(
          1, [&](size_t) -> std::string_view { return key; }, [] { return 0; },
          [](size_t, int& n) { ++n; });
      std::fill(key.begin(), key.end(), '?');
    }
  }
  EXPECT_EQ(table.size(), 3000u);
  EXPECT_EQ(*table.Lookup("2999 is a key that is longer than a slot"), 2);
}

TEST(KeyTable, CompositeKeys) {
  std::mt19937_64 random(2);
  std::vector<KV<std::string, int64_t>> kvs;
  std::vector<std::tuple<int, std::string, double>> tuples;
  std::vector<Place> rows;
  std::vector<std::vector<int64_t>> vectors = {{}, {0}, {0, 0}};
  std::vector<std::optional<std::string>> optionals = {std::nullopt, ""};
  for (int i = 0; i < 3000; ++i) {
    const std::string text = std::string(random() % 30, 't') + std::to_string(random() % 20);
    const auto number = static_cast<int64_t>(random() % 5);
    kvs.push_back({text, number});
    tuples.push_back({static_cast<int>(number), text, number % 2 == 0 ? 0.0 : -0.0});
    rows.push_back({text, number});
    vectors.push_back(std::vector<int64_t>(random() % 6, number));
    optionals.push_back(number == 0 ? std::nullopt : std::optional(text));
  }
  CheckAll(kvs);
  CheckAll(tuples);
  CheckAll(rows);
  CheckAll(vectors);
  CheckAll(optionals);
}

TEST(KeyTable, GrowsFromSmall) {
  std::vector<int64_t> keys;
  for (int64_t i = 0; i < 60000; ++i) keys.push_back(i);
  CheckAgainstMap(keys, 1024);
  CheckAgainstMap(keys, 13);
}

TEST(KeyTable, LookupOfWhatIsNotThere) {
  KeyTable<int64_t, int> numbers;
  EXPECT_EQ(numbers.Lookup(0), nullptr);
  EXPECT_EQ(numbers.Lookup(1), nullptr);
  KeyTable<std::string, int> texts;
  EXPECT_EQ(texts.Lookup(""), nullptr);
  EXPECT_EQ(texts.Lookup("a longer key than fits into a slot"), nullptr);
}

// All keys of one partition have their high bits in common; the table must use the others.
TEST(KeyTable, SkipsTheBitsOfItsPartition) {
  constexpr int kBits = 8;
  std::vector<std::vector<int64_t>> partitions(1 << kBits);
  for (int64_t key = 1; key < 200000; ++key) {
    partitions[HashWord(static_cast<uint64_t>(key)) >> (64 - kBits)].push_back(key);
  }
  for (const auto& keys : partitions) {
    KeyTable<int64_t, int64_t> table(0, kBits);
    table.Upsert(
        keys.size(), [&](size_t i) { return keys[i]; }, [] { return int64_t{0}; },
        [&](size_t i, int64_t& value) { value = keys[i]; });
    ASSERT_EQ(table.size(), keys.size());
    ASSERT_LE(table.bits(),
              12);  // Were the bits used, they would lie in one heap and make it grow.
    for (int64_t key : keys) ASSERT_EQ(*table.Lookup(key), key);
    std::set<int64_t> seen;
    for (uint64_t part = 0; part < 4; ++part) {
      table.ForEach(part, 2,
                    [&](const auto& slot) { EXPECT_TRUE(seen.insert(slot.key()).second); });
    }
    ASSERT_EQ(seen.size(), keys.size());
  }
}

TEST(KeyTable, SaysWhatGrowingTakesAndStartsAgain) {
  KeyTable<int64_t, int64_t> table;
  const size_t small = table.held_bytes();
  for (int round = 0; round < 2; ++round) {
    EXPECT_GT(table.bytes_to_grow(100'000), 0u);
    const auto insert = [&](int64_t first, size_t count) {
      table.Upsert(
          count, [&](size_t i) { return first + static_cast<int64_t>(i); },
          [] { return int64_t{1}; }, [](size_t, int64_t&) {});
    };
    insert(0, 500);
    const size_t more = table.bytes_to_grow(10'000);
    insert(500, 10'000);
    EXPECT_GE(table.held_bytes(), more);
    EXPECT_EQ(table.size(), 10'500u);
    table.Clear();
    EXPECT_EQ(table.size(), 0u);
    EXPECT_EQ(table.Lookup(0), nullptr);
    EXPECT_EQ(table.Lookup(7), nullptr);
    EXPECT_GT(table.held_bytes(), small);
    table = KeyTable<int64_t, int64_t>();
  }
}

TEST(KeyTable, ValuesChangeInPlace) {
  KeyTable<int64_t, int64_t> table;
  table.Upsert(
      100, [](size_t i) { return static_cast<int64_t>(i); }, [] { return int64_t{1}; },
      [](size_t, int64_t&) {});
  table.ForEachMutable([](auto& slot) { slot.value += slot.key(); });
  int64_t sum = 0;
  table.ForEach([&](const auto& slot) { sum += slot.value; });
  EXPECT_EQ(sum, 100 + 4950);
}

}  // namespace
}  // namespace joist
