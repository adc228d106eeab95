// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/sink/idempotent.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "joist/io/sink/testing/fake_service.h"
#include "joist/joist.h"
#include "joist/sdk/testing/test_pipeline.h"
#include "joist/sdk/testing/test_stream.h"

namespace joist::sink {
namespace {

using testing::UnorderedElementsAre;

/// Elements are files that are named by their ids.
struct Records {
  using Element = std::string;
  ServiceFolder folder;
  void Write(const std::string& id, const std::string& element) const {
    folder.Act();
    folder.PutOnce("records/" + id, element + "\n");
    folder.Act();
  }
};
JOIST_ROW(Records, folder)

/// The same by the bundle.
struct FlushedRecords {
  using Element = std::string;
  ServiceFolder folder;
  std::vector<std::pair<std::string, std::string>> waiting;
  void Write(const std::string& id, const std::string& element) {
    waiting.emplace_back(id, element);
  }
  void Flush() {
    for (const auto& [id, element] : std::exchange(waiting, {})) {
      Records{folder}.Write(id, element);
    }
  }
};
constexpr FieldList<FlushedRecords, &FlushedRecords::folder> JoistFields(const FlushedRecords*) {
  return {"FlushedRecords", {"folder"}};
}

using WriteIdempotentTest = SinkTest;

TEST(ElementIdsTest, AreDifferent) {
  ElementIds ids, others;
  std::set<std::string> all;
  for (int i = 0; i < 1000; ++i) {
    all.emplace(ids.Next());
    all.emplace(others.Next());
  }
  EXPECT_EQ(all.size(), 2000U);
  EXPECT_EQ(all.begin()->find_first_not_of("0123456789abcdef-"), std::string::npos);
}

TEST_F(WriteIdempotentTest, EqualElementsAreTwo) {
  TestPipeline p;
  const auto ids = p |
                   TestStream<std::string>()
                       .AddElements({{"a", Timestamp::Seconds(1)}, {"a", Timestamp::Seconds(1)}})
                       .AddElements({{"b", Timestamp::Seconds(4)}})
                       .AdvanceWatermarkToInfinity() |
                   WriteIdempotent(Records{folder_});
  PAssert::That(ids | Map([](std::string_view id) { return id.find('-'); }))
      .ContainsInAnyOrder({32, 32, 32});
  EXPECT_TRUE(p.RunOk());
  EXPECT_THAT(folder_.LinesIn("records"), UnorderedElementsAre("a", "a", "b"));
}

TEST_F(WriteIdempotentTest, BoundedInputIsOnceWhateverFails) {
  FailAtEachAction(
      [&] {
        TestPipeline p;
        p | Create<std::string>({"a", "b", "b", "c"}) | WriteIdempotent(Records{folder_});
        EXPECT_TRUE(p.RunOk());
      },
      [&] { EXPECT_THAT(folder_.LinesIn("records"), UnorderedElementsAre("a", "b", "b", "c")); });
}

TEST_F(WriteIdempotentTest, AStreamIsOnceWhateverFails) {
  FailAtEachAction(
      [&] {
        EXPECT_EQ(RunStream(5,
                            [&](const PCollection<int64_t>& numbers) {
                              numbers | Map([](int64_t n) { return std::to_string(n % 2); }) |
                                  WriteIdempotent(FlushedRecords{folder_, {}});
                            }),
                  OkStatus());
      },
      [&] {
        EXPECT_THAT(folder_.LinesIn("records"), UnorderedElementsAre("0", "0", "0", "1", "1"));
      });
}

}  // namespace
}  // namespace joist::sink
