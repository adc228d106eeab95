// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/text/text.h"

#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <stdexcept>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "joist/io/files/file_writer.h"
#include "joist/io/files/naive_lines.h"
#include "joist/io/text/test_lines.h"
#include "joist/sdk/keys.h"
#include "joist/sdk/testing/test_pipeline.h"

namespace joist::text {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

class TextTest : public testing::Test {
 protected:
  TextTest() {
    // The second process of a test runs inside the first one's time: the folder is shared.
    std::filesystem::create_directories(root_);
  }
  ~TextTest() override { std::filesystem::remove_all(root_); }

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
  /// The names in the folder, hidden ones too.
  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(root_)) {
      names.push_back(entry.path().filename());
    }
    std::sort(names.begin(), names.end());
    return names;
  }
  std::vector<std::string> LinesOf(const std::string& name) const {
    return text::LinesOf(root_ + name);
  }

  std::string root_ = testing::TempDir() + "joist_text_test_" +
                      testing::UnitTest::GetInstance()->current_test_info()->name() + "/";
};

TEST_F(TextTest, ReadsFilesOfAPattern) {
  File("a.txt", "one\ntwo\r\n");
  File("b.txt.gz", "three\n", Compression::kGzip);
  File("c.txt.zst", "four", Compression::kZstd);
  File("d.txt", "");
  File("e.csv", "no\n");
  TestPipeline p;
  PAssert::That(p | Read(root_ + "*.txt*")).ContainsInAnyOrder({"one", "two", "three", "four"});
  EXPECT_TRUE(p.RunOk());
}

TEST_F(TextTest, ReadsOneBigFileByManyThreads) {
  std::string content;
  for (int i = 0; i < 800'000; ++i) content += "line " + std::to_string(i) + "\n";
  const std::string path = File("big", content);
  for (const int threads : {1, 3}) {
    TestPipeline p;
    p.set_threads(threads);
    auto lines = p | Read(path);
    PAssert::ThatSingleton(lines | "Count" >> Count::Globally()).IsEqualTo(800'000);
    auto sizes =
        lines | Map([](std::string_view line) { return static_cast<int64_t>(line.size()); });
    PAssert::ThatSingleton(sizes | Sum::Globally())
        .IsEqualTo(static_cast<int64_t>(content.size()) - 800'000);
    EXPECT_TRUE(p.RunOk());
  }
}

TEST_F(TextTest, ReadsBigCompressedFiles) {
  std::string content;
  for (int i = 0; i < 300'000; ++i) content += "line " + std::to_string(int64_t{i} * 7919) + "\n";
  const std::string path = File("big.gz", content, Compression::kGzip);
  TestPipeline p;
  PAssert::ThatSingleton(p | Read(path) | Count::Globally()).IsEqualTo(300'000);
  EXPECT_TRUE(p.RunOk());
}

TEST_F(TextTest, SkipsHeaders) {
  File("a.csv", "name\nx\ny\n");
  File("b.csv.gz", "name\nz\n", Compression::kGzip);
  TestPipeline p;
  PAssert::That(p | Read(root_ + "*.csv*").WithSkipHeaderLines(1))
      .ContainsInAnyOrder({"x", "y", "z"});
  EXPECT_TRUE(p.RunOk());
}

TEST_F(TextTest, ReadAllReadsThePatternsOfACollection) {
  File("a1", "one\n");
  File("a2.gz", "two\n", Compression::kGzip);
  File("b", "three\n");
  TestPipeline p;
  PAssert::That(p | Create<std::string>({root_ + "a*", root_ + "b"}) | ReadAll())
      .ContainsInAnyOrder({"one", "two", "three"});
  EXPECT_TRUE(p.RunOk());
}

TEST_F(TextTest, ReadSaysWhatIsWrong) {
  const auto failure = [&](const Read& read) {
    TestPipeline p;
    p | "Read" >> read | Count::Globally();
    return p.RunToEnd().status.message();
  };
  EXPECT_EQ(failure(Read(root_ + "none")), "step \"Read\": no such file: " + root_ + "none");
  EXPECT_EQ(failure(Read(root_ + "x*").WithEmptyMatch(EmptyMatch::kAllow)), "");
  const std::string binary = File("binary", std::string("ab\0\n", 4));
  EXPECT_EQ(failure(Read(binary)),
            "step \"Read\": " + binary + " is not a text file: byte 2 is NUL");
  EXPECT_EQ(failure(Read(binary).AllowBinary()), "");
  const std::string damaged = File("damaged.gz", "this is no gzip\n");
  EXPECT_EQ(failure(Read(damaged)),
            "step \"Read\": " + damaged +
                " is damaged: gzip data wrong near byte 0: incorrect header check");
  EXPECT_EQ(failure(Read(damaged).WithCompression(Compression::kNone)), "");
}

TEST_F(TextTest, WordsAreFoundAcrossLines) {
  std::string content;
  std::map<std::string, int64_t> expected;
  for (int i = 0; i < 5000; ++i) {
    const std::string word = "w" + std::string(1, static_cast<char>('a' + i % 26));
    content += word + (i % 4 == 0 ? "\n" : i % 4 == 1 ? "\r\n" : i % 4 == 2 ? " ö'x\n" : "\n\n");
    ++expected[word];
    if (i % 4 == 2) ++expected["ö'x"];
  }
  TestPipeline p;
  auto lines = p | Read(File("f", content));
  std::vector<KV<std::string, int64_t>> counts;
  for (const auto& [word, count] : expected) counts.push_back({word, count});
  PAssert::That(lines | "Blocks" >> Words() | "Count1" >> Count::PerElement())
      .ContainsInAnyOrder(counts);
  auto by_line = lines | "Lines" >> FlatMap([](std::string_view line, Emit<std::string> emit) {
                           EmitWords(line, emit);
                         });
  PAssert::That(by_line | "Count2" >> Count::PerElement()).ContainsInAnyOrder(counts);
  // Lines that happen to lie near each other are not one text.
  PAssert::That(p | Create({"a-b", "c"}) |
                "Pieces" >> FlatMap([](std::string_view line, Emit<std::string> emit) {
                  emit(line.substr(0, 1));
                  if (line.size() > 1) emit(line.substr(2));
                }) |
                "Words3" >> Words())
      .ContainsInAnyOrder({"a", "b", "c"});
  EXPECT_TRUE(p.RunOk());
}

TEST_F(TextTest, WritesShardsThatReadGivesBack) {
  std::string content;
  for (int i = 0; i < 300'000; ++i) content += "line " + std::to_string(i) + "\n";
  const std::string path = File("big", content);
  TestPipeline p;
  auto names = p | Read(path) | "Write" >> Write(root_ + "out").WithSuffix(".txt");
  PAssert::That(names).Satisfies(
      [](const IterableView<std::string>& names) { return names.size() > 0; });
  EXPECT_TRUE(p.RunOk());
  std::vector<std::string> lines;
  const std::vector<std::string> files = Names();
  for (size_t i = 1; i < files.size(); ++i) {
    EXPECT_EQ(root_ + files[i], files::ShardName(root_ + "out", ".txt", i - 1, files.size() - 1));
    const std::vector<std::string> some = LinesOf(files[i]);
    lines.insert(lines.end(), some.begin(), some.end());
  }
  std::vector<std::string> expected = files::NaiveLines(content);
  std::sort(lines.begin(), lines.end());
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(lines, expected);
}

TEST_F(TextTest, WritesAsManyShardsAsAskedFor) {
  TestPipeline p;
  p | Create({"a", "b", "c", "d", "e"}) | Write(root_ + "out").WithNumShards(3);
  EXPECT_TRUE(p.RunOk());
  EXPECT_THAT(Names(),
              ElementsAre("out-00000-of-00003", "out-00001-of-00003", "out-00002-of-00003"));
  std::vector<std::string> lines;
  for (const std::string& name : Names()) {
    for (std::string& line : LinesOf(name)) lines.push_back(std::move(line));
  }
  EXPECT_THAT(lines, UnorderedElementsAre("a", "b", "c", "d", "e"));
}

TEST_F(TextTest, WritesOneFileWithHeaderAndFooter) {
  for (const Compression compression :
       {Compression::kNone, Compression::kGzip, Compression::kZstd, Compression::kBzip2}) {
    const std::string name = "out.csv" + std::string(files::CompressionSuffix(compression));
    TestPipeline p;
    p.set_threads(1);  // One bundle, so one shard.
    p | Create({"b", "c"}) |
        "One" >> Write(root_ + "out")
                     .WithSuffix(".csv")
                     .WithoutSharding()
                     .WithHeader("a")
                     .WithFooter("z")
                     .WithCompression(compression);
    p | "More" >> Create({"b", "c"}) |
        "Many" >>
            Write(root_ + "many").WithHeader("a").WithFooter("z").WithCompression(compression);
    EXPECT_TRUE(p.RunOk());
    EXPECT_THAT(LinesOf(name), ElementsAre("a", "b", "c", "z"));
    EXPECT_THAT(LinesOf("many-00000-of-00001" + std::string(files::CompressionSuffix(compression))),
                ElementsAre("a", "b", "c", "z"));
  }
}

TEST_F(TextTest, SuffixAsksForCompression) {
  TestPipeline p;
  p | Create({"a"}) | Write(root_ + "out").WithSuffix(".txt.gz").WithoutSharding();
  EXPECT_TRUE(p.RunOk());
  EXPECT_THAT(Names(), ElementsAre("out.txt.gz"));
  EXPECT_THAT(LinesOf("out.txt.gz"), ElementsAre("a"));
}

TEST_F(TextTest, WritesNothingAsEmptyFiles) {
  TestPipeline p;
  auto none = p | Create<std::string>({}) | Filter([](std::string_view) { return false; });
  none | "One" >> Write(root_ + "one");
  none | "Two" >> Write(root_ + "two").WithNumShards(2).WithHeader("h").WithSuffix(".gz");
  EXPECT_TRUE(p.RunOk());
  EXPECT_THAT(Names(),
              ElementsAre("one-00000-of-00001", "two-00000-of-00002.gz", "two-00001-of-00002.gz"));
  EXPECT_THAT(LinesOf("one-00000-of-00001"), IsEmpty());
  EXPECT_THAT(LinesOf("two-00001-of-00002.gz"), ElementsAre("h"));
}

TEST_F(TextTest, ReplacesWhatAnEarlierRunWrote) {
  for (const char* line : {"old", "new"}) {
    TestPipeline p;
    p | Create({line}) | Write(root_ + "out").WithoutSharding();
    EXPECT_TRUE(p.RunOk());
    EXPECT_THAT(LinesOf("out"), ElementsAre(line));
  }
}

TEST_F(TextTest, AFailedRunLeavesNothing) {
  File("keep", "");
  std::string content;
  for (int i = 0; i < 200'000; ++i) content += std::to_string(i) + "\n";
  const std::string path = File("in", content);
  TestPipeline p;
  p | Read(path) | Map([](std::string_view line) {
    if (line == "123456") throw std::runtime_error("it broke");
    return std::string(line);
  }) | Write(root_ + "out");
  EXPECT_THAT(p.RunToEnd().status.message(), HasSubstr("it broke"));
  EXPECT_THAT(Names(), ElementsAre("in", "keep"));
}

TEST_F(TextTest, KeysAreDestinations) {
  std::map<std::string, std::vector<std::string>> expected;
  std::vector<KV<std::string, std::string>> lines;
  for (int i = 0; i < 20'000; ++i) {
    const std::string key = i % 3 == 0   ? "fr"
                            : i % 3 == 1 ? "de/2026/11"
                                         : "é " + std::to_string(i);
    lines.emplace_back(key, std::to_string(i));
    expected[key].push_back(std::to_string(i));
  }
  TestPipeline p;
  auto keyed = p | Create<KV<std::string, std::string>>(std::move(lines));
  auto names =
      keyed |
      "One" >> Write(root_ + "all/").WithHeader("n").WithSuffix(".csv.gz").WithoutValidation();
  auto more = keyed |
              Filter([](const KV<std::string, std::string>& line) { return line.key == "fr"; }) |
              "Two" >> Write(root_ + "by-").WithNumShards(3);
  auto none = keyed | "None" >> Filter([](const KV<std::string, std::string>&) { return false; }) |
              "Three" >> Write(root_ + "none-");
  PAssert::ThatSingleton(names | "Count" >> Count::Globally())
      .IsEqualTo(static_cast<int64_t>(expected.size()));
  PAssert::That(more).ContainsInAnyOrder({root_ + "by-fr-00000-of-00003",
                                          root_ + "by-fr-00001-of-00003",
                                          root_ + "by-fr-00002-of-00003"});
  PAssert::That(none).IsEmpty();
  std::filesystem::create_directories(root_ + "all");
  EXPECT_TRUE(p.RunOk());
  EXPECT_THAT(Names(), ElementsAre("all", "by-fr-00000-of-00003", "by-fr-00001-of-00003",
                                   "by-fr-00002-of-00003"));
  for (auto& [key, wanted] : expected) {
    std::vector<std::string> got = LinesOf("all/" + key + "-00000-of-00001.csv.gz");
    ASSERT_EQ(got.size(), wanted.size() + 1) << key;
    EXPECT_EQ(got.front(), "n");
    got.erase(got.begin());
    std::sort(got.begin(), got.end());
    std::sort(wanted.begin(), wanted.end());
    EXPECT_EQ(got, wanted);
  }
  std::vector<std::string> shards;
  for (const std::string& name : Names()) {
    if (name == "all") continue;
    const std::vector<std::string> some = LinesOf(name);
    EXPECT_GT(some.size(), 1000u);
    shards.insert(shards.end(), some.begin(), some.end());
  }
  std::sort(shards.begin(), shards.end());
  EXPECT_EQ(shards, expected["fr"]);
}

// A file is complete at the end, whatever windows and panes its lines come in.
TEST_F(TextTest, WritesAllWindowsAndPanes) {
  TestPipeline p;
  auto lines =
      p |
      Create<KV<std::string, std::string>>({{"x", "1"}, {"x", "61"}, {"y", "62"}, {"x", "63"}}) |
      WithTimestamps([](const KV<std::string, std::string>& line) {
        return Timestamp::Seconds(std::stoll(line.value));
      });
  auto fixed = lines | "Fixed" >> WindowInto(FixedWindows(Duration::Minutes(1)));
  fixed | "Values" >> Values() | "One" >> Write(root_ + "one").WithoutSharding();
  fixed | "ByKey" >> Write(root_ + "key-").WithHeader("h").WithoutSharding();
  lines | "Sessions" >> WindowInto(Sessions(Duration::Seconds(10))) |
      "BySession" >> Write(root_ + "session-").WithoutSharding();
  lines | Values() |
      "Sliding" >> WindowInto(SlidingWindows(Duration::Seconds(4), Duration::Seconds(2))) |
      "Each" >> Write(root_ + "each").WithNumShards(1);
  EXPECT_TRUE(p.RunOk());
  EXPECT_THAT(LinesOf("one"), UnorderedElementsAre("1", "61", "62", "63"));
  EXPECT_THAT(LinesOf("key-x"), UnorderedElementsAre("h", "1", "61", "63"));
  EXPECT_EQ(LinesOf("key-x")[0], "h");
  EXPECT_THAT(LinesOf("key-y"), ElementsAre("h", "62"));
  EXPECT_THAT(LinesOf("session-x"), UnorderedElementsAre("1", "61", "63"));
  EXPECT_THAT(LinesOf("each-00000-of-00001"),
              UnorderedElementsAre("1", "1", "61", "61", "62", "62", "63", "63"));
}

TEST_F(TextTest, DestinationsStayBehindThePrefix) {
  const auto failure = [&](const std::string& key) {
    TestPipeline p;
    p | Create<KV<std::string, std::string>>({{"fine", "1"}, {key, "2"}}) |
        "Write" >> Write(root_ + "out/");
    return p.RunToEnd().status.message();
  };
  std::filesystem::create_directories(root_ + "out");
  EXPECT_THAT(failure(""),
              HasSubstr("cannot write " + root_ + "out/\"\": a destination is not empty"));
  EXPECT_THAT(failure("/etc/x"), HasSubstr("is not empty"));
  EXPECT_THAT(failure("a//b"), HasSubstr("is not empty"));
  EXPECT_THAT(failure("a/../../b"), HasSubstr("has no parts"));
  EXPECT_THAT(failure("."), HasSubstr("has no parts"));
  EXPECT_THAT(failure(std::string("a\0b", 3)), HasSubstr("has no NUL bytes"));
  EXPECT_THAT(failure(std::string(1025, 'x')), HasSubstr("has at most 1024 bytes"));
  EXPECT_THAT(failure(std::string(300, 'x')), HasSubstr("File name too long"));
  EXPECT_TRUE(std::filesystem::is_empty(root_ + "out"));
}

TEST_F(TextTest, WriteSaysWhatIsWrong) {
  const auto failure = [&](const Write& write) {
    TestPipeline p;
    p | Create({"a"}) | "Write" >> write;
    return p.RunToEnd().status.message();
  };
  EXPECT_THAT(failure(Write(root_ + "no/out")),
              HasSubstr("cannot write " + root_ + "no/out: folder " + root_ +
                        "no: No such file or directory (text_test.cc:"));
  EXPECT_THAT(failure(Write(root_ + "no/out").WithoutValidation()),
              HasSubstr("cannot write " + root_ + "no/out: there is no folder " + root_ + "no"));
  File("file", "");
  EXPECT_THAT(failure(Write(root_ + "file/out")), HasSubstr("is no folder"));
  EXPECT_THAT(failure(Write(root_)), HasSubstr("a prefix ends with"));
  EXPECT_THAT(failure(Write(root_ + "out").WithNumShards(-1)), HasSubstr("-1 shards"));
  EXPECT_THAT(failure(Write("gs://bucket/out")), HasSubstr("gs://"));
  // A folder in the way of a result.
  std::filesystem::create_directories(root_ + "out-00000-of-00001/x");
  EXPECT_THAT(failure(Write(root_ + "out")),
              HasSubstr("cannot write " + root_ + "out-00000-of-00001"));
  EXPECT_THAT(Names(), ElementsAre("file", "out-00000-of-00001"));
}

}  // namespace
}  // namespace joist::text
