// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Windows, headers and timers as bytes, against the coders of the model, which Beam's own corpus of
// coders checks.

#include "joist/portability/window_codec.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "joist/model/coder.h"
#include "joist/model/standard_coder.h"
#include "joist/portability/testing/state_requests.h"
#include "joist/portability/timer_codec.h"

namespace joist::portability {
namespace {

CoderSpec WindowedBytes(std::string_view urn, std::string_view window_coder) {
  return MakeCoderSpec(urn, {MakeCoderSpec(kBytesCoder), MakeCoderSpec(window_coder)});
}

TEST(WindowCodec, EncodesWindows) {
  const WindowCodec intervals = WindowCodec::ForIntervals();
  std::string bytes;
  ASSERT_TRUE(intervals.Encode(Minute(7), &bytes).ok());
  EXPECT_EQ(bytes, EncodeToString(Minute(7)));
  ASSERT_TRUE(intervals.Decode(bytes).ok());
  EXPECT_EQ(*intervals.Decode(bytes), Minute(7));
  EXPECT_FALSE(intervals.Decode(bytes + "x").ok());
  EXPECT_FALSE(intervals.Decode(bytes.substr(0, bytes.size() - 1)).ok());
  // The span is a negative one.
  bytes.clear();
  PutInstant(0, &bytes);
  PutVarint(~uint64_t{0}, &bytes);
  EXPECT_FALSE(intervals.Decode(bytes).ok());

  bytes.clear();
  ASSERT_TRUE(WindowCodec::ForGlobal().Encode(Window::Global(), &bytes).ok());
  EXPECT_EQ(bytes, "");
  EXPECT_EQ(*WindowCodec::ForGlobal().Decode(""), Window::Global());
}

TEST(WindowCodec, HeadersAreThoseOfWindowedValues) {
  const auto coder =
      StandardCoder::Make(WindowedBytes(kWindowedValueCoder, kIntervalWindowCoder)).value();
  const PaneInfo panes[] = {
      PaneInfo::NoFiring(), PaneInfo::OnTimeAndOnly(), {PaneTiming::kLate, false, false, 5, 3}};
  for (const PaneInfo& pane : panes) {
    for (const std::vector<Window>& windows :
         {std::vector<Window>{Minute(1)}, std::vector<Window>{Minute(1), Minute(2), Minute(3)}}) {
      std::string bytes;
      ASSERT_TRUE(WindowCodec::ForIntervals()
                      .EncodeHeader(Timestamp::Millis(61'000), windows, pane, &bytes)
                      .ok());
      const std::string header = bytes;
      PutBytes("value", &bytes, /*nested=*/true);

      std::string_view rest = bytes;
      const Result<Value> value = coder.DecodeFront(&rest);
      ASSERT_TRUE(value.ok()) << value.status().message();
      EXPECT_EQ(rest, "");
      std::string again;
      ASSERT_TRUE(coder.Encode(*value, /*nested=*/true, &again).ok());
      EXPECT_EQ(again, bytes);

      ByteReader in(bytes);
      WindowedHeader taken;
      ASSERT_TRUE(WindowCodec::ForIntervals().TakeHeader(&in, &taken));
      EXPECT_EQ(taken.timestamp, Timestamp::Millis(61'000));
      EXPECT_EQ(taken.windows, windows);
      EXPECT_EQ(taken.pane, pane);
      EXPECT_EQ(in.position(), header.size());
    }
  }
}

TEST(WindowCodec, HeadersOfARunAreTakenOneAfterTheOther) {
  const WindowCodec codec = WindowCodec::ForIntervals();
  std::string bytes;
  for (const int64_t minute : {1, 1, 2, 1, 1}) {
    ASSERT_TRUE(
        codec.EncodeHeader(Timestamp::Millis(minute), {{Minute(minute)}}, PaneInfo(), &bytes).ok());
  }
  ByteReader in(bytes);
  WindowedHeader header;
  for (const int64_t minute : {1, 1, 2, 1, 1}) {
    ASSERT_TRUE(codec.TakeHeader(&in, &header));
    EXPECT_EQ(header.timestamp, Timestamp::Millis(minute));
    ASSERT_EQ(header.windows.size(), 1u);
    EXPECT_EQ(header.windows[0], Minute(minute));
  }
  EXPECT_EQ(in.remaining(), 0u);
}

TEST(WindowCodec, RefusesWhatIsNoHeader) {
  const WindowCodec intervals = WindowCodec::ForIntervals();
  std::string good;
  ASSERT_TRUE(
      intervals.EncodeHeader({}, {{Minute(1), Minute(2)}}, PaneInfo::OnTimeAndOnly(), &good).ok());
  for (size_t size = 0; size < good.size(); ++size) {
    ByteReader in(std::string_view(good).substr(0, size));
    WindowedHeader header;
    EXPECT_FALSE(intervals.TakeHeader(&in, &header)) << size;
    EXPECT_NE(in.error(), nullptr);
  }
  // Counts that there are no bytes for, and a second global window.
  for (const WindowCodec& codec : {intervals, WindowCodec::ForGlobal()}) {
    std::string bytes;
    PutInstant(0, &bytes);
    PutBigEndian32(codec.Decode("").ok() ? 2 : 0x7FFFFFFF, &bytes);
    bytes += std::string(100, '\0');
    ByteReader in(bytes);
    WindowedHeader header;
    EXPECT_FALSE(codec.TakeHeader(&in, &header));
  }
}

TEST(WindowCodec, TimesStayWithinTheirBounds) {
  std::string bytes;
  PutInstant(INT64_MAX, &bytes);
  PutInstant(INT64_MIN, &bytes);
  ByteReader in(bytes);
  Timestamp t;
  ASSERT_TRUE(TakeTimestamp(&in, &t));
  EXPECT_EQ(t, Timestamp::Max());
  ASSERT_TRUE(TakeTimestamp(&in, &t));
  EXPECT_EQ(t, Timestamp::Min());
}

TEST(WindowCodec, WindowsOfAnSdksOwn) {
  const auto table = std::make_shared<OpaqueWindows>();
  const WindowCodec codec{WindowCode(MakeCoderSpec("mine:window:v1"), table)};
  std::string bytes;
  PutInstant(5, &bytes);
  PutBigEndian32(2, &bytes);
  for (const char* const name : {"north", "south"}) {
    PutInstant(59'999, &bytes);  // The max timestamp.
    PutBytes(name, &bytes, /*nested=*/true);
  }
  Coder<PaneInfo>::Encode(PaneInfo(), &bytes, /*nested=*/true);
  ByteReader in(bytes);
  WindowedHeader header;
  ASSERT_TRUE(codec.TakeHeader(&in, &header));
  ASSERT_EQ(header.windows.size(), 2u);
  EXPECT_NE(header.windows[0], header.windows[1]);
  EXPECT_EQ(header.windows[0].end, Timestamp::Millis(60'000));
  std::string again;
  ASSERT_TRUE(codec.EncodeHeader(header.timestamp, header.windows, header.pane, &again).ok());
  EXPECT_EQ(again, bytes);
  EXPECT_FALSE(codec.EncodeHeader({}, {{Minute(1)}}, {}, &again).ok());  // Nobody sent it.
}

// ---- Timers

TEST(TimerCodec, IsThatOfTheModel) {
  const auto coder = StandardCoder::Make(WindowedBytes(kTimerCoder, kIntervalWindowCoder)).value();
  std::string key;
  PutBytes("ann", &key, /*nested=*/true);
  WireTimer set{.key = key,
                .tag = "tag",
                .windows = {Minute(1), Minute(2)},
                .fires = Timestamp::Millis(119'999),
                .hold = Timestamp::Millis(60'000),
                .pane = PaneInfo::OnTimeAndOnly()};
  WireTimer cleared{.key = key, .windows = {Minute(9)}, .is_cleared = true};
  std::string both;
  for (const WireTimer& timer : {set, cleared}) {
    std::string bytes;
    ASSERT_TRUE(EncodeTimer(timer, WindowCodec::ForIntervals(), &bytes).ok());
    both += bytes;
    std::string_view rest = bytes;
    const Result<Value> value = coder.DecodeFront(&rest);
    ASSERT_TRUE(value.ok()) << value.status().message();
    EXPECT_EQ(rest, "");
    std::string again;
    ASSERT_TRUE(coder.Encode(*value, /*nested=*/true, &again).ok());
    EXPECT_EQ(again, bytes);
  }

  const WireCoder bytes_coder;
  ByteReader in(both);
  WireTimer taken;
  ASSERT_TRUE(TakeTimer(&in, bytes_coder, WindowCodec::ForIntervals(), &taken));
  EXPECT_EQ(taken.key, key);
  EXPECT_EQ(taken.tag, "tag");
  EXPECT_EQ(taken.windows, set.windows);
  EXPECT_FALSE(taken.is_cleared);
  EXPECT_EQ(taken.fires, set.fires);
  EXPECT_EQ(taken.hold, set.hold);
  EXPECT_EQ(taken.pane, set.pane);
  ASSERT_TRUE(TakeTimer(&in, bytes_coder, WindowCodec::ForIntervals(), &taken));
  EXPECT_TRUE(taken.is_cleared);
  EXPECT_EQ(taken.tag, "");
  EXPECT_EQ(in.remaining(), 0u);
  for (size_t size = 0; size < both.size(); ++size) {
    ByteReader cut(std::string_view(both).substr(0, size));
    if (TakeTimer(&cut, bytes_coder, WindowCodec::ForIntervals(), &taken)) {
      EXPECT_FALSE(TakeTimer(&cut, bytes_coder, WindowCodec::ForIntervals(), &taken)) << size;
    }
  }
  std::string bytes;
  ASSERT_TRUE(EncodeTimer(set, WindowCodec::ForIntervals(), &bytes).ok());
  bytes[bytes.size() - 18] = 2;  // Two times and a pane are behind it.
  ByteReader wrong(bytes);
  EXPECT_FALSE(TakeTimer(&wrong, bytes_coder, WindowCodec::ForIntervals(), &taken));
}

}  // namespace
}  // namespace joist::portability
