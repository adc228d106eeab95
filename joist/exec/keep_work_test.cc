// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// KeepWork with a function and other threads that do what they do at a certain moment.

#include "joist/exec/keep_work.h"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "joist/model/offset_range.h"

namespace joist {
namespace {

using Work = RestrictionWork<OffsetRange>;
using ElementWork = KV<std::string, Work>;

/// The function: is given work, and notes what.
struct Worker final : BatchReceiver<ElementWork> {
  std::function<void(const OffsetRange&, WorkControl<OffsetRange>&)> work;
  std::vector<OffsetRange> given;
  void Push(const Batch<ElementWork>& batch) override {
    ASSERT_EQ(batch.count, 1u);
    EXPECT_EQ(batch.timestamp(0), Timestamp::Seconds(7));
    given.push_back(batch[0].value.restriction);
    if (work) work(given.back(), *batch[0].value.control);
  }
};

/// One element, "x" at second 7, with the restriction [0, 100).
struct Kept {
  StepStats stats;
  std::atomic<bool> cancelled{false};
  OperatorContext context;
  KeepWorkBreaker<std::string, OffsetRange> breaker{BreakerContext()};
  std::shared_ptr<Source> source;
  std::unique_ptr<Reader> reader;
  Worker worker;

  Kept() {
    context.step = "Work";
    context.stats = &stats;
    const std::unique_ptr<Operator> sink = breaker.MakeSink(context);
    ColumnBuffer<ElementWork> column;
    const Work work{{0, 100}, Timestamp::Seconds(7), nullptr};
    column.writer().SetView(0, View<ElementWork>{"x", work});
    Meta meta;
    meta.timestamps = SharedColumn<Timestamp>(Timestamp::Seconds(7));
    static_cast<BatchReceiver<ElementWork>*>(sink->input(0))->Push({column.view(), 1, meta});
    sink->Finish();
    breaker.Commit(*sink);
    breaker.Seal(1);
    source = breaker.MakeOutput();
    reader = source->MakeReader(context);
    reader->Connect(&worker);
  }
  void Read(RangeTracker& tracker) { reader->Read(tracker); }
  SourceRange whole() { return source->Split(1)->front(); }
};

TEST(KeepWork, APartNobodyTookIsDoneByWhoMadeIt) {
  Kept kept;
  kept.worker.work = [](const OffsetRange& range, WorkControl<OffsetRange>& control) {
    if (range.from > 0) return;
    OffsetTracker tracker(range);
    control.Ask();
    EXPECT_TRUE(control.Look(tracker, Timestamp()));
    EXPECT_EQ(tracker.restriction(), (OffsetRange{0, 50}));
    control.Ask();  // For as long as that part lies there it is not replaced.
    EXPECT_TRUE(control.Look(tracker, Timestamp()));
    EXPECT_EQ(tracker.restriction(), (OffsetRange{0, 50}));
  };
  RangeTracker tracker(kept.whole(), &kept.cancelled);
  kept.Read(tracker);
  EXPECT_EQ(kept.worker.given, (std::vector<OffsetRange>{{0, 100}, {50, 100}}));
}

TEST(KeepWork, APartThatIsTakenIsARangeOfItsOwn) {
  Kept kept;
  RangeTracker tracker(kept.whole(), &kept.cancelled);
  std::optional<SourceRange> part;
  kept.worker.work = [&](const OffsetRange& range, WorkControl<OffsetRange>& control) {
    OffsetTracker claims(range);
    EXPECT_FALSE(tracker.TrySplit(1).has_value());  // Asks.
    EXPECT_TRUE(control.Look(claims, Timestamp::Seconds(9)));
    part = tracker.TrySplit(1);
    EXPECT_TRUE(part.has_value());
    EXPECT_FALSE(tracker.TrySplit(1).has_value());
  };
  kept.Read(tracker);
  EXPECT_EQ(kept.worker.given, (std::vector<OffsetRange>{{0, 100}}));
  kept.worker.work = nullptr;

  // The part, by another thread; and the element itself again, after a failure.
  RangeTracker other(*part, &kept.cancelled);
  kept.Read(other);
  RangeTracker again(tracker.Remaining(), &kept.cancelled);
  kept.Read(again);
  EXPECT_EQ(kept.worker.given, (std::vector<OffsetRange>{{0, 100}, {50, 100}, {0, 50}}));
}

TEST(KeepWork, WhoHasPausedSharesNoMore) {
  Kept kept;
  RangeTracker tracker(kept.whole(), &kept.cancelled);
  kept.worker.work = [&](const OffsetRange& range, WorkControl<OffsetRange>& control) {
    OffsetTracker claims(range);
    if (range.from == 0) {
      EXPECT_TRUE(claims.TryClaim(9));
      EXPECT_FALSE(tracker.TrySplit(1).has_value());  // Asks, and is not heard.
      control.Leave(claims, Timestamp(), Duration::Millis(1));
      return;
    }
    EXPECT_FALSE(tracker.TrySplit(1).has_value());
    EXPECT_TRUE(control.Look(claims, Timestamp()));
    EXPECT_FALSE(tracker.TrySplit(1).has_value());
    EXPECT_EQ(claims.restriction(), range);
  };
  kept.Read(tracker);
  EXPECT_EQ(kept.worker.given, (std::vector<OffsetRange>{{0, 100}, {10, 100}}));
}

TEST(KeepWork, ACancelledJobClaimsNothing) {
  Kept kept;
  RangeTracker tracker(kept.whole(), &kept.cancelled);
  kept.worker.work = [&](const OffsetRange& range, WorkControl<OffsetRange>& control) {
    OffsetTracker claims(range);
    kept.cancelled = true;
    EXPECT_FALSE(control.Look(claims, Timestamp()));
    control.Leave(claims, Timestamp(), {});
  };
  kept.Read(tracker);
  EXPECT_EQ(kept.worker.given.size(), 1u);
}

// --- In a stream ---

struct Stream {
  StepStats stats;
  BundleLimits limits;
  OperatorContext context;
  std::unique_ptr<StreamWork<std::string, OffsetRange>> op;
  Worker worker;
  explicit Stream(const BundleLimits::Most& most = {1'000, std::chrono::milliseconds(1), 1'000})
      : limits(most) {
    context.stats = &stats;
    context.limits = &limits;
    op = std::make_unique<StreamWork<std::string, OffsetRange>>(
        context, std::make_shared<Exchange<ElementWork>>(1));
    op->Connect(0, &worker);
  }
  void Push(Work work) {
    ColumnBuffer<ElementWork> column;
    column.writer().SetView(0, View<ElementWork>{"x", work});
    Meta meta;
    meta.timestamps = SharedColumn<Timestamp>(Timestamp::Seconds(7));
    op->Push({column.view(), 1, meta});
  }
};

TEST(StreamWork, WaitsAndHoldsUntilAllIsDone) {
  Stream stream;
  EXPECT_EQ(stream.op->hold(), Timestamp::Max());
  EXPECT_EQ(stream.op->next_work(), Timestamp::Max());
  stream.Push({{0, 100}, Timestamp::Seconds(7), nullptr});
  EXPECT_EQ(stream.op->hold(), Timestamp::Seconds(7));
  EXPECT_EQ(stream.op->next_work(), Timestamp::Min());
  EXPECT_TRUE(stream.worker.given.empty());

  stream.worker.work = [](const OffsetRange& range, WorkControl<OffsetRange>& control) {
    OffsetTracker claims(range);
    EXPECT_TRUE(claims.TryClaim(range.from + 39));
    control.Leave(claims, Timestamp::Seconds(range.from + 39), Duration::Seconds(5));
  };
  stream.op->AdvanceProcessingTime(Timestamp::Seconds(1000));
  EXPECT_EQ(stream.op->hold(), Timestamp::Seconds(39));
  EXPECT_EQ(stream.op->next_work(), Timestamp::Seconds(1005));
  stream.op->AdvanceProcessingTime(Timestamp::Seconds(1004));
  EXPECT_EQ(stream.worker.given.size(), 1u);
  stream.op->AdvanceProcessingTime(Timestamp::Seconds(1005));
  EXPECT_EQ(stream.op->hold(), Timestamp::Seconds(79));
  stream.worker.work = nullptr;
  stream.op->AdvanceProcessingTime(Timestamp::Seconds(2000));
  EXPECT_EQ(stream.worker.given, (std::vector<OffsetRange>{{0, 100}, {40, 100}, {80, 100}}));
  EXPECT_EQ(stream.op->hold(), Timestamp::Max());
  EXPECT_EQ(stream.op->next_work(), Timestamp::Max());
}

/// Claims as a function does, until it is stopped or there is no more.
void ClaimAll(const OffsetRange& range, WorkControl<OffsetRange>& control,
              const std::function<void(int64_t)>& at = nullptr) {
  OffsetTracker tracker(range);
  for (int64_t i = range.from; i < range.to; ++i) {
    if (control.MustLook() && !control.Look(tracker, Timestamp::Seconds(7))) return;
    if (!tracker.TryClaim(i)) return;
    if (at) at(i);
  }
}

TEST(StreamWork, StopsAFunctionAtABundlesElements) {
  Stream stream({100, std::chrono::hours(1), 1'000});
  stream.worker.work = [](const OffsetRange& range, auto& control) { ClaimAll(range, control); };
  stream.Push({{0, 1'000'000}, Timestamp::Seconds(7), nullptr});
  stream.op->AdvanceProcessingTime(Timestamp::Seconds(1));
  stream.op->AdvanceProcessingTime(Timestamp::Seconds(1));
  ASSERT_EQ(stream.worker.given.size(), 2u);
  EXPECT_GE(stream.worker.given[1].from, 100);
  EXPECT_LE(stream.worker.given[1].from, 120);
}

TEST(StreamWork, StopsAFunctionWhereTooMuchIsOnItsWay) {
  Stream stream({1'000'000, std::chrono::hours(1), 1'000});
  stream.worker.work = [&](const OffsetRange& range, auto& control) {
    ClaimAll(range, control, [&](int64_t i) {
      if (i == 500) stream.limits.Fill();
    });
  };
  for (int i = 0; i < 2; ++i) stream.Push({{0, 1'000}, Timestamp::Seconds(7), nullptr});
  stream.op->AdvanceProcessingTime(Timestamp::Seconds(1));
  EXPECT_EQ(stream.worker.given.size(), 1u) << "the second was to wait";
  stream.limits.Begin(std::chrono::hours(1));
  stream.op->AdvanceProcessingTime(Timestamp::Seconds(1));
  ASSERT_EQ(stream.worker.given.size(), 2u);
  EXPECT_EQ(stream.worker.given[1].from, 0) << "the one that waited comes first";
  stream.limits.Begin(std::chrono::hours(1));
  stream.worker.work = nullptr;
  stream.op->AdvanceProcessingTime(Timestamp::Seconds(1));
  ASSERT_EQ(stream.worker.given.size(), 4u);
  EXPECT_GT(stream.worker.given[2].from, 500);
  EXPECT_LE(stream.worker.given[2].from, 516);
}

/// Time passes when somebody looks: a millisecond each time.
struct TickingClocks final : Clocks {
  SteadyTimePoint now;
  Timestamp WallTime() override { return Timestamp::Seconds(0); }
  SteadyTimePoint SteadyTime() override { return now += std::chrono::milliseconds(1); }
  void SleepFor(std::chrono::milliseconds) override {}
  TickingClocks() { SetClocks(this); }
  ~TickingClocks() override { SetClocks(nullptr); }
};

TEST(StreamWork, GivesManyPiecesTheirTurnsInSeveralBundles) {
  const TickingClocks clocks;
  Stream stream({1'000'000, std::chrono::milliseconds(1), 1'000});
  stream.worker.work = [](const OffsetRange& range, auto& control) { ClaimAll(range, control); };
  for (int64_t i = 0; i < 3; ++i) {
    stream.Push({{i * 1'000, i * 1'000 + 1'000}, Timestamp::Seconds(7), nullptr});
  }
  std::vector<int64_t> pieces;
  for (int bundle = 0; bundle < 6; ++bundle) {
    stream.op->AdvanceProcessingTime(Timestamp::Seconds(1));
    ASSERT_EQ(stream.worker.given.size(), static_cast<size_t>(bundle) + 1);
    pieces.push_back(stream.worker.given.back().from / 1'000);
  }
  EXPECT_EQ(pieces, (std::vector<int64_t>{0, 1, 2, 0, 1, 2}));
}

}  // namespace
}  // namespace joist
