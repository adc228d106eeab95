// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/exec/exchange.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace joist {
namespace {

using Named = KV<std::string, int64_t>;

/// What one lane was given.
struct Taken final : BatchReceiver<Named> {
  void Push(const Batch<Named>& batch) override {
    EXPECT_LE(batch.count, kBatchSize);
    for (size_t i = 0; i < batch.count; ++i) {
      elements.push_back({std::string(batch[i].key), batch[i].value});
      timestamps.push_back(batch.timestamp(i));
    }
  }
  std::vector<Named> elements;
  std::vector<Timestamp> timestamps;
};

template <class How>
class Lanes {
 public:
  explicit Lanes(int lanes) : taken_(static_cast<size_t>(lanes)) {
    const auto exchange = std::make_shared<Exchange<Named>>(lanes);
    for (int lane = 0; lane < lanes; ++lane) {
      OperatorContext context;
      context.lane = lane;
      context.lanes = lanes;
      inputs_.push_back(std::make_unique<DealtInput<Named, How>>(
          context, exchange, &taken_[static_cast<size_t>(lane)]));
    }
  }
  void Push(size_t lane, const std::vector<Named>& elements, Timestamp timestamp) {
    ColumnBuffer<Named> column;
    size_t row = 0;
    const auto push = [&] {
      Meta meta;
      meta.timestamps = SharedColumn<Timestamp>(timestamp);
      inputs_[lane]->Push({column.view(), std::exchange(row, 0), meta});
    };
    for (const Named& element : elements) {
      column.writer().SetView(row, {element.key, element.value});
      if (++row == kBatchSize) push();
    }
    push();
  }
  std::vector<Taken>& Receive() {
    for (const auto& input : inputs_) input->Receive();
    return taken_;
  }

 private:
  std::vector<Taken> taken_;
  std::vector<std::unique_ptr<DealtInput<Named, How>>> inputs_;
};

std::vector<Named> Elements(int64_t count, int64_t keys) {
  std::vector<Named> elements;
  for (int64_t i = 0; i < count; ++i) {
    elements.push_back({"a key that needs an arena " + std::to_string(i % keys), i});
  }
  return elements;
}

TEST(Exchange, GivesAllOfAKeyToOneLaneInTheirOrder) {
  constexpr int kLanes = 3;
  Lanes<ByKey> lanes(kLanes);
  for (int bundle = 0; bundle < 3; ++bundle) {
    for (size_t lane = 0; lane < kLanes; ++lane) {
      lanes.Push(lane, Elements(5000, 100), Timestamp::Seconds(static_cast<int64_t>(lane)));
    }
    std::map<std::string, int> lane_of;
    size_t count = 0;
    int lane = 0;
    for (Taken& taken : lanes.Receive()) {
      EXPECT_GT(taken.elements.size(), 1000u);
      count += taken.elements.size();
      std::map<std::pair<Timestamp, std::string>, int64_t> latest;
      for (size_t i = 0; i < taken.elements.size(); ++i) {
        const auto& [key, value] = taken.elements[i];
        EXPECT_EQ(lane_of.emplace(key, lane).first->second, lane);
        const auto [at, is_new] = latest.emplace(std::pair(taken.timestamps[i], key), value);
        EXPECT_TRUE(is_new || at->second < value);
        at->second = value;
      }
      EXPECT_EQ(latest.size() % kLanes, 0u) << "each pushing lane has elements of each key";
      taken = {};
      ++lane;
    }
    EXPECT_EQ(count, 15000u) << "nothing is given twice, in no bundle";
    EXPECT_EQ(lane_of.size(), 100u);
  }
}

TEST(Exchange, DealsByTurns) {
  Lanes<ByTurns> lanes(4);
  lanes.Push(2, Elements(10, 10), Timestamp::Min());
  std::vector<size_t> sizes;
  for (const Taken& taken : lanes.Receive()) sizes.push_back(taken.elements.size());
  EXPECT_EQ(sizes, (std::vector<size_t>{3, 3, 2, 2}));
}

TEST(Exchange, GivesAllToTheFirst) {
  Lanes<ToFirst> lanes(3);
  for (size_t lane = 0; lane < 3; ++lane) lanes.Push(lane, Elements(7, 7), Timestamp::Min());
  const std::vector<Taken>& taken = lanes.Receive();
  EXPECT_EQ(taken[0].elements.size(), 21u);
  EXPECT_TRUE(taken[1].elements.empty() && taken[2].elements.empty());
}

TEST(Exchange, SaysWhenMuchIsOnItsWay) {
  BundleLimits limits({1'000'000, std::chrono::milliseconds(1), 1 << 20});
  OperatorContext context;
  context.lanes = 2;
  context.limits = &limits;
  Taken taken;
  DealtInput<Named, ByTurns> input(context, std::make_shared<Exchange<Named>>(2), &taken);
  const auto push = [&](const std::string& key) {
    ColumnBuffer<Named> column;
    column.writer().SetView(0, {key, 1});
    input.Push({column.view(), 1, Meta()});
  };
  const std::string large(300'000, 'x');
  push(large);
  push(large);
  EXPECT_FALSE(limits.is_full());
  for (int i = 0; i < 4; ++i) push(large);
  EXPECT_TRUE(limits.is_full()) << "of large elements few are many";
  limits.Begin(std::chrono::milliseconds(1));
  input.Receive();
  push("x");
  EXPECT_FALSE(limits.is_full()) << "what was taken no longer counts";
  for (int i = 0; i < 50'000; ++i) push("x");
  EXPECT_TRUE(limits.is_full());
}

TEST(Exchange, LetsThroughWhereThereIsOneLane) {
  OperatorContext context;
  Taken taken;
  DealtInput<Named, ByKey> input(context, std::make_shared<Exchange<Named>>(1), &taken);
  ColumnBuffer<Named> column;
  column.writer().SetView(0, {"x", 1});
  input.Push({column.view(), 1, Meta()});
  EXPECT_EQ(taken.elements, (std::vector<Named>{{"x", 1}})) << "without Receive";
}

TEST(Exchange, KnowsTheLaneOfAKeyByItsText) {
  ByKey by_key;
  for (int64_t key = -50; key < 50; ++key) {
    const uint64_t word = KeyTraits<int64_t>::ToWord(key);
    const std::string_view text(reinterpret_cast<const char*>(&word), sizeof(word));
    EXPECT_EQ(by_key.LaneOf<int64_t>(key, 5), LaneOfPartition(PartitionOfText(text, true), 5));
    const std::string name = std::to_string(key);
    EXPECT_EQ(by_key.LaneOf<std::string>(name, 5),
              LaneOfPartition(PartitionOfText(name, false), 5));
  }
}

}  // namespace
}  // namespace joist
