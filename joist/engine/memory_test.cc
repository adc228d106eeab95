// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Groupings and combines of much more than --memory allows: exact results, nothing held beyond the
// limit, with failures injected as well.

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <vector>

#include "joist/engine/injected_failure.h"
#include "joist/engine/little_memory.h"
#include "joist/engine/machine.h"

namespace joist {
namespace {

struct Sighting {
  std::string place;
  std::vector<int64_t> counts;
};
JOIST_ROW(Sighting, place, counts)

/// The sum of a group's values, read twice, must be that of 0, 1, …; one output for each group.
struct CheckGroup {
  void Process(const KV<int64_t, Iterable<int64_t>>& group, Emit<int64_t> emit) const {
    int64_t sum = 0, again = 0;
    size_t count = 0;
    for (int64_t n : group.value) sum += n, ++count;
    for (int64_t n : group.value) again += n;
    if (sum != again || count != group.value.size()) throw std::runtime_error("differs");
    emit(sum);
  }
};

TEST(Memory, GroupsOfNumbersGoToDisk) {
  constexpr int64_t kCount = 2'000'000;
  TestPipeline p;
  p.set_memory(kLimit);
  auto sums = p | Read(Numbers{kCount}) |
              "Key" >> Map([](int64_t n) { return KV{n * 7919 % 100'003, n}; }) | GroupByKey() |
              "Check" >> ParDo(CheckGroup());
  PAssert::That(sums | "Count" >> Count::Globally()).ContainsInAnyOrder({100'003});
  PAssert::That(sums | "Sum" >> Sum::Globally()).ContainsInAnyOrder({kCount * (kCount - 1) / 2});
  ExpectSpilledWithinLimit(p.RunToEnd());
}

TEST(Memory, AGroupThatDoesNotFitIsReadByPages) {
  constexpr int64_t kCount = 3'000'000;
  TestPipeline p;
  p.set_memory(kLimit);
  // Nine of ten have one key.
  auto sums = p | Read(Numbers{kCount}) |
              "Key" >> Map([](int64_t n) { return KV{n % 10 == 0 ? n % 1000 : int64_t{-1}, n}; }) |
              GroupByKey() | "Check" >> ParDo(CheckGroup());
  PAssert::That(sums | "Count" >> Count::Globally()).ContainsInAnyOrder({101});
  PAssert::That(sums | "Sum" >> Sum::Globally()).ContainsInAnyOrder({kCount * (kCount - 1) / 2});
  ExpectSpilledWithinLimit(p.RunToEnd());
}

TEST(Memory, GroupsOfRowsAndTexts) {
  constexpr int64_t kCount = 200'000;
  TestPipeline p;
  p.set_memory(kLimit);
  auto lengths =
      p | Read(Numbers{kCount}) |
      "Key" >> Map([](int64_t n) {
        return KV{KV{"key " + std::to_string(n % 5000), n % 2 == 0},
                  Sighting{"somewhere " + std::to_string(n), {n, n + 1}}};
      }) |
      GroupByKey() |
      "Check" >> Map([](const KV<KV<std::string, bool>, Iterable<Sighting>>& group) {
        int64_t sum = 0;
        for (const Sighting& sighting : group.value) {
          if (sighting.place != "somewhere " + std::to_string(sighting.counts[0])) {
            throw std::runtime_error("wrong place");
          }
          const int64_t n = sighting.counts[0];
          if ("key " + std::to_string(n % 5000) != group.key.key || sighting.counts.size() != 2) {
            throw std::runtime_error("wrong key");
          }
          sum += n;
        }
        return sum;
      });
  PAssert::That(lengths | "Sum" >> Sum::Globally()).ContainsInAnyOrder({kCount * (kCount - 1) / 2});
  PAssert::That(lengths | "Count" >> Count::Globally()).ContainsInAnyOrder({5000});
  ExpectSpilledWithinLimit(p.RunToEnd());
}

TEST(Memory, CombineTablesGoToDisk) {
  constexpr int64_t kCount = 2'000'000;
  TestPipeline p;
  p.set_memory(kLimit);
  auto keyed =
      p | Read(Numbers{kCount}) | "Key" >> Map([](int64_t n) { return KV{n * 7919 % 500'009, n}; });
  auto sums = keyed | "Sums" >> Sum::PerKey();
  PAssert::That(sums | "Values" >> Values() | "Sum" >> Sum::Globally())
      .ContainsInAnyOrder({kCount * (kCount - 1) / 2});
  PAssert::That(sums | "Count" >> Count::Globally()).ContainsInAnyOrder({500'009});
  ExpectSpilledWithinLimit(p.RunToEnd());
}

TEST(Memory, TextKeysAndAccumulatorsThatGrow) {
  constexpr int64_t kCount = 300'000;
  TestPipeline p;
  p.set_memory(kLimit);
  auto longest =
      p | Read(Numbers{kCount}) |
      "Key" >> Map([](int64_t n) {
        return KV{"a key of some length " + std::to_string(n % 30'000), std::to_string(n)};
      }) |
      "Greatest" >> Combine::PerKey([](const std::string& a, const std::string& b) {
        return std::pair(a.size(), a) < std::pair(b.size(), b) ? b : a;
      });
  auto wrong = longest | "Wrong" >> Filter([](const KV<std::string, std::string>& kv) {
                           const int64_t n = std::stoll(kv.value);
                           return kv.key != "a key of some length " + std::to_string(n % 30'000) ||
                                  n < 270'000;
                         });
  PAssert::That(wrong).IsEmpty();
  PAssert::That(longest | "Count" >> Count::Globally()).ContainsInAnyOrder({30'000});
  ExpectSpilledWithinLimit(p.RunToEnd());
}

// --- Failures -----------------------------------------------------------------------------------

struct FailingSum {
  int64_t CreateAccumulator() const { return 0; }
  void AddInput(int64_t& to, int64_t n) const {
    if (n == 250'000) MayFail("add");
    to += n;
  }
  void MergeAccumulators(int64_t& to, const int64_t& from) const {
    MayFail("merge");
    to += from;
  }
  int64_t ExtractOutput(const int64_t& from) const {
    MayFail("extract");
    return from;
  }
};

// A share that fails has spilled already, and so have those that were merged or grouped.
TEST(Memory, RetriedSharesLeaveNoTrace) {
  if (getenv("JOIST_TEST_SECOND_PROCESS") != nullptr) {
    GTEST_SKIP() << "counts its failures in this process";
  }
  constexpr int64_t kCount = 400'000;
  for (const char* place : {"key", "add", "merge", "extract", "group"}) {
    TestPipeline p;
    p.set_memory(int64_t{1} << 20);
    auto keyed = p | Read(Numbers{kCount}) | "Key" >> Map([](int64_t n) {
                                               if (n == 300'000) MayFail("key");
                                               return KV{n % 50'000, n};
                                             });
    auto sums = keyed | "Sums" >> Combine::PerKey(FailingSum());
    auto groups = keyed | GroupByKey() | "Add" >> Map([](const KV<int64_t, Iterable<int64_t>>& g) {
                                           if (g.key == 40'000) MayFail("group");
                                           int64_t sum = 0;
                                           for (int64_t n : g.value) sum += n;
                                           return KV{g.key, sum};
                                         });
    std::vector<KV<int64_t, int64_t>> expected;
    for (int64_t key = 0; key < 50'000; ++key) {
      expected.push_back({key, 8 * key + 50'000 * (0 + 1 + 2 + 3 + 4 + 5 + 6 + 7)});
    }
    PAssert::That(sums).ContainsInAnyOrder(expected);
    PAssert::That(groups).ContainsInAnyOrder(expected);
    failing_place = place;
    failures_left = 2;
    const JobOutcome outcome = p.RunToEnd();
    EXPECT_TRUE(outcome.status.ok()) << place << ": " << outcome.status.message();
    EXPECT_EQ(failures_left, 0) << place;
    EXPECT_GT(outcome.metrics.spilled_bytes, 0);
  }
}

TEST(Memory, AFolderThatCannotBeWrittenIsNamed) {
  if (getenv("JOIST_TEST_SECOND_PROCESS") != nullptr) {
    GTEST_SKIP() << "the second process has a folder of its own";
  }
  TestPipeline p;
  p.set_memory(int64_t{1} << 20);
  p | Read(Numbers{500'000}) | "Key" >> Map([](int64_t n) { return KV{n, n}; }) |
      "Group" >> GroupByKey() | "Check" >> ParDo(CheckGroup());
  setenv("TMPDIR", "/nowhere", 1);
  const JobOutcome outcome = p.RunToEnd();
  unsetenv("TMPDIR");
  EXPECT_EQ(outcome.state, JobState::kFailed);
  EXPECT_EQ(outcome.status.message(),
            "step \"Group\": cannot make a temporary file in /nowhere: No such file or directory; "
            "give more memory with --memory, or another folder with --temp_location");
}

TEST(Machine, HasMemory) { EXPECT_GE(DefaultMemoryBytes(), int64_t{64} << 20); }

}  // namespace
}  // namespace joist
