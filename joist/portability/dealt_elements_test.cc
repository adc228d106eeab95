// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/dealt_elements.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "joist/exec/failure.h"
#include "joist/portability/shared_bundle.h"

namespace joist::portability {
namespace {

using Bundle = std::vector<std::string>;

EncodedElements Elements(const Bundle& of) {
  EncodedElements elements;
  for (const std::string& element : of) elements.Append(element, {});
  return elements;
}

/// Works on bundles, as the operator of a stage does.
class Worker final : public BatchReceiver<SharedBundleRef> {
 public:
  void Push(const Batch<SharedBundleRef>& batch) override {
    ASSERT_EQ(batch.count, 1U);
    SharedBundle* const bundle = batch[0].bundle;
    Bundle& elements = bundles.emplace_back();
    for (size_t i = 0; i < bundle->elements().size(); ++i) {
      elements.emplace_back(bundle->elements()[i]);
    }
    if (work) work(bundle);
  }
  std::function<void(SharedBundle*)> work;
  std::vector<Bundle> bundles;
};

class DealtElements : public testing::Test {
 protected:
  DealtElements() : step_(MakeDealtElements(WindowCodec::ForGlobal())) {
    context_.step = "the step";
    context_.stats = &stats_;
    breaker_ = step_->MakeBreaker({.step = "the step"});
  }

  /// Of one share.
  void Commit(const std::vector<Bundle>& batches) {
    const auto sink = breaker_->MakeSink(context_);
    for (const Bundle& values : batches) {
      ColumnBuffer<std::string> column;
      for (size_t i = 0; i < values.size(); ++i) column.writer().SetView(i, values[i]);
      static_cast<BatchReceiver<std::string>*>(sink->input(0))
          ->Push({column.view(), values.size(), {}});
    }
    sink->Finish();
    breaker_->Commit(*sink);
  }
  void Commit(const Bundle& values) { Commit(std::vector<Bundle>{values}); }
  std::vector<SourceRange> Seal() {
    breaker_->Seal(1);
    source_ = breaker_->MakeOutput();
    return source_->Split(2).value();
  }
  /// An attempt at `range`, which becomes what is left of it. False where it fails.
  bool Read(SourceRange* range) {
    tracker_.emplace(*range, &cancelled_);
    const auto reader = source_->MakeReader(context_);
    reader->Connect(static_cast<BatchReceiver<SharedBundleRef>*>(&worker_));
    bool is_done = true;
    try {
      reader->Read(*tracker_);
    } catch (const StepFailure&) {
      is_done = false;
    }
    *range = tracker_->Remaining();
    return is_done;
  }
  /// What another share gets that has nothing to do.
  std::optional<SourceRange> Ask() { return tracker_->TrySplit(source_->least_split()); }

  static std::string Windowed(const std::string& value) {
    std::string bytes;
    const Window global = Window::Global();
    ThrowIfError(WindowCodec::ForGlobal().EncodeHeader(Timestamp::Min(), {&global, 1}, {}, &bytes));
    return bytes + value;
  }
  static Bundle Windowed(Bundle values) {
    for (std::string& value : values) value = Windowed(value);
    return values;
  }

  StepStats stats_;
  OperatorContext context_;
  std::shared_ptr<Step> step_;
  std::unique_ptr<Breaker> breaker_;
  std::shared_ptr<Source> source_;
  std::atomic<bool> cancelled_ = false;
  std::optional<RangeTracker> tracker_;
  Worker worker_;
};

TEST_F(DealtElements, BundlesGrowAsLongAsTheyAreShort) {
  Commit(Bundle{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"});
  std::vector<SourceRange> ranges = Seal();
  ASSERT_EQ(ranges.size(), 1U);
  worker_.work = [&](SharedBundle* bundle) {
    if (bundle->elements().size() == 4) {
      std::this_thread::sleep_for(std::chrono::milliseconds(520));
    }
  };
  EXPECT_TRUE(Read(&ranges[0]));
  EXPECT_EQ(worker_.bundles,
            (std::vector<Bundle>{Windowed(Bundle{"a"}), Windowed(Bundle{"b", "c"}),
                                 Windowed(Bundle{"d", "e", "f", "g"}), Windowed(Bundle{"h", "i"}),
                                 Windowed(Bundle{"j", "k"})}));
}

TEST_F(DealtElements, LargeElementsMakeSmallBundles) {
  std::vector<Bundle> batches(4, Bundle(1000, "a"));
  std::fill_n(batches[0].begin(), 4, std::string(size_t{20} << 20, 'x'));
  Commit(batches);
  std::vector<SourceRange> ranges = Seal();
  // Of so many the first bundle would have four.
  EXPECT_TRUE(Read(&ranges[0]));
  ASSERT_GT(worker_.bundles.size(), 2U);
  EXPECT_EQ(worker_.bundles[0].size(), 2U);
  EXPECT_EQ(worker_.bundles[1].size(), 2U);
}

TEST_F(DealtElements, WhatNobodyHasBegunIsSharedWithoutTheWorker) {
  Commit(Bundle{"a", "b", "c", "d", "e"});
  std::vector<SourceRange> ranges = Seal();
  std::optional<SourceRange> given;
  worker_.work = [&](SharedBundle* bundle) {
    if (!given.has_value()) given = Ask();
    EXPECT_FALSE(bundle->is_asked_for());
  };
  EXPECT_TRUE(Read(&ranges[0]));
  ASSERT_TRUE(given.has_value());
  EXPECT_TRUE(Read(&*given));
  EXPECT_EQ(worker_.bundles, (std::vector<Bundle>{Windowed(Bundle{"a"}), Windowed(Bundle{"b", "c"}),
                                                  Windowed(Bundle{"d"}), Windowed(Bundle{"e"})}));
}

// The attempt fails after parts of it were given away, twice; others may have done those by then.
TEST_F(DealtElements, ARetryBeginsWithWhatWasKept) {
  Commit(Bundle{"a", "b"});
  std::vector<SourceRange> ranges = Seal();
  ranges[0] = {0, 0, 2, false};
  std::vector<SourceRange> given;
  worker_.work = [&](SharedBundle* bundle) {
    for (const std::string part : {"1", "2"}) {
      EXPECT_EQ(Ask(), std::nullopt);
      ASSERT_TRUE(bundle->is_asked_for());
      bundle->Offer(
          {.whole = 0, .kept = Elements({"kept " + part}), .rest = Elements({"rest " + part})});
      EXPECT_FALSE(bundle->is_asked_for());
      const std::optional<SourceRange> range = Ask();
      ASSERT_TRUE(range.has_value());
      given.push_back(*range);
    }
    throw StepFailure{Internal("it fails"), /*retryable=*/true, "the step"};
  };
  EXPECT_FALSE(Read(&ranges[0]));
  worker_.work = nullptr;
  EXPECT_TRUE(Read(&ranges[0]));
  for (SourceRange& range : given) EXPECT_TRUE(Read(&range));
  EXPECT_EQ(
      worker_.bundles,
      (std::vector<Bundle>{{Windowed("a")}, {"kept 2"}, {Windowed("b")}, {"rest 1"}, {"rest 2"}}));
}

// A bundle of several, of which each attempt has less.
TEST_F(DealtElements, ElementsAreGivenAwayWholeOrInPart) {
  Commit(Bundle{"a", "b", "c", "d", "e", "f", "g"});
  std::vector<SourceRange> ranges = Seal();
  std::vector<SourceRange> given;
  const auto give = [&](const BundleSplit& split) {
    worker_.work = [&, split](SharedBundle* bundle) {
      if (bundle->elements().size() < 4) return;
      EXPECT_EQ(Ask(), std::nullopt);
      bundle->Offer(split);
      given.push_back(Ask().value());
      throw StepFailure{Internal("it fails"), /*retryable=*/true, "the step"};
    };
  };
  give({.whole = 1,
        .kept = Elements({"e1", "e2"}),
        .rest = Elements({"e3", Windowed("f"), Windowed("g")})});
  EXPECT_FALSE(Read(&ranges[0]));
  worker_.bundles.clear();
  worker_.work = nullptr;
  EXPECT_TRUE(Read(&ranges[0]));
  EXPECT_EQ(worker_.bundles,
            (std::vector<Bundle>{
                Windowed(Bundle{"a"}), Windowed(Bundle{"b", "c"}), {Windowed("d"), "e1", "e2"}}));
  // The second part of what is at e's place goes as well.
  worker_.bundles.clear();
  worker_.work = [&](SharedBundle* bundle) {
    if (bundle->elements().size() < 3) return;
    bundle->Offer({.whole = 2, .kept = Elements({"e2a"}), .rest = Elements({"e2b"})});
    given.push_back(Ask().value());
    throw StepFailure{Internal("it fails"), /*retryable=*/true, "the step"};
  };
  EXPECT_FALSE(Read(&ranges[0]));
  worker_.work = nullptr;
  worker_.bundles.clear();
  EXPECT_TRUE(Read(&ranges[0]));
  ASSERT_EQ(given.size(), 2U);
  for (SourceRange& range : given) EXPECT_TRUE(Read(&range));
  EXPECT_EQ(worker_.bundles, (std::vector<Bundle>{Windowed(Bundle{"a"}),
                                                  Windowed(Bundle{"b", "c"}),
                                                  {Windowed("d"), "e1", "e2a"},
                                                  {"e3"},
                                                  Windowed(Bundle{"f", "g"}),
                                                  {"e2b"}}));
}

// Attempts have bundles of other bounds than those before: each position comes once all the same.
TEST_F(DealtElements, WhatIsKeptOfOverlappingBundles) {
  Commit(Bundle{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o"});
  std::vector<SourceRange> ranges = Seal();
  ranges[0].divisible = false;
  std::multiset<std::string> left;
  std::vector<SourceRange> given;
  // Of the bundle that begins with `first` all but that is given away, and the attempt fails.
  const auto give = [&](const std::string& first) {
    worker_.work = [&, first](SharedBundle* bundle) {
      const EncodedElements& elements = bundle->elements();
      if (elements[0] != Windowed(first)) return;
      BundleSplit split{.whole = 1};
      split.rest.Append(elements, 1, elements.size());
      bundle->Offer(std::move(split));
      given.push_back(Ask().value());
      throw StepFailure{Internal("it fails"), /*retryable=*/true, "the step"};
    };
  };
  give("d");  // Positions 3 to 6.
  EXPECT_FALSE(Read(&ranges[0]));
  // From here on positions 2 to 14 are claimed as 2, 3 to 4, 5 to 8, 9 to 14.
  std::vector<SourceRange> parts = {{0, 0, 2, false}, {0, 2, 15, false}};
  give("h");  // Positions 5 to 8, of which 5 and 6 are empty.
  EXPECT_FALSE(Read(&parts[1]));
  parts = {{0, 0, 1, false}, {0, 1, 15, false}};
  worker_.bundles.clear();
  worker_.work = nullptr;
  for (SourceRange& part : parts) EXPECT_TRUE(Read(&part));
  for (SourceRange& part : given) EXPECT_TRUE(Read(&part));
  for (const Bundle& bundle : worker_.bundles) left.insert(bundle.begin(), bundle.end());
  std::multiset<std::string> expected;
  for (char c = 'a'; c <= 'o'; ++c) expected.insert(Windowed(std::string(1, c)));
  EXPECT_EQ(left, expected);
  EXPECT_EQ(given.size(), 2U);
}

// Whoever has asked has found something else: the rest is a bundle of its own, which is shared as
// well.
TEST_F(DealtElements, WhatNobodyTakesIsGoneOnWith) {
  Commit(Bundle{"a", "b"});
  std::vector<SourceRange> ranges = Seal();
  ranges[0].divisible = false;
  std::optional<SourceRange> given;
  worker_.work = [&](SharedBundle* bundle) {
    const std::string_view first = bundle->elements()[0];
    if (first == Windowed("a")) {
      bundle->Offer({.whole = 0, .kept = Elements({"a1"}), .rest = Elements({"a2", "a3"})});
    } else if (first == "a2") {
      EXPECT_EQ(Ask(), std::nullopt);
      EXPECT_TRUE(bundle->is_asked_for());
      bundle->Offer({.whole = 1, .kept = Elements({"a3x"}), .rest = Elements({"a3y"})});
      given = Ask();
      throw StepFailure{Internal("it fails"), /*retryable=*/true, "the step"};
    }
  };
  EXPECT_FALSE(Read(&ranges[0]));
  EXPECT_EQ(worker_.bundles, (std::vector<Bundle>{{Windowed("a")}, {"a2", "a3"}}));
  worker_.bundles.clear();
  worker_.work = nullptr;
  ASSERT_TRUE(given.has_value());
  EXPECT_TRUE(Read(&*given));
  EXPECT_TRUE(Read(&ranges[0]));
  // Nobody can ask it any more.
  EXPECT_EQ(Ask(), std::nullopt);
  EXPECT_EQ(worker_.bundles, (std::vector<Bundle>{{"a3y"}, {"a1", "a2", "a3x"}, {Windowed("b")}}));
}

}  // namespace
}  // namespace joist::portability
