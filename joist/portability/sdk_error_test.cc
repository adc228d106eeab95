// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/sdk_error.h"

#include <gtest/gtest.h>

#include <vector>

namespace joist::portability {
namespace {

constexpr std::string_view kPython =
    "step \"Read (+2)\": Traceback (most recent call last):\n"
    "  File \"common.py\", line 1498, in process\n"
    "    return self.do_fn_invoker.invoke_process(windowed_value)\n"
    "ValueError: no number\n\n"
    "During handling of the above exception, another exception occurred:\n\n"
    "Traceback (most recent call last):\n"
    "  File \"worker.py\", line 310, in task\n"
    "    self.execute()\n"
    "  File \"pipeline.py\", line 7, in parse\n"
    "    raise ValueError(\n"
    "    ^^^^^^^^^^^^^^^^^\n"
    "ValueError: no number:\n  12, [while running 'Parse/All']\n";

constexpr std::string_view kGo =
    "step \"Read (+2)\": process bundle failed for instruction joist-7 using plan job-stage-1 : "
    "while "
    "executing Process for Plan[job-stage-1]:\n1: DataSource[S[joist/source], port] Out:6\n"
    "6: ParDo[main.parse] Out:[5]\n\tcaused by:\n"
    "DoFn[UID:4, PID:e3, Name: main.parse] failed:\nno good\nnumber";
constexpr std::string_view kGoPanic =
    "step \"Read\": process bundle failed for instruction joist-7 using plan job-stage-1 : panic: "
    "runtime error: integer divide by zero Full error:\nwhile executing Process for Plan[x]:\n";

TEST(FailedStep, IsTheOneThatWasRunning) {
  const std::vector<SdkStep> steps = {
      {"e1", "Read"}, {"e2", "Parse"}, {"e3", "Parse/All"}, {"e33", "Parse/All of it"}};
  EXPECT_EQ(FailedStep(kPython, steps), "step \"Parse/All\"");
  EXPECT_EQ(FailedStep("it has failed", {&steps[1], 1}), "step \"Parse\"");
  EXPECT_EQ(FailedStep(kGo, steps), "step \"Parse/All\"");
}

TEST(FailedStep, IsWhatThoseThatMayHaveFailedArePartsOf) {
  const auto in_words = [](const std::vector<std::string>& names) {
    std::vector<SdkStep> steps;
    for (const std::string& name : names) steps.push_back({"id", name});
    return FailedStep("it has failed", steps);
  };
  EXPECT_EQ(in_words({"Read/It"}), "step \"Read/It\"");
  EXPECT_EQ(in_words({"Mean/Merge", "Mean/Extract"}), "step \"Mean\"");
  EXPECT_EQ(in_words({"Read", "Mean/Key", "Mean/Sum"}), "one of the steps \"Read\", \"Mean\"");
  EXPECT_EQ(in_words({"a", "b", "c", "d", "e", "f", "g"}),
            "one of the steps \"a\", \"b\", \"c\", \"d\", \"e\" …");
}

TEST(IsEcho, KnowsWhatGoClientsMakeOfMessages) {
  EXPECT_TRUE(IsEcho("(time=2026-11-23T14:55:55.722Z)(id=353)a fact"));
  EXPECT_FALSE(IsEcho("(time=2026-11-23T14:55:55.722Z) a fact"));
  EXPECT_FALSE(IsEcho("(time="));
  EXPECT_FALSE(IsEcho("(time=1)(id=2"));
  EXPECT_FALSE(IsEcho("a fact (time=1)(id=2)"));
}

TEST(TellsOfFailedBundle, KnowsBeamsSdks) {
  EXPECT_TRUE(TellsOfFailedBundle(kGo));
  EXPECT_TRUE(TellsOfFailedBundle("Error processing instruction joist-7. Original traceback is"));
  EXPECT_TRUE(TellsOfFailedBundle("no number [while running 'Parse-ptransform-7']"));
  EXPECT_FALSE(TellsOfFailedBundle("an error of mine while running 'Parse'"));
}

TEST(SdkErrorText, BeginsWithTheException) {
  const std::string text = SdkErrorText(kPython);
  EXPECT_TRUE(
      text.starts_with("step \"Read (+2)\": ValueError: no number: 12,\n"
                       "Traceback (most recent call last):\n  File \"common.py\""))
      << text;
  EXPECT_TRUE(text.ends_with("[while running 'Parse/All']\n")) << text;
  EXPECT_EQ(SdkErrorText("a worker\nis gone"), "a worker\nis gone");
  EXPECT_TRUE(SdkErrorText(kGoPanic).starts_with(
      "step \"Read\": panic: runtime error: integer divide by zero\nprocess bundle failed"));
}

TEST(SdkErrorLine, IsTheExceptionOfATraceback) {
  EXPECT_EQ(SdkErrorLine(kPython), "step \"Read (+2)\": ValueError: no number: 12,");
}

TEST(SdkErrorLine, IsTheErrorWithoutThePlan) {
  EXPECT_EQ(SdkErrorLine(kGo), "step \"Read (+2)\": no good number");
  EXPECT_EQ(SdkErrorLine(kGoPanic), "step \"Read\": panic: runtime error: integer divide by zero");
}

TEST(SdkErrorLine, IsAllOfWhatIsNoTraceback) {
  EXPECT_EQ(SdkErrorLine("a worker\nis gone"), "a worker is gone");
  EXPECT_EQ(SdkErrorLine(""), "");
  const std::string cut = "Traceback (most recent call last):\n  File \"x\", line 1";
  EXPECT_EQ(SdkErrorLine(cut), "Traceback (most recent call last): File \"x\", line 1");
}

TEST(SdkErrorLine, IsBounded) {
  std::string text(499, 'x');
  for (int i = 0; i < 1000; ++i) text += "ä";
  EXPECT_EQ(SdkErrorLine(text), std::string(499, 'x') + " …");
}

}  // namespace
}  // namespace joist::portability
