// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Random small pipelines on 1, 2 and 4 threads, with memory enough and with so little that nearly
// all goes to disk, against the same steps done naively on std::vectors; and the same with failures
// injected, after which results must be exact or the job must have failed with one line. A failure
// prints the seed. JOIST_TEST_SEEDS=10000 in the environment tries as many.

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "joist/sdk/testing/test_pipeline.h"

namespace joist {
namespace {

constexpr int64_t kModulus = 1000003;

using Pair = KV<int64_t, int64_t>;

/// Calls of OnlySomeFail until the first failure, and how many fail from then on.
std::atomic<int64_t> calls_until_failure{INT64_MAX};
std::atomic<int> failing_calls_left{0};

int64_t OnlySomeFail(int64_t n) {
  if (calls_until_failure.fetch_sub(1) <= 0 && failing_calls_left.fetch_sub(1) > 0) {
    throw std::runtime_error("injected");
  }
  return n;
}

/// A collection and what it must hold.
template <class T>
struct Both {
  PCollection<T> collection;
  std::vector<T> elements;
};

struct Odd {};

class RandomPipeline {
 public:
  RandomPipeline(uint32_t seed, TestPipeline* p) : random_(seed), p_(*p) {}

  void Build() {
    for (int i = 0; i < 2; ++i) AddSource();
    const size_t steps = 3 + Below(12);
    for (size_t i = 0; i < steps; ++i) AddStep();
    for (const auto& both : numbers_) Check(both);
    for (const auto& both : pairs_) Check(both);
    for (const auto& both : texts_) Check(both);
  }

 private:
  size_t Below(size_t bound) { return random_() % bound; }
  template <class T>
  Both<T> Pick(const std::vector<Both<T>>& from) {
    return from[Below(from.size())];
  }
  template <class T>
  void Check(const Both<T>& both) {
    if (Below(3) == 0) return;
    PAssert::That(both.collection).ContainsInAnyOrder(both.elements);
  }

  void AddSource() {
    std::vector<int64_t> values(Below(4) == 0 ? Below(4000) : Below(40));
    for (int64_t& value : values) value = static_cast<int64_t>(Below(1000));
    numbers_.push_back({p_ | Create(values), values});
  }

  void AddStep() {
    switch (Below(4)) {
      case 0:
        if (!pairs_.empty()) return FromPairs(Pick(pairs_));
        break;
      case 1:
        if (!texts_.empty()) return FromTexts(Pick(texts_));
        break;
      default: break;
    }
    FromNumbers(Pick(numbers_));
  }

  void FromNumbers(const Both<int64_t>& in) {
    std::vector<int64_t> out;
    std::vector<Pair> pairs;
    std::vector<std::string> texts;
    switch (Below(14)) {
      case 0:
        for (int64_t n : in.elements) out.push_back((n * 3 + 1) % kModulus);
        return Add(in.collection | Map([](int64_t n) { return (OnlySomeFail(n) * 3 + 1) % kModulus; }),
                   out);
      case 1:
        for (int64_t n : in.elements) {
          if (n % 3 != 0) out.push_back(n);
        }
        return Add(in.collection | Filter([](int64_t n) { return n % 3 != 0; }), out);
      case 2:
        if (in.elements.size() > 8000) return;
        for (int64_t n : in.elements) {
          for (int64_t i = 0; i < n % 4; ++i) out.push_back(n + i);
        }
        return Add(in.collection | FlatMap([](int64_t n, Emit<int64_t> emit) {
                     for (int64_t i = 0; i < n % 4; ++i) emit(OnlySomeFail(n) + i);
                   }),
                   out);
      case 3:
        for (int64_t n : in.elements) out.push_back(n % 10);
        return Add(in.collection | MapBatches([](const Batch<int64_t>& batch, Emit<int64_t> emit) {
                     for (size_t i = 0; i < batch.size(); ++i) emit(batch[i] % 10);
                   }),
                   out);
      case 4:
        for (int64_t n : in.elements) pairs.push_back({n % 7, n});
        return Add(in.collection | Map([](int64_t n) { return KV{OnlySomeFail(n) % 7, n}; }), pairs);
      case 5:
        for (int64_t n : in.elements) texts.push_back(std::to_string(n));
        return Add(in.collection | Map([](int64_t n) { return std::to_string(n); }), texts);
      case 6: {
        const Both<int64_t> other = Pick(numbers_);
        if (in.elements.size() + other.elements.size() > 8000) return;
        out = in.elements;
        out.insert(out.end(), other.elements.begin(), other.elements.end());
        return Add(Flatten(in.collection, other.collection), out);
      }
      case 7: return Add(in.collection | Reshuffle(), in.elements);
      case 8: {
        std::map<int64_t, int64_t> counts;
        for (int64_t n : in.elements) ++counts[n];
        for (const auto& [n, count] : counts) pairs.push_back({n, count});
        return Add(in.collection | Count::PerElement(), pairs);
      }
      case 9: {
        int64_t sum = 0;
        for (int64_t n : in.elements) sum += n;
        return Add(in.collection | Sum::Globally(), {sum});
      }
      case 10: {
        const Both<int64_t> other = Pick(numbers_);
        const auto count = static_cast<int64_t>(other.elements.size());
        for (int64_t n : in.elements) out.push_back(n + count);
        return Add(in.collection |
                       Map([](int64_t n, SideInput<int64_t> count) { return OnlySomeFail(n) + *count; },
                           AsSingleton(other.collection | Count::Globally())),
                   out);
      }
      case 11: {
        const Both<int64_t> other = Pick(numbers_);
        int64_t sum = 0;
        for (int64_t n : other.elements) sum += n;
        for (int64_t n : in.elements) {
          if (n < sum) out.push_back(n);
        }
        return Add(in.collection | Filter(
                                       [](int64_t n, SideInput<IterableView<int64_t>> other) {
                                         int64_t sum = 0;
                                         for (int64_t m : *other) {
                                           sum += m;
                                           if (n < sum) return true;
                                         }
                                         return false;
                                       },
                                       AsIterable(other.collection)),
                   out);
      }
      case 12: {
        std::vector<int64_t> odd;
        for (int64_t n : in.elements) (n % 2 == 0 ? out : odd).push_back(n);
        auto outputs =
            in.collection | ParDo([](int64_t n, Emit<int64_t> even, Emit<int64_t, Odd> odd) {
              if (n % 2 == 0) {
                even(n);
              } else {
                odd(n);
              }
            });
        Add(outputs.Get<Main>(), out);
        return Add(outputs.Get<Odd>(), odd);
      }
      default: {
        if (pairs_.empty()) return;
        const Both<Pair> other = Pick(pairs_);
        std::map<int64_t, int64_t> sizes;
        for (const Pair& pair : other.elements) ++sizes[pair.key];
        for (int64_t n : in.elements) out.push_back(sizes.contains(n) ? sizes[n] : 0);
        return Add(
            in.collection | Map(
                                [](int64_t n, SideInput<MultimapView<int64_t, int64_t>> other) {
                                  return static_cast<int64_t>(other->Get(n).size());
                                },
                                AsMultimap(other.collection)),
            out);
      }
    }
  }

  void FromPairs(const Both<Pair>& in) {
    std::vector<Pair> out;
    std::vector<int64_t> numbers;
    std::map<int64_t, std::vector<int64_t>> groups;
    for (const Pair& pair : in.elements) groups[pair.key].push_back(pair.value);
    switch (Below(8)) {
      case 7: {
        const Both<Pair> other = Pick(pairs_);
        std::map<int64_t, std::pair<int64_t, int64_t>> sums;
        for (const Pair& pair : in.elements) sums[pair.key].first += pair.value + 1;
        for (const Pair& pair : other.elements) sums[pair.key].second += pair.value + 1;
        for (const auto& [key, sum] : sums) {
          out.push_back({key, (sum.first + 3 * sum.second) % kModulus});
        }
        return Add(CoGroupByKey(in.collection, other.collection) |
                       Map([](const KV<int64_t, CoGbkResult<int64_t, int64_t>>& group) {
                         const auto& [left, right] = group.value;
                         int64_t sum = 0;
                         for (int64_t value : left) sum += OnlySomeFail(value) + 1;
                         for (int64_t value : right) sum += 3 * (value + 1);
                         return KV{group.key, sum % kModulus};
                       }),
                   out);
      }
      case 0:
        for (const auto& [key, values] : groups) {
          int64_t sum = static_cast<int64_t>(values.size());
          for (int64_t value : values) sum += value;
          out.push_back({key, sum % kModulus});
        }
        return Add(
            in.collection | GroupByKey() | Map([](const KV<int64_t, Iterable<int64_t>>& group) {
              int64_t sum = static_cast<int64_t>(group.value.size());
              for (int64_t value : group.value) sum += OnlySomeFail(value);
              return KV{group.key, sum % kModulus};
            }),
            out);
      case 1:
        for (const auto& [key, values] : groups) {
          int64_t sum = 0;
          for (int64_t value : values) sum += value;
          out.push_back({key, sum});
        }
        return Add(in.collection | Sum::PerKey(), out);
      case 2:
        for (const auto& [key, values] : groups) {
          out.push_back({key, *std::max_element(values.begin(), values.end())});
        }
        return Add(in.collection | Max::PerKey(), out);
      case 3:
        for (const Pair& pair : in.elements) out.push_back({pair.value, pair.key});
        return Add(in.collection | SwapKV(), out);
      case 4:
        for (const Pair& pair : in.elements) numbers.push_back(pair.key);
        return Add(in.collection | Keys(), numbers);
      case 5:
        for (const Pair& pair : in.elements) numbers.push_back(pair.value);
        return Add(in.collection | Values(), numbers);
      default:
        for (const Pair& pair : in.elements) {
          if (pair.value > pair.key) out.push_back(pair);
        }
        return Add(in.collection | Filter([](const Pair& pair) { return pair.value > pair.key; }),
                   out);
    }
  }

  void FromTexts(const Both<std::string>& in) {
    std::vector<std::string> out;
    std::vector<int64_t> numbers;
    std::vector<Pair> pairs;
    std::map<std::string, int64_t> counts;
    for (const std::string& text : in.elements) ++counts[text];
    switch (Below(6)) {
      case 0:
        for (const std::string& text : in.elements) out.push_back(text.substr(text.size() / 2));
        return Add(
            in.collection | Map([](std::string_view text) { return text.substr(text.size() / 2); }),
            out);
      case 1:
        for (const std::string& text : in.elements) out.push_back(text + " and more than 16 bytes");
        return Add(in.collection | Map([](const std::string& text) {
                     return text + " and more than 16 bytes";
                   }),
                   out);
      case 2:
        if (in.elements.size() > 8000) return;
        for (const std::string& text : in.elements) {
          for (size_t i = 0; i < text.size(); i += 5) out.push_back(text.substr(i, 5));
        }
        return Add(in.collection | FlatMap([](std::string_view text, Emit<std::string> emit) {
                     for (size_t i = 0; i < text.size(); i += 5) emit(text.substr(i, 5));
                   }),
                   out);
      case 3:
        for (const auto& [text, count] : counts)
          pairs.push_back({static_cast<int64_t>(text.size()), count});
        return Add(
            in.collection | Count::PerElement() | Map([](const KV<std::string_view, int64_t>& kv) {
              return KV{static_cast<int64_t>(kv.key.size()), kv.value};
            }),
            pairs);
      case 4:
        for (const auto& [text, count] : counts) out.push_back(text);
        return Add(in.collection | Map([](std::string_view text) { return KV{text, text}; }) |
                       GroupByKey() |
                       Map([](const KV<std::string_view, Iterable<std::string>>& group) {
                         for (std::string_view text : group.value) {
                           if (text != group.key) return std::string("another");
                         }
                         return std::string(group.key);
                       }),
                   out);
      default:
        for (const std::string& text : in.elements)
          numbers.push_back(static_cast<int64_t>(text.size()));
        return Add(in.collection |
                       Map([](std::string_view text) { return static_cast<int64_t>(text.size()); }),
                   numbers);
    }
  }

  void Add(PCollection<int64_t> collection, std::vector<int64_t> elements) {
    numbers_.push_back({collection, std::move(elements)});
  }
  void Add(PCollection<Pair> collection, std::vector<Pair> elements) {
    pairs_.push_back({collection, std::move(elements)});
  }
  void Add(PCollection<std::string> collection, std::vector<std::string> elements) {
    texts_.push_back({collection, std::move(elements)});
  }

  std::mt19937 random_;
  TestPipeline& p_;
  std::vector<Both<int64_t>> numbers_;
  std::vector<Both<Pair>> pairs_;
  std::vector<Both<std::string>> texts_;
};

uint32_t Seeds() {
  const char* wanted = getenv("JOIST_TEST_SEEDS");
  return wanted == nullptr ? 150 : static_cast<uint32_t>(std::stoul(wanted));
}

size_t OpenFiles() {
  using std::filesystem::directory_iterator;
  return static_cast<size_t>(std::distance(directory_iterator("/proc/self/fd"), {}));
}

TEST(RandomPipeline, GivesWhatTheNaiveOneGives) {
  for (uint32_t seed = 1; seed <= Seeds(); ++seed) {
    for (int threads : {1, 2, 4}) {
      TestPipeline p;
      p.set_threads(threads);
      if (seed % 2 == 0) p.set_memory(int64_t{1} << (12 + seed % 8));
      RandomPipeline(seed, &p).Build();
      ASSERT_TRUE(p.RunOk()) << "seed " << seed << ", " << threads << " threads";
    }
  }
}

TEST(RandomPipeline, WithFailuresIsExactOrFailsWithOneLine) {
  if (getenv("JOIST_TEST_SECOND_PROCESS") != nullptr) {
    GTEST_SKIP() << "counts its failures in this process";
  }
  const size_t open_files = OpenFiles();
  uint32_t failed = 0;
  for (uint32_t seed = 1; seed <= Seeds(); ++seed) {
    std::mt19937 random(seed + 1'000'000);
    TestPipeline p;
    p.set_threads(1 + static_cast<int>(random() % 4));
    if (random() % 3 != 0) p.set_memory(int64_t{1} << (12 + random() % 8));
    RandomPipeline(seed, &p).Build();
    calls_until_failure = static_cast<int64_t>(random() % (random() % 2 == 0 ? 200 : 20'000));
    failing_calls_left = 1 + static_cast<int>(random() % 6);
    const JobOutcome outcome = p.RunToEnd();
    failing_calls_left = 0;
    calls_until_failure = INT64_MAX;
    if (!outcome.status.ok()) {
      ++failed;
      ASSERT_NE(outcome.status.message().find("injected"), std::string::npos)
          << "seed " << seed << ": " << outcome.status.message();
      ASSERT_EQ(outcome.status.message().find('\n'), std::string::npos) << "seed " << seed;
    }
    ASSERT_EQ(OpenFiles(), open_files) << "seed " << seed;
  }
  EXPECT_LT(failed, Seeds() / 2);  // Most failures are made good.
  if (Seeds() >= 100) {
    EXPECT_GT(failed, 0u);
  }
}

}  // namespace
}  // namespace joist
