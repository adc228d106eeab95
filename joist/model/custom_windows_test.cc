// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/model/custom_windows.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "joist/model/windowing_change.h"

namespace joist {
namespace {

/// Of each power of two seconds.
struct Octaves {
  std::vector<Window> AssignWindows(Timestamp t) const {
    std::vector<Window> windows;
    for (int64_t size = 1; size <= most; size *= 2) {
      windows.push_back(FixedWindow(t, Duration::Seconds(size)));
    }
    return windows;
  }
  int64_t most = 1;
};
JOIST_ROW(Octaves, most)

TEST(CustomWindows, Travel) {
  const WindowFn octaves = CustomWindows(Octaves{4});
  EXPECT_FALSE(octaves.assigns_one_window());
  EXPECT_FALSE(octaves.is_merging());
  WindowingChange change;
  change.window_fn = octaves;
  const auto travelled = DecodeFromString<WindowingChange>(EncodeToString(change));
  ASSERT_TRUE(travelled.ok());
  EXPECT_EQ(*travelled, change);
  EXPECT_EQ(CustomWindowsAt(*travelled->window_fn, Timestamp::Seconds(5)),
            (std::vector<Window>{{Timestamp::Seconds(5), Timestamp::Seconds(6)},
                                 {Timestamp::Seconds(4), Timestamp::Seconds(6)},
                                 {Timestamp::Seconds(4), Timestamp::Seconds(8)}}));
}

TEST(CustomWindows, UnknownOnesAreRefused) {
  WindowingChange change;
  change.window_fn = CustomWindows(Octaves{4});
  change.window_fn->urn = "some other function";
  const auto travelled = DecodeFromString<WindowingChange>(EncodeToString(change));
  EXPECT_FALSE(travelled.ok());
}

Window Seconds(int64_t start, int64_t end) {
  return {Timestamp::Seconds(start), Timestamp::Seconds(end)};
}

/// As long as the text.
struct TextLong {
  Window AssignWindow(const std::string& text, Timestamp t) const {
    return {t, t + Duration::Seconds(static_cast<int64_t>(text.size()))};
  }
};
/// A window for each number up to the element.
struct EachUpTo {
  std::vector<Window> AssignWindows(int element, Timestamp t) const {
    std::vector<Window> windows;
    for (int i = 1; i <= element; ++i) windows.push_back({t, t + Duration::Seconds(i)});
    return windows;
  }
};

TEST(CustomWindows, LookAtElements) {
  const WindowFn long_as_text = CustomWindows(TextLong());
  EXPECT_FALSE(long_as_text.is_of_time());
  EXPECT_TRUE(long_as_text.assigns_one_window());
  EXPECT_EQ(*long_as_text.custom->element_type(), typeid(std::string));
  const std::string text = "abc";
  std::vector<Window> windows;
  long_as_text.custom->Assign(&text, Timestamp::Seconds(4), &windows);
  EXPECT_EQ(windows, (std::vector<Window>{Seconds(4, 7)}));

  const WindowFn each = CustomWindows(EachUpTo());
  EXPECT_FALSE(each.assigns_one_window());
  const int two = 2;
  each.custom->Assign(&two, Timestamp::Seconds(4), &windows);
  EXPECT_EQ(windows, (std::vector<Window>{Seconds(4, 5), Seconds(4, 6)}));
}

TEST(WindowMerger, TellsWhatWindowsBecome) {
  const std::vector<Window> windows = {Seconds(0, 5), Seconds(0, 9), Seconds(3, 4), Seconds(8, 9)};
  WindowMerger merger(windows);
  merger.Merge({windows[3], windows[0]}, Seconds(0, 20));
  merger.Merge({windows[1]}, windows[1]);
  EXPECT_EQ(merger.became(),
            (std::vector<Window>{Seconds(0, 20), Seconds(0, 9), Seconds(3, 4), Seconds(0, 20)}));
}

TEST(WindowMerger, RefusesWhatIsNoMerge) {
  const std::vector<Window> windows = {Seconds(0, 5), Seconds(3, 8), Seconds(20, 30)};
  const auto refusal = [&](auto merge) -> std::string {
    WindowMerger merger(windows);
    try {
      merge(merger);
    } catch (const std::invalid_argument& e) {
      return e.what();
    }
    return "";
  };
  EXPECT_EQ(refusal([&](auto& merger) { merger.Merge({Seconds(0, 6)}, Seconds(0, 8)); }),
            "MergeWindows merges [1970-01-01T00:00:00.000Z, 1970-01-01T00:00:06.000Z), which is "
            "none of the windows it was given");
  EXPECT_EQ(refusal([&](auto& merger) {
              merger.Merge({windows[0], windows[1]}, Seconds(0, 8));
              merger.Merge({windows[1]}, Seconds(3, 9));
            }),
            "MergeWindows merges [1970-01-01T00:00:03.000Z, 1970-01-01T00:00:08.000Z), which it "
            "has merged before");
  const std::string already =
      "MergeWindows makes windows [1970-01-01T00:00:20.000Z, 1970-01-01T00:00:30.000Z), which "
      "another of the windows is already";
  EXPECT_EQ(refusal([&](auto& merger) { merger.Merge({windows[0]}, windows[2]); }), already);
  EXPECT_EQ(
      refusal([&](auto& merger) {
        merger.Merge({windows[0]}, Seconds(0, 9));
        merger.Merge({windows[1]}, Seconds(0, 9));
      }),
      "MergeWindows makes windows [1970-01-01T00:00:00.000Z, 1970-01-01T00:00:09.000Z), which "
      "another of the windows is already");
  // It was merged into another.
  EXPECT_EQ(refusal([&](auto& merger) {
              merger.Merge({windows[2]}, Seconds(20, 40));
              merger.Merge({windows[0]}, windows[2]);
            }),
            already);
}

}  // namespace
}  // namespace joist
