// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/job_counters.h"

#include <gtest/gtest.h>
#include <org/apache/beam/model/fn_execution/v1/beam_fn_api.pb.h>
#include <org/apache/beam/model/pipeline/v1/metrics.pb.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "joist/model/coder.h"
#include "joist/model/wire.h"

namespace joist::portability {
namespace {

template <class... Numbers>
std::string Encoded(Numbers... numbers) {
  std::string bytes;
  (Coder<Numbers>::Encode(numbers, &bytes, /*nested=*/true), ...);
  return bytes;
}
std::string Strings(const std::vector<std::string>& texts) {
  std::string bytes;
  PutBigEndian32(static_cast<uint32_t>(texts.size()), &bytes);
  for (const std::string& text : texts) PutBytes(text, &bytes, /*nested=*/true);
  return bytes;
}
pipeline::MonitoringInfo Info(const std::string& type, const std::string& label = "a") {
  pipeline::MonitoringInfo info;
  info.set_urn("beam:metric:user:v1");
  info.set_type("beam:metrics:" + type);
  (*info.mutable_labels())["NAME"] = label;
  return info;
}
/// Of one that says `a` and then says `b`.
std::string Sum(const std::string& type, const std::string& a, const std::string& b) {
  const std::string of = Info(type).SerializeAsString();
  Counts counts;
  AddCounts({{of, a}}, &counts);
  EXPECT_EQ(counts.at(of), a);
  AddCounts({{of, b}}, &counts);
  EXPECT_EQ(counts.size(), 1U);
  return counts.at(of);
}

using Int = int64_t;

TEST(JobCounters, AddsAsTheTypeSays) {
  EXPECT_EQ(Sum("sum_int64:v1", Encoded(Int{3}), Encoded(Int{-300})), Encoded(Int{-297}));
  EXPECT_EQ(Sum("sum_int64:v1", Encoded(INT64_MAX), Encoded(Int{1})), Encoded(INT64_MIN));
  EXPECT_EQ(Sum("sum_double:v1", Encoded(1.5), Encoded(2.25)), Encoded(3.75));
  // Count, sum, least, most.
  EXPECT_EQ(Sum("distribution_int64:v1", Encoded(Int{2}, Int{10}, Int{-5}, Int{15}),
                Encoded(Int{1}, Int{-7}, Int{-7}, Int{-7})),
            Encoded(Int{3}, Int{3}, Int{-7}, Int{15}));
  EXPECT_EQ(Sum("distribution_double:v1", Encoded(Int{2}, 1.0, 0.25, 0.75),
                Encoded(Int{1}, 9.0, 9.0, 9.0)),
            Encoded(Int{3}, 10.0, 0.25, 9.0));
  EXPECT_EQ(Sum("set_string:v1", Strings({"b", "a"}), Strings({"c", "b"})),
            Strings({"a", "b", "c"}));
  // What nobody knows is the last that was said.
  EXPECT_EQ(Sum("my:own", "first", "second"), "second");
}

// The least and most of nothing say nothing.
TEST(JobCounters, ADistributionOfNothingAddsNothing) {
  const std::string none = Encoded(Int{0}, Int{0}, INT64_MAX, INT64_MIN);
  const std::string some = Encoded(Int{1}, Int{7}, Int{7}, Int{7});
  EXPECT_EQ(Sum("distribution_int64:v1", none, some), some);
  EXPECT_EQ(Sum("distribution_int64:v1", some, Encoded(Int{0}, Int{0}, Int{0}, Int{0})), some);
}

TEST(JobCounters, TheLatestIsTheLatestInTime) {
  for (const std::string type : {"latest_int64:v1", "latest_double:v1"}) {
    const std::string early = Encoded(Int{1000}, Int{1});
    const std::string late = Encoded(Int{2000}, Int{2});
    EXPECT_EQ(Sum(type, early, late), late);
    EXPECT_EQ(Sum(type, late, early), late);
    const std::string also_late = Encoded(Int{2000}, Int{3});
    EXPECT_EQ(Sum(type, late, also_late), also_late);
  }
}

TEST(JobCounters, WhatIsNoneOfItsTypeChangesNothing) {
  const std::string number = Encoded(Int{3});
  EXPECT_EQ(Sum("sum_int64:v1", number, ""), number);
  EXPECT_EQ(Sum("sum_double:v1", Encoded(1.0), "short"), Encoded(1.0));
  const std::string distribution = Encoded(Int{1}, Int{7}, Int{7}, Int{7});
  EXPECT_EQ(Sum("distribution_int64:v1", distribution, Encoded(Int{1}, Int{7})), distribution);
  EXPECT_EQ(Sum("latest_int64:v1", distribution, ""), distribution);
  EXPECT_EQ(Sum("set_string:v1", Strings({"a"}), "\x7f\xff\xff\xff\1b"), Strings({"a"}));
}

std::string Trie(const std::function<void(pipeline::BoundedTrie*)>& make) {
  pipeline::BoundedTrie trie;
  make(&trie);
  return trie.SerializeAsString();
}

TEST(JobCounters, TriesHaveThePathsOfBoth) {
  const auto path = [](const std::vector<std::string>& parts) {
    return Trie([&](auto* trie) {
      for (const std::string& part : parts) trie->add_singleton(part);
    });
  };
  const std::string sum = Sum("bounded_trie:v1", path({"a", "b"}), path({"a", "c"}));
  pipeline::BoundedTrie trie;
  ASSERT_TRUE(trie.ParseFromString(sum));
  EXPECT_EQ(trie.singleton_size(), 0);
  ASSERT_EQ(trie.root().children_size(), 1);
  const auto& a = trie.root().children().at("a");
  EXPECT_EQ(a.children_size(), 2);
  EXPECT_EQ(a.children().count("b") + a.children().count("c"), 2U);
  EXPECT_EQ(Sum("bounded_trie:v1", path({}), path({"a"})), path({"a"}));

  // Below a part that was cut nothing is known.
  const std::string cut = Sum("bounded_trie:v1", sum, Trie([](auto* of) {
                                (*of->mutable_root()->mutable_children())["a"].set_truncated(true);
                              }));
  ASSERT_TRUE(trie.ParseFromString(cut));
  EXPECT_TRUE(trie.root().children().at("a").truncated());
  EXPECT_EQ(trie.root().children().at("a").children_size(), 0);
}

/// A worker of which only monitoring infos are asked.
class NamingWorker final : public SdkWorker {
 public:
  const std::string& id() const override { return id_; }
  Status WaitUntilConnected(std::chrono::milliseconds) override { return OkStatus(); }
  bool is_alive() const override { return true; }
  void AddDescriptor(const fn::ProcessBundleDescriptor&) override {}
  std::unique_ptr<WorkerBundle> MakeBundle(const std::string&, StateHandler*,
                                           std::vector<std::string>) override {
    return nullptr;
  }
  void Finalize(const std::string&) override {}
  Result<std::string> MonitoringInfo(const std::string& short_id) override {
    if (short_id == "1") return Info("sum_int64:v1", "one").SerializeAsString();
    return NotFound("no such id");
  }
  Result<std::string> WorkerStatus(std::chrono::milliseconds) override { return std::string(); }
  void Stop(const std::string&) override {}

 private:
  const std::string id_ = "w1";
};

std::vector<std::string> Shown(const std::vector<std::string>& infos) {
  std::vector<std::string> shown;
  for (const std::string& bytes : infos) {
    pipeline::MonitoringInfo info;
    EXPECT_TRUE(info.ParseFromString(bytes));
    ByteReader in(info.payload());
    int64_t number = 0;
    EXPECT_TRUE(Coder<int64_t>::Decode(&in, &number, /*nested=*/true));
    shown.push_back(info.labels().at("NAME") + " " + std::to_string(number));
  }
  return shown;
}

TEST(JobCounters, AttemptedAndCommittedAreCountedApart) {
  NamingWorker worker;
  JobCounters counters;
  fn::ProcessBundleResponse by_id;
  (*by_id.mutable_monitoring_data())["1"] = Encoded(Int{5});
  (*by_id.mutable_monitoring_data())["unknown"] = Encoded(Int{6});
  const Counts first = counters.Attempted(worker, by_id);
  counters.Attempted(worker, by_id);  // A second attempt.
  EXPECT_EQ(Shown(counters.attempted()), std::vector<std::string>{"one 10"});
  EXPECT_TRUE(counters.committed().empty());
  counters.Committed(first);
  EXPECT_EQ(Shown(counters.committed()), std::vector<std::string>{"one 5"});

  // From an SDK that knows no short ids.
  fn::ProcessBundleResponse whole;
  pipeline::MonitoringInfo* const info = whole.add_monitoring_infos();
  *info = Info("sum_int64:v1", "two");
  info->set_payload(Encoded(Int{1}));
  counters.Committed(counters.Attempted(worker, whole));
  counters.Committed(counters.Attempted(worker, whole));
  std::vector<std::string> committed = Shown(counters.committed());
  std::sort(committed.begin(), committed.end());
  EXPECT_EQ(committed, (std::vector<std::string>{"one 5", "two 2"}));
}

// A map of protobuf's has another order in each message.
TEST(JobCounters, AreOneHoweverTheirLabelsCome) {
  NamingWorker worker;
  JobCounters counters;
  for (int first = 0; first < 20; ++first) {
    fn::ProcessBundleResponse response;
    pipeline::MonitoringInfo* const info = response.add_monitoring_infos();
    *info = Info("sum_int64:v1", "lines");
    for (int i = 0; i < 20; ++i) {
      (*info->mutable_labels())["label " + std::to_string((first + i) % 20)] = "x";
    }
    info->set_payload(Encoded(Int{1}));
    counters.Attempted(worker, response);
  }
  EXPECT_EQ(Shown(counters.attempted()), std::vector<std::string>{"lines 20"});
}

TEST(JobCounters, AreOfTransformsByTheirNames) {
  NamingWorker worker;
  const std::map<std::string, std::string> names = {{"id-7", "Parse"}};
  JobCounters counters(names);
  fn::ProcessBundleResponse response;
  for (const char* transform : {"id-7", "id-8"}) {
    pipeline::MonitoringInfo* const info = response.add_monitoring_infos();
    *info = Info("sum_int64:v1", "lines");
    (*info->mutable_labels())["PTRANSFORM"] = transform;
    info->set_payload(Encoded(Int{1}));
  }
  counters.Attempted(worker, response);
  std::vector<std::string> transforms;
  for (const std::string& bytes : counters.attempted()) {
    pipeline::MonitoringInfo info;
    ASSERT_TRUE(info.ParseFromString(bytes));
    transforms.push_back(info.labels().at("PTRANSFORM"));
  }
  std::sort(transforms.begin(), transforms.end());
  EXPECT_EQ(transforms, (std::vector<std::string>{"Parse", "id-8"}));
}

}  // namespace
}  // namespace joist::portability
