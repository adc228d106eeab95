// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/exec/window_assigner.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

namespace joist {
namespace {

/// Starts of the windows of a minute that a batch's elements are put into, in milliseconds.
std::vector<int64_t> MinutesOf(const std::vector<int64_t>& times) {
  const WindowFn minutes = WindowFn::Fixed(Duration::Seconds(60));
  WindowAssigner assigner(&minutes);
  std::vector<Timestamp> timestamps;
  for (const int64_t time : times) timestamps.push_back(Timestamp::Millis(time));
  Meta meta;
  meta.timestamps = SharedColumn<Timestamp>(timestamps.data());
  std::vector<int64_t> starts;
  const auto none = [](size_t) { return std::vector<Window>(1); };
  assigner.Assign(meta, times.size(), none, [&](size_t first, size_t count, const Meta& out) {
    EXPECT_EQ(first, starts.size());
    for (size_t i = 0; i < count; ++i) starts.push_back(out.windows[i].start.millis);
  });
  return starts;
}

TEST(WindowAssigner, SeesEachElementThatIsNotInTheWindowOfTheFirst) {
  EXPECT_EQ(MinutesOf({60'000, 119'999, 90'000}), (std::vector<int64_t>{60'000, 60'000, 60'000}));
  for (size_t at = 1; at < 5; ++at) {
    for (const int64_t other : {59'999, 120'000, -1}) {
      std::vector<int64_t> times(5, 90'000);
      std::vector<int64_t> starts(5, 60'000);
      times[at] = other;
      starts[at] = other == 59'999 ? 0 : other == 120'000 ? 120'000 : -60'000;
      EXPECT_EQ(MinutesOf(times), starts) << other << " at " << at;
    }
  }
}

}  // namespace
}  // namespace joist
