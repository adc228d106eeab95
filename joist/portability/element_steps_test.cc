// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/element_steps.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <utility>
#include <vector>

#include "joist/exec/failure.h"
#include "joist/model/standard_coder.h"

namespace joist::portability {
namespace {

using EncodedKv = KV<std::string, std::string>;
using EncodedGroup = KV<std::string, Iterable<std::string>>;

/// Takes what a step pushes, element by element.
template <class T, class Kept>
class Taker final : public BatchReceiver<T> {
 public:
  void Push(const Batch<T>& batch) override {
    ++batches;
    for (size_t i = 0; i < batch.count; ++i) {
      elements.push_back(Kept(batch[i]));
      times.push_back(batch.timestamp(i).millis);
    }
  }
  std::vector<Kept> elements;
  std::vector<int64_t> times;
  size_t batches = 0;
};
struct OwnedKv {
  OwnedKv(std::string_view k, std::string_view v) : key(k), value(v) {}
  explicit OwnedKv(const View<EncodedKv>& kv)
      : key(kv.key), value(kv.value), key_data(kv.key.data()) {}
  std::string key, value;
  const char* key_data = nullptr;
  friend bool operator==(const OwnedKv& a, const OwnedKv& b) {
    return a.key == b.key && a.value == b.value;
  }
};

class ElementSteps : public testing::Test {
 protected:
  std::unique_ptr<Operator> Make(const std::shared_ptr<Step>& step, Receiver* consumer) {
    OperatorContext context;
    context.step = "the step";
    context.stats = &stats_;
    steps_.push_back(step);
    std::unique_ptr<Operator> made = step->MakeOperator(context);
    made->Connect(0, consumer);
    return made;
  }
  /// At one millisecond after the other.
  static void Push(const std::vector<std::string>& elements, Operator* to) {
    ColumnBuffer<std::string> column;
    std::vector<Timestamp> times;
    for (size_t i = 0; i < elements.size(); ++i) {
      column.writer().SetView(i, elements[i]);
      times.push_back(Timestamp::Millis(static_cast<int64_t>(i)));
    }
    Meta meta;
    meta.timestamps = SharedColumn<Timestamp>(times.data());
    static_cast<BatchReceiver<std::string>*>(to->input(0))
        ->Push({column.view(), elements.size(), meta});
  }
  static Taker<std::string, std::string> Read(const std::shared_ptr<Step>& step) {
    StepStats stats;
    OperatorContext context;
    context.step = "the step";
    context.stats = &stats;
    Taker<std::string, std::string> taker;
    const std::shared_ptr<Source> source = step->MakeSource();
    const std::unique_ptr<Reader> reader = source->MakeReader(context);
    reader->Connect(&taker);
    const std::atomic<bool> cancelled = false;
    const auto ranges = source->Split(2);
    for (const SourceRange& range : *ranges) {
      RangeTracker tracker(range, &cancelled);
      reader->Read(tracker);
    }
    return taker;
  }

  StepStats stats_;
  std::vector<std::shared_ptr<Step>> steps_;  ///< Outlive their operators.
};

TEST_F(ElementSteps, AnImpulseIsOneEmptyString) {
  const auto impulse = Read(MakeImpulse());
  EXPECT_EQ(impulse.elements, std::vector<std::string>{std::string(1, '\0')});
  EXPECT_EQ(impulse.times, std::vector<int64_t>{Timestamp::Min().millis});
  EXPECT_TRUE(Read(MakeNothing()).elements.empty());
}

TEST_F(ElementSteps, ASplitCopiesNothing) {
  const WireCoder kv = WireCoder::Of(MakeCoderSpec(kKvCoder, {MakeCoderSpec(kBytesCoder),
                                                              MakeCoderSpec(kVarintCoder)}))
                           .value();
  Taker<EncodedKv, OwnedKv> taker;
  const auto split = Make(MakeSplitKv(kv), &taker);
  const std::vector<std::string> elements = {std::string("\2ab\5"), std::string("\0\7", 2),
                                             std::string("\1c\x80\1")};
  Push(elements, split.get());
  const std::vector<OwnedKv> expected = {
      {"\2ab", "\5"}, {std::string_view("\0", 1), "\7"}, {"\1c", "\x80\1"}};
  EXPECT_EQ(taker.elements, expected);
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(taker.elements[i].key_data, elements[i].data());
  EXPECT_EQ(taker.times, (std::vector<int64_t>{0, 1, 2}));
  EXPECT_EQ(stats_.elements_in, 3);
  EXPECT_EQ(stats_.elements_out, 3);

  try {
    Push({std::string("\7ab")}, split.get());
    FAIL() << "an element without a key was split";
  } catch (const StepFailure& failure) {
    EXPECT_NE(failure.status.message().find("an element that is to be grouped has no key: a length "
                                            "exceeds the bytes that are left"),
              std::string::npos)
        << failure.status.message();
    EXPECT_EQ(failure.step, "the step");
  }
}

/// Groups of `values`, all in one batch.
void PushGroups(const std::vector<std::pair<std::string, std::vector<std::string>>>& groups,
                Operator* to) {
  ColumnBuffer<EncodedGroup> column;
  std::vector<std::vector<std::string_view>> views(groups.size());
  std::vector<Timestamp> times;
  for (size_t i = 0; i < groups.size(); ++i) {
    views[i].assign(groups[i].second.begin(), groups[i].second.end());
    column.writer().SetView(
        i, {groups[i].first, Iterable<std::string>(views[i].data(), views[i].size())});
    times.push_back(Timestamp::Millis(static_cast<int64_t>(i)));
  }
  Meta meta;
  meta.timestamps = SharedColumn<Timestamp>(times.data());
  static_cast<BatchReceiver<EncodedGroup>*>(to->input(0))
      ->Push({column.view(), groups.size(), meta});
}

TEST_F(ElementSteps, GroupsAreWhatBeamsIterableCoderWrites) {
  Taker<std::string, std::string> taker;
  const auto join = Make(MakeJoinGroups(), &taker);
  PushGroups({{"\1a", {"\5", "\6"}}, {"\1b", {}}, {"\1c", {"\x80\1"}}}, join.get());
  const CoderSpec spec = MakeCoderSpec(
      kKvCoder,
      {MakeCoderSpec(kBytesCoder), MakeCoderSpec(kIterableCoder, {MakeCoderSpec(kVarintCoder)})});
  const StandardCoder coder = StandardCoder::Make(spec).value();
  const auto group = [](const char* key, const Value::List& values) {
    return KvValue(Bytes(key), values);
  };
  const Value expected[] = {group("a", {int64_t{5}, int64_t{6}}), group("b", {}),
                            group("c", {int64_t{128}})};
  ASSERT_EQ(taker.elements.size(), 3U);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(taker.elements[i], coder.EncodeToString(expected[i], /*nested=*/true).value());
  }
  EXPECT_EQ(taker.times, (std::vector<int64_t>{0, 1, 2}));
}

// Large ones go on before all of a batch are in memory, each with its own time.
TEST_F(ElementSteps, LargeGroupsAreNotGatheredAll) {
  Taker<std::string, std::string> taker;
  const auto join = Make(MakeJoinGroups(), &taker);
  const std::string large(700'000, 'x');
  PushGroups({{"a", {large}}, {"b", {large}}, {"c", {"y"}}, {"d", {large, large}}, {"e", {"z"}}},
             join.get());
  EXPECT_EQ(taker.batches, 3U);
  ASSERT_EQ(taker.elements.size(), 5U);
  EXPECT_EQ(taker.times, (std::vector<int64_t>{0, 1, 2, 3, 4}));
  EXPECT_EQ(taker.elements[0], "a" + std::string("\0\0\0\1", 4) + large);
  EXPECT_EQ(taker.elements[2], "c" + std::string("\0\0\0\1", 4) + "y");
  EXPECT_EQ(taker.elements[3], "d" + std::string("\0\0\0\2", 4) + large + large);
  EXPECT_EQ(taker.elements[4], "e" + std::string("\0\0\0\1", 4) + "z");
}

TEST_F(ElementSteps, OtherWindowingSameElements) {
  WindowingStrategy minutes;
  minutes.window_fn = WindowFn::Fixed(Duration::Minutes(1));
  const auto step = MakeWindowedAs(minutes, /*is_bounded=*/false);
  EXPECT_EQ(step->OutputWindowing({}), minutes);
  EXPECT_FALSE(step->is_bounded());
  EXPECT_TRUE(MakeWindowedAs(minutes, /*is_bounded=*/true)->is_bounded());
  Taker<std::string, std::string> taker;
  const auto passing = Make(step, &taker);
  Push({"a", "b"}, passing.get());
  EXPECT_EQ(taker.elements, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(taker.times, (std::vector<int64_t>{0, 1}));
}

}  // namespace
}  // namespace joist::portability
