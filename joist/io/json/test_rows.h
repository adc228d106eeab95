// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// For tests: rows with fields of every type, and random ones.

#ifndef JOIST_IO_JSON_TEST_ROWS_H_
#define JOIST_IO_JSON_TEST_ROWS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "joist/model/coder.h"
#include "joist/model/fields.h"
#include "joist/model/kv.h"
#include "joist/model/row.h"
#include "joist/model/timestamp.h"

namespace joist::json {

enum class Color : uint8_t { kRed, kBlue };
JOIST_ENUM(Color, kRed, kBlue)
enum class Level : uint8_t { kOne = 1, kThree = 3 };

struct Point {
  int32_t x = 0;
  int32_t y = 0;
};
JOIST_ROW(Point, x, y)

struct WithOptional {
  int64_t must = 0;
  std::optional<std::string> may;
  std::vector<int64_t> list;
};
JOIST_ROW(WithOptional, must, may, list)

struct Item {
  Point at;
};
JOIST_ROW(Item, at)
struct Nested {
  std::vector<Item> items;
};
JOIST_ROW(Nested, items)

struct Everything {
  bool flag = false;
  int8_t small = 0;
  char letter = 0;
  uint64_t unsigned_word = 0;
  int64_t number = 0;
  float half = 0;
  double real = 0;
  std::string text;
  Bytes bytes;
  std::vector<uint8_t> raw;
  Timestamp time;
  Duration span;
  Color color = Color::kRed;
  Level level = Level::kOne;
  std::optional<int64_t> maybe;
  std::optional<Point> maybe_row;
  std::vector<int64_t> list;
  std::vector<Point> rows;
  std::vector<std::optional<int64_t>> maybes;
  std::vector<bool> flags;
  std::map<std::string, int64_t> by_name;
  std::map<int64_t, std::string> by_number;
  std::set<std::string> names;
  KV<std::string, int64_t> pair;
  std::tuple<int32_t, std::string, bool> triple;
};
JOIST_ROW(Everything, flag, small, letter, unsigned_word, number, half, real, text, bytes, raw,
          time, span, color, level, maybe, maybe_row, list, rows, maybes, flags, by_name, by_number,
          names, pair, triple)

template <class Random>
std::string RandomText(Random& random) {
  static constexpr const char* kPieces[] = {"a", "b",  "key", "\"", "\\", "\n", "\x1F", "ä",
                                            "€", "😀", " ",   "/",  "0",  "\t", "{",    "]"};
  std::string text;
  for (uint64_t n = random() % 4 == 0 ? random() % 60 : random() % 5; n > 0; --n) {
    text += kPieces[random() % std::size(kPieces)];
  }
  return text;
}

template <class Random>
Everything RandomEverything(Random& random) {
  const auto number = [&] { return static_cast<int64_t>(random()) >> (random() % 64); };
  const auto some = [&](auto make) {
    for (uint64_t n = random() % 4; n > 0; --n) make();
  };
  Everything row;
  row.flag = random() % 2 == 0;
  row.small = static_cast<int8_t>(random());
  row.letter = static_cast<char>(random());
  row.unsigned_word = random();
  row.number = number();
  row.half = static_cast<float>(number()) / 64;
  row.real = static_cast<double>(number()) / 1000;
  row.text = RandomText(random);
  row.bytes = Bytes(RandomText(random));
  some([&] { row.raw.push_back(static_cast<uint8_t>(random())); });
  row.time = Timestamp::Millis(static_cast<int64_t>(random() % 4'000'000'000'000));
  row.span = Duration::Millis(number() % 1'000'000'000'000);
  row.color = random() % 2 == 0 ? Color::kRed : Color::kBlue;
  row.level = random() % 2 == 0 ? Level::kOne : Level::kThree;
  if (random() % 2 == 0) row.maybe = number();
  if (random() % 2 == 0) row.maybe_row = Point{static_cast<int32_t>(random()), 2};
  some([&] { row.list.push_back(number()); });
  some([&] { row.rows.push_back({1, static_cast<int32_t>(random())}); });
  some([&] { row.maybes.push_back(random() % 2 == 0 ? std::optional(number()) : std::nullopt); });
  some([&] { row.flags.push_back(random() % 2 == 0); });
  some([&] { row.by_name[RandomText(random)] = number(); });
  some([&] { row.by_number[number()] = RandomText(random); });
  some([&] { row.names.insert(RandomText(random)); });
  row.pair = {RandomText(random), number()};
  row.triple = {static_cast<int32_t>(random()), RandomText(random), random() % 2 == 0};
  return row;
}

}  // namespace joist::json

#endif  // JOIST_IO_JSON_TEST_ROWS_H_
