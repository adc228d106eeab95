// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// For tests: rows with fields of every type, random ones, and the bytes of an Avro file put
// together.

#ifndef JOIST_IO_AVRO_TEST_ROWS_H_
#define JOIST_IO_AVRO_TEST_ROWS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "joist/io/avro/avro.h"

namespace joist::avro {

enum class Color : uint8_t { kRed, kBlue };
JOIST_ENUM(Color, kRed, kBlue)
enum class Level : uint8_t { kOne = 1, kThree = 3 };

struct Point {
  int32_t x = 0;
  int32_t y = 0;
};
JOIST_ROW(Point, x, y)

struct Empty {};
JOIST_ROW(Empty)

/// A number that is never odd, as a logical type.
struct Even {
  int64_t half = 0;
  friend bool operator==(const Even&, const Even&) = default;
};

}  // namespace joist::avro

template <>
struct joist::LogicalType<joist::avro::Even> {
  using Representation = int64_t;
  static constexpr std::string_view kUrn = "joist:test:even:v1";
  static int64_t ToRepresentation(const avro::Even& even) { return 2 * even.half; }
  static bool FromRepresentation(int64_t number, avro::Even* even) {
    even->half = number / 2;
    return number % 2 == 0;
  }
};

namespace joist::avro {

struct Everything {
  bool flag = false;
  int8_t small = 0;
  char letter = 0;
  uint8_t byte = 0;
  uint16_t port = 0;
  uint32_t address = 0;
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
  Even even;
  std::optional<int64_t> maybe;
  std::optional<std::string> maybe_text;
  std::optional<Point> maybe_row;
  Empty empty;
  std::vector<int64_t> list;
  std::vector<Point> rows;
  std::vector<std::optional<std::string>> maybes;
  std::vector<std::vector<int32_t>> lists;
  std::optional<std::vector<bool>> flags;
  std::map<std::string, std::optional<int64_t>> by_name;
  std::map<int64_t, std::vector<std::string>> by_number;
  std::map<Color, Point> by_color;
  std::set<std::string> names;
  KV<std::string, int64_t> pair;
  std::tuple<int32_t, std::optional<std::string>, bool> triple;
};
JOIST_ROW(Everything, flag, small, letter, byte, port, address, unsigned_word, number, half, real,
          text, bytes, raw, time, span, color, level, even, maybe, maybe_text, maybe_row, empty,
          list, rows, maybes, lists, flags, by_name, by_number, by_color, names, pair, triple)

template <class Random>
std::string RandomText(Random& random) {
  static constexpr std::string_view kPieces[] = {"a", "b", "key", "ä", "€", "😀", "\n", "0"};
  std::string text;
  for (uint64_t n = random() % 4 == 0 ? random() % 60 : random() % 5; n > 0; --n) {
    text += kPieces[random() % std::size(kPieces)];
  }
  return text;
}

template <class Random>
Everything RandomEverything(Random& random) {
  const auto number = [&] { return static_cast<int64_t>(random()) >> (random() % 64); };
  const auto half = [&] { return random() % 2 == 0; };
  const auto some = [&](auto make) {
    for (uint64_t n = random() % 4; n > 0; --n) make();
  };
  Everything row;
  row.flag = half();
  row.small = static_cast<int8_t>(random());
  row.letter = static_cast<char>(random());
  row.byte = static_cast<uint8_t>(random());
  row.port = static_cast<uint16_t>(random());
  row.address = static_cast<uint32_t>(random());
  row.unsigned_word = random();
  row.number = number();
  row.half = static_cast<float>(number()) / 64;
  row.real = static_cast<double>(number()) / 1000;
  row.text = RandomText(random);
  row.bytes = Bytes(RandomText(random) + "\xFF");
  some([&] { row.raw.push_back(static_cast<uint8_t>(random())); });
  row.time = Timestamp::Millis(number() % 4'000'000'000'000);
  row.span = Duration::Millis(number() % 1'000'000'000'000);
  row.color = half() ? Color::kRed : Color::kBlue;
  row.level = half() ? Level::kOne : Level::kThree;
  row.even = {number() / 4};
  if (half()) row.maybe = number();
  if (half()) row.maybe_text = RandomText(random);
  if (half()) row.maybe_row = Point{static_cast<int32_t>(random()), 2};
  some([&] { row.list.push_back(number()); });
  if (random() % 16 == 0) row.list.resize(2000);
  some([&] { row.rows.push_back({1, static_cast<int32_t>(random())}); });
  some([&] { row.maybes.push_back(half() ? std::optional(RandomText(random)) : std::nullopt); });
  some([&] { some([&, &list = row.lists.emplace_back()] { list.push_back(7); }); });
  if (half()) some([&, &flags = row.flags.emplace()] { flags.push_back(half()); });
  some([&] { row.by_name[RandomText(random)] = half() ? std::optional(number()) : std::nullopt; });
  some([&] { row.by_number[number()] = {RandomText(random), ""}; });
  some([&] { row.by_color[half() ? Color::kRed : Color::kBlue] = {3, 4}; });
  some([&] { row.names.insert(RandomText(random)); });
  row.pair = {RandomText(random), number()};
  row.triple = {static_cast<int32_t>(random()), std::nullopt, half()};
  if (half()) std::get<1>(row.triple) = RandomText(random);
  return row;
}

inline constexpr std::string_view kTestMarker = "=test's marker!=";

/// A block of records that are encoded already.
inline std::string BlockText(int64_t records, std::string_view data, Codec codec = Codec::kNull) {
  std::string stored;
  JOIST_CHECK(BlockCompressor(codec).Run(data, &stored).ok());
  std::string block;
  PutLong(records, &block);
  PutText(stored, &block);
  return block + std::string(kTestMarker);
}

/// A file of one block, with a schema of one's own.
inline std::string FileText(std::string_view schema, int64_t records, std::string_view data,
                            Codec codec = Codec::kNull) {
  return HeaderText({std::string(schema), codec, std::string(kTestMarker)}) +
         BlockText(records, data, codec);
}

/// A file of rows, with so many to a block.
template <class T>
std::string FileOfRows(const std::vector<T>& rows, Codec codec, size_t block_rows) {
  std::string file = HeaderText({SchemaTextOf(ShapeOf<T>()), codec, std::string(kTestMarker)});
  for (size_t begin = 0; begin < rows.size(); begin += block_rows) {
    const size_t end = std::min(begin + block_rows, rows.size());
    std::string data;
    for (size_t i = begin; i < end; ++i) Put(rows[i], &data);
    file += BlockText(static_cast<int64_t>(end - begin), data, codec);
  }
  return file;
}

/// The rows of a file, without a pipeline.
template <class T>
Result<std::vector<T>> ReadRows(const std::string& path, const ContainerOptions& options = {},
                                std::vector<BadRecord>* bad = nullptr) {
  JOIST_ASSIGN_OR_RETURN(RowReader reader, RowReader::Open(path, options, ShapeOf<T>(), bad));
  std::vector<T> all;
  std::vector<T> rows(RowReader::kBatch);
  for (;;) {
    size_t count = 0;
    JOIST_ASSIGN_OR_RETURN(const bool more, reader.Next(rows.data(), &count));
    if (!more) return all;
    all.insert(all.end(), rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(count));
  }
}

}  // namespace joist::avro

#endif  // JOIST_IO_AVRO_TEST_ROWS_H_
