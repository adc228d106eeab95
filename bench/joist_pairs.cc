// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Grouping, summing and joining as Joist pipelines.

#include "bench/joist_variants.h"
#include "bench/key_results.h"
#include "joist/transforms/distinct.h"
#include "joist/transforms/join.h"

namespace joist::bench {
namespace {

struct Pairs {
  using Element = KV<int64_t, int64_t>;
  PairSequence input;
  Result<std::vector<SourceRange>> Split(int) const {
    return std::vector<SourceRange>{{0, 0, static_cast<int64_t>(input.pair_count), true}};
  }
  Status Read(RangeTracker& tracker, SourceOutput<Element>& out) const {
    int64_t begin, end;
    while (tracker.Claim(kBatchSize, &begin, &end)) {
      for (int64_t i = begin; i < end; ++i) {
        const Pair pair = input[static_cast<uint64_t>(i)];
        out(Element{pair.key, pair.value});
      }
    }
    return OkStatus();
  }
  int64_t least_split() const { return 64 << 10; }
};

/// Where exact results are wanted: an array by key. Set before the pipeline runs.
KeyResult* results = nullptr;

/// A last step that hands what it sees to the same consumer as the rival.
struct TakeGroups {
  GroupConsumer consumer;
  void StartBundle() { consumer.results = results; }
  void Process(const KV<int64_t, Iterable<int64_t>>& group) {
    consumer.Add(group.key, group.value);
  }
  void FinishBundle() {
    DigestCollector::Add(consumer.digest);
    consumer.digest = Digest();
  }
};

struct TakeSums {
  SumConsumer consumer;
  void StartBundle() { consumer.results = results; }
  void Process(const KV<int64_t, int64_t>& sum) { consumer.Add(sum.key, sum.value); }
  void FinishBundle() {
    DigestCollector::Add(consumer.digest);
    consumer.digest = Digest();
  }
};

struct TakeKeys {
  SumConsumer consumer;
  void StartBundle() { consumer.results = results; }
  void Process(int64_t key) { consumer.Add(key, 1); }
  void FinishBundle() {
    DigestCollector::Add(consumer.digest);
    consumer.digest = Digest();
  }
};

struct TakeJoined {
  JoinConsumer consumer;
  void StartBundle() { consumer.results = results; }
  void Process(const KV<int64_t, KV<int64_t, int64_t>>& joined) {
    consumer.Add(joined.key, joined.value.key, joined.value.value);
  }
  void FinishBundle() {
    DigestCollector::Add(consumer.digest);
    consumer.digest = Digest();
  }
};

template <typename Build>
Variant PairsVariant(const std::string& name, const PairSequence& input, double goal, Build build,
                     const std::string& memory = "") {
  Variant variant;
  variant.name = name;
  variant.goal = goal;
  variant.run = [input, build, memory](Measurement& m) {
    std::vector<KeyResult> exact(m.wants_exact() ? input.key_count : 0);
    results = m.wants_exact() ? exact.data() : nullptr;
    m.Start();
    Pipeline p = MakePipeline(m.threads(), memory.empty() ? std::vector<std::string>()
                                                          : std::vector{"--memory=" + memory});
    build(p, input);
    RunToEnd(p);
    m.Stop();
    m.digest = DigestCollector::Take();
    if (m.wants_exact()) m.exact = CanonicalKeyResults(exact);
  };
  return variant;
}

void GroupAndAddUp(Pipeline& p, const PairSequence& input) {
  p | "Pairs" >> Read(Pairs{input}) | "Group" >> GroupByKey() | "Add up" >> ParDo(TakeGroups());
}

}  // namespace

std::vector<Variant> JoistGroupVariants(const PairSequence& input) {
  return {PairsVariant("Joist, GroupByKey", input, 0.5, GroupAndAddUp)};
}

std::vector<Variant> JoistGroupSpillVariants(const PairSequence& input, const std::string& memory) {
  return {PairsVariant("Joist, --memory=" + memory, input, 0.4, GroupAndAddUp, memory)};
}

std::vector<Variant> JoistSumPerKeyVariants(const PairSequence& input) {
  return {PairsVariant("Joist, Sum::PerKey", input, 0.6, [](Pipeline& p, const PairSequence& in) {
    p | "Pairs" >> Read(Pairs{in}) | "Sum" >> Sum::PerKey() | "Take" >> ParDo(TakeSums());
  })};
}

std::vector<Variant> JoistDistinctVariants(const PairSequence& input) {
  return {PairsVariant("Joist, Distinct", input, 0, [](Pipeline& p, const PairSequence& in) {
    p | "Pairs" >> Read(Pairs{in}) | "Keys" >> Keys() | "Distinct" >> Distinct() |
        "Take" >> ParDo(TakeKeys());
  })};
}

std::vector<Variant> JoistJoinVariants(const PairSequence& left, const PairSequence& right) {
  const auto join = [right](Pipeline& p, const PairSequence& left) {
    Join::Inner("Join", p | "Left" >> Read(Pairs{left}), p | "Right" >> Read(Pairs{right})) |
        "Take" >> ParDo(TakeJoined());
  };
  return {PairsVariant("Joist, Join::Inner", left, 0.5, join)};
}

}  // namespace joist::bench
