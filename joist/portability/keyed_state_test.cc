// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// States and timers by key and window: in bounded input and in streams, over checkpoints, on disk,
// with the SDK's requests coming from another thread.

#include "joist/portability/keyed_state.h"

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "joist/exec/wall_time.h"
#include "joist/portability/testing/state_requests.h"

namespace joist::portability {
namespace {

constexpr Timestamp At(int64_t millis) { return Timestamp::Millis(millis); }

class ColdMap final : public ColdState {
 public:
  bool Get(std::string_view key, std::string* state) override {
    const auto found = map_.find(std::string(key));
    if (found == map_.end()) return false;
    *state = found->second;
    return true;
  }
  void Put(std::string_view key, std::string_view state) override {
    map_[std::string(key)] = state;
    ++puts;
  }
  void Erase(std::string_view key) override { map_.erase(std::string(key)); }
  int puts = 0;

 private:
  std::map<std::string, std::string> map_;
};

KeyedStateSpec SpecOf(const WindowCodec& windows, bool has_expiration = false) {
  KeyedStateSpec spec{.windows = windows,
                      .states = {{.transform_id = "t", .user_state_id = "bag"},
                                 {.transform_id = "t", .user_state_id = "other"}},
                      .timers = {{.transform_id = "t", .timer_family_id = "event"},
                                 {.transform_id = "t",
                                  .timer_family_id = "processing",
                                  .domain = TimeDomain::kProcessing}}};
  if (has_expiration) {
    spec.timers.push_back(
        {.transform_id = "t", .timer_family_id = "expiration", .is_expiration = true});
  }
  return spec;
}

struct Options {
  bool is_stream = true;
  bool has_expiration = false;
  bool has_script = false;
  Duration lateness = {};
  std::shared_ptr<ColdState> cold = nullptr;
  int64_t memory_bytes = 1 << 30;
  int lane = 0;
  int lanes = 1;
  WindowCodec windows = WindowCodec::ForIntervals();
};

/// A KeyedState in windows of a minute, as an operator uses it.
class Kept {
 public:
  explicit Kept(const Options& options = {}) : options_(options) {
    windowing_.window_fn = WindowFn::Fixed(Duration::Minutes(1));
    windowing_.allowed_lateness = options.lateness;
    OperatorContext context;
    context.windowing = &windowing_;
    context.is_stream = options.is_stream;
    context.has_checkpoints = options.is_stream;
    context.cold = options.cold;
    context.memory_bytes = options.memory_bytes;
    context.lane = options.lane;
    context.lanes = options.lanes;
    KeyedStateSpec spec = SpecOf(options.windows, options.has_expiration);
    spec.has_script = options.has_script;
    state_ = std::make_unique<KeyedState>(context, std::move(spec));
  }
  KeyedState& operator*() { return *state_; }
  KeyedState* operator->() { return state_.get(); }

  bool Enter(std::string_view key, const Window& window = Minute(0)) {
    return state_->Enter(Nested(key), window, window.start);
  }
  static fn::StateKey Bag(std::string_view key, const Window& window = Minute(0),
                          const std::string& id = "bag") {
    fn::StateKey state;
    auto* const bag = state.mutable_bag_user_state();
    bag->set_transform_id("t");
    bag->set_user_state_id(id);
    bag->set_key(Nested(key));
    ThrowIfError(WindowCodec::ForIntervals().Encode(window, bag->mutable_window()));
    return state;
  }
  void Append(std::string_view key, std::string_view text, const Window& window = Minute(0),
              const std::string& id = "bag") {
    fn::StateResponse response;
    const Status status = state_->Handle(AppendTo(Bag(key, window, id), Nested(text)), &response);
    EXPECT_TRUE(status.ok()) << status.message();
  }
  std::vector<std::string> Read(std::string_view key, const Window& window = Minute(0),
                                const std::string& id = "bag") {
    return TextsOf(GetAll(Bag(key, window, id), [&](const auto& request, auto* response) {
      return state_->Handle(request, response);
    }));
  }

  static std::string TimerBytes(std::string_view key, std::string_view tag, Timestamp fires,
                                Timestamp hold, const Window& window, bool is_cleared = false) {
    std::string bytes;
    const std::string encoded_key = Nested(key);
    ThrowIfError(EncodeTimer({.key = encoded_key,
                              .tag = tag,
                              .windows = {window},
                              .is_cleared = is_cleared,
                              .fires = fires,
                              .hold = hold},
                             WindowCodec::ForIntervals(), &bytes));
    return bytes;
  }
  void Set(std::string_view key, std::string_view tag, Timestamp fires,
           std::optional<Timestamp> hold = {}, const Window& window = Minute(0),
           std::string_view family = "event") {
    Take(family, TimerBytes(key, tag, fires, hold.value_or(fires), window));
  }
  void Clear(std::string_view key, std::string_view tag, const Window& window = Minute(0)) {
    Take("event", TimerBytes(key, tag, {}, {}, window, true));
  }
  void Take(std::string_view family, const std::string& bytes) {
    const Status status = state_->TakeTimers("t", family, bytes);
    EXPECT_TRUE(status.ok()) << status.message();
  }

  /// "family key/tag@time" of the next timers, each taken apart again.
  std::vector<std::string> Wave(TimeDomain domain) {
    std::vector<std::string> names;
    std::vector<FiredTimer> fired;
    while (state_->NextTimers(domain, &fired)) {
      for (const FiredTimer& timer : fired) {
        ByteReader in(timer.bytes);
        WireTimer wire;
        EXPECT_TRUE(TakeTimer(&in, WireCoder(), WindowCodec::ForIntervals(), &wire));
        EXPECT_EQ(in.remaining(), 0u);
        EXPECT_FALSE(wire.is_cleared);
        holds_.push_back(wire.hold);
        names.push_back(timer.family->timer_family_id + " " + TextsOf(wire.key).at(0) + "/" +
                        std::string(wire.tag) + "@" + std::to_string(wire.fires.millis));
      }
    }
    return names;
  }
  /// All that fire, wave by wave, with "|" between.
  std::vector<std::string> FireAll(TimeDomain domain = TimeDomain::kEvent) {
    std::vector<std::string> all;
    while (true) {
      const std::vector<std::string> wave = Wave(domain);
      if (wave.empty()) return all;
      if (!all.empty()) all.emplace_back("|");
      all.insert(all.end(), wave.begin(), wave.end());
      state_->EndTimers();
    }
  }
  void SetProcessing(std::string_view key, std::string_view tag, Timestamp fires) {
    Set(key, tag, fires, At(500), Minute(0), "processing");
  }
  void MoveTo(Timestamp watermark) { state_->set_watermark(watermark); }
  /// What fires when the clock on the wall, or of the script, has come to `now`.
  std::vector<std::string> FireAt(Timestamp now) {
    state_->set_processing_time(now);
    return FireAll(TimeDomain::kProcessing);
  }
  const std::vector<Timestamp>& holds() const { return holds_; }

  /// Takes over what `from` has said at a checkpoint; the clocks too.
  void Restore(Kept& from, std::map<std::string, std::string>* saved) {
    SavedState out;
    from->SaveClocks(out.whole());
    from->SaveCells(&out);
    ByteReader keys(out.keys());
    SavedKey key;
    while (keys.remaining() > 0) {
      ASSERT_TRUE(key.Take(&keys));
      if (key.is_removed) {
        saved->erase(std::string(key.key));
      } else {
        (*saved)[std::string(key.key)] = key.state;
      }
    }
    ByteReader whole(*out.whole());
    ASSERT_TRUE(state_->RestoreClocks(&whole));
    for (const auto& [text, state] : *saved) {
      ASSERT_TRUE(state_->RestoreCell({.key = text, .state = state}));
    }
  }

 private:
  Options options_;
  WindowingStrategy windowing_;
  std::unique_ptr<KeyedState> state_;
  std::vector<Timestamp> holds_;
};

using Names = std::vector<std::string>;

TEST(KeyedState, KeepsStatesByKeyWindowAndName) {
  Kept kept;
  ASSERT_TRUE(kept.Enter("ann"));
  kept.Append("ann", "1");
  kept.Append("ann", "2");
  kept.Append("ann", "3", Minute(0), "other");
  kept.Append("ann", "4", Minute(1));
  kept.Append("bob", "5");  // Nobody has entered it.
  EXPECT_EQ(kept.Read("ann"), (Names{"1", "2"}));
  EXPECT_EQ(kept.Read("ann", Minute(0), "other"), (Names{"3"}));
  EXPECT_EQ(kept.Read("ann", Minute(1)), (Names{"4"}));
  EXPECT_EQ(kept.Read("bob"), (Names{"5"}));
  EXPECT_EQ(kept.Read("eve"), Names());
}

// Python and Go send what custom_window makes of a window, Java what its own coder does.
TEST(KeyedState, WindowsOfTheSdksOwnHaveTwoNames) {
  const auto table = std::make_shared<OpaqueWindows>();
  const WindowCodec windows{WindowCode(MakeCoderSpec("mine"), table)};
  const Window five = table->Intern(Timestamp::Seconds(60), "five").value();
  const Window six = table->Intern(Timestamp::Seconds(70), "six").value();
  Kept kept({.windows = windows});
  const auto request = [&](const std::string& window, const std::string& appended) {
    fn::StateKey key = Kept::Bag("ann");
    key.mutable_bag_user_state()->set_window(window);
    fn::StateResponse response;
    const Status status =
        kept->Handle(appended.empty() ? GetOf(key) : AppendTo(key, Nested(appended)), &response);
    return status.ok() ? response.get().data() : status.message();
  };
  std::string wire;
  ASSERT_EQ(windows.Encode(five, &wire), OkStatus());
  ASSERT_TRUE(kept.Enter("ann", five));
  ASSERT_TRUE(kept.Enter("ann", six));
  request("five", "a");
  request(wire, "b");
  request("six", "c");
  EXPECT_EQ(request("five", ""), Nested("a") + Nested("b"));
  EXPECT_EQ(request(wire, ""), Nested("a") + Nested("b"));
  kept->EndRequests();
  EXPECT_EQ(request(wire, ""), Nested("a") + Nested("b"));
  EXPECT_NE(request("five", "").find("no window"), std::string::npos);

  // A timer brings its window along.
  fn::StateResponse response;
  std::string timer;
  const std::string ann = Nested("ann");
  ThrowIfError(EncodeTimer({.key = ann,
                            .tag = "",
                            .windows = {six},
                            .is_cleared = false,
                            .fires = Timestamp::Seconds(65),
                            .hold = Timestamp::Seconds(65)},
                           windows, &timer));
  kept.Take("event", timer);
  kept->set_watermark(Timestamp::Seconds(66));
  std::vector<FiredTimer> fired;
  ASSERT_TRUE(kept->NextTimers(TimeDomain::kEvent, &fired));
  EXPECT_EQ(request("six", ""), Nested("c"));
  kept->EndTimers();
}

TEST(KeyedState, RefusesWhatIsNotThere) {
  Kept kept;
  const auto refuses = [&](const fn::StateKey& key, const std::string& why) {
    fn::StateResponse response;
    const Status status = kept->Handle(GetOf(key), &response);
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
    EXPECT_NE(status.message().find(why), std::string::npos) << status.message();
  };
  refuses(Kept::Bag("ann", Minute(0), "none"), "transform \"t\" has no state \"none\"");
  fn::StateKey key = Kept::Bag("ann");
  key.mutable_bag_user_state()->set_window("x");
  refuses(key, "state \"bag\" of \"t\": no window");
  key = Kept::Bag("ann");
  key.mutable_bag_user_state()->set_key("xyz");
  refuses(key, "state \"bag\" of \"t\" is asked for by a key");
  key.mutable_iterable_side_input();
  refuses(key, "no user state");

  EXPECT_EQ(kept->TakeTimers("t", "none", "").code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(kept->TakeTimers("t", "event", "xyz").code(), StatusCode::kInvalidArgument);
  Kept expiring({.has_expiration = true});
  EXPECT_EQ(expiring->TakeTimers("t", "expiration", "").code(), StatusCode::kInvalidArgument);
}

// What another lane keeps would be lost at a checkpoint.
TEST(KeyedState, RefusesTheKeysOfOtherLanes) {
  Kept lanes[] = {Kept({.lane = 0, .lanes = 2}), Kept({.lane = 1, .lanes = 2})};
  int keys[] = {0, 0};
  for (int i = 0; i < 40; ++i) {
    const std::string key = std::to_string(i);
    for (int lane = 0; lane < 2; ++lane) {
      fn::StateResponse response;
      const bool is_ok = lanes[lane]->Handle(AppendTo(Kept::Bag(key), Nested("1")), &response).ok();
      const std::string timer = Kept::TimerBytes(key, "", At(10), At(10), Minute(0));
      EXPECT_EQ(is_ok, lanes[lane]->IsOfThisLane(Nested(key)));
      EXPECT_EQ(is_ok, lanes[lane]->TakeTimers("t", "event", timer).ok());
      if (is_ok) ++keys[lane];
    }
  }
  EXPECT_GT(keys[0], 0);
  EXPECT_GT(keys[1], 0);
  EXPECT_EQ(keys[0] + keys[1], 40);
}

TEST(KeyedState, CacheTokensAreNeverTheSame) {
  Kept a, b;
  fn::ProcessBundleRequest::CacheToken token;
  ASSERT_TRUE(token.ParseFromString(a->cache_token()));
  EXPECT_TRUE(token.has_user_state());
  EXPECT_EQ(token.token().size(), 16u);
  EXPECT_NE(a->cache_token(), b->cache_token());
}

TEST(KeyedState, StatesGoWithTheirWindow) {
  Kept kept({.lateness = Duration::Seconds(30)});
  kept.Append("ann", "1");
  kept.Append("ann", "2", Minute(5));
  kept.MoveTo(At(89'000));  // Late, but allowed.
  EXPECT_EQ(kept.FireAll(), Names());
  EXPECT_TRUE(kept.Enter("ann"));
  EXPECT_EQ(kept.Read("ann"), (Names{"1"}));
  EXPECT_EQ(kept->cells(), 2u);
  kept.MoveTo(At(90'001));
  EXPECT_EQ(kept.FireAll(), Names());
  EXPECT_EQ(kept->cells(), 1u);
  EXPECT_FALSE(kept.Enter("ann"));
  EXPECT_EQ(kept.Read("ann"), Names());
  kept.Append("ann", "3");  // Too late: it is not kept.
  kept.Set("ann", "", At(10));
  EXPECT_EQ(kept.FireAll(), Names());
  EXPECT_EQ(kept.Read("ann"), Names());
  EXPECT_EQ(kept->cells(), 1u);
  EXPECT_EQ(kept.Read("ann", Minute(5)), (Names{"2"}));
}

TEST(KeyedState, TimersFireInOrder) {
  Kept kept;
  kept.Set("ann", "b", At(20));
  kept.Set("ann", "a", At(10));
  kept.Set("bob", "c", At(15));
  kept.Set("ann", "d", At(5'000));
  kept.MoveTo(At(1'000));
  EXPECT_EQ(kept.FireAll(), (Names{"event ann/a@10", "event bob/c@15", "|", "event ann/b@20"}));
  kept.MoveTo(At(6'000));
  EXPECT_EQ(kept.FireAll(), (Names{"event ann/d@5000"}));
}

TEST(KeyedState, ATimerTakesThePlaceOfTheOneBefore) {
  Kept kept;
  kept.Set("ann", "a", At(10));
  kept.Set("ann", "a", At(30));
  kept.Set("ann", "b", At(20));
  kept.Clear("ann", "b");
  kept.Clear("ann", "none");
  kept.MoveTo(At(1'000));
  EXPECT_EQ(kept.FireAll(), (Names{"event ann/a@30"}));
}

// What a timer does about the next one of its key is heeded.
TEST(KeyedState, OneTimerOfAKeyIsWithTheSdk) {
  Kept kept;
  kept.Set("ann", "a", At(10));
  kept.Set("ann", "b", At(20));
  kept.Set("ann", "c", At(30));
  kept.Set("bob", "z", At(40));
  kept.MoveTo(At(1'000));
  EXPECT_EQ(kept.Wave(TimeDomain::kEvent), (Names{"event ann/a@10", "event bob/z@40"}));
  kept.Clear("ann", "b");
  kept.Set("ann", "d", At(15));  // In the past: at once, in its order.
  kept->EndTimers();
  EXPECT_EQ(kept.FireAll(), (Names{"event ann/d@15", "|", "event ann/c@30"}));
}

// Also while others are still being fired.
TEST(KeyedState, ATimerIsClearedWhileOthersFire) {
  Kept kept;
  kept.Set("ann", "a", At(10));
  kept.Set("ann", "b", At(20));
  kept.Set("bob", "z", At(40));
  kept.MoveTo(At(1'000));
  std::vector<FiredTimer> fired;
  ASSERT_TRUE(kept->NextTimers(TimeDomain::kEvent, &fired));
  ASSERT_TRUE(kept->NextTimers(TimeDomain::kEvent, &fired));  // Looks past "b".
  kept.Clear("ann", "b");
  EXPECT_EQ(kept.Wave(TimeDomain::kEvent), Names());
  kept->EndTimers();
  EXPECT_EQ(kept.FireAll(), Names());
}

TEST(KeyedState, BothClocksFireByTurns) {
  Kept kept;
  kept.Set("ann", "a", At(10));
  kept.Set("ann", "b", At(20));
  kept.Set("bob", "z", At(40));
  kept.Set("eve", "p", At(10), {}, Minute(0), "processing");
  kept.MoveTo(At(1'000));
  kept->set_processing_time(At(1'000));
  std::vector<FiredTimer> fired;
  ASSERT_TRUE(kept->NextTimers(TimeDomain::kEvent, &fired));
  ASSERT_TRUE(kept->NextTimers(TimeDomain::kEvent, &fired));  // Looks past "b".
  ASSERT_TRUE(kept->NextTimers(TimeDomain::kProcessing, &fired));
  kept->EndTimers();
  EXPECT_EQ(kept.FireAll(TimeDomain::kProcessing), Names());
  EXPECT_EQ(kept.FireAll(), (Names{"event ann/b@20"}));
}

TEST(KeyedState, ProcessingTime) {
  Kept kept;
  kept.Set("ann", "a", At(10'000), At(500), Minute(0), "processing");
  EXPECT_EQ(kept->hold(), At(500));
  kept.MoveTo(At(50'000));
  EXPECT_EQ(kept.FireAll(), Names());
  kept->set_processing_time(At(10'001));
  EXPECT_EQ(kept.FireAll(TimeDomain::kProcessing), (Names{"processing ann/a@10000"}));
  EXPECT_EQ(kept.holds(), (std::vector<Timestamp>{At(500)}));
  EXPECT_EQ(kept->hold(), Timestamp::Max());
}

TEST(KeyedState, ProcessingTimersOfAnExpiredWindowAreIgnored) {
  Kept kept;
  kept.SetProcessing("ann", "a", At(100'000));
  EXPECT_EQ(kept->next_due(), At(100'000));
  kept.MoveTo(At(60'000));
  EXPECT_EQ(kept.FireAll(), Names());
  EXPECT_EQ(kept->cells(), 0u);
  EXPECT_EQ(kept->next_due(), Timestamp::Max());
  EXPECT_EQ(kept.FireAt(At(100'000)), Names());
}

TEST(KeyedState, AtTheEndOfInputWindowsWaitForProcessingTimers) {
  for (const bool has_expiration : {false, true}) {
    Kept kept({.has_expiration = has_expiration});
    kept.Append("ann", "1");
    kept.SetProcessing("ann", "a", At(100'000));
    kept.Append("bob", "2");
    kept.MoveTo(Timestamp::Max());
    EXPECT_EQ(kept.FireAll(), has_expiration ? Names{"expiration bob/@59999"} : Names());
    EXPECT_EQ(kept->cells(), 1u);
    EXPECT_EQ(kept->hold(), At(500));
    EXPECT_FALSE(kept.Enter("ann"));  // For elements it is over.
    EXPECT_EQ(kept.FireAt(At(99'999)), Names());

    (*kept).set_processing_time(At(100'000));
    EXPECT_EQ(kept.Wave(TimeDomain::kProcessing), Names{"processing ann/a@100000"});
    EXPECT_EQ(kept.Read("ann"), (Names{"1"}));
    kept.SetProcessing("ann", "a", At(200'000));  // In turn.
    kept.Set("ann", "e", At(1'000'000));
    kept->EndTimers();
    EXPECT_EQ(kept.FireAll(), Names{"event ann/e@59999"});
    EXPECT_EQ(kept->cells(), 1u);
    EXPECT_EQ(kept->next_due(), At(200'000));

    EXPECT_EQ(kept.FireAt(At(200'000)), Names{"processing ann/a@200000"});
    EXPECT_EQ(kept.FireAll(), has_expiration ? Names{"expiration ann/@59999"} : Names());
    EXPECT_EQ(kept->cells(), 0u);
    EXPECT_EQ(kept->hold(), Timestamp::Max());
    EXPECT_EQ(kept->next_due(), Timestamp::Max());
  }
}

TEST(KeyedState, WindowsWaitForProcessingTimersAcrossCheckpoints) {
  Kept before;
  before.Append("ann", "1");
  before.SetProcessing("ann", "a", At(100'000));
  before.MoveTo(Timestamp::Max());
  EXPECT_EQ(before.FireAll(), Names());
  std::map<std::string, std::string> saved;
  Kept after;
  after.Restore(before, &saved);
  EXPECT_EQ(after->next_due(), At(100'000));
  after.MoveTo(Timestamp::Max());
  EXPECT_EQ(after.FireAll(), Names());
  EXPECT_EQ(after.FireAt(At(100'000)), Names{"processing ann/a@100000"});
  EXPECT_EQ(after.FireAll(), Names());
  EXPECT_EQ(after->cells(), 0u);
}

TEST(KeyedState, ADrainedStreamIsAtTheEndOfProcessingTime) {
  Kept kept;
  kept.SetProcessing("ann", "a", At(100'000));
  kept.SetProcessing("bob", "b", Timestamp::Max());
  kept->Drain();
  (*kept).set_processing_time(At(1'000));
  EXPECT_EQ(kept.Wave(TimeDomain::kProcessing).size(), 2u);
  kept.SetProcessing("ann", "a", At(200'000));  // It might go on for ever.
  kept->EndTimers();
  EXPECT_EQ(kept->next_due(), Timestamp::Max());
  kept.SetProcessing("eve", "c", At(300'000));  // By an element that was on its way.
  EXPECT_EQ(kept.FireAt(At(2'000)), Names{"processing eve/c@300000"});
}

// SDKs take the time from a clock that a script does not move.
TEST(KeyedState, ProcessingTimersGoByTheClockOfAScript) {
  class ClockOfSdk final : public Clocks {
    Timestamp WallTime() override { return At(1'700'000'000'000); }
    SteadyTimePoint SteadyTime() override { return {}; }
    void SleepFor(std::chrono::milliseconds) override {}
  };
  ClockOfSdk clock;
  SetClocks(&clock);
  Kept kept({.has_script = true});
  kept.SetProcessing("ann", "a", WallTime() + Duration::Seconds(60));
  EXPECT_EQ(kept->next_due(), At(60'000));
  EXPECT_EQ(kept.FireAt(At(30'000)), Names());
  kept.SetProcessing("bob", "b", WallTime() + Duration::Seconds(60));
  EXPECT_EQ(kept.FireAt(At(89'999)), Names{"processing ann/a@60000"});
  EXPECT_EQ(kept.FireAt(At(90'000)), Names{"processing bob/b@90000"});
  EXPECT_EQ(kept.FireAt(Timestamp::Max()), Names());
  kept.SetProcessing("eve", "c", WallTime());  // The script's clock is at its end.
  EXPECT_EQ(kept.FireAll(TimeDomain::kProcessing), Names{"processing eve/c@1700000000000"});
  SetClocks(nullptr);
}

TEST(KeyedState, TimersHoldTheWatermark) {
  Kept kept;
  kept.Set("ann", "a", At(10'000), At(4'000));
  kept.Set("bob", "b", At(3'000), At(9'000));  // No later than it fires.
  EXPECT_EQ(kept->hold(), At(3'000));
  kept.Set("eve", "c", At(2'000), Timestamp::Max());  // None.
  EXPECT_EQ(kept->hold(), At(3'000));
  kept.MoveTo(At(5'000));
  kept.FireAll();
  EXPECT_EQ(kept->hold(), At(4'000));
  kept.Clear("ann", "a");
  EXPECT_EQ(kept->hold(), Timestamp::Max());
}

// Python's users set timers for the end of a window, which is one millisecond after its last.
TEST(KeyedState, TimersAfterTheWindowFireAtItsEnd) {
  Kept kept;
  kept.Append("ann", "1");
  kept.Set("ann", "end", Minute(0).end);
  kept.MoveTo(At(59'998));
  EXPECT_EQ(kept.FireAll(), Names());
  kept.MoveTo(At(60'000));
  EXPECT_EQ(kept.Wave(TimeDomain::kEvent), (Names{"event ann/end@59999"}));
  EXPECT_EQ(kept.Read("ann"), (Names{"1"}));  // The state is still there.
  kept.Append("ann", "2");
  EXPECT_EQ(kept.Read("ann"), (Names{"1", "2"}));
  kept.Set("ann", "end", At(70'000));  // One that sets itself anew comes to an end.
  kept.Set("ann", "last", At(59'000));
  kept->EndTimers();
  EXPECT_EQ(kept.FireAll(), (Names{"event ann/last@59000"}));
  EXPECT_EQ(kept->cells(), 0u);
  EXPECT_EQ(kept.Read("ann"), Names());
}

TEST(KeyedState, WindowExpiration) {
  Kept kept({.has_expiration = true, .lateness = Duration::Seconds(1)});
  kept.Append("ann", "1");
  kept.Append("bob", "2");
  EXPECT_EQ(kept->hold(), At(59'999));
  kept.Set("ann", "a", At(10));
  kept.MoveTo(At(61'001));
  EXPECT_EQ(kept.Wave(TimeDomain::kEvent), (Names{"event ann/a@10", "expiration bob/@60999"}));
  EXPECT_EQ(kept.holds().back(), At(59'999));
  EXPECT_EQ(kept.Read("bob"), (Names{"2"}));
  kept.Set("ann", "b", At(20));
  kept.Set("bob", "c", At(30));  // Nothing comes after the end.
  kept->EndTimers();
  EXPECT_EQ(kept.Read("bob"), Names());
  EXPECT_EQ(kept.FireAll(), (Names{"event ann/b@20", "|", "expiration ann/@60999"}));
  EXPECT_EQ(kept->cells(), 0u);
  EXPECT_EQ(kept->hold(), Timestamp::Max());
}

// The global window has no end before that of time.
TEST(KeyedState, TheGlobalWindowEndsWithTime) {
  for (const bool has_expiration : {false, true}) {
    Kept kept({.has_expiration = has_expiration});
    kept.Append("ann", "1", Window::Global());
    kept.Set("ann", "a", At(10), {}, Window::Global());
    kept.Set("ann", "b", Timestamp::Max(), {}, Window::Global());
    kept.MoveTo(At(1'000));
    EXPECT_EQ(kept.FireAll(), (Names{"event ann/a@10"}));
    EXPECT_EQ(kept.Read("ann", Window::Global()), (Names{"1"}));
    kept.MoveTo(Timestamp::Max());
    const std::string end = "@" + std::to_string(Window::Global().max_timestamp().millis);
    Names last = {"event ann/b" + end};
    if (has_expiration) last.insert(last.end(), {"|", "expiration ann/" + end});
    EXPECT_EQ(kept.FireAll(), last);
    EXPECT_EQ(kept->cells(), 0u);
  }
}

TEST(KeyedState, BoundedKeysRunToTheEnd) {
  Kept kept({.is_stream = false, .has_expiration = true});
  for (const char* const round : {"first", "second"}) {
    for (const char* const key : {"ann", "bob"}) {
      ASSERT_TRUE(kept.Enter(key + std::string(round)));
      kept.Append(key + std::string(round), "1");
    }
    kept.Set(std::string("ann") + round, "a", At(10));
    kept.Set(std::string("ann") + round, "p", At(10), At(10), Minute(0), "processing");
    kept->EndTime();
    EXPECT_EQ(kept.FireAll(TimeDomain::kProcessing),
              (Names{"processing ann" + std::string(round) + "/p@10"}));
    EXPECT_EQ(kept.Wave(TimeDomain::kEvent).size(), 2u);  // The timer, and bob's end.
    kept->EndTimers();
    EXPECT_EQ(kept.FireAll().size(), 1u);
    EXPECT_EQ(kept->cells(), 0u);
    kept->BeginNextKeys();
  }
}

TEST(KeyedState, CheckpointsAndMemory) {
  const auto cold = std::make_shared<ColdMap>();
  const Options options{.cold = cold, .memory_bytes = 20'000};
  Kept before(options);
  for (int i = 0; i < 300; ++i) {
    const std::string key = std::to_string(i);
    ASSERT_TRUE(before.Enter(key, Minute(i % 3)));
    before.Append(key, std::string(300, 'x') + key, Minute(i % 3));
    if (i % 50 == 0)
      before.Set(key, "t", Minute(i % 3).start + Duration::Seconds(1), {}, Minute(i % 3));
    if (i % 10 == 0) before->EndBundle();
  }
  EXPECT_GT(cold->puts, 100);
  EXPECT_LT(before->bytes(), 70'000);
  std::map<std::string, std::string> saved;
  Kept after(options);
  after.Restore(before, &saved);
  for (int i = 0; i < 300; ++i) {
    const std::string key = std::to_string(i);
    EXPECT_EQ(after.Read(key, Minute(i % 3)), (Names{std::string(300, 'x') + key}));
  }
  after.MoveTo(Minute(3).start);
  Names fired = after.FireAll();
  std::erase(fired, "|");
  EXPECT_EQ(fired.size(), 6u);
  EXPECT_EQ(after->cells(), 0u);

  Kept fewer(options);
  EXPECT_FALSE(fewer->RestoreCell({.key = saved.begin()->first, .state = "nonsense"}));
}

// Any sequence of elements, requests, timers and clocks, with checkpoints, against maps.
TEST(KeyedState, IsWhatANaiveOneIs) {
  for (uint32_t seed = 0; seed < 40; ++seed) {
    std::mt19937 random(seed);
    const Options options{.lateness = Duration::Millis(random() % 2 * 7'000),
                          .cold = std::make_shared<ColdMap>(),
                          .memory_bytes = seed % 2 == 0 ? 2'000 : 1 << 30};
    auto kept = std::make_unique<Kept>(options);
    std::map<std::string, std::string> saved;
    std::map<std::pair<std::string, Window>, Names> bags;
    // Key, window and tag.
    std::map<std::tuple<std::string, Window, std::string>, Timestamp> timers;
    Timestamp watermark = Timestamp::Min();
    const auto has_expired = [&](const Window& window) {
      return window.max_timestamp() + options.lateness < watermark;
    };
    for (int step = 0; step < 400; ++step) {
      const std::string key(1, static_cast<char>('a' + random() % 6));
      const Window window = Minute(static_cast<int64_t>(random() % 4));
      const std::string tag(1, static_cast<char>('x' + random() % 3));
      switch (random() % 8) {
        case 0:
        case 1: {
          EXPECT_EQ(kept->Enter(key, window), !has_expired(window));
          kept->Append(key, tag, window);
          if (!has_expired(window)) bags[{key, window}].push_back(tag);
          break;
        }
        case 2: EXPECT_EQ(kept->Read(key, window), (bags[{key, window}])); break;
        case 3:
        case 4: {
          const Timestamp at = window.start + Duration::Millis(random() % 70'000);
          const Timestamp last = window.max_timestamp() + options.lateness;
          kept->Set(key, tag, at, {}, window);
          if (!has_expired(window)) timers[{key, window, tag}] = std::min(at, last);
          break;
        }
        case 5:
          kept->Clear(key, tag, window);
          timers.erase({key, window, tag});
          break;
        case 6: {
          if (random() % 3 > 0) break;
          watermark = std::max(watermark, At(static_cast<int64_t>(random() % 2'000) * step));
          (*kept)->set_watermark(watermark);
          std::multimap<std::pair<std::string, Window>, std::pair<Timestamp, std::string>> due;
          for (auto at = timers.begin(); at != timers.end();) {
            const auto& [id, fires] = *at;
            if (fires < watermark) {
              due.emplace(std::pair(std::get<0>(id), std::get<1>(id)),
                          std::pair(fires, std::get<2>(id)));
              at = timers.erase(at);
            } else {
              ++at;
            }
          }
          Names fired = kept->FireAll();
          std::erase(fired, "|");
          EXPECT_EQ(fired.size(), due.size());
          for (const auto& [id, one] : due) {
            EXPECT_EQ(std::count(fired.begin(), fired.end(),
                                 "event " + id.first + "/" + one.second + "@" +
                                     std::to_string(one.first.millis)) > 0,
                      true);
          }
          std::erase_if(bags, [&](const auto& bag) { return has_expired(bag.first.second); });
          break;
        }
        default:
          (*kept)->EndBundle();
          if (random() % 4 == 0) {
            auto next = std::make_unique<Kept>(options);
            next->Restore(*kept, &saved);
            kept = std::move(next);
          }
      }
    }
  }
}

// The SDK asks while elements are still being sent.
TEST(KeyedState, StatesAreAskedForByAnotherThread) {
  Kept kept;
  constexpr int kKeys = 300;
  std::atomic<int> entered = 0;
  std::thread sdk([&] {
    for (int i = 0; i < kKeys; ++i) {
      while (entered.load() <= i) std::this_thread::yield();
      kept.Append(std::to_string(i), "1");
      EXPECT_EQ(kept.Read(std::to_string(i)), (Names{"1"}));
    }
  });
  for (int i = 0; i < kKeys; ++i) {
    EXPECT_TRUE(kept.Enter(std::to_string(i)));
    entered.store(i + 1);
    if (i % 10 == 0) kept.Set(std::to_string(i), "t", At(10));
  }
  sdk.join();
  kept.MoveTo(At(20));
  EXPECT_EQ(kept.FireAll().size(), 30u);
}

}  // namespace
}  // namespace joist::portability
