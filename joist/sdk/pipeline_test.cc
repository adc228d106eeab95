// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Names, composites, Flatten, metrics, and what a pipeline refuses before it runs.

#include "joist/sdk/pipeline.h"

#include <gtest/gtest.h>

#include <limits>
#include <set>
#include <string>
#include <vector>

#include "joist/sdk/testing/test_pipeline.h"

namespace joist {
namespace {

std::set<std::string> NamesOf(const Pipeline& p) {
  std::set<std::string> names;
  for (const Node& node : p.graph().nodes()) names.insert(node.name);
  return names;
}

struct CountLong : Transform {
  static constexpr std::string_view kKind = "CountLong";
  auto Expand(PCollection<std::string> words) const {
    return words | "Long" >> Filter([](std::string_view w) { return w.size() > 2; }) |
           Count::Globally();
  }
};

TEST(Names, AreDerivedAndUnique) {
  TestPipeline p;
  auto words = p | Create({"a", "long"});
  words | Map([](std::string_view w) { return w.size(); });
  words | Map([](std::string_view w) { return w.size(); });
  words | "Map_2x" >> Filter([](std::string_view) { return true; });
  words | "Count" >> CountLong();
  words | CountLong();
  words | CountLong();
  words | "Mine" >> Composite([](PCollection<std::string> in) { return in | Reshuffle(); });
  const std::set<std::string> names = NamesOf(p);
  for (const char* name : {"Create", "Map", "Map_2", "Map_2x", "Count/Long", "CountLong/Long",
                           "CountLong_2/Long", "Mine/Reshuffle"}) {
    EXPECT_TRUE(names.contains(name)) << name;
  }
  EXPECT_EQ(names.size(), p.graph().nodes().size());
  EXPECT_TRUE(p.RunOk());
}

TEST(Names, DuplicatesAreRefused) {
  TestPipeline p;
  auto numbers = p | Create({1, 2});
  const int line = __LINE__;
  numbers | "Same" >> Map([](int n) { return n; });
  numbers | "Same" >> Map([](int n) { return n; });
  const JobOutcome outcome = p.RunToEnd();
  EXPECT_EQ(outcome.state, JobState::kFailed);
  EXPECT_EQ(outcome.status.message(),
            "step \"Same\" at pipeline_test.cc:" + std::to_string(line + 2) +
                " has the name of the step at pipeline_test.cc:" + std::to_string(line + 1) +
                "; give one of them another name: \"Name\" >> …");
}

TEST(Names, OfStepsWhoseLineIsNotKnown) {
  TestPipeline p;
  auto numbers = p | Create({1, 2});
  Flatten("Same", numbers, numbers);
  Flatten("Same", numbers, numbers);
  EXPECT_EQ(
      p.RunToEnd().status.message(),
      "step \"Same\" has the name of another step; give one of them another name: \"Name\" >> …");
}

TEST(Refused, CollectionsOfAnotherPipeline) {
  TestPipeline other;
  auto more = other | Create({1}) | Map([](int n) { return KV{n, n}; }) | Reshuffle();
  const auto check = [&](auto build) {
    TestPipeline p;
    build(p | Create({2}) | Map([](int n) { return KV{n, n}; }));
    const Status status = p.RunToEnd().status;
    EXPECT_TRUE(std::string(status.message()).starts_with("step \"Two\"")) << status.message();
    EXPECT_TRUE(std::string(status.message())
                    .ends_with(" takes a collection of another pipeline; make that collection in "
                               "this pipeline as well"))
        << status.message();
  };
  check([&](auto one) { Flatten("Two", one, more); });
  check([&](auto one) { CoGroupByKey("Two", one, more); });
  check([&](auto one) {
    one | "Two" >>
              Map([](const KV<int, int>& kv, SideInput<IterableView<KV<int, int>>>) { return kv; },
                  AsIterable(more));
  });
}

TEST(Names, LinesAreTheUsers) {
  TestPipeline p;
  auto words = p | Create({"a"});
  words | "Here" >> CountLong();
  const unsigned line = __LINE__ - 1;
  for (const Node& node : p.graph().nodes()) {
    if (node.name != "Here/Long") continue;
    EXPECT_TRUE(DescribeLocation(node.where).starts_with("pipeline_test.cc:"));
    EXPECT_LT(node.where.line(), line);  // The line inside of the composite.
  }
}

TEST(Composite, AnyCallable) {
  TestPipeline p;
  auto words = p | Create({"a", "long"});
  const auto longest = [](const PCollection<std::string>& in) {
    return in | Map([](std::string_view w) { return w.size(); }) | Max::Globally();
  };
  PAssert::ThatSingleton(words | longest).IsEqualTo(4);
  PAssert::ThatSingleton(words | "Count" >> CountLong()).IsEqualTo(1);
  EXPECT_TRUE(p.RunOk());
}

TEST(Create, OfNothing) {
  TestPipeline p;
  auto none = p | Create(std::vector<std::string>());
  PAssert::That(none).IsEmpty();
  PAssert::That(none | Count::PerElement()).IsEmpty();
  PAssert::That(none | Map([](std::string_view w) { return KV{w, 1}; }) | GroupByKey() |
                Map([](const KV<std::string_view, Iterable<int>>& g) { return g.value.size(); }))
      .IsEmpty();
  PAssert::That(none | Reshuffle()).IsEmpty();
  PAssert::ThatSingleton(none | Count::Globally()).IsEqualTo(0);
  EXPECT_TRUE(p.RunOk());
}

TEST(Impulse, IsOneElement) {
  TestPipeline p;
  PAssert::ThatSingleton(p | Impulse() | Map([](const Bytes& b) { return b.size(); })).IsEqualTo(0);
  EXPECT_TRUE(p.RunOk());
}

TEST(Flatten, OfTheSameTwiceAndAcrossStages) {
  TestPipeline p;
  auto a = p | "A" >> Create({1, 2});
  auto b = p | "B" >> Create({2, 3});
  auto grouped = b | Reshuffle();
  PAssert::That(Flatten(a, a)).ContainsInAnyOrder({1, 1, 2, 2});
  PAssert::That(Flatten(a, grouped, b)).ContainsInAnyOrder({1, 2, 2, 3, 2, 3});
  PAssert::That(Flatten(Flatten(a, b), grouped) | Map([](int n) { return 10 * n; }) |
                Count::PerElement())
      .ContainsInAnyOrder({{10, 1}, {20, 3}, {30, 2}});
  PAssert::That(Flatten<int>("All", {a, b})).ContainsInAnyOrder({1, 2, 2, 3});
  PAssert::That(Flatten("Both", a, b)).ContainsInAnyOrder({1, 2, 2, 3});
  EXPECT_TRUE(NamesOf(p).contains("All") && NamesOf(p).contains("Both"));
  PAssert::That(Flatten(a)).ContainsInAnyOrder({1, 2});
  EXPECT_TRUE(p.RunOk());
}

TEST(Diamond, MeetsAgain) {
  TestPipeline p;
  auto numbers = p | Create({1, 2, 3, 4});
  auto even = numbers | Filter([](int n) { return n % 2 == 0; });
  auto odd = numbers | Filter([](int n) { return n % 2 != 0; });
  auto both = Flatten(even | Map([](int n) { return n / 2; }), odd, even | Sum::Globally());
  PAssert::That(both).ContainsInAnyOrder({1, 2, 1, 3, 6});
  EXPECT_TRUE(p.RunOk());
}

const Counter words_seen("pipeline_test", "words");
const Counter never("pipeline_test", "never");
const Distribution lengths("pipeline_test", "lengths");
const Gauge latest("pipeline_test", "latest");
const StringSet initials("pipeline_test", "initials");

TEST(Metrics, AreAddedUpByStep) {
  TestPipeline p;
  never.Inc();  // Outside of a step: of no effect.
  p | Create({"a", "bb", "cc", "bbb"}) | "First" >> Map([](std::string_view w) {
                                           words_seen.Inc();
                                           lengths.Update(static_cast<int64_t>(w.size()));
                                           latest.Set(7);
                                           initials.Add(w.substr(0, 1));
                                           return w.size();
                                         }) |
      "Second" >> Map([](size_t n) {
        words_seen.Inc(10);
        words_seen.Dec();
        return n;
      });
  const JobOutcome outcome = p.RunToEnd();
  ASSERT_TRUE(outcome.status.ok());
  const JobMetrics& metrics = outcome.metrics;
  EXPECT_EQ(metrics.CounterValue("pipeline_test", "words"), 4 + 36);
  EXPECT_EQ(metrics.CounterValue("pipeline_test", "never"), 0);
  const MetricCell length = metrics.Value(MetricKind::kDistribution, "pipeline_test", "lengths");
  EXPECT_EQ(length.count, 4);
  EXPECT_EQ(length.sum, 8);
  EXPECT_EQ(length.min, 1);
  EXPECT_EQ(length.max, 3);
  EXPECT_EQ(metrics.Value(MetricKind::kGauge, "pipeline_test", "latest").latest, 7);
  EXPECT_EQ(metrics.Value(MetricKind::kStringSet, "pipeline_test", "initials").strings,
            (std::vector<std::string>{"a", "b", "c"}));
  std::set<std::string> named;
  for (const StepMetric& metric : metrics.metrics)
    named.insert(metric.step + " " + metric.name.name);
  EXPECT_EQ(named, (std::set<std::string>{"First words", "First lengths", "First latest",
                                          "First initials", "Second words"}));
  for (const auto& step : metrics.steps) {
    EXPECT_EQ(step.elements_out, 4u) << step.step;
    EXPECT_EQ(step.elements_in, step.step == "Create" ? 0u : 4u) << step.step;
  }
}

TEST(Combine, Globally) {
  TestPipeline p;
  auto numbers = p | Create<int64_t>({3, 1, 2});
  auto none = numbers | Filter([](int64_t) { return false; });
  PAssert::ThatSingleton(numbers | Sum::Globally()).IsEqualTo(6);
  PAssert::ThatSingleton(numbers | Mean::Globally()).IsEqualTo(2.0);
  PAssert::ThatSingleton(numbers | Min::Globally()).IsEqualTo(1);
  PAssert::ThatSingleton(numbers | Max::Globally()).IsEqualTo(3);
  PAssert::ThatSingleton(numbers | Count::Globally()).IsEqualTo(3);
  PAssert::ThatSingleton(numbers | Combine::Globally([](int64_t a, int64_t b) { return a * b; }))
      .IsEqualTo(6);
  PAssert::ThatSingleton(none | Sum::Globally()).IsEqualTo(0);
  PAssert::ThatSingleton(none | Count::Globally()).IsEqualTo(0);
  PAssert::ThatSingleton(none | Mean::Globally())
      .IsEqualTo(std::numeric_limits<double>::quiet_NaN());
  PAssert::That(none | Max::Globally()).IsEmpty();
  PAssert::ThatSingleton(p | "Words" >> Create({"b", "a"}) | Min::Globally()).IsEqualTo("a");
  PAssert::ThatSingleton(p | "Flags" >> Create({false, true}) |
                         Combine::Globally([](bool a, bool b) { return a || b; }))
      .IsEqualTo(true);
  EXPECT_TRUE(p.RunOk());
}

struct JoinFn {
  std::string CreateAccumulator() const { return ""; }
  void AddInput(std::string& to, std::string_view text) const { to += text; }
  void MergeAccumulators(std::string& to, const std::string& from) const { to += from; }
  int64_t ExtractOutput(const std::string& from) const { return static_cast<int64_t>(from.size()); }
};

TEST(Combine, PerKey) {
  TestPipeline p;
  auto pairs = p | Create<KV<std::string, double>>({{"a", 1.0}, {"b", 5.0}, {"a", 2.0}});
  PAssert::That(pairs | Sum::PerKey()).ContainsInAnyOrder({{"a", 3.0}, {"b", 5.0}});
  PAssert::That(pairs | Mean::PerKey()).ContainsInAnyOrder({{"a", 1.5}, {"b", 5.0}});
  PAssert::That(pairs | Min::PerKey()).ContainsInAnyOrder({{"a", 1.0}, {"b", 5.0}});
  PAssert::That(pairs | Count::PerKey()).ContainsInAnyOrder({{"a", 2}, {"b", 1}});
  PAssert::That(p | "Texts" >> Create<KV<int, std::string>>({{1, "x"}, {1, "yz"}, {2, ""}}) |
                Combine::PerKey(JoinFn()))
      .ContainsInAnyOrder({{1, 3}, {2, 0}});
  EXPECT_TRUE(p.RunOk());
}

}  // namespace
}  // namespace joist
