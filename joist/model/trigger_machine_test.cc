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

}  // namespace
}  // namespace joist
