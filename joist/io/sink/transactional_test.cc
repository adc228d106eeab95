// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/sink/transactional.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "joist/io/sink/element_id.h"
#include "joist/io/sink/testing/fake_service.h"
#include "joist/joist.h"
#include "joist/sdk/testing/test_pipeline.h"
#include "joist/sdk/testing/test_stream.h"

namespace joist::sink {
namespace {

using testing::HasSubstr;
using testing::UnorderedElementsAre;

/// Batches are files, which a commit moves to where they are seen.
struct Transactions {
  using Element = std::string;
  using Handle = std::string;
  ServiceFolder folder;

  std::string Prepare(const Lines& batch) const {
    folder.Act();
    ElementIds ids;
    std::string handle(ids.Next());
    folder.Put("unseen/" + handle, Join(batch));
    folder.Act();
    return handle;
  }
  void Commit(const std::string& handle) const {
    folder.Act();
    const std::string seen = folder.path + "/seen";
    std::filesystem::create_directories(seen);
    if (!std::filesystem::exists(seen + "/" + handle)) {
      std::filesystem::rename(folder.path + "/unseen/" + handle, seen + "/" + handle);
    }
    folder.Act();
  }
};
JOIST_ROW(Transactions, folder)

using WriteTransactionalTest = SinkTest;

TEST_F(WriteTransactionalTest, BatchesOfAStream) {
  TestPipeline p;
  p.set_threads(1);
  const auto handles = p |
                       TestStream<std::string>()
                           .AddElements({{"a", Timestamp::Seconds(1)},
                                         {"b", Timestamp::Seconds(2)},
                                         {"c", Timestamp::Seconds(3)}})
                           .AddElements({{"d", Timestamp::Seconds(4)}})
                           .AdvanceWatermarkToInfinity() |
                       WindowInto(FixedWindows(Duration::Seconds(1))) |
                       WriteTransactional(Transactions{folder_}).WithBatchSize(2);
  PAssert::That(handles | Map([](std::string_view handle) { return handle.find('-'); }))
      .ContainsInAnyOrder({32, 32, 32});
  EXPECT_TRUE(p.RunOk());
  EXPECT_THAT(folder_.LinesIn("seen"), UnorderedElementsAre("a", "b", "c", "d"));
}

TEST_F(WriteTransactionalTest, BoundedInputIsOnceWhateverFails) {
  FailAtEachAction(
      [&] {
        TestPipeline p;
        p | Create<std::string>({"a", "b", "c", "d", "e"}) |
            WriteTransactional(Transactions{folder_}).WithBatchSize(2);
        EXPECT_TRUE(p.RunOk());
      },
      [&] { EXPECT_THAT(folder_.LinesIn("seen"), UnorderedElementsAre("a", "b", "c", "d", "e")); });
}

TEST_F(WriteTransactionalTest, AStreamIsOnceWhateverFails) {
  FailAtEachAction(
      [&] {
        EXPECT_EQ(RunStream(5,
                            [&](const PCollection<int64_t>& numbers) {
                              numbers | Map([](int64_t n) { return std::to_string(n); }) |
                                  WriteTransactional(Transactions{folder_});
                            }),
                  OkStatus());
      },
      [&] { EXPECT_THAT(folder_.LinesIn("seen"), UnorderedElementsAre("0", "1", "2", "3", "4")); });
}

TEST_F(WriteTransactionalTest, ASizeOfNothingIsRefused) {
  TestPipeline p;
  p | Create<std::string>({"a"}) | WriteTransactional(Transactions{folder_}).WithBatchSize(-1);
  EXPECT_THAT(p.RunToEnd().status.message(),
              HasSubstr("has a batch size of -1; it takes 1 or more"));
}

}  // namespace
}  // namespace joist::sink
