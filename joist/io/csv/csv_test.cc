// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/csv/csv.h"

#include <filesystem>
#include <fstream>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "joist/sdk/testing/test_pipeline.h"
#include "joist/sdk/testing/test_stream.h"

namespace joist::csv {

enum class Color : uint8_t { kRed, kBlue };
JOIST_ENUM(Color, kRed, kBlue)
enum class Level : uint8_t { kOne = 1, kThree = 3 };

struct Everything {
  bool flag = false;
  int8_t small = 0;
  uint64_t unsigned_word = 0;
  int64_t number = 0;
  float half = 0;
  double real = 0;
  std::string text;
  Bytes bytes;
  Timestamp time;
  Color color = Color::kRed;
  Level level = Level::kOne;
  std::optional<int64_t> maybe;
  std::optional<std::string> maybe_text;
};
JOIST_ROW(Everything, flag, small, unsigned_word, number, half, real, text, bytes, time, color,
          level, maybe, maybe_text)

struct Sale {
  std::string shop;
  int64_t cents = 0;
  std::optional<std::string> note;
};
JOIST_ROW(Sale, shop, cents, note)

struct Word {
  std::string word;
};
JOIST_ROW(Word, word)

namespace {

using testing::HasSubstr;

std::string RandomText(std::mt19937_64& random) {
  constexpr std::string_view kBytes = "ab,;\"\n\r \\N";
  std::string text;
  for (uint64_t n = random() % 6; n > 0; --n) text += kBytes[random() % kBytes.size()];
  return text;
}

Everything RandomRow(std::mt19937_64& random) {
  const auto number = [&] { return static_cast<int64_t>(random()) >> (random() % 64); };
  Everything row;
  row.flag = random() % 2 == 0;
  row.small = static_cast<int8_t>(random());
  row.unsigned_word = random();
  row.number = number();
  row.half = static_cast<float>(number()) / 64;
  row.real = static_cast<double>(number()) / 1000;
  row.text = RandomText(random);
  row.bytes = Bytes(RandomText(random));
  row.time = Timestamp::Millis(static_cast<int64_t>(random() % 4'000'000'000'000));
  row.color = random() % 2 == 0 ? Color::kRed : Color::kBlue;
  row.level = random() % 2 == 0 ? Level::kOne : Level::kThree;
  if (random() % 2 == 0) row.maybe = number();
  if (random() % 2 == 0) row.maybe_text = RandomText(random);
  return row;
}

class CsvTest : public testing::Test {
 protected:
  CsvTest() { std::filesystem::create_directories(root_); }
  ~CsvTest() override { std::filesystem::remove_all(root_); }

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
  std::string ContentOf(const std::string& name) const {
    std::ifstream file(root_ + name, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  template <class T>
  std::string Failure(const T& read) {
    TestPipeline p;
    p | "Read" >> read;
    return p.RunToEnd().status.message();
  }

  std::string root_ = testing::TempDir() + "joist_csv_test_" +
                      testing::UnitTest::GetInstance()->current_test_info()->name() + "/";
};

TEST_F(CsvTest, ReadsFilesOfAPattern) {
  File("a.csv", "\xEF\xBB\xBFshop,cents,note\r\nA,1,\r\n\r\n\"B, b\",2,\"say \"\"hi\"\"\n\"\r\n");
  File("b.csv.gz", "more,note,shop,cents\nx,\"\",C,3", Compression::kGzip);
  File("c.csv.zst", "cents,shop\n4,D\n", Compression::kZstd);
  File("d.csv", "");
  File("e.csv", "shop,cents");
  TestPipeline p;
  PAssert::That(p | Read<Sale>(root_ + "*.csv*"))
      .ContainsInAnyOrder({{"A", 1, std::nullopt},
                           {"B, b", 2, "say \"hi\"\n"},
                           {"C", 3, ""},
                           {"D", 4, std::nullopt}});
  EXPECT_TRUE(p.RunOk());
}

TEST_F(CsvTest, ReadsFilesOfManyPatterns) {
  File("a.csv", "shop;cents\nA;1\nB;two\n");
  File("b.csv", "cents;shop\n3;C\n");
  TestPipeline p;
  const auto patterns = p | Create({root_ + "a*", root_ + "b*"});
  const auto read = patterns | ReadAll<Sale>().WithDelimiter(';').WithErrors();
  PAssert::That(read.Get<Main>())
      .ContainsInAnyOrder({{"A", 1, std::nullopt}, {"C", 3, std::nullopt}});
  PAssert::ThatSingleton(read.Get<Errors>() | Count::Globally()).IsEqualTo(1);
  EXPECT_TRUE(p.RunOk());
  EXPECT_THAT(Failure(Composite([this](const Pipeline& pipeline) {
                return pipeline | Create({root_ + "a.csv"}) | ReadAll<Sale>().WithDelimiter(';');
              })),
              HasSubstr("two"));
}

TEST_F(CsvTest, ReadsOtherDialects) {
  const std::string path = File("f", "1;A;NULL\n2;B;\"NULL\"\n3;C;\n");
  TestPipeline p;
  PAssert::That(p | Read<Sale>(path).WithDelimiter(';').WithNullText("NULL").WithoutHeader(
                        {"cents", "shop", "note"}))
      .ContainsInAnyOrder({{"A", 1, std::nullopt}, {"B", 2, "NULL"}, {"C", 3, ""}});
  const std::string plain = File("g", "A,1,x\n");
  PAssert::That(p | Read<Sale>(plain).WithoutHeader()).ContainsInAnyOrder({{"A", 1, "x"}});
  EXPECT_TRUE(p.RunOk());
}

TEST_F(CsvTest, ReadsOneBigFileByManyThreads) {
  std::string content = "shop,cents\n";
  int64_t sum = 0;
  for (int i = 0; i < 300'000; ++i) {
    content += "\"shop, number " + std::to_string(i % 7) + "\"," + std::to_string(i) + "\n";
    sum += i;
  }
  const std::string path = File("big", content);
  for (const int threads : {1, 3}) {
    TestPipeline p;
    p.set_threads(threads);
    const auto cents = [](const Sale& sale) { return sale.cents; };
    PAssert::ThatSingleton(p | Read<Sale>(path) | Map(cents) | Sum::Globally()).IsEqualTo(sum);
    PAssert::ThatSingleton(p | "Cut" >> Read<Sale>(path).WithoutNewlinesInQuotes() |
                           "Cents" >> Map(cents) | "Sum" >> Sum::Globally())
        .IsEqualTo(sum);
    EXPECT_TRUE(p.RunOk());
  }
}

// Any cut gives each record to one side.
TEST_F(CsvTest, SplitsAnywhereGiveTheSameRecords) {
  using Format = csv_internal::RowFormat<Sale>;
  for (const bool has_header : {true, false}) {
    const std::string content = std::string("\xEF\xBB\xBF") +
                                (has_header ? "cents,shop,note\n" : "") +
                                "1,A,\n\n2,\"B\"\"\",\r\n3,bad\n4,D,\"x";
    const std::string path = File("f", content);
    ReadSettings settings;
    settings.newlines_in_quotes = false;
    settings.has_header = has_header;
    settings.columns = {"cents", "shop", "note"};
    for (size_t first = 0; first <= content.size(); ++first) {
      for (size_t second = first; second <= content.size(); ++second) {
        std::vector<int64_t> cents;
        std::vector<BadRecord> bad;
        const std::vector<uint64_t> cuts = {0, first, second, UINT64_MAX};
        for (size_t i = 0; i + 1 < cuts.size(); ++i) {
          auto reader = Format::Reader::Open(path, settings, cuts[i], cuts[i], &bad);
          ASSERT_TRUE(reader.ok()) << reader.status().message();
          reader->Extend(cuts[i + 1]);
          std::span<Sale> sales;
          for (;;) {
            const Result<bool> more = reader->Next(&sales);
            ASSERT_TRUE(more.ok());
            if (!*more) break;
            for (const Sale& sale : sales) cents.push_back(sale.cents);
          }
        }
        ASSERT_THAT(cents, testing::ElementsAre(1, 2)) << first << " " << second;
        ASSERT_EQ(bad.size(), 2);
        ASSERT_EQ(bad[0].offset, content.find("3,bad"));
        ASSERT_EQ(bad[1].offset, content.find("4,D"));
      }
    }
  }
}

TEST_F(CsvTest, BadRecordsEndTheJobOrGoToErrors) {
  const std::string path =
      File("f", "shop,cents\nA,1\nB,\"x\"\nC\nD\"D,4\n\"E\"E,5\nF,6\nG,\nH,1,2\n");
  EXPECT_EQ(Failure(Read<Sale>(path)),
            "step \"Read\": " + path +
                ": the record at byte 15: cents must be a whole number from -9223372036854775808 "
                "to 9223372036854775807, and is \"x\"");
  TestPipeline p;
  auto outputs = p | Read<Sale>(path).WithErrors();
  PAssert::That(outputs.Get<Main>())
      .ContainsInAnyOrder({{"A", 1, std::nullopt}, {"F", 6, std::nullopt}});
  PAssert::That(outputs.Get<Errors>() | Map([](const BadRecord& bad) { return bad.record; }))
      .ContainsInAnyOrder({"B,\"x\"", "C", "D\"D,4", "\"E\"E,5", "G,", "H,1,2"});
  EXPECT_TRUE(p.RunOk());
}

TEST_F(CsvTest, ReadSaysWhatIsWrong) {
  EXPECT_EQ(Failure(Read<Sale>(root_ + "none*")),
            "step \"Read\": no file matches " + root_ + "none*");
  EXPECT_EQ(Failure(Read<Sale>(root_ + "none*").WithEmptyMatch(EmptyMatch::kAllow)), "");
  const std::string path = File("f", "shop,price\nA,1\n");
  EXPECT_EQ(Failure(Read<Sale>(path)), "step \"Read\": " + path +
                                           " has no column \"cents\"; its columns are "
                                           "\"shop, price\"");
  EXPECT_THAT(Failure(Read<Sale>(File("g", "shop,cents,shop\n"))),
              HasSubstr("two columns are called \"shop\""));
  EXPECT_THAT(Failure(Read<Sale>(File("h", "shop,\"cents\n"))),
              HasSubstr("the header has a quote that is never closed"));
  EXPECT_THAT(Failure(Read<Sale>(path).WithDelimiter('"')), HasSubstr("cannot be a quote"));
  EXPECT_THAT(Failure(Read<Sale>(path).WithNullText("a,b")), HasSubstr("holds no delimiter"));
  const std::string huge = File("huge", "shop,cents\n\"" + std::string(3 << 20, 'x') + "\",1\n");
  EXPECT_EQ(Failure(Read<Sale>(huge)), "");
  EXPECT_THAT(Failure(Read<Sale>(huge).WithLongestRecord(1 << 20)),
              HasSubstr("the record at byte 11 is longer than 1048576 bytes"));
}

TEST_F(CsvTest, WritesWhatReadGivesBack) {
  std::mt19937_64 random(5);
  std::vector<Everything> rows;
  for (int i = 0; i < 3000; ++i) rows.push_back(RandomRow(random));
  for (const char* null_text : {"", "\\N"}) {
    TestPipeline write;
    write | Create<Everything>(std::vector<Everything>(rows)) |
        Write(root_ + "out").WithSuffix(".csv.gz").WithNumShards(2).WithNullText(null_text);
    EXPECT_TRUE(write.RunOk());
    TestPipeline read;
    PAssert::That(read | Read<Everything>(root_ + "out-*").WithNullText(null_text))
        .ContainsInAnyOrder(rows);
    EXPECT_TRUE(read.RunOk());
  }
}

TEST_F(CsvTest, WritesAsRfc4180HasIt) {
  TestPipeline p;
  auto sales = p | Create<Sale>({{"A", 1, std::nullopt}, {"B;\"", 2, ""}});
  sales | "One" >> Write(root_ + "one").WithoutSharding().WithSuffix(".csv");
  sales | "Two" >> Write(root_ + "two")
                       .WithoutSharding()
                       .WithoutHeader()
                       .WithDelimiter(';')
                       .WithNullText("-");
  sales | Map([](const Sale& sale) { return KV<std::string, Sale>{"of " + sale.shop, sale}; }) |
      "ByKey" >> Write(root_ + "shop ").WithoutSharding().WithDelimiter(';');
  p | "Words" >> Create<Word>({{""}}) | "Three" >> Write(root_ + "three").WithoutSharding();
  EXPECT_TRUE(p.RunOk());
  EXPECT_THAT(ContentOf("one.csv"), testing::AnyOf("shop,cents,note\nA,1,\n\"B;\"\"\",2,\"\"\n",
                                                   "shop,cents,note\n\"B;\"\"\",2,\"\"\nA,1,\n"));
  EXPECT_THAT(ContentOf("two"), testing::AnyOf("A;1;-\n\"B;\"\"\";2;\n", "\"B;\"\"\";2;\nA;1;-\n"));
  EXPECT_EQ(ContentOf("three"), "word\n\"\"\n");
  EXPECT_EQ(ContentOf("shop of A"), "shop;cents;note\nA;1;\n");
  EXPECT_EQ(ContentOf("shop of B;\""), "shop;cents;note\n\"B;\"\"\";2;\"\"\n");
}

TEST_F(CsvTest, EachPaneOfAStreamHasItsHeader) {
  TestPipeline p;
  auto sales =
      p |
      TestStream<Sale>()
          .AddElements({{{"A", 1, std::nullopt}, Timestamp::Seconds(1)}})
          .AdvanceWatermarkTo(Timestamp::Seconds(60))
          .AddElements({{{"A", 2, "late"}, Timestamp::Seconds(2)}})
          .AdvanceWatermarkToInfinity() |
      WindowInto(FixedWindows(Duration::Minutes(1))).WithAllowedLateness(Duration::Minutes(1));
  sales | "All" >> Write(root_ + "all").WithoutSharding().WithWindowedWrites();
  sales | Map([](const Sale& sale) { return KV<std::string, Sale>{sale.shop, sale}; }) |
      "ByKey" >> Write(root_ + "of-").WithoutSharding().WithDelimiter(';').WithWindowedWrites();
  EXPECT_TRUE(p.RunOk());
  const std::string window = "-1970-01-01T00:00:00.000Z-1970-01-01T00:01:00.000Z";
  EXPECT_EQ(ContentOf("all" + window + "-pane-0"), "shop,cents,note\nA,1,\n");
  EXPECT_EQ(ContentOf("all" + window + "-pane-1-late"), "shop,cents,note\nA,2,late\n");
  EXPECT_EQ(ContentOf("of-A" + window + "-pane-0"), "shop;cents;note\nA;1;\n");
}

}  // namespace
}  // namespace joist::csv
