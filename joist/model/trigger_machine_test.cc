// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// What scripts of time cannot tell: both groupings ask the same machine.

#include "joist/model/trigger_machine.h"

#include <vector>

#include <gtest/gtest.h>

namespace joist {
namespace {

Timestamp DueAfter(const std::vector<Trigger::Delay>& delays, int64_t millis) {
  Trigger trigger = Trigger::AfterProcessingTime();
  trigger.delays = delays;
  const TriggerMachine machine(trigger, /*merging=*/false);
  TriggerMachine::Part part;
  machine.Begin(&part);
  EXPECT_EQ(machine.Due(&part), Timestamp::Max());
  machine.OnElement({{}, {}, Timestamp::Millis(millis), {}}, &part);
  return machine.Due(&part);
}

TEST(TriggerMachine, DelaysAddUpAndAreAligned) {
  const auto ms = [](int64_t n) { return Duration::Millis(n); };
  EXPECT_EQ(DueAfter({}, 7), Timestamp::Millis(7));
  EXPECT_EQ(DueAfter({{ms(5), {}, {}}, {ms(20), {}, {}}}, 7), Timestamp::Millis(32));
  // To the next multiple of 10 after 3; what is there already stays.
  EXPECT_EQ(DueAfter({{ms(5), ms(10), ms(3)}}, 7), Timestamp::Millis(13));
  EXPECT_EQ(DueAfter({{ms(5), ms(10), ms(3)}}, 8), Timestamp::Millis(13));
  EXPECT_EQ(DueAfter({{ms(5), ms(10), ms(3)}}, 9), Timestamp::Millis(23));
  EXPECT_EQ(DueAfter({{ms(0), ms(10), ms(3)}}, -8), Timestamp::Millis(-7));
  EXPECT_EQ(DueAfter({{ms(0), ms(10), ms(0)}, {ms(1), {}, {}}}, 1), Timestamp::Millis(11));
}

TEST(TriggerMachine, DueIsTheEarliestFromATimeOn) {
  const auto after = [](int64_t n) { return Trigger::AfterProcessingTime(Duration::Millis(n)); };
  const TriggerMachine machine(Trigger::AfterAll({after(3), after(5)}), /*merging=*/false);
  std::vector<TriggerMachine::Part> parts(machine.parts());
  machine.Begin(parts.data());
  machine.OnElement({{}, {}, Timestamp::Millis(0), {}}, parts.data());
  EXPECT_EQ(machine.Due(parts.data()), Timestamp::Millis(3));
  EXPECT_EQ(machine.Due(parts.data(), Timestamp::Millis(3)), Timestamp::Millis(3));
  EXPECT_EQ(machine.Due(parts.data(), Timestamp::Millis(4)), Timestamp::Millis(5));
  EXPECT_EQ(machine.Due(parts.data(), Timestamp::Millis(6)), Timestamp::Max());
}

TEST(TriggerMachine, SaysWhatMovesIt) {
  const auto machine = [](const Trigger& trigger, bool merging = false) {
    return TriggerMachine(trigger, merging);
  };
  const Trigger count = Trigger::AfterCount(1);
  EXPECT_TRUE(machine(Trigger::Repeatedly(Trigger::AfterProcessingTime())).has_delays());
  EXPECT_TRUE(machine(Trigger::AfterSynchronizedProcessingTime()).has_delays());
  EXPECT_FALSE(machine(Trigger::Repeatedly(count)).has_delays());

  EXPECT_TRUE(machine(Trigger::Default()).waits_for_end());
  EXPECT_TRUE(machine(Trigger::Default(), /*merging=*/true).waits_for_end());
  EXPECT_TRUE(machine(Trigger::AfterWatermark(Trigger::Never(), count)).waits_for_end());
  EXPECT_FALSE(machine(Trigger::AfterWatermark(Trigger::Never(), count), true).waits_for_end());
  EXPECT_FALSE(machine(Trigger::AfterWatermark(count, Trigger::Never())).waits_for_end());
  EXPECT_FALSE(machine(count).waits_for_end());
}

/// A window with a trigger; clocks at 0 and the window's end at 10 unless said.
class Triggered {
 public:
  Triggered(const Trigger& trigger, bool merging)
      : machine_(trigger, merging), parts_(machine_.parts()) {
    machine_.Begin(parts_.data());
  }
  static TriggerClock Clock(int64_t watermark = 0, int64_t processing_time = 0) {
    return {Timestamp::Millis(10), Timestamp::Millis(watermark), Timestamp::Millis(processing_time),
            Timestamp::Millis(processing_time)};
  }

  Triggered& Elements(int count, TriggerClock clock = Clock()) {
    for (int i = 0; i < count; ++i) machine_.OnElement(clock, parts_.data());
    return *this;
  }
  /// What engines do; whether it fired.
  bool Look(TriggerClock clock = Clock()) {
    if (!machine_.ShouldFire(clock, parts_.data())) return false;
    machine_.OnFire(clock, parts_.data());
    return true;
  }
  bool finished() const { return TriggerMachine::IsFinished(parts_.data()); }
  Timestamp due() const { return machine_.Due(parts_.data()); }
  const TriggerMachine::Part& part(size_t i) const { return parts_[i]; }

  /// The window that they become, which was one of them if `own`.
  static Triggered Merge(const std::vector<Triggered>& merged, TriggerClock clock = Clock(),
                         const Triggered* own = nullptr) {
    Triggered result = merged[0];
    std::vector<const TriggerMachine::Part*> states;
    for (const Triggered& window : merged) states.push_back(window.parts_.data());
    result.machine_.Merge(states, own == nullptr ? nullptr : own->parts_.data(), clock,
                          result.parts_.data());
    return result;
  }

 private:
  TriggerMachine machine_;
  std::vector<TriggerMachine::Part> parts_;
};

Trigger After(int64_t millis) { return Trigger::AfterProcessingTime(Duration::Millis(millis)); }

TEST(TriggerMachine, SynchronizedTimeMustBePastTheFirstElement) {
  Triggered window(Trigger::AfterSynchronizedProcessingTime(), /*merging=*/false);
  window.Elements(1, Triggered::Clock(0, 3)).Elements(1, Triggered::Clock(0, 5));
  EXPECT_EQ(window.due(), Timestamp::Millis(3));
  EXPECT_FALSE(window.Look(Triggered::Clock(0, 3)));
  EXPECT_TRUE(window.Look(Triggered::Clock(0, 4)));
}

TEST(TriggerMachine, CountsAddUpWhenMerged) {
  const Triggered fresh(Trigger::AfterCount(3), /*merging=*/true);
  Triggered one = fresh, two = fresh, fired = fresh;
  one.Elements(1);
  two.Elements(2);
  fired.Elements(3);
  EXPECT_FALSE(Triggered::Merge({one, one}).Look());
  EXPECT_TRUE(Triggered::Merge({two, one}).Look());
  // One that has finished ends all of them, and counts no more.
  ASSERT_TRUE(fired.Look());
  const Triggered merged = Triggered::Merge({two, fired, one});
  EXPECT_TRUE(merged.finished());
  EXPECT_EQ(merged.part(0).count, 0);
}

TEST(TriggerMachine, DelaysMergeToTheEarliest) {
  const Triggered fresh(After(5), /*merging=*/true);
  Triggered early = fresh, late = fresh, fired = fresh;
  early.Elements(1);
  late.Elements(1, Triggered::Clock(0, 2));
  EXPECT_EQ(Triggered::Merge({late, early, late}).due(), Timestamp::Millis(5));
  // What has finished elsewhere does not matter, but for the window itself.
  fired.Elements(1);
  ASSERT_TRUE(fired.Look(Triggered::Clock(0, 6)));
  EXPECT_FALSE(Triggered::Merge({fired, late}).finished());
  EXPECT_EQ(Triggered::Merge({fired, late}).due(), Timestamp::Millis(7));
  const Triggered own = Triggered::Merge({fired, late}, Triggered::Clock(), &fired);
  EXPECT_TRUE(own.finished());
  EXPECT_EQ(own.due(), Timestamp::Max());
}

TEST(TriggerMachine, AWindowIsOnTimeAgainUnlessAllThatMergeHaveBeen) {
  const Triggered fresh(Trigger::AfterWatermark(Trigger::Never(), Trigger::AfterCount(3)),
                        /*merging=*/true);
  Triggered on_time = fresh;
  ASSERT_TRUE(on_time.Elements(1).Look(Triggered::Clock(11)));
  Triggered late = on_time;
  late.Elements(1, Triggered::Clock(11));
  EXPECT_FALSE(late.Look(Triggered::Clock(11)));
  Triggered new_one = fresh;
  new_one.Elements(1, Triggered::Clock(11));
  // The end is passed by all: late ones count on.
  EXPECT_FALSE(Triggered::Merge({on_time, late}, Triggered::Clock(11)).Look(Triggered::Clock(11)));
  EXPECT_TRUE(
      Triggered::Merge({late, late, late}, Triggered::Clock(11)).Look(Triggered::Clock(11)));
  // One has not fired, or the end is to come again.
  EXPECT_TRUE(Triggered::Merge({late, new_one}, Triggered::Clock(11)).Look(Triggered::Clock(11)));
  Triggered not_over = Triggered::Merge({late, late}, Triggered::Clock(10));
  EXPECT_FALSE(not_over.Look(Triggered::Clock(10)));
  EXPECT_TRUE(not_over.Look(Triggered::Clock(11)));
  // What was late is forgotten then.
  EXPECT_FALSE(not_over.Elements(2, Triggered::Clock(11)).Look(Triggered::Clock(11)));
  EXPECT_TRUE(not_over.Elements(1, Triggered::Clock(11)).Look(Triggered::Clock(11)));
}

TEST(TriggerMachine, EarlyOnesGoOnWhenMergedAndTheLastOneIsOnTime) {
  const Triggered fresh(Trigger::AfterWatermark(Trigger::AfterCount(2), Trigger::Never()),
                        /*merging=*/true);
  Triggered one = fresh, fired = fresh;
  EXPECT_FALSE(one.Elements(1).Look());
  EXPECT_TRUE(Triggered::Merge({one, one}).Look());
  ASSERT_TRUE(fired.Elements(1).Look(Triggered::Clock(11)));
  EXPECT_TRUE(fired.finished());
  EXPECT_TRUE(Triggered::Merge({fired, fired}, Triggered::Clock(11)).finished());
  EXPECT_FALSE(Triggered::Merge({fired, fired}, Triggered::Clock(10)).finished());
  // With late ones it does not end.
  Triggered with_late(Trigger::AfterWatermark(Trigger::Never(), Trigger::AfterCount(2)), true);
  ASSERT_TRUE(with_late.Elements(1).Look(Triggered::Clock(11)));
  EXPECT_FALSE(Triggered::Merge({with_late, with_late}, Triggered::Clock(11)).finished());
}

TEST(TriggerMachine, EarlyElementsAreForgottenWhenOnTime) {
  for (const Trigger& early :
       {Trigger::AfterCount(3), Trigger::Repeatedly(Trigger::AfterCount(3))}) {
    Triggered window(Trigger::AfterWatermark(early, Trigger::AfterCount(1)), true);
    window.Elements(2);
    ASSERT_TRUE(window.Look(Triggered::Clock(11)));
    EXPECT_FALSE(Triggered::Merge({window, window}).Look());
  }
}

TEST(TriggerMachine, OrFinallyEndsWithEither) {
  Triggered window(Trigger::OrFinally(Trigger::AfterCount(1), Trigger::Never()), false);
  ASSERT_TRUE(window.Elements(1).Look());
  EXPECT_TRUE(window.finished());
  // What has not come about is forgotten with the other.
  Triggered ended(Trigger::OrFinally(Trigger::AfterCount(3), After(5)), true);
  Triggered other = ended;
  ASSERT_TRUE(ended.Elements(2).Look(Triggered::Clock(0, 6)));
  EXPECT_TRUE(ended.finished());
  EXPECT_FALSE(Triggered::Merge({ended, other.Elements(1)}).Look());
  // Until counts across firings, also where it is one of several that take turns.
  const Trigger thrice =
      Trigger::OrFinally(Trigger::Repeatedly(Trigger::AfterCount(1)), Trigger::AfterCount(3));
  for (const Trigger& trigger : {thrice, Trigger::AfterEach({thrice})}) {
    Triggered counts(trigger, false);
    for (int i = 0; i < 3; ++i) {
      EXPECT_FALSE(counts.finished());
      EXPECT_TRUE(counts.Elements(1).Look());
    }
    EXPECT_TRUE(counts.finished());
  }
}

TEST(TriggerMachine, AfterEachBeginsAnewBehindTheFirstThatHasNotFinished) {
  const Triggered fresh(
      Trigger::AfterEach({Trigger::AfterCount(1), After(5), Trigger::AfterCount(1)}),
      /*merging=*/true);
  // What is behind runs beside, and anew when a pane is out.
  Triggered window = fresh;
  EXPECT_EQ(window.Elements(1).due(), Timestamp::Millis(5));
  ASSERT_TRUE(window.Look());
  EXPECT_EQ(window.due(), Timestamp::Max());
  EXPECT_EQ(window.Elements(1, Triggered::Clock(0, 3)).due(), Timestamp::Millis(8));
  const Triggered merged = Triggered::Merge({window, window});
  EXPECT_EQ(merged.due(), Timestamp::Millis(8));
  EXPECT_EQ(merged.part(3).count, 0);
  EXPECT_FALSE(merged.finished());

  const Triggered counts(Trigger::AfterEach({Trigger::AfterCount(1), Trigger::AfterCount(1)}),
                         true);
  Triggered done = counts;
  ASSERT_TRUE(done.Elements(1).Look());
  ASSERT_TRUE(done.Elements(1).Look());
  EXPECT_TRUE(done.finished());
  EXPECT_TRUE(Triggered::Merge({done, done}).finished());

  // Without merging only the one whose turn it is counts.
  Triggered apart(Trigger::AfterEach({Trigger::AfterCount(2), Trigger::AfterCount(1)}), false);
  EXPECT_EQ(apart.Elements(1).part(2).count, 0);
}

TEST(TriggerMachine, CompositesFinishAsTheirPartsDoWhenMerged) {
  const auto one_of_two_fired = [](const Trigger& trigger) {
    Triggered fired(trigger, /*merging=*/true);
    fired.Elements(1);
    EXPECT_TRUE(fired.Look());
    return Triggered::Merge({fired, Triggered(trigger, true)});
  };
  const Trigger first = Trigger::AfterCount(1);
  const Trigger second = Trigger::AfterCount(9);
  EXPECT_TRUE(one_of_two_fired(Trigger::AfterFirst({first, second})).finished());
  EXPECT_TRUE(one_of_two_fired(Trigger::OrFinally(Trigger::Never(), first)).finished());
  EXPECT_TRUE(one_of_two_fired(Trigger::AfterAll({first, first})).finished());
  EXPECT_FALSE(one_of_two_fired(Trigger::Repeatedly(first)).finished());

  // Of AfterAll both must be over; what is, counts no more.
  const Trigger both = Trigger::AfterAll({Trigger::AfterFirst({first}), After(5)});
  Triggered with_delay(both, true);
  with_delay.Elements(1);
  EXPECT_FALSE(with_delay.Look());
  ASSERT_TRUE(with_delay.Look(Triggered::Clock(0, 6)));
  EXPECT_TRUE(with_delay.finished());
  Triggered merged = Triggered::Merge({with_delay, Triggered(both, true)});
  EXPECT_FALSE(merged.finished());  // Its delay begins anew.
  EXPECT_EQ(merged.Elements(1).part(2).count, 0);
  EXPECT_TRUE(merged.Look(Triggered::Clock(0, 6)));
}

}  // namespace
}  // namespace joist
