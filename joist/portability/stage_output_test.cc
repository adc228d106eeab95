// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/stage_output.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "joist/portability/testing/state_requests.h"

namespace joist::portability {
namespace {

using Seen = std::tuple<std::string, int64_t, Window, PaneInfo>;

class Consumer final : public BatchReceiver<std::string> {
 public:
  void Push(const Batch<std::string>& batch) override {
    ++batches;
    constant_batches += batch.meta.is_constant() ? 1 : 0;
    EXPECT_LE(batch.count, kBatchSize);
    EXPECT_GT(batch.count, 0U);
    for (size_t i = 0; i < batch.count; ++i) {
      seen.emplace_back(batch[i], batch.timestamp(i).millis, batch.window(i), batch.pane(i));
    }
  }
  std::vector<Seen> seen;
  size_t batches = 0;
  size_t constant_batches = 0;
};

class StageOutputTest : public testing::Test {
 protected:
  StageOutputTest() { output_.Connect(&consumer_); }

  static std::string Encoded(const std::string& text, int64_t time,
                             const std::vector<Window>& windows,
                             const PaneInfo& pane = PaneInfo::NoFiring()) {
    std::string bytes;
    ThrowIfError(
        WindowCodec::ForIntervals().EncodeHeader(Timestamp::Millis(time), windows, pane, &bytes));
    return bytes + Nested(text);
  }

  const WireCoder coder_;
  const WindowCodec windows_ = WindowCodec::ForIntervals();
  StageOutput output_{&coder_, &windows_};
  Consumer consumer_;
};

TEST_F(StageOutputTest, OncePerWindow) {
  const PaneInfo late = {PaneTiming::kLate, false, false, 5, 3};
  const auto pushed = output_.Push(Encoded("a", 1, {Minute(0)}) +
                                   Encoded("b", 2, {Minute(0), Minute(1), Minute(2)}, late) +
                                   Encoded("", 3, {Minute(2)}));
  ASSERT_TRUE(pushed.ok()) << pushed.status().message();
  EXPECT_EQ(*pushed, 5U);
  const PaneInfo none = PaneInfo::NoFiring();
  const std::vector<Seen> expected = {{Nested("a"), 1, Minute(0), none},
                                      {Nested("b"), 2, Minute(0), late},
                                      {Nested("b"), 2, Minute(1), late},
                                      {Nested("b"), 2, Minute(2), late},
                                      {Nested(""), 3, Minute(2), none}};
  EXPECT_EQ(consumer_.seen, expected);
  EXPECT_EQ(consumer_.batches, 1U);
}

TEST_F(StageOutputTest, MoreThanABatch) {
  std::string bytes;
  std::vector<Seen> expected;
  for (int64_t i = 0; i < 3 * static_cast<int64_t>(kBatchSize) / 2; ++i) {
    const std::string text = "element " + std::to_string(i);
    bytes += Encoded(text, i, {Minute(i), Minute(i + 1)});
    expected.emplace_back(Nested(text), i, Minute(i), PaneInfo::NoFiring());
    expected.emplace_back(Nested(text), i, Minute(i + 1), PaneInfo::NoFiring());
  }
  EXPECT_EQ(output_.Push(bytes).value(), expected.size());
  EXPECT_EQ(consumer_.seen, expected);
  EXPECT_EQ(consumer_.batches, 3U);
  // Nothing of it is left over.
  EXPECT_EQ(output_.Push("").value(), 0U);
  EXPECT_EQ(consumer_.batches, 3U);
}

TEST_F(StageOutputTest, WhatAllShareIsThereOnce) {
  const PaneInfo late = {PaneTiming::kLate, false, false, 5, 3};
  const PaneInfo none = PaneInfo::NoFiring();
  std::vector<Seen> expected;
  const auto push = [&](std::initializer_list<std::tuple<int64_t, int64_t, PaneInfo>> elements) {
    std::string bytes;
    for (const auto& [time, minute, pane] : elements) {
      bytes += Encoded("a", time, {Minute(minute)}, pane);
      expected.emplace_back(Nested("a"), time, Minute(minute), pane);
    }
    EXPECT_TRUE(output_.Push(bytes).ok());
  };
  push({{1, 0, none}, {1, 0, none}, {1, 0, none}});
  EXPECT_EQ(consumer_.constant_batches, 1U);
  push({{1, 0, none}, {1, 0, none}, {1, 0, late}, {1, 0, none}});
  push({{1, 0, none}, {1, 1, none}, {1, 0, none}});
  push({{2, 0, none}, {1, 0, none}, {2, 0, none}});
  EXPECT_EQ(consumer_.constant_batches, 1U);
  push({{2, 1, late}, {2, 1, late}});
  EXPECT_EQ(consumer_.constant_batches, 2U);
  EXPECT_EQ(consumer_.seen, expected);
}

TEST_F(StageOutputTest, ElementsOfNoWindowAreNone) {
  EXPECT_EQ(output_.Push(Encoded("a", 1, {})).value(), 0U);
  EXPECT_TRUE(consumer_.seen.empty());
}

TEST_F(StageOutputTest, WhatIsCutIsRefused) {
  const std::string whole = Encoded("first", 1, {Minute(0)});
  const std::string both = whole + Encoded("second", 2, {Minute(1)});
  for (size_t size = whole.size() + 1; size < both.size(); ++size) {
    const auto pushed = output_.Push(std::string_view(both).substr(0, size));
    ASSERT_FALSE(pushed.ok()) << size;
    EXPECT_EQ(pushed.status().code(), StatusCode::kInternal);
    EXPECT_TRUE(
        pushed.status().message().starts_with("the SDK has output bytes that are no element: "));
  }
  EXPECT_EQ(output_.Push(both).value(), 2U);
}

TEST_F(StageOutputTest, GarbageEnds) {
  std::mt19937 random(1);
  size_t refused = 0;
  for (int round = 0; round < 2000; ++round) {
    std::string bytes = Encoded("element", 1, {Minute(0), Minute(1)});
    for (size_t n = 1 + random() % 4; n > 0; --n) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    refused += output_.Push(bytes).ok() ? 0 : 1;
  }
  EXPECT_GT(refused, 500U);
}

}  // namespace
}  // namespace joist::portability
