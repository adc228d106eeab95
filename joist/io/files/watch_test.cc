// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/files/watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "joist/io/files/file_watch.h"
#include "joist/sdk/testing/test_pipeline.h"

namespace joist::files {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr Timestamp At(int64_t seconds) { return Timestamp::Seconds(seconds); }

/// Gives the file its name when it is complete; it was modified last so long ago.
void MakeFile(const std::string& root, const std::string& name, Duration age) {
  std::ofstream(root + ".part") << name;
  const std::chrono::milliseconds before(age.millis);
  std::filesystem::last_write_time(root + ".part",
                                   std::filesystem::file_time_type::clock::now() - before);
  std::filesystem::rename(root + ".part", root + name);
}

/// Makes another file when the first one was found. Gives names, whether they have the time of
/// their file or not, and sizes.
struct MakeOneMore {
  std::string root;
  std::string first;
  std::string then;
  Duration age;
  std::string operator()(const MatchedFile& file, Timestamp time) const {
    const std::string name = file.path.substr(root.size());
    if (name == first) MakeFile(root, then, age);
    return name + (time == file.modified ? " then " : " now ") + std::to_string(file.size);
  }
};
JOIST_ROW(MakeOneMore, root, first, then, age)

class WatchTest : public testing::Test {
 protected:
  WatchTest() { std::filesystem::create_directories(root_); }
  ~WatchTest() override { std::filesystem::remove_all(root_); }

  void File(const std::string& name, Duration age = {}) const { MakeFile(root_, name, age); }
  /// Looks once more.
  std::vector<std::string> Find(FileWatch* watch, const WatchSettings& settings = {},
                                int64_t second = 0) const {
    const Result<FileLook> look = Look(root_ + "*.txt", settings, *watch, At(second));
    EXPECT_TRUE(look.ok()) << look.status().message();
    *watch = look->after;
    std::vector<std::string> names;
    for (const MatchedFile& file : look->found) names.push_back(file.path.substr(root_.size()));
    return names;
  }

  const std::string root_ = testing::TempDir() + "joist_watch_test_" + std::to_string(getpid()) +
                            testing::UnitTest::GetInstance()->current_test_info()->name() + "/";
};

TEST_F(WatchTest, FindsEachFileOnce) {
  FileWatch watch;
  EXPECT_THAT(Find(&watch), IsEmpty());
  File("b.txt");
  File("a.txt");
  File("c.csv");
  EXPECT_THAT(Find(&watch), ElementsAre("a.txt", "b.txt"));
  File("c.txt");
  File("a.txt", Duration::Hours(1));
  EXPECT_THAT(Find(&watch), ElementsAre("c.txt"));
  std::filesystem::remove(root_ + "b.txt");
  EXPECT_THAT(Find(&watch), IsEmpty());
  File("b.txt");
  EXPECT_THAT(Find(&watch), IsEmpty()) << "a name is given once";
}

TEST_F(WatchTest, FindsUpdatedFilesIfAsked) {
  WatchSettings settings;
  settings.matches_updated_files = true;
  FileWatch watch;
  File("a.txt", Duration::Hours(2));
  File("b.txt");
  EXPECT_THAT(Find(&watch, settings), ElementsAre("a.txt", "b.txt"));
  EXPECT_THAT(Find(&watch, settings), IsEmpty());
  File("a.txt", Duration::Hours(1));
  EXPECT_THAT(Find(&watch, settings), ElementsAre("a.txt"));
  EXPECT_THAT(Find(&watch, settings), IsEmpty());
}

TEST_F(WatchTest, EndsWhenItIsToldTo) {
  WatchSettings settings;
  settings.termination =
      Termination::EitherOf(Termination::AfterTotalOf(Duration::Seconds(100)),
                            Termination::AfterTimeSinceNewOutput(Duration::Seconds(10)));
  FileWatch watch;
  Find(&watch, settings, 1000);
  Find(&watch, settings, 1050);
  EXPECT_FALSE(watch.is_over) << "nothing was found yet";
  File("a.txt");
  Find(&watch, settings, 1060);
  Find(&watch, settings, 1069);
  EXPECT_FALSE(watch.is_over);
  FileWatch quiet = watch;
  Find(&quiet, settings, 1070);
  EXPECT_TRUE(quiet.is_over);
  File("b.txt");
  Find(&watch, settings, 1095);
  EXPECT_FALSE(watch.is_over);
  Find(&watch, settings, 1100);
  EXPECT_TRUE(watch.is_over) << "after a hundred seconds";
  EXPECT_FALSE(Termination::Never().IsOver(Timestamp::Min(), At(0), At(1'000'000'000)));
}

TEST_F(WatchTest, TravelsAndIsSaved) {
  File("a.txt");
  FileWatch watch;
  Find(&watch, {}, 7);
  const std::string bytes = EncodeToString(watch);
  FileWatch restored;
  ByteReader in(bytes);
  ASSERT_TRUE(Coder<FileWatch>::Decode(&in, &restored, /*nested=*/false));
  EXPECT_EQ(*restored.seen, *watch.seen);
  EXPECT_EQ(restored.began, At(7));
  EXPECT_EQ(restored.latest, At(7));
  EXPECT_FALSE(restored.is_over);
  EXPECT_THAT(Find(&restored), IsEmpty());
}

TEST_F(WatchTest, ALookIsClaimedAndTheRestIsLeft) {
  FileLook look;
  look.after.began = At(1);
  WatchTracker tracker{FileWatch()};
  EXPECT_FALSE(tracker.CheckDone().ok());
  EXPECT_FALSE(tracker.TrySplit(0.5).has_value()) << "looks are not shared out";
  EXPECT_TRUE(tracker.TryClaim(look));
  EXPECT_FALSE(tracker.TryClaim(look));
  const std::optional<FileWatch> rest = tracker.TrySplit(0);
  ASSERT_TRUE(rest.has_value());
  EXPECT_EQ(rest->began, At(1));
  EXPECT_FALSE(tracker.TrySplit(0).has_value());
  EXPECT_TRUE(tracker.CheckDone().ok());

  WatchTracker stopped{FileWatch()};
  EXPECT_EQ(stopped.TrySplit(0)->began, std::nullopt) << "nothing was claimed";
  EXPECT_FALSE(stopped.TryClaim(look));
  EXPECT_TRUE(stopped.CheckDone().ok());

  look.after.is_over = true;
  WatchTracker last{FileWatch()};
  EXPECT_TRUE(last.TryClaim(look));
  EXPECT_FALSE(last.TrySplit(0).has_value());
  EXPECT_TRUE(last.CheckDone().ok());
}

TEST_F(WatchTest, GivesWhatIsThereAndWhatComes) {
  File("1.txt", Duration::Hours(1));
  File("2.txt", Duration::Hours(1));
  TestPipeline p;
  auto names = p |
               MatchContinuously(root_ + "*.txt", Duration::Millis(5))
                   .Until(Termination::AfterTotalOf(Duration::Millis(50))) |
               Map(MakeOneMore{root_, "1.txt", "later.txt", Duration::Hours(2)});
  PAssert::That(names).ContainsInAnyOrder({"1.txt now 5", "2.txt now 5", "later.txt now 9"});
  EXPECT_TRUE(p.RunOk());
}

/// A file that comes with an old time is on time behind a watermark that waits for it, and dropped
/// behind another.
TEST_F(WatchTest, TimesOfModification) {
  for (const bool waits : {true, false}) {
    std::filesystem::remove_all(root_);
    std::filesystem::create_directories(root_);
    File("new.txt");
    TestPipeline p;
    auto counts = p |
                  MatchContinuously(root_ + "*.txt", Duration::Millis(5))
                      .Until(Termination::AfterTotalOf(Duration::Millis(50)))
                      .WithModificationTimes(waits ? Duration::Hours(20) : Duration::Zero()) |
                  Map(MakeOneMore{root_, "new.txt", "late.txt", Duration::Hours(10)}) |
                  WindowInto(FixedWindows(Duration::Hours(1))) | Count::PerElement();
    using Counts = std::vector<KV<std::string, int64_t>>;
    PAssert::That(counts | WindowInto(GlobalWindows()))
        .ContainsInAnyOrder(waits ? Counts{{"new.txt then 7", 1}, {"late.txt then 8", 1}}
                                  : Counts{{"new.txt then 7", 1}});
    EXPECT_TRUE(p.RunOk()) << "waits: " << waits;
  }
}

TEST_F(WatchTest, MistakesAreOneLine) {
  const auto failure = [](MatchContinuously match) {
    TestPipeline p;
    p | "Watch" >> std::move(match);
    return p.RunToEnd().status.message();
  };
  EXPECT_THAT(failure(MatchContinuously("*", Duration::Zero())),
              HasSubstr("has an interval that is not positive"));
  EXPECT_THAT(failure(MatchContinuously("*", Duration::Seconds(1))
                          .WithModificationTimes(Duration::Seconds(-1))),
              HasSubstr("has a delay that is negative"));
  EXPECT_EQ(failure(MatchContinuously("{a", Duration::Seconds(1))),
            "step \"Watch/Watch\": file pattern {a has a { without its }");
}

}  // namespace
}  // namespace joist::files
