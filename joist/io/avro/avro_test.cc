// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/avro/avro.h"

#include <filesystem>
#include <fstream>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "joist/io/avro/test_rows.h"
#include "joist/model/describe.h"
#include "joist/sdk/combine.h"
#include "joist/sdk/keys.h"
#include "joist/sdk/testing/test_pipeline.h"
#include "joist/sdk/window_into.h"

namespace joist::avro {
namespace {

using testing::HasSubstr;

class AvroTest : public testing::Test {
 protected:
  AvroTest() { std::filesystem::create_directories(root_); }
  ~AvroTest() override { std::filesystem::remove_all(root_); }

  std::string File(const std::string& name, std::string_view content) {
    std::filesystem::remove(root_ + name);  // Cheaper than to shorten it.
    std::ofstream(root_ + name, std::ios::binary) << content;
    return root_ + name;
  }
  template <class T>
  std::string Failure(const T& read) {
    TestPipeline p;
    p | "Read" >> read;
    return p.RunToEnd().status.message();
  }

  std::string root_ = testing::TempDir() + "joist_avro_test_" +
                      testing::UnitTest::GetInstance()->current_test_info()->name() + "/";
};

std::vector<Everything> RandomRows(uint64_t seed, int count) {
  std::mt19937_64 random(seed);
  std::vector<Everything> rows;
  for (int i = 0; i < count; ++i) rows.push_back(RandomEverything(random));
  return rows;
}

TEST_F(AvroTest, WritesWhatReadGivesBack) {
  const std::vector<Everything> rows = RandomRows(5, 600);
  TestPipeline write;
  auto created = write | Create<Everything>(std::vector<Everything>(rows));
  for (const Codec codec :
       {Codec::kNull, Codec::kDeflate, Codec::kSnappy, Codec::kZstandard, Codec::kBzip2}) {
    const std::string name = EnumText(codec);
    created | ("Write" + name) >>
                  Write(root_ + name).WithCompression(codec).WithNumShards(2).WithBlockSize(4000);
  }
  created | "Default" >> Write(root_ + "default");
  created | "Compressed" >> Write(root_ + "whole").WithSuffix(".avro.gz").WithoutSharding();
  EXPECT_TRUE(write.RunOk());
  TestPipeline read;
  for (const char* pattern : {"kNull-0000?-of-00002.avro", "kDeflate-*", "kSnappy-*",
                              "kZstandard-*", "kBzip2-*", "default-*", "whole.avro.gz"}) {
    PAssert::That(read | pattern >> Read<Everything>(root_ + pattern)).ContainsInAnyOrder(rows);
  }
  EXPECT_TRUE(read.RunOk());
}

TEST_F(AvroTest, KeysAreDestinations) {
  const std::vector<Everything> rows = RandomRows(6, 300);
  std::vector<KV<std::string, Everything>> keyed;
  for (size_t i = 0; i < rows.size(); ++i) keyed.push_back({i % 3 == 0 ? "days/a" : "b", rows[i]});
  TestPipeline write;
  auto created = write | Create<KV<std::string, Everything>>(std::vector(keyed));
  PAssert::That(created | "One" >> Write(root_ + "by-").WithoutSharding())
      .ContainsInAnyOrder({root_ + "by-days/a.avro", root_ + "by-b.avro"});
  created | "Two" >> Write(root_ + "two-").WithNumShards(2).WithSuffix(".avro.gz");
  EXPECT_TRUE(write.RunOk());
  TestPipeline read;
  for (const std::string key : {"days/a", "b"}) {
    std::vector<Everything> expected;
    for (const auto& entry : keyed) {
      if (entry.key == key) expected.push_back(entry.value);
    }
    PAssert::That(read | ("One" + key) >> Read<Everything>(root_ + "by-" + key + ".avro"))
        .ContainsInAnyOrder(expected);
    PAssert::That(read | ("Two" + key) >>
                             Read<Everything>(root_ + "two-" + key + "-0000?-of-00002.avro.gz"))
        .ContainsInAnyOrder(expected);
  }
  EXPECT_TRUE(read.RunOk());
}

TEST_F(AvroTest, WindowsHaveFilesOfTheirOwn) {
  const std::vector<Everything> rows = RandomRows(7, 200);
  std::vector<KV<std::string, Everything>> keyed;
  for (size_t i = 0; i < rows.size(); ++i) keyed.push_back({i < 100 ? "0" : "60", rows[i]});
  TestPipeline write;
  auto minutes = write | Create<KV<std::string, Everything>>(std::vector(keyed)) |
                 WithTimestamps([](const KV<std::string, Everything>& entry) {
                   return Timestamp::Seconds(std::stoll(entry.key));
                 }) |
                 WindowInto(FixedWindows(Duration::Minutes(1)));
  minutes | Values() | "All" >> Write(root_ + "all").WithNumShards(2).WithWindowedWrites();
  minutes | "ByKey" >> Write(root_ + "by-").WithoutSharding().WithWindowedWrites();
  EXPECT_TRUE(write.RunOk());
  TestPipeline read;
  for (const int64_t begin : {0, 60}) {
    const std::vector<Everything> expected(rows.begin() + (begin == 0 ? 0 : 100),
                                           rows.begin() + (begin == 0 ? 100 : 200));
    const std::string name = Timestamp::Seconds(begin).ToString() + "-" +
                             Timestamp::Seconds(begin + 60).ToString() + "-pane-0-last";
    PAssert::That(read | ("All" + name) >>
                             Read<Everything>(root_ + "all-" + name + "-0000?-of-00002.avro"))
        .ContainsInAnyOrder(expected);
    PAssert::That(
        read | ("ByKey" + name) >>
                   Read<Everything>(root_ + "by-" + std::to_string(begin) + "-" + name + ".avro"))
        .ContainsInAnyOrder(expected);
  }
  EXPECT_TRUE(read.RunOk());
}

TEST_F(AvroTest, WritesFilesForNothing) {
  TestPipeline write;
  auto none = write | Create<Point>(std::vector<Point>());
  none | "Sharded" >> Write(root_ + "sharded").WithNumShards(3);
  none | "Default" >> Write(root_ + "default");
  EXPECT_TRUE(write.RunOk());
  TestPipeline read;
  PAssert::That(read | "Sharded" >> Read<Point>(root_ + "sharded-0000?-of-00003.avro")).IsEmpty();
  PAssert::That(read | "Default" >> Read<Point>(root_ + "default-00000-of-00001.avro")).IsEmpty();
  EXPECT_TRUE(read.RunOk());
}

TEST_F(AvroTest, ReadsOneBigFileByManyThreads) {
  std::vector<Point> points;
  int64_t sum = 0;
  for (int32_t i = 0; i < 700'000; ++i) {
    points.push_back({i, -i});
    sum += i;
  }
  const std::string path = File("big", FileOfRows(points, Codec::kNull, 1000));
  ASSERT_GT(std::filesystem::file_size(path), 3 * files::kClaim);
  for (const int threads : {1, 3}) {
    TestPipeline p;
    p.set_threads(threads);
    auto xs = p | Read<Point>(path) |
              Map([](const Point& point) { return static_cast<int64_t>(point.x); });
    PAssert::ThatSingleton(xs | Sum::Globally()).IsEqualTo(sum);
    auto good = p | "Good" >> Read<Point>(path).WithErrors();
    PAssert::ThatSingleton(good.Get<Main>() | "CountGood" >> Count::Globally()).IsEqualTo(700'000);
    PAssert::That(good.Get<Errors>()).IsEmpty();
    auto all = p | Create({path}) | ReadAll<Point>();
    PAssert::ThatSingleton(all | "CountAll" >> Count::Globally()).IsEqualTo(700'000);
    EXPECT_TRUE(p.RunOk());
  }
}

// Any cut gives each record to one side, through whatever window the file is read.
TEST_F(AvroTest, SplitsAnywhereGiveTheSameRecords) {
  std::vector<Point> points;
  for (int32_t i = 0; i < 17; ++i) points.push_back({i, 1 << i});
  for (const Codec codec : {Codec::kNull, Codec::kSnappy}) {
    const std::string content = FileOfRows(points, codec, 3);
    const std::string path = File("f", content);
    for (uint64_t first = 0; first <= content.size(); ++first) {
      for (uint64_t second = first; second <= content.size(); second += 1 + second % 5) {
        std::vector<int32_t> xs;
        const uint64_t cuts[] = {0, first, second, UINT64_MAX};
        for (size_t i = 0; i + 1 < std::size(cuts); ++i) {
          const auto rows = ReadRows<Point>(
              path, {.begin = cuts[i], .end = cuts[i + 1], .read_bytes = 1 + first % 200});
          ASSERT_TRUE(rows.ok()) << rows.status().message();
          for (const Point& point : *rows) xs.push_back(point.x);
        }
        ASSERT_EQ(xs.size(), points.size()) << first << " " << second;
        for (int32_t i = 0; i < 17; ++i) ASSERT_EQ(xs[static_cast<size_t>(i)], i);
      }
    }
  }
}

// A range that grows under the reader, as a thread claims it.
TEST_F(AvroTest, RangesMayGrow) {
  std::vector<Point> points;
  for (int32_t i = 0; i < 100; ++i) points.push_back({i, i});
  const std::string content = FileOfRows(points, Codec::kNull, 7);
  const std::string path = File("f", content);
  using Reader = avro_rows_internal::RowFormat<Point>::Reader;
  for (uint64_t begin = 0; begin < content.size(); begin += 13) {
    const auto whole = ReadRows<Point>(path, {.begin = begin});
    Result<Reader> reader = Reader::Open(path, ReadSettings(), begin, begin, nullptr);
    ASSERT_TRUE(whole.ok() && reader.ok());
    size_t seen = 0;
    for (uint64_t end = begin; end < content.size() + 9; end += 9) {
      reader->Extend(end);
      std::span<Point> rows;
      for (;;) {
        const Result<bool> more = reader->Next(&rows);
        ASSERT_TRUE(more.ok());
        if (!*more) break;
        for (const Point& row : rows) ASSERT_EQ(row.x, (*whole)[seen++].x);
      }
    }
    ASSERT_EQ(seen, whole->size());
  }
}

constexpr std::string_view kLongs =
    R"({"type":"record","name":"R","fields":[{"name":"x","type":"int"},{"name":"y","type":"int"}]})";

TEST_F(AvroTest, BadRecordsEndTheJobOrGoToErrors) {
  std::string data;
  for (const int64_t x : {1, 2, 3}) {
    PutLong(x == 2 ? int64_t{1} << 40 : x, &data);
    PutLong(x, &data);
  }
  std::string content = FileText(kLongs, 3, data);
  const auto bad_at = std::to_string(content.size() - BlockText(3, data).size());
  const auto half_at = std::to_string(content.size());
  content += BlockText(3, std::string("\x08\x08\x80", 3));
  const auto much_at = std::to_string(content.size());
  content += BlockText(1, std::string("\x0A\x0A\x0A", 3));
  const auto torn_at = std::to_string(content.size());
  std::string torn = BlockText(1, std::string("\x0C\x0C", 2));
  torn.pop_back();
  content += torn + BlockText(1, std::string("\x0E\x0E", 2)) + BlockText(1, "\x10\x10");
  const std::string path = File("f", content);
  EXPECT_EQ(Failure(Read<Point>(path)), "step \"Read\": " + path +
                                            ": record 2 of the block at byte " + bad_at +
                                            ": x is an int of more than 32 bits");

  const auto offset = [](const std::string& text) { return std::stoull(text); };
  const std::vector<BadRecord> bad = {
      {path, offset(bad_at), "record 2 of the block: x is an int of more than 32 bits",
       "\\x80\\x80\\x80\\x80\\x80@\\x04"},
      {path, offset(half_at), "the block: it claims 3 records, more than 3 bytes can hold", ""},
      {path, offset(much_at), "the block: bytes follow its last record", ""},
      {path, offset(torn_at), "the block: the file's marker does not follow it", ""}};
  // Behind the torn block comes the one before which the next marker lies.
  const std::vector<Point> good = {{1, 1}, {3, 3}, {5, 5}, {8, 8}};
  TestPipeline p;
  auto outputs = p | "Read" >> Read<Point>(path).WithErrors();
  PAssert::That(outputs.Get<Main>()).ContainsInAnyOrder(good);
  PAssert::That(outputs.Get<Errors>()).ContainsInAnyOrder(bad);
  auto all = p | Create({path}) | "All" >> ReadAll<Point>().WithErrors();
  PAssert::That(all.Get<Main>()).ContainsInAnyOrder(good);
  PAssert::That(all.Get<Errors>()).ContainsInAnyOrder(bad);
  EXPECT_TRUE(p.RunOk());

  for (uint64_t cut = 0; cut <= content.size(); ++cut) {
    std::vector<BadRecord> found;
    const auto before = ReadRows<Point>(path, {.end = cut}, &found);
    const auto behind = ReadRows<Point>(path, {.begin = cut}, &found);
    ASSERT_TRUE(before.ok() && behind.ok());
    ASSERT_EQ(before->size() + behind->size(), good.size()) << cut;
    ASSERT_EQ(found.size(), bad.size()) << cut;
  }
}

TEST_F(AvroTest, ReadSaysWhatIsWrong) {
  EXPECT_EQ(Failure(Read<Point>(root_ + "none*")),
            "step \"Read\": no file matches " + root_ + "none*");
  EXPECT_EQ(Failure(Read<Point>(root_ + "none*").WithEmptyMatch(EmptyMatch::kAllow)), "");
  EXPECT_EQ(
      Failure(Read<Point>(File("text", "some text"))),
      "step \"Read\": " + root_ + "text is no Avro file: it does not begin with \"Obj\" and 1");
  EXPECT_THAT(Failure(Read<Point>(File("empty", ""))), HasSubstr("is no Avro file"));
  std::string data;
  for (int i = 0; i < 4000; ++i) PutLong(i, &data);
  const std::string path = File("f", FileText(kLongs, 2000, data, Codec::kDeflate));
  EXPECT_EQ(Failure(Read<Point>(path)), "");
  EXPECT_THAT(Failure(Read<Point>(path).WithLongestBlock(7500)),
              HasSubstr("deflate data is wrong: it has more bytes than allowed"));
  EXPECT_THAT(Failure(Read<Point>(path).WithLongestBlock(70)), HasSubstr("see WithLongestBlock"));
  std::string xz = HeaderText({std::string(kLongs), Codec::kBzip2, std::string(kTestMarker)});
  xz.replace(xz.find("bzip2"), 5, "xzip2");
  EXPECT_THAT(Failure(Read<Point>(File("xz", xz))),
              HasSubstr("its codec is \"xzip2\"; Joist knows null, deflate"));
}

// A file that was cut off or changed never gives other rows without a word where a checksum could
// tell, and never more than an error where not.
TEST_F(AvroTest, DamagedFilesAreErrors) {
  std::vector<Point> points;
  for (int32_t i = 0; i < 50; ++i) points.push_back({i, i * i});
  for (const Codec codec :
       {Codec::kNull, Codec::kDeflate, Codec::kSnappy, Codec::kZstandard, Codec::kBzip2}) {
    const std::string content = FileOfRows(points, codec, 25);
    const size_t header =
        HeaderText({SchemaTextOf(ShapeOf<Point>()), codec, std::string(kTestMarker)}).size();
    for (size_t size = 0; size < content.size(); ++size) {
      const auto rows = ReadRows<Point>(File("cut", content.substr(0, size)));
      const bool between = size == header || (rows.ok() && rows->size() == 25);
      ASSERT_EQ(rows.ok(), between) << size;
      if (!between) {
        ASSERT_THAT(rows.status().message(), HasSubstr(root_ + "cut is "));
      }
    }
    std::mt19937_64 random(1);
    for (int i = 0; i < 300; ++i) {
      std::string changed = content;
      const size_t at = header + random() % (content.size() - header);
      changed[at] = static_cast<char>(changed[at] ^ (1 << random() % 8));
      const auto rows = ReadRows<Point>(File("changed", changed));
      // Deflate and null have no checksum; the count of records is in none.
      if (codec == Codec::kNull || codec == Codec::kDeflate || !rows.ok()) continue;
      ASSERT_EQ(rows->size(), points.size()) << at;
      for (size_t j = 0; j < points.size(); ++j) ASSERT_EQ((*rows)[j].y, points[j].y) << at;
    }
  }
}

TEST_F(AvroTest, DisplayDataNamesTheSettings) {
  joist::DisplayData data;
  Write("p").WithCompression(Codec::kDeflate).DisplayData(data);
  bool found = false;
  for (const auto& item : data.items()) found |= item.key == "codec" && item.value == "kDeflate";
  EXPECT_TRUE(found);
}

}  // namespace
}  // namespace joist::avro
