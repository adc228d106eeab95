// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Files of windows: what they are called, what is in them, and when they are there.

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "joist/engine/injected_failure.h"
#include "joist/io/files/windowed_files.h"
#include "joist/io/text/test_lines.h"
#include "joist/io/text/text.h"
#include "joist/sdk/keys.h"
#include "joist/sdk/testing/test_pipeline.h"
#include "joist/sdk/testing/test_stream.h"

namespace joist::text {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;
using Line = KV<std::string, std::string>;
using Files = std::map<std::string, std::vector<std::string>>;

constexpr Timestamp At(int64_t seconds) { return Timestamp::Seconds(seconds); }

// How the windows of the tests are called: minutes of 1970-01-01, as "01".
std::string Minutes(const std::string& from, const std::string& to) {
  return "1970-01-01T00:" + from + ":00.000Z-1970-01-01T00:" + to + ":00.000Z";
}
const std::string kFirst = Minutes("00", "01");
const std::string kSecond = Minutes("01", "02");

// All files that are not hidden, with their lines in order.
Files FilesOf(const std::string& root) {
  Files files;
  for (auto it = std::filesystem::recursive_directory_iterator(root);
       it != std::filesystem::recursive_directory_iterator(); ++it) {
    if (it->path().filename().string().starts_with(".")) {
      it.disable_recursion_pending();
    } else if (it->is_regular_file()) {
      auto& lines = files[std::filesystem::relative(it->path(), root)] = LinesOf(it->path());
      std::sort(lines.begin(), lines.end());
    }
  }
  return files;
}

// "name: line line, name: line" of the folder at this moment.
std::string Picture(const std::string& root) {
  std::string picture;
  for (const auto& [name, lines] : FilesOf(root)) {
    picture += (picture.empty() ? "" : ", ") + name + ":";
    for (const std::string& line : lines) picture += " " + line;
  }
  return picture;
}

// The element and what there is when it comes.
struct Look {
  std::string root;
  std::string operator()(std::string_view element) const {
    return std::string(element.substr(element.rfind('/') + 1)) + " | " + Picture(root);
  }
};
JOIST_ROW(Look, root)

class WindowedWriteTest : public testing::Test {
 protected:
  WindowedWriteTest() { std::filesystem::create_directories(root_); }
  ~WindowedWriteTest() override { std::filesystem::remove_all(root_); }

  // Lines that are their times in seconds.
  PCollection<std::string> Seconds(const Pipeline& p, std::vector<std::string> seconds) const {
    return p | "Create" >> Create(std::move(seconds)) |
           "Times" >> WithTimestamps([](const std::string& line) { return At(std::stoll(line)); });
  }

  std::string root_ = testing::TempDir() + "joist_windowed_write_test_" +
                      testing::UnitTest::GetInstance()->current_test_info()->name() + "/";
};

TEST(WindowedShardNameTest, IsBeams) {
  files::WriteSettings settings;
  settings.prefix = "out/counts";
  settings.suffix = ".txt";
  settings.shards = 10;
  const Window minute{At(60), At(120)};
  EXPECT_EQ(WindowedShardName(settings, "", minute, PaneInfo::OnTimeAndOnly(), 2),
            "out/counts-" + kSecond + "-pane-0-last-00002-of-00010.txt");
  EXPECT_EQ(WindowedShardName(settings, "", minute, {PaneTiming::kEarly, true, false, 0, -1}, 0),
            "out/counts-" + kSecond + "-pane-0-00000-of-00010.txt");
  EXPECT_EQ(WindowedShardName(settings, "/fr", minute, {PaneTiming::kLate, false, true, 12, 3}, 0),
            "out/counts/fr-" + kSecond + "-pane-12-late-last-00000-of-00010.txt");
  settings.shards = 1;
  settings.without_sharding = true;
  settings.compression = Compression::kGzip;
  EXPECT_EQ(WindowedShardName(settings, "", Window::Global(), PaneInfo::OnTimeAndOnly(), 0),
            "out/counts-GlobalWindow-pane-0-last.txt.gz");
}

TEST_F(WindowedWriteTest, FixedWindowsOfABatch) {
  TestPipeline p;
  auto names = Seconds(p, {"1", "59", "60", "185"}) |
               WindowInto(FixedWindows(Duration::Minutes(1))) |
               Write(root_ + "out").WithSuffix(".txt").WithWindowedWrites();
  const std::string second = root_ + "out-" + kSecond + "-pane-0-last-00000-of-00001.txt";
  PAssert::That(names).InWindow({At(60), At(120)}).ContainsInAnyOrder({second});
  PAssert::ThatSingleton(names | WindowInto(GlobalWindows()) | Count::Globally()).IsEqualTo(3);
  EXPECT_TRUE(p.RunOk());
  // Of a window in which nothing happened there is no file; nothing hidden is left.
  EXPECT_THAT(
      FilesOf(root_),
      ElementsAre(Pair("out-" + kFirst + "-pane-0-last-00000-of-00001.txt", ElementsAre("1", "59")),
                  Pair("out-" + kSecond + "-pane-0-last-00000-of-00001.txt", ElementsAre("60")),
                  Pair("out-" + Minutes("03", "04") + "-pane-0-last-00000-of-00001.txt",
                       ElementsAre("185"))));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(root_), {}), 3);
}

TEST_F(WindowedWriteTest, AnElementIsInTheFilesOfAllItsWindows) {
  TestPipeline p;
  Seconds(p, {"0", "60"}) | WindowInto(SlidingWindows(Duration::Minutes(2), Duration::Minutes(1))) |
      Write(root_ + "out").WithoutSharding().WithWindowedWrites();
  EXPECT_TRUE(p.RunOk());
  EXPECT_THAT(
      FilesOf(root_),
      ElementsAre(Pair("out-1969-12-31T23:59:00.000Z-1970-01-01T00:01:00.000Z-pane-0-last",
                       ElementsAre("0")),
                  Pair("out-" + Minutes("00", "02") + "-pane-0-last", ElementsAre("0", "60")),
                  Pair("out-" + Minutes("01", "03") + "-pane-0-last", ElementsAre("60"))));
}

TEST_F(WindowedWriteTest, SessionsAndTheGlobalWindow) {
  TestPipeline p;
  const auto lines = Seconds(p, {"0", "30", "120"});
  lines | "Global" >> Write(root_ + "all").WithoutSharding().WithWindowedWrites();
  lines | WindowInto(Sessions(Duration::Minutes(1))) |
      "Sessions" >> Write(root_ + "session").WithoutSharding().WithWindowedWrites();
  EXPECT_TRUE(p.RunOk());
  EXPECT_THAT(
      FilesOf(root_),
      ElementsAre(Pair("all-GlobalWindow-pane-0-last", ElementsAre("0", "120", "30")),
                  Pair("session-1970-01-01T00:00:00.000Z-1970-01-01T00:01:30.000Z-pane-0-"
                       "last",
                       ElementsAre("0", "30")),
                  Pair("session-" + Minutes("02", "03") + "-pane-0-last", ElementsAre("120"))));
}

TEST_F(WindowedWriteTest, AWindowHasAsManyShardsAsAskedForAndNoEmptyOnes) {
  std::vector<std::string> seconds;
  for (int i = 0; i < 40; ++i) seconds.push_back(std::to_string(i));
  seconds.emplace_back("60");
  TestPipeline p;
  p.set_threads(1);
  Seconds(p, seconds) | WindowInto(FixedWindows(Duration::Minutes(1))) |
      Write(root_ + "out").WithNumShards(4).WithWindowedWrites();
  EXPECT_TRUE(p.RunOk());
  std::vector<std::string> all;
  const Files files = FilesOf(root_);
  EXPECT_EQ(files.size(), 5U);
  for (const auto& [name, lines] : files) {
    EXPECT_THAT(name, HasSubstr("-of-00004"));
    EXPECT_EQ(lines.size(), name.starts_with("out-" + kFirst) ? 10U : 1U);
    all.insert(all.end(), lines.begin(), lines.end());
  }
  EXPECT_THAT(all, testing::UnorderedElementsAreArray(seconds));
}

TEST_F(WindowedWriteTest, ANumberOfShardsGoesBeforeNone) {
  TestPipeline p;
  p.set_threads(1);
  const auto lines = Seconds(p, {"1", "2"});
  lines | "All" >> Write(root_ + "all").WithoutSharding().WithNumShards(2);
  lines | WindowInto(FixedWindows(Duration::Minutes(1))) |
      "Windows" >> Write(root_ + "out").WithoutSharding().WithNumShards(2).WithWindowedWrites();
  EXPECT_TRUE(p.RunOk());
  std::vector<std::string> both;
  for (const auto& [name, lines] : FilesOf(root_))
    both.insert(both.end(), lines.begin(), lines.end());
  EXPECT_THAT(both, testing::UnorderedElementsAre("1", "2", "1", "2"));
}

// Each file is there, whole, when its name comes out, and no later one; and what comes into the
// pipeline next finds it there.
TEST_F(WindowedWriteTest, PanesOfAStream) {
  TestPipeline p;
  auto script = p | TestStream<std::string>()
                        .AddElements({{"a", At(1)}})
                        .AddElements({{"b", At(2)}})
                        .AddElements({{"c", At(61)}, {"d", At(3)}})
                        .AdvanceWatermarkTo(At(60))
                        .AddElements({{"e", At(4)}})
                        .AdvanceWatermarkTo(At(120))
                        .AddElements({{"f", At(5)}})
                        .AdvanceWatermarkTo(At(200))
                        .AddElements({{"too late", At(6)}})
                        .AdvanceWatermarkToInfinity();
  auto names =
      script |
      WindowInto(FixedWindows(Duration::Minutes(1)))
          .Triggering(Trigger::AfterWatermark(Trigger::AfterCount(2), Trigger::AfterCount(1)))
          .DiscardingFiredPanes()
          .WithAllowedLateness(Duration::Minutes(2)) |
      "Write" >>
          Write(root_ + "w").WithHeader("<").WithFooter("|").WithoutSharding().WithWindowedWrites();
  const std::string early = "w-" + kFirst + "-pane-0", on_time = "w-" + kFirst + "-pane-1",
                    late = "w-" + kFirst + "-pane-2-late", later = "w-" + kFirst + "-pane-3-late",
                    second = "w-" + kSecond + "-pane-0";
  const std::string after_early = early + ": < a b |";
  const std::string after_on_time = after_early + ", " + on_time + ": < d |";
  const std::string after_late = after_on_time + ", " + late + ": < e |";
  const std::string after_second = after_late + ", " + second + ": < c |";
  const std::string after_all = after_late + ", " + later + ": < f |, " + second + ": < c |";
  PAssert::That(names | "LookAtNames" >> Map(Look{root_}))
      .Satisfies([=](const IterableView<std::string>& looks) {
        return std::vector<std::string>(looks.begin(), looks.end()) ==
               std::vector<std::string>{early + " | " + after_early,
                                        on_time + " | " + after_on_time, late + " | " + after_late,
                                        second + " | " + after_second, later + " | " + after_all};
      });
  PAssert::That(script | "LookAtInput" >> Map(Look{root_}))
      .ContainsInAnyOrder({"a | ", "b | ", "c | " + after_early, "d | " + after_early,
                           "e | " + after_on_time, "f | " + after_second,
                           "too late | " + after_all});
  PAssert::That(names).InEarlyPane({At(0), At(60)}).ContainsInAnyOrder({root_ + early});
  PAssert::That(names)
      .InLatePane({At(0), At(60)})
      .ContainsInAnyOrder({root_ + late, root_ + later});
  EXPECT_TRUE(p.RunOk());
  EXPECT_EQ(Picture(root_), after_all);
}

TEST_F(WindowedWriteTest, AccumulatingPanesHoldAllThatCame) {
  TestPipeline p;
  p |
      TestStream<std::string>()
          .AddElements({{"a", At(1)}})
          .AdvanceWatermarkTo(At(60))
          .AddElements({{"b", At(2)}})
          .AdvanceWatermarkToInfinity() |
      WindowInto(FixedWindows(Duration::Minutes(1)))
          .Triggering(Trigger::Default())
          .AccumulatingFiredPanes()
          .WithAllowedLateness(Duration::Minutes(2)) |
      Write(root_ + "w").WithSuffix(".gz").WithNumShards(1).WithWindowedWrites();
  EXPECT_TRUE(p.RunOk());
  EXPECT_THAT(
      FilesOf(root_),
      ElementsAre(Pair("w-" + kFirst + "-pane-0-00000-of-00001.gz", ElementsAre("a")),
                  Pair("w-" + kFirst + "-pane-1-late-00000-of-00001.gz", ElementsAre("a", "b"))));
}

// As in Beam: "-last" is missing where the last pane has nothing.
TEST_F(WindowedWriteTest, AnEmptyPaneHasNoFile) {
  TestPipeline p;
  p | TestStream<std::string>().AddElements({{"a", At(1)}}).AdvanceWatermarkToInfinity() |
      WindowInto(FixedWindows(Duration::Minutes(1)))
          .Triggering(Trigger::AfterWatermark(Trigger::AfterCount(1), Trigger::Never()))
          .DiscardingFiredPanes() |
      Write(root_ + "w").WithoutSharding().WithHeader("<").WithWindowedWrites();
  EXPECT_TRUE(p.RunOk());
  EXPECT_EQ(Picture(root_), "w-" + kFirst + "-pane-0: < a");
}

TEST_F(WindowedWriteTest, DestinationsOfAStream) {
  TestPipeline p;
  auto names =
      p |
      TestStream<Line>()
          .AddElements({{{"fr/x", "a"}, At(1)}, {{"de", "b"}, At(2)}})
          .AdvanceWatermarkTo(At(60))
          .AddElements({{{"fr/x", "c"}, At(3)}})
          .AdvanceWatermarkToInfinity() |
      WindowInto(FixedWindows(Duration::Minutes(1))).WithAllowedLateness(Duration::Minutes(2)) |
      "Write" >> Write(root_ + "by-").WithHeader("<").WithoutSharding().WithWindowedWrites();
  const std::string fr = "by-fr/x-" + kFirst + "-pane-0: < a", de = "by-de-" + kFirst + "-pane-0";
  PAssert::That(names)
      .InOnTimePane({At(0), At(60)})
      .ContainsInAnyOrder({root_ + "by-fr/x-" + kFirst + "-pane-0", root_ + de});
  PAssert::That(names)
      .InLatePane({At(0), At(60)})
      .ContainsInAnyOrder({root_ + "by-fr/x-" + kFirst + "-pane-1-late"});
  EXPECT_TRUE(p.RunOk());
  EXPECT_EQ(Picture(root_), de + ": < b, " + fr + ", by-fr/x-" + kFirst + "-pane-1-late: < c");
}

TEST_F(WindowedWriteTest, DestinationsOfABatchWithShards) {
  std::vector<Line> lines;
  std::map<std::string, size_t> expected;  // By destination and window.
  for (int i = 0; i < 12'000; ++i) {
    const std::string key = i % 3 == 0 ? "a" : "b/" + std::to_string(i % 2);
    lines.emplace_back(key, std::to_string(i));
    ++expected[key + "-" + (i < 6000 ? kFirst : kSecond)];
  }
  TestPipeline p;
  p.set_threads(3);
  p | Create<Line>(std::move(lines)) |
      WithTimestamps([](const Line& line) { return At(std::stoll(line.value) / 100); }) |
      WindowInto(FixedWindows(Duration::Minutes(1))) |
      Write(root_).WithNumShards(2).WithCompression(Compression::kZstd).WithWindowedWrites();
  EXPECT_TRUE(p.RunOk());
  std::map<std::string, size_t> got;
  for (const auto& [name, lines] : FilesOf(root_)) {
    const size_t end = name.find("-pane-0-last-0000");
    ASSERT_NE(end, std::string::npos) << name;
    EXPECT_TRUE(name.ends_with("-of-00002.zst")) << name;
    got[name.substr(0, end)] += lines.size();
  }
  EXPECT_EQ(got, expected);
}

TEST_F(WindowedWriteTest, ReplacesWhatAnEarlierRunWrote) {
  for (const char* line : {"17", "4"}) {
    TestPipeline p;
    Seconds(p, {line}) | WindowInto(FixedWindows(Duration::Minutes(1))) |
        Write(root_ + "out").WithoutSharding().WithWindowedWrites();
    EXPECT_TRUE(p.RunOk());
    EXPECT_EQ(Picture(root_), "out-" + kFirst + "-pane-0-last: " + line);
  }
}

// What is behind the names fails after files have got them: the second attempt finds them done.
TEST_F(WindowedWriteTest, ARetriedBundleLeavesTheSameFiles) {
  if (std::getenv("JOIST_TEST_SECOND_PROCESS") != nullptr) GTEST_SKIP() << "counts attempts";
  failing_place = "name";
  failures_left = 2;
  TestPipeline p;
  auto names = Seconds(p, {"1", "61", "2", "62"}) | WindowInto(FixedWindows(Duration::Minutes(1))) |
               Write(root_ + "out").WithoutSharding().WithWindowedWrites() |
               "Fail" >> Map([](const std::string& name) {
                 if (name.find("00:02:00") != std::string::npos) MayFail("name");
                 return name;
               });
  const std::string first = "out-" + kFirst + "-pane-0-last",
                    second = "out-" + kSecond + "-pane-0-last";
  PAssert::That(names).ContainsInAnyOrder({root_ + first, root_ + second});
  EXPECT_TRUE(p.RunOk());
  EXPECT_EQ(failures_left.load(), 0);
  EXPECT_EQ(Picture(root_), first + ": 1 2, " + second + ": 61 62");
}

TEST_F(WindowedWriteTest, ABatchThatFailsWhileWritingLeavesNothing) {
  const std::string taken = "out-" + kSecond + "-pane-0-last";
  std::filesystem::create_directories(root_ + taken + "/in_the_way");
  TestPipeline p;
  Seconds(p, {"1", "61", "121"}) | WindowInto(FixedWindows(Duration::Minutes(1))) |
      "Write" >> Write(root_ + "out").WithoutSharding().WithWindowedWrites();
  const std::string message = p.RunToEnd().status.message();
  EXPECT_THAT(message, HasSubstr("step \"Write/WriteShards\""));
  EXPECT_THAT(message, HasSubstr("cannot write " + root_ + taken + ": Is a directory"));
  EXPECT_THAT(FilesOf(root_), ElementsAre());
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(root_), {}), 1);
}

TEST_F(WindowedWriteTest, AStreamThatFailsKeepsCompletePanes) {
  const std::string taken = "out-" + kSecond + "-pane-0-last";
  std::filesystem::create_directories(root_ + taken);
  TestPipeline p;
  p |
      TestStream<std::string>()
          .AddElements({{"a", At(1)}, {"b", At(61)}})
          .AdvanceWatermarkTo(At(60))
          .AdvanceWatermarkToInfinity() |
      WindowInto(FixedWindows(Duration::Minutes(1))) |
      "Write" >> Write(root_ + "out").WithoutSharding().WithWindowedWrites();
  EXPECT_THAT(p.RunToEnd().status.message(),
              HasSubstr("cannot write " + root_ + taken + ": Is a directory"));
  EXPECT_EQ(Picture(root_), "out-" + kFirst + "-pane-0-last: a");
}

TEST_F(WindowedWriteTest, DestinationsStayBehindThePrefix) {
  TestPipeline p;
  p | Create<Line>({{"../x", "1"}}) |
      "Write" >> Write(root_ + "out/").WithoutValidation().WithWindowedWrites();
  EXPECT_THAT(p.RunToEnd().status.message(), HasSubstr("has no parts"));
}

// Of a stream one file a pane is enough where no number is given.
TEST_F(WindowedWriteTest, AStreamNeedsNoNumberOfShards) {
  TestPipeline p;
  p | TestStream<std::string>().AddElements({{"a", At(1)}, {"b", At(2)}}) |
      WindowInto(FixedWindows(Duration::Minutes(1))) | Write(root_ + "out").WithWindowedWrites();
  EXPECT_TRUE(p.RunOk());
  EXPECT_EQ(Picture(root_), "out-" + kFirst + "-pane-0-last-00000-of-00001: a b");
}

TEST_F(WindowedWriteTest, WhatWouldNeverBeCompleteIsRefused) {
  TestPipeline p;
  auto stream = p | TestStream<Line>().AddElements({{{"a", "b"}, At(1)}});
  stream | Values() | "Write" >> Write(root_ + "out");
  EXPECT_THAT(p.RunToEnd().status.message(),
              testing::AllOf(HasSubstr("step \"Write\" at windowed_write_test.cc:"),
                             HasSubstr("writes a collection without end, whose files would never "
                                       "be complete; add .WithWindowedWrites()")));

  TestPipeline by_key;
  by_key | TestStream<Line>() | "Write" >> Write(root_ + "out");
  EXPECT_THAT(by_key.RunToEnd().status.message(), HasSubstr("add .WithWindowedWrites()"));

  TestPipeline global;
  global | TestStream<std::string>() | "Write" >> Write(root_ + "out").WithWindowedWrites();
  EXPECT_THAT(global.RunToEnd().status.message(),
              HasSubstr("in the global window with the default trigger"));
  EXPECT_THAT(FilesOf(root_), ElementsAre());
}

}  // namespace
}  // namespace joist::text
