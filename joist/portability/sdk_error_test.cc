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

TEST(FailedStep, IsTheOneThatWasRunning) {
  const std::vector<std::string> steps = {"Read", "Parse", "Parse/All", "Parse/All of it"};
  EXPECT_EQ(FailedStep(kPython, steps), "Parse/All");
  EXPECT_EQ(FailedStep(kPython, std::vector<std::string>{"Read"}), "");
  EXPECT_EQ(FailedStep("it has failed", steps), "");
}

TEST(SdkErrorLine, IsTheExceptionOfATraceback) {
  EXPECT_EQ(SdkErrorLine(kPython), "step \"Read (+2)\": ValueError: no number: 12,");
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
