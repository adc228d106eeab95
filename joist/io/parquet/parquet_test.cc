// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/parquet/parquet.h"

#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "joist/io/files/file_writer.h"
#include "joist/sdk/combine.h"
#include "joist/sdk/testing/test_pipeline.h"
#include "joist/sdk/window_into.h"

#include "joist/io/parquet/read_rows.h"

namespace joist::parquet {

enum class Color : uint8_t { kRed, kBlue };
JOIST_ENUM(Color, kRed, kBlue)
enum class Level : uint8_t { kOne = 1, kThree = 3 };

struct Point {
  int32_t x = 0;
  int32_t y = 0;
};
JOIST_ROW(Point, x, y)

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
  std::optional<int64_t> maybe;
  std::optional<std::string> maybe_text;
  std::optional<Point> maybe_row;
  std::vector<int64_t> list;
  std::vector<Point> rows;
  std::vector<std::optional<std::string>> maybes;
  std::vector<std::vector<int32_t>> lists;
  std::optional<std::vector<bool>> flags;
  std::map<std::string, std::optional<int64_t>> by_name;
  std::map<int64_t, std::vector<std::string>> by_number;
  std::set<std::string> names;
  KV<std::string, int64_t> pair;
  std::tuple<int32_t, std::optional<std::string>, bool> triple;
};
JOIST_ROW(Everything, flag, small, letter, byte, port, address, unsigned_word, number, half, real,
          text, bytes, raw, time, span, color, level, maybe, maybe_text, maybe_row, list, rows,
          maybes, lists, flags, by_name, by_number, names, pair, triple)

/// What files with many row groups hold.
struct Entry {
  int64_t id = 0;
  double real = 0;
  std::string name;
  std::optional<int32_t> maybe;
};
JOIST_ROW(Entry, id, real, name, maybe)

struct OnlyName {
  std::string name;
};
JOIST_ROW(OnlyName, name)
struct OnlyMaybe {
  std::optional<int64_t> maybe;
};
JOIST_ROW(OnlyMaybe, maybe)
struct MustMaybe {
  int32_t maybe = 0;
};
JOIST_ROW(MustMaybe, maybe)
struct NoSuch {
  std::optional<int64_t> none;
};
JOIST_ROW(NoSuch, none)
struct WrongName {
  int64_t name = 0;
};
JOIST_ROW(WrongName, name)
struct Narrow {
  int32_t id = 0;
};
JOIST_ROW(Narrow, id)
struct Unknown {
  int64_t id = 0;
  int64_t unknown = 0;
};
JOIST_ROW(Unknown, id, unknown)
struct Byte {
  uint8_t x = 0;
};
JOIST_ROW(Byte, x)
struct Short {
  int16_t x = 0;
};
JOIST_ROW(Short, x)
struct WantsColor {
  Color name = Color::kRed;
};
JOIST_ROW(WantsColor, name)
/// A part of Everything, and of what is nested in it.
struct JustX {
  int64_t x = 0;
  std::optional<std::string> z;
};
JOIST_ROW(JustX, x, z)
struct Part {
  std::vector<JustX> rows;
  std::optional<JustX> maybe_row;
  std::vector<KV<std::string, std::optional<int64_t>>> by_name;
};
JOIST_ROW(Part, rows, maybe_row, by_name)

struct Empty {};
JOIST_ROW(Empty)

namespace {

using testing::HasSubstr;

template <class Random>
std::string RandomText(Random& random) {
  static constexpr const char* kPieces[] = {"a", "b", "key", "ä", "€", "😀", " ", "/", "0"};
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
  if (half()) row.maybe = number();
  if (half()) row.maybe_text = RandomText(random);
  if (half()) row.maybe_row = Point{static_cast<int32_t>(random()), 2};
  some([&] { row.list.push_back(number()); });
  some([&] { row.rows.push_back({1, static_cast<int32_t>(random())}); });
  some([&] { row.maybes.push_back(half() ? std::optional(RandomText(random)) : std::nullopt); });
  some([&] { some([&, &list = row.lists.emplace_back()] { list.push_back(7); }); });
  if (half()) some([&, &flags = row.flags.emplace()] { flags.push_back(half()); });
  some([&] { row.by_name[RandomText(random)] = half() ? std::optional(number()) : std::nullopt; });
  some([&] { row.by_number[number()] = {RandomText(random), ""}; });
  some([&] { row.names.insert(RandomText(random)); });
  row.pair = {RandomText(random), number()};
  row.triple = {static_cast<int32_t>(random()), std::nullopt, half()};
  if (half()) std::get<1>(row.triple) = RandomText(random);
  return row;
}

Entry EntryOf(int64_t id) {
  Entry entry{id, static_cast<double>(id) / 4, "name" + std::to_string(id % 100), std::nullopt};
  if (id % 3 != 0) entry.maybe = static_cast<int32_t>(id);
  return entry;
}

template <class T>
const T* Of() {
  return nullptr;
}

template <class T>
const Schema& RowsOf(const T*) {
  return SchemaOf<T>();
}

class ParquetTest : public testing::Test {
 protected:
  ParquetTest() { std::filesystem::create_directories(root_); }
  ~ParquetTest() override { std::filesystem::remove_all(root_); }

  template <class T>
  std::string Failure(const T& read) {
    TestPipeline p;
    p | "Read" >> read;
    return p.RunToEnd().status.message();
  }
  /// A file of rows in row groups of so many.
  template <class T>
  std::string File(const std::string& name, const std::vector<T>& rows, int64_t group_rows,
                   Codec codec = Codec::kSnappy) {
    const std::string path = root_ + name;
    Result<RowFileWriter> writer =
        RowFileWriter::Create(path, path, SchemaOf<T>(), codec, group_rows);
    EXPECT_TRUE(writer.ok()) << writer.status().message();
    for (const T& row : rows) {
      PutRow(row, writer->columns());
      EXPECT_TRUE(writer->EndRow().ok());
    }
    EXPECT_TRUE(writer->Close().ok());
    return path;
  }
  std::string Entries(const std::string& name, int64_t count, int64_t group_rows) {
    std::vector<Entry> entries;
    for (int64_t id = 0; id < count; ++id) entries.push_back(EntryOf(id));
    return File(name, entries, group_rows);
  }
  int64_t Counted(const JobOutcome& outcome, std::string_view name) {
    return outcome.metrics.CounterValue("parquet", name);
  }
  static std::string Content(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  std::string root_ = testing::TempDir() + "joist_parquet_test_" +
                      testing::UnitTest::GetInstance()->current_test_info()->name() + "/";
};

TEST_F(ParquetTest, FieldsOfEveryTypeComeBack) {
  std::mt19937_64 random(5);
  std::vector<Everything> rows;
  for (int i = 0; i < 20'000; ++i) rows.push_back(RandomEverything(random));
  for (const Codec codec : {Codec::kNone, Codec::kSnappy, Codec::kZstd}) {
    const std::string path = File("f" + EnumText(codec), rows, 7000, codec);
    const auto read = ReadRows<Everything>(path);
    ASSERT_TRUE(read.ok()) << read.status().message();
    ASSERT_EQ(read->size(), rows.size());
    for (size_t i = 0; i < rows.size(); ++i) {
      std::string expected, found;
      Coder<Everything>::Encode(rows[i], &expected, true);
      Coder<Everything>::Encode((*read)[i], &found, true);
      ASSERT_EQ(found, expected) << i;
    }
  }
}

TEST_F(ParquetTest, WritesWhatReadGivesBack) {
  TestPipeline write;
  std::vector<Entry> entries;
  for (int64_t id = 0; id < 5000; ++id) entries.push_back(EntryOf(id));
  const auto in = write | Create<Entry>(std::vector<Entry>(entries));
  const auto nothing = write | "Nothing" >> Create<Entry>(std::vector<Entry>());
  PAssert::That(in | Write(root_ + "out")).Satisfies([](const IterableView<std::string>& all) {
    return all.begin() != all.end();
  });
  PAssert::That(in | "One" >> Write(root_ + "one").WithoutSharding().WithSuffix(".pq"))
      .ContainsInAnyOrder({root_ + "one.pq"});
  PAssert::That(nothing | "WriteNothing" >> Write(root_ + "nothing").WithNumShards(2))
      .ContainsInAnyOrder(
          {root_ + "nothing-00000-of-00002.parquet", root_ + "nothing-00001-of-00002.parquet"});
  EXPECT_TRUE(write.RunOk());
  TestPipeline read;
  PAssert::That(read | "Many" >> Read<Entry>(root_ + "out*")).ContainsInAnyOrder(entries);
  PAssert::That(read | Create({root_ + "one.pq"}) | ReadAll<Entry>()).ContainsInAnyOrder(entries);
  PAssert::That(read | "None" >> Read<Entry>(root_ + "nothing*")).IsEmpty();
  EXPECT_TRUE(read.RunOk());
  for (const auto& entry : std::filesystem::directory_iterator(root_)) {
    EXPECT_FALSE(entry.path().filename().string().starts_with(".joist")) << entry.path();
  }
}

TEST_F(ParquetTest, KeysAreDestinations) {
  std::vector<KV<std::string, Entry>> entries;
  for (int64_t id = 0; id < 3000; ++id) {
    entries.push_back({id % 3 == 0 ? "days/a" : "b", EntryOf(id)});
  }
  TestPipeline write;
  const auto in = write | Create<KV<std::string, Entry>>(std::vector(entries));
  PAssert::That(in | "One" >> Write(root_ + "by-").WithoutSharding())
      .ContainsInAnyOrder({root_ + "by-days/a.parquet", root_ + "by-b.parquet"});
  in | "Two" >> Write(root_ + "two-").WithNumShards(2);
  EXPECT_TRUE(write.RunOk());
  TestPipeline read;
  for (const std::string key : {"days/a", "b"}) {
    std::vector<Entry> expected;
    for (const auto& entry : entries) {
      if (entry.key == key) expected.push_back(entry.value);
    }
    PAssert::That(read | ("One" + key) >> Read<Entry>(root_ + "by-" + key + ".parquet"))
        .ContainsInAnyOrder(expected);
    PAssert::That(read |
                  ("Two" + key) >> Read<Entry>(root_ + "two-" + key + "-0000?-of-00002.parquet"))
        .ContainsInAnyOrder(expected);
  }
  EXPECT_TRUE(read.RunOk());
}

TEST_F(ParquetTest, WindowsHaveFilesOfTheirOwn) {
  std::vector<Entry> entries;
  for (int64_t id = 0; id < 120; ++id) entries.push_back(EntryOf(id));
  TestPipeline write;
  const auto minutes =
      write | Create<Entry>(std::vector<Entry>(entries)) |
      WithTimestamps([](const Entry& entry) { return Timestamp::Seconds(entry.id); }) |
      WindowInto(FixedWindows(Duration::Minutes(1)));
  minutes | "All" >> Write(root_ + "all").WithoutSharding().WithWindowedWrites();
  minutes | Map([](const Entry& entry) { return KV{std::string("key"), entry}; }) |
      "ByKey" >> Write(root_ + "by-").WithNumShards(2).WithWindowedWrites();
  EXPECT_TRUE(write.RunOk());
  TestPipeline read;
  const std::string second = "1970-01-01T00:01:00.000Z-1970-01-01T00:02:00.000Z-pane-0-last";
  const std::vector<Entry> expected(entries.begin() + 60, entries.end());
  PAssert::That(read | "All" >> Read<Entry>(root_ + "all-" + second + ".parquet"))
      .ContainsInAnyOrder(expected);
  PAssert::That(read |
                "ByKey" >> Read<Entry>(root_ + "by-key-" + second + "-0000?-of-00002.parquet"))
      .ContainsInAnyOrder(expected);
  PAssert::That(read | "Both" >> Read<Entry>(root_ + "all*")).ContainsInAnyOrder(entries);
  EXPECT_TRUE(read.RunOk());
}

TEST_F(ParquetTest, DisplayDataNamesTheSettings) {
  const auto values = [](const auto& transform) {
    joist::DisplayData data;
    transform.DisplayData(data);
    std::vector<std::string> all;
    for (const auto& item : data.items()) all.push_back(item.key + "=" + item.value);
    return all;
  };
  EXPECT_THAT(values(Write("p").WithCompression(Codec::kZstd)),
              testing::UnorderedElementsAre("filePrefix=p", "fileSuffix=.parquet", "codec=kZstd"));
  EXPECT_THAT(values(Read<Entry>("q*")), testing::ElementsAre("filePattern=q*"));
}

TEST_F(ParquetTest, ReadsOneFileByManyThreads) {
  const int64_t count = 300'000;
  const std::string path = Entries("big", count, 10'000);
  for (const int threads : {1, 3}) {
    TestPipeline p;
    p.set_threads(threads);
    auto ids = p | Read<Entry>(path) | Map([](const Entry& entry) {
                 return entry.name == EntryOf(entry.id).name ? entry.id : -1'000'000'000;
               });
    PAssert::ThatSingleton(ids | Sum::Globally()).IsEqualTo(count * (count - 1) / 2);
    PAssert::ThatSingleton(ids | Count::Globally()).IsEqualTo(count);
    EXPECT_TRUE(p.RunOk());
  }
}

// Any cut gives each row group to one side.
TEST_F(ParquetTest, SplitsAnywhereGiveTheSameRows) {
  const std::string path = Entries("f", 500, 50);
  const auto size = static_cast<uint64_t>(std::filesystem::file_size(path));
  for (uint64_t cut = 0; cut <= size + 1; cut += 37) {
    std::multiset<std::string> names;
    for (const auto& [begin, end] : {std::pair{uint64_t{0}, cut}, {cut, UINT64_MAX}}) {
      const auto rows = ReadRows<OnlyName>(path, {}, begin, end);
      ASSERT_TRUE(rows.ok()) << rows.status().message();
      for (const OnlyName& row : *rows) names.insert(row.name);
    }
    ASSERT_EQ(names.size(), 500) << cut;
    ASSERT_EQ(names.count("name7"), 5) << cut;
  }
}

TEST_F(ParquetTest, WhereIsExactAndSkipsRowGroups) {
  const std::string path = Entries("f", 1000, 100);
  struct Case {
    Predicate where;
    bool (*is_wanted)(const Entry&);
    int64_t groups;
  };
  const Column id("id"), real("real"), name("name"), maybe("maybe");
  const std::vector<Case> cases = {
      {id >= 950, [](const Entry& e) { return e.id >= 950; }, 1},
      {id >= 900, [](const Entry& e) { return e.id >= 900; }, 1},
      {id < 150 && id != 7, [](const Entry& e) { return e.id < 150 && e.id != 7; }, 2},
      {id == 5 || id == 999, [](const Entry& e) { return e.id == 5 || e.id == 999; }, 2},
      {id.In({1, 2, 501}), [](const Entry& e) { return e.id < 3 ? e.id > 0 : e.id == 501; }, 2},
      {real > 200.25, [](const Entry& e) { return e.real > 200.25; }, 2},
      {real <= 3, [](const Entry& e) { return e.real <= 3; }, 1},
      {name == "name42", [](const Entry& e) { return e.name == "name42"; }, 10},
      {name > "z", [](const Entry&) { return false; }, 0},
      {maybe.IsNull() && id < 50, [](const Entry& e) { return !e.maybe.has_value() && e.id < 50; },
       1},
      {maybe < 20, [](const Entry& e) { return e.maybe.has_value() && *e.maybe < 20; }, 1},
      {!(maybe < 20), [](const Entry& e) { return e.maybe.has_value() && *e.maybe >= 20; }, 10},
      {maybe.IsNotNull(), [](const Entry& e) { return e.maybe.has_value(); }, 10},
      {id < 0, [](const Entry&) { return false; }, 0},
  };
  for (size_t i = 0; i < cases.size(); ++i) {
    std::vector<Entry> expected;
    for (int64_t n = 0; n < 1000; ++n) {
      if (cases[i].is_wanted(EntryOf(n))) expected.push_back(EntryOf(n));
    }
    TestPipeline p;
    PAssert::That(p | Read<Entry>(path).Where(cases[i].where)).ContainsInAnyOrder(expected);
    const JobOutcome result = p.RunToEnd();
    EXPECT_EQ(result.status.message(), "") << i;
    EXPECT_EQ(Counted(result, "row_groups_read"), cases[i].groups) << i;
    EXPECT_EQ(Counted(result, "row_groups_skipped"), 10 - cases[i].groups) << i;
  }
}

TEST_F(ParquetTest, ReadsOnlyTheColumnsThatAreWanted) {
  const std::string path = Entries("f", 20'000, 5000);
  const auto bytes_of = [&](const auto& read) {
    TestPipeline p;
    p | "Read" >> read;
    return Counted(p.RunToEnd(), "bytes_read");
  };
  const int64_t all = bytes_of(Read<Entry>(path));
  const int64_t maybe = bytes_of(Read<OnlyMaybe>(path));
  EXPECT_GT(maybe, 0);
  EXPECT_LT(maybe, all / 2);
  EXPECT_LE(all, static_cast<int64_t>(std::filesystem::file_size(path)));
}

TEST_F(ParquetTest, FieldsMayBeFewerAndWider) {
  const std::string path = Entries("f", 10, 4);
  EXPECT_EQ(ReadRows<NoSuch>(path)->size(), 10);
  EXPECT_EQ(ReadRows<Empty>(path)->size(), 10);
  EXPECT_EQ(ReadRows<NoSuch>(path, Column("none") == 1)->size(), 0);
  EXPECT_EQ(ReadRows<OnlyName>(path, Column("id") >= 3 && Column("real") < 2)->size(), 5);
  const auto present = ReadRows<MustMaybe>(path, Column("maybe").IsNotNull());
  std::vector<int32_t> values;
  for (const MustMaybe& row : *present) values.push_back(row.maybe);
  EXPECT_THAT(values, testing::ElementsAre(1, 2, 4, 5, 7, 8));

  Everything everything;
  everything.rows = {{1, 2}, {3, 4}};
  everything.maybe_row = Point{5, 6};
  everything.by_name = {{"a", 1}, {"b", std::nullopt}};
  const std::string nested = File<Everything>("nested", {everything, Everything()}, 10);
  const std::vector<Part> parts = *ReadRows<Part>(nested);
  ASSERT_EQ(parts.size(), 2);
  ASSERT_EQ(parts[0].rows.size(), 2);
  EXPECT_EQ(parts[0].rows[1].x, 3);
  EXPECT_FALSE(parts[0].rows[1].z.has_value());
  EXPECT_EQ(parts[0].maybe_row.value().x, 5);
  ASSERT_EQ(parts[0].by_name.size(), 2);
  EXPECT_EQ(parts[0].by_name[0].key, "a");
  EXPECT_EQ(parts[0].by_name[0].value, 1);
  EXPECT_FALSE(parts[0].by_name[1].value.has_value());
  EXPECT_TRUE(parts[1].rows.empty());
  EXPECT_FALSE(parts[1].maybe_row.has_value());
}

TEST_F(ParquetTest, ReadSaysWhatIsWrong) {
  const std::string path = Entries("f", 10, 4);
  EXPECT_EQ(Failure(Read<Entry>(root_ + "none*")),
            "step \"Read\": no file matches " + root_ + "none*");
  EXPECT_EQ(Failure(Read<Entry>(root_ + "none*").WithEmptyMatch(EmptyMatch::kAllow)), "");
  EXPECT_EQ(Failure(Read<Entry>(path).Where(Column("name") < 5)),
            "step \"Read\": " + path +
                ": its column \"name\" is string, which cannot be compared with 5");
  const auto wrong = []<class T>(const T*, const std::string& file, const Predicate& where = {}) {
    return ReadRows<T>(file, where).status().message();
  };
  EXPECT_EQ(wrong(Of<WrongName>(), path),
            path + ": its column \"name\" is string, and INT64 is wanted");
  EXPECT_EQ(wrong(Of<Narrow>(), path), path + ": its column \"id\" is int64, and INT32 is wanted");
  EXPECT_EQ(wrong(Of<Unknown>(), path), path + ": it has no column \"unknown\"");
  EXPECT_EQ(wrong(Of<MustMaybe>(), path),
            path +
                ": row group 0: the column \"maybe\" has a null, and the row's field is no "
                "std::optional");
  EXPECT_THAT(wrong(Of<WantsColor>(), path), HasSubstr("is not the name of an enumerator"));
  EXPECT_EQ(wrong(Of<Narrow>(), path, Column("other") < 5),
            path + ": its column \"id\" is int64, and INT32 is wanted");
  EXPECT_EQ(wrong(Of<OnlyName>(), path, Column("other") < 5),
            path + ": it has no column \"other\"");
  const std::string shorts = File<Short>("shorts", {{300}}, 10);
  EXPECT_EQ(wrong(Of<Byte>(), shorts),
            shorts +
                ": row group 0: the column \"x\" has a number that the row's field cannot "
                "hold");
}

TEST_F(ParquetTest, WriteSaysWhatIsWrong) {
  const auto failure = [](const std::string& name, const Write& write) {
    TestPipeline p;
    p | Create<Entry>({{1, 2, name, {}}}) | "Write" >> write;
    return p.RunToEnd().status.message();
  };
  EXPECT_THAT(failure("\xC3", Write(root_ + "out")),
              HasSubstr("the field \"name\" has a text that is not UTF-8"));
  EXPECT_THAT(failure("a", Write(root_ + "no/such/out")), HasSubstr("folder"));
  EXPECT_THAT(failure("a", Write(root_ + "out").WithRowGroupSize(0)),
              HasSubstr("row groups of 0 rows"));
  const auto written = [&](const auto* type, const auto& rows) {
    auto file = RowFileWriter::Create(root_ + "f", root_ + "f", RowsOf(type), Codec::kNone, 10);
    Status status = file.status();
    for (const auto& row : rows) PutRow(row, file->columns());
    for (size_t i = 0; status.ok() && i < rows.size(); ++i) status = file->EndRow();
    return status.ok() ? file->Close().message() : status.message();
  };
  EXPECT_EQ(written(Of<Empty>(), std::vector<Empty>()), "Parquet cannot hold rows without fields");
  // A character that two texts share is none.
  EXPECT_THAT(written(Of<OnlyName>(), std::vector<OnlyName>{{"\xC3"}, {"\xA4"}}),
              HasSubstr("not UTF-8"));
  EXPECT_TRUE(std::filesystem::is_empty(root_));
}

// Every reader of a file that is damaged ends with an error or with rows, and never otherwise.
TEST_F(ParquetTest, DamagedFilesAreErrors) {
  std::mt19937_64 random(9);
  std::vector<Everything> rows;
  for (int i = 0; i < 40; ++i) rows.push_back(RandomEverything(random));
  const std::string whole = Content(File("f", rows, 15));
  const std::string path = root_ + "damaged";
  const auto read = [&](const std::string& content) {
    std::ofstream(path, std::ios::binary) << content;
    const Status status = ReadRows<Everything>(path).status();
    if (!status.ok()) {
      EXPECT_TRUE(status.message().starts_with(path + ": ")) << status.message();
      EXPECT_EQ(status.message().find('\n'), std::string::npos) << status.message();
    }
    return status;
  };
  EXPECT_TRUE(read(whole).ok());
  EXPECT_THAT(read("").message(), HasSubstr("it is empty"));
  EXPECT_FALSE(read("no Parquet at all, but rather long for what it is").ok());
  for (size_t size = 1; size < whole.size(); size += 1 + whole.size() / 100) {
    EXPECT_FALSE(read(whole.substr(0, size)).ok()) << size;
  }
  for (int round = 0; round < 300; ++round) {
    std::string damaged = whole;
    for (uint64_t n = 1 + random() % 3; n > 0; --n) {
      // Half of them where the metadata is.
      const size_t at = random() % 2 == 0 ? random() % whole.size()
                                          : whole.size() - 1 - random() % (whole.size() / 3);
      damaged[at] = static_cast<char>(random());
    }
    (void)read(damaged);
  }
}

}  // namespace
}  // namespace joist::parquet
