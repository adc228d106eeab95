// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/json/json.h"

#include <filesystem>
#include <fstream>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "joist/io/json/test_rows.h"
#include "joist/model/describe.h"
#include "joist/sdk/testing/test_pipeline.h"

namespace joist::json {
namespace {

using testing::HasSubstr;

class JsonTest : public testing::Test {
 protected:
  JsonTest() { std::filesystem::create_directories(root_); }
  ~JsonTest() override { std::filesystem::remove_all(root_); }

  std::string File(const std::string& name, std::string_view content,
                   Compression compression = Compression::kNone) {
    std::string bytes(content);
    if (const auto compressor = files::Compressor::Create(compression)) {
      bytes.clear();
      EXPECT_TRUE(compressor->Run(content, true, &bytes).ok());
    }
    std::ofstream(root_ + name, std::ios::binary) << bytes;
    return root_ + name;
  }
  template <class T>
  std::string Failure(const T& read) {
    TestPipeline p;
    p | "Read" >> read;
    return p.RunToEnd().status.message();
  }

  std::string root_ = testing::TempDir() + "joist_json_test_" +
                      testing::UnitTest::GetInstance()->current_test_info()->name() + "/";
};

TEST_F(JsonTest, ReadsFilesOfAPattern) {
  File("a.json", "\xEF\xBB\xBF{\"x\":1,\"y\":1}\r\n\n  \n{\"x\":2,\"y\":2}");
  File("b.json.gz", "{\"y\":3,\"x\":3}\n", Compression::kGzip);
  File("c.json.zst", "{\"x\":4,\"y\":4,\"more\":[1]}", Compression::kZstd);
  File("d.json", "");
  TestPipeline p;
  PAssert::That(p | Read<Point>(root_ + "*.json*"))
      .ContainsInAnyOrder({{1, 1}, {2, 2}, {3, 3}, {4, 4}});
  EXPECT_TRUE(p.RunOk());
}

TEST_F(JsonTest, ReadsFilesOfManyPatterns) {
  File("a.json", "{\"x\":1,\"y\":1}\n{\"x\":2}\n");
  File("b.json.gz", "{\"y\":3,\"x\":3}\n", Compression::kGzip);
  TestPipeline p;
  const auto read = p | Create({root_ + "a*", root_ + "b*"}) | ReadAll<Point>().WithErrors();
  PAssert::That(read.Get<Main>()).ContainsInAnyOrder({{1, 1}, {3, 3}});
  PAssert::ThatSingleton(read.Get<Errors>() | Count::Globally()).IsEqualTo(1);
  EXPECT_TRUE(p.RunOk());
}

TEST_F(JsonTest, ReadsOneBigFileByManyThreads) {
  std::string content;
  int64_t sum = 0;
  for (int i = 0; i < 300'000; ++i) {
    content += "{\"x\":" + std::to_string(i) + ",\"unknown\":\"some text\",\"y\":2}\n";
    sum += i;
  }
  const std::string path = File("big", content);
  for (const int threads : {1, 3}) {
    TestPipeline p;
    p.set_threads(threads);
    auto points = p | Read<Point>(path);
    auto xs = points | Map([](const Point& point) { return static_cast<int64_t>(point.x); });
    PAssert::ThatSingleton(xs | Sum::Globally()).IsEqualTo(sum);
    auto good = p | "Good" >> Read<Point>(path).WithErrors();
    PAssert::ThatSingleton(good.Get<Main>() | "CountGood" >> Count::Globally()).IsEqualTo(300'000);
    PAssert::That(good.Get<Errors>()).IsEmpty();
    EXPECT_TRUE(p.RunOk());
  }
}

// Any cut gives each record to one side.
TEST_F(JsonTest, SplitsAnywhereGiveTheSameRecords) {
  const std::string content = "{\"x\":1,\"y\":1}\n\n{\"y\":2,\"x\":2}\r\nbad\n{\"x\":3,\"y\":3}";
  const std::string path = File("f", content);
  using Format = json_rows_internal::RowFormat<Point>;
  for (size_t first = 0; first <= content.size(); ++first) {
    for (size_t second = first; second <= content.size(); ++second) {
      std::vector<int> xs;
      std::vector<BadRecord> bad;
      const std::vector<uint64_t> cuts = {0, first, second, UINT64_MAX};
      for (size_t i = 0; i + 1 < cuts.size(); ++i) {
        auto reader = Format::Reader::Open(path, ReadSettings(), cuts[i], cuts[i + 1], &bad);
        ASSERT_TRUE(reader.ok());
        std::span<Point> points;
        for (;;) {
          const Result<bool> more = reader->Next(&points);
          ASSERT_TRUE(more.ok());
          if (!*more) break;
          for (const Point& point : points) xs.push_back(point.x);
        }
      }
      ASSERT_THAT(xs, testing::ElementsAre(1, 2, 3)) << first << " " << second;
      ASSERT_EQ(bad.size(), 1);
      ASSERT_EQ(bad[0].offset, content.find("bad"));
    }
  }
}

TEST_F(JsonTest, BadRecordsEndTheJobOrGoToErrors) {
  const std::string path = File("f", "{\"x\":1,\"y\":1}\nnothing\n{\"x\":2}\n{\"x\":3,\"y\":3}\n");
  EXPECT_EQ(Failure(Read<Point>(path)),
            "step \"Read\": " + path +
                ": the record at byte 14: the record must be an object, and is nothing");
  TestPipeline p;
  auto outputs = p | Read<Point>(path).WithErrors();
  PAssert::That(outputs.Get<Main>()).ContainsInAnyOrder({{1, 1}, {3, 3}});
  PAssert::That(outputs.Get<Errors>())
      .ContainsInAnyOrder({{path, 14, "the record must be an object, and is nothing", "nothing"},
                           {path, 22, "y is missing", "{\"x\":2}"}});
  EXPECT_TRUE(p.RunOk());
}

TEST_F(JsonTest, ReadSaysWhatIsWrong) {
  EXPECT_EQ(Failure(Read<Point>(root_ + "none*")),
            "step \"Read\": no file matches " + root_ + "none*");
  EXPECT_EQ(Failure(Read<Point>(root_ + "none*").WithEmptyMatch(EmptyMatch::kAllow)), "");
  const std::string unknown = File("unknown", "{\"x\":1,\"y\":2,\"z\":3}\n");
  EXPECT_EQ(Failure(Read<Point>(unknown)), "");
  EXPECT_THAT(Failure(Read<Point>(unknown).RefuseUnknownFields()),
              HasSubstr("has the field \"z\", which is not known"));
  const std::string huge =
      File("huge", "{\"x\":1,\"y\":2,\"z\":\"" + std::string(2 << 20, 'z') + "\"}\n");
  EXPECT_EQ(Failure(Read<Point>(huge)), "");
  EXPECT_THAT(Failure(Read<Point>(huge).WithLongestRecord(1 << 20)),
              HasSubstr("the line at byte 0 is longer than 1048576 bytes"));
}

TEST_F(JsonTest, ParseAndFormatAreInverse) {
  std::mt19937_64 random(3);
  std::vector<Everything> rows;
  for (int i = 0; i < 2000; ++i) rows.push_back(RandomEverything(random));
  TestPipeline p;
  auto texts = p | Create<Everything>(std::vector<Everything>(rows)) | Format<Everything>();
  PAssert::That(texts | Parse<Everything>()).ContainsInAnyOrder(rows);
  auto mixed = Flatten(texts, p | "Bad" >> Create({"x", ""}));
  auto outputs = mixed | "Good" >> Parse<Everything>().WithErrors();
  PAssert::That(outputs.Get<Main>()).ContainsInAnyOrder(rows);
  PAssert::That(outputs.Get<Errors>() | Map([](const BadRecord& bad) { return bad.record; }))
      .ContainsInAnyOrder({"x", ""});
  EXPECT_TRUE(p.RunOk());
}

TEST_F(JsonTest, ParseSaysWhatIsWrong) {
  TestPipeline p;
  p | Create({"{\"x\":1,\"y\":2}", "{\"x\":1}"}) | "Parse" >> Parse<Point>();
  EXPECT_THAT(p.RunToEnd().status.message(), HasSubstr("y is missing"));
}

TEST_F(JsonTest, WritesWhatReadGivesBack) {
  std::mt19937_64 random(5);
  std::vector<Everything> rows;
  for (int i = 0; i < 3000; ++i) rows.push_back(RandomEverything(random));
  for (const char* suffix : {".json", ".json.gz"}) {
    TestPipeline write;
    write | Create<Everything>(std::vector<Everything>(rows)) |
        Write(root_ + "out").WithSuffix(suffix).WithNumShards(2);
    EXPECT_TRUE(write.RunOk());
    TestPipeline read;
    PAssert::That(read | Read<Everything>(root_ + "out-0000?-of-00002" + suffix))
        .ContainsInAnyOrder(rows);
    EXPECT_TRUE(read.RunOk());
  }
}

TEST_F(JsonTest, KeysAreDestinations) {
  TestPipeline write;
  write | Create<KV<std::string, Point>>({{"a", {1, 2}}, {"b", {3, 4}}}) |
      Write(root_ + "by-").WithoutSharding().WithSuffix(".json");
  EXPECT_TRUE(write.RunOk());
  TestPipeline read;
  PAssert::That(read | Read<Point>(root_ + "by-b.json") |
                Map([](const Point& point) { return KV{point.x, point.y}; }))
      .ContainsInAnyOrder({{3, 4}});
  EXPECT_TRUE(read.RunOk());
}

TEST_F(JsonTest, WatchesForFiles) {
  File("w1.json", R"({"x": 7, "y": 1})"
                  "\nno record\n");
  TestPipeline p;
  const auto read = p | Read<Point>(root_ + "w*.json")
                            .WatchForNewFiles(Duration::Millis(5),
                                              files::Termination::AfterTotalOf(Duration::Zero()))
                            .WithErrors();
  PAssert::That(read.Get<Main>() | Map([](const Point& point) { return point.x; }))
      .ContainsInAnyOrder({7});
  PAssert::That(read.Get<Errors>() |
                "Bad" >> Map([](const files::BadRecord& bad) { return bad.record; }))
      .ContainsInAnyOrder({"no record"});
  EXPECT_TRUE(p.RunOk());
}

}  // namespace
}  // namespace joist::json
