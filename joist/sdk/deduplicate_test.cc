// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/sdk/deduplicate.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "joist/joist.h"
#include "joist/sdk/testing/test_pipeline.h"
#include "joist/sdk/testing/test_stream.h"

namespace joist {
namespace {

using Event = KV<std::string, int64_t>;

TEST(Deduplicate, TheFirstOfEachIdInAStream) {
  const auto at = [](int64_t seconds) { return Timestamp::Seconds(seconds); };
  TestPipeline p;
  auto events = p | TestStream<Event>()
                        .AddElements({{Event{"a", 1}, at(0)}, {Event{"b", 2}, at(1)}})
                        .AddElements({{Event{"a", 3}, at(59)}})
                        .AddElements({{Event{"a", 4}, at(60)}, {Event{"", 5}, at(60)}})
                        .AddElements({{Event{"b", 6}, at(0)}, {Event{"", 7}, at(61)}})
                        .AdvanceWatermarkToInfinity();
  PAssert::That(events | Deduplicate::KeyedValues().WithDuration(Duration::Seconds(60)) | Values())
      .ContainsInAnyOrder({1, 2, 4, 5});
  EXPECT_TRUE(p.RunOk());
}

TEST(Deduplicate, OfBoundedInput) {
  std::vector<Event> events;
  std::vector<int64_t> firsts;
  for (int64_t i = 0; i < 3'000; ++i) {
    events.push_back({"id" + std::to_string(i), i});
    events.push_back({"id" + std::to_string(i), i});
    firsts.push_back(i);
  }
  TestPipeline p;
  PAssert::That(p | Create(events) | Deduplicate::KeyedValues() | Values())
      .ContainsInAnyOrder(firsts);
  EXPECT_TRUE(p.RunOk());
}

TEST(Deduplicate, ADurationThatIsNone) {
  TestPipeline p;
  p | Create<Event>({{"a", 1}}) | "Once" >> Deduplicate::KeyedValues().WithDuration({});
  EXPECT_NE(p.RunToEnd().status.message().find("not positive"), std::string::npos);
}

/// Beside a map of all ids.
TEST(Deduplicate, ForgetsWhatIsOldAndNothingElse) {
  using deduplicate_internal::WithNew;
  std::mt19937_64 random(3);
  std::vector<deduplicate_internal::SeenId> seen;
  std::map<uint64_t, int64_t> naive;
  int64_t now = 0;
  for (int i = 0; i < 20'000; ++i) {
    now += static_cast<int64_t>(random() % 3);
    const uint64_t id = random() % 40;
    const auto found = naive.find(id);
    const bool is_new = found == naive.end() || now - found->second >= 25;
    if (is_new) naive[id] = now;
    auto with = WithNew(id, Timestamp::Millis(now), Duration::Millis(25), &seen);
    ASSERT_EQ(with.has_value(), is_new) << i;
    if (with.has_value()) seen = *std::move(with);
    ASSERT_LE(seen.size(), 26U * 3);
    ASSERT_EQ(seen.capacity(), seen.size());
  }
}

}  // namespace
}  // namespace joist
