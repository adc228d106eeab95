// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/sink/offset_addressed.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "joist/io/sink/testing/fake_service.h"
#include "joist/joist.h"
#include "joist/sdk/testing/test_pipeline.h"
#include "joist/sdk/testing/test_stream.h"

namespace joist::sink {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;
using Keyed = KV<std::string, std::string>;

class WriteAtOffsetsTest : public SinkTest {
 protected:
  /// Even and odd numbers below `n`, in streams of their own.
  static PCollection<Keyed> ByParity(const PCollection<int64_t>& numbers) {
    return numbers | "ByParity" >> Map([](int64_t n) {
                       return Keyed{n % 2 == 0 ? "even" : "odd", std::to_string(n)};
                     });
  }
  void ExpectNumbersBelow(int64_t n, bool in_order) const {
    for (int parity = 0; parity < 2; ++parity) {
      Lines expected;
      for (int64_t i = parity; i < n; i += 2) expected.push_back(std::to_string(i));
      Lines lines = folder_.LinesIn(parity == 0 ? "log-even" : "log-odd");
      if (!in_order) {
        std::sort(lines.begin(), lines.end());
        std::sort(expected.begin(), expected.end());
      }
      EXPECT_EQ(lines, expected);
    }
  }
};

TEST_F(WriteAtOffsetsTest, CutsBlocksInAStream) {
  TestPipeline p;
  const auto ends =
      p |
      TestStream<Keyed>()
          .AddElements({{{"s", "a"}, Timestamp::Seconds(1)}, {{"t", "x"}, Timestamp::Seconds(1)}})
          .AddElements({{{"s", "b"}, Timestamp::Seconds(2)}})
          .AddElements({{{"s", "c"}, Timestamp::Seconds(3)}})
          .AdvanceProcessingTime(Duration::Seconds(6))
          .AddElements({{{"s", "d"}, Timestamp::Seconds(4)}})
          .AdvanceWatermarkToInfinity() |
      WindowInto(FixedWindows(Duration::Seconds(1))) |
      WriteAtOffsets(AppendLog{folder_})
          .WithBlockSize(2)
          .WithMaxBufferingDuration(Duration::Seconds(5));
  PAssert::That(ends).ContainsInAnyOrder({{"s", 2}, {"s", 3}, {"s", 4}, {"t", 1}});
  EXPECT_TRUE(p.RunOk());
  EXPECT_THAT(folder_.LinesIn("log-s"), ElementsAre("a", "b", "c", "d"));
  EXPECT_THAT(folder_.FilesIn("log-s"), SizeIs(3));
  EXPECT_EQ(folder_.Wrong(), "");
}

TEST_F(WriteAtOffsetsTest, ManyBlocksOfAStreamKeepTheirOrder) {
  TestPipeline p;
  p.set_threads(3);
  TestStream<Keyed> script;
  Lines all;
  for (int i = 0; i < 30; ++i) {
    std::vector<TimestampedValue<Keyed>> elements;
    for (int j = 0; j < 10; ++j) {
      all.push_back(std::to_string(i * 10 + j));
      elements.push_back({{"s", all.back()}, Timestamp::Millis(i)});
    }
    script = std::move(script).AddElements(elements);
  }
  p | std::move(script).AdvanceWatermarkToInfinity() |
      WriteAtOffsets(AppendLog{folder_}).WithBlockSize(3);
  EXPECT_TRUE(p.RunOk());
  EXPECT_EQ(folder_.LinesIn("log-s"), all);
  EXPECT_EQ(folder_.Wrong(), "");
}

TEST_F(WriteAtOffsetsTest, BoundedInputIsOnceWhateverFails) {
  FailAtEachAction(
      [&] {
        TestPipeline p;
        p.set_threads(2);
        const auto numbers = p | Create<int64_t>({0, 1, 2, 3, 4, 5, 6, 7, 8});
        ByParity(numbers) | WriteAtOffsets(AppendLog{folder_}).WithBlockSize(2);
        EXPECT_TRUE(p.RunOk());
      },
      [&] { ExpectNumbersBelow(9, /*in_order=*/false); });
}

TEST_F(WriteAtOffsetsTest, AStreamIsOnceWhateverFails) {
  FailAtEachAction(
      [&] {
        EXPECT_EQ(RunStream(12,
                            [&](const PCollection<int64_t>& numbers) {
                              ByParity(numbers) |
                                  WriteAtOffsets(AppendLog{folder_})
                                      .WithBlockSize(2)
                                      .WithMaxBufferingDuration(Duration::Millis(3));
                            }),
                  OkStatus());
      },
      [&] { ExpectNumbersBelow(12, /*in_order=*/true); });
}

TEST_F(WriteAtOffsetsTest, GoesOnAtTheEndOfAStream) {
  for (const char* line : {"first", "second"}) {
    TestPipeline p;
    p | Create<Keyed>({{"s", line}}) | WriteAtOffsets(AppendLog{folder_});
    EXPECT_TRUE(p.RunOk());
  }
  EXPECT_THAT(folder_.LinesIn("log-s"), ElementsAre("first", "second"));
}

/// A stream that somebody empties.
struct Emptied {
  using Element = std::string;
  int64_t end = 0;
  AppendAnswer Append(const std::string&, int64_t offset, const Lines&) const {
    return offset == end ? AppendAnswer::kAppended : AppendAnswer::kOutOfRange;
  }
};
JOIST_ROW(Emptied, end)

TEST_F(WriteAtOffsetsTest, OutOfRangeIsOneLine) {
  TestPipeline p;
  p | Create<Keyed>({{"s", "a"}, {"s", "b"}, {"s", "c"}}) |
      "Write" >> WriteAtOffsets(Emptied{0}).WithBlockSize(2);
  const std::string message = p.RunToEnd().status.message();
  EXPECT_EQ(message,
            "step \"Write/Append\": stream \"s\" ends before offset 2, where 1 row belongs: "
            "what was appended there is gone, or it is another stream of that name");
}

TEST_F(WriteAtOffsetsTest, ASizeOfNothingIsRefused) {
  TestPipeline p;
  p | Create<Keyed>({{"s", "a"}}) | "Write" >> WriteAtOffsets(Emptied{0}).WithBlockSize(0);
  EXPECT_THAT(p.RunToEnd().status.message(),
              HasSubstr("has a block size of 0; it takes 1 or more"));
}

}  // namespace
}  // namespace joist::sink
