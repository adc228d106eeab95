// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/transforms/with_errors.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "joist/sdk/testing/test_pipeline.h"
#include "joist/transforms/count_up.h"

namespace joist {
namespace {

using Error = KV<std::string, ErrorRecord>;

TEST(WithErrors, Example) {
  TestPipeline p;
  auto lines = p | Create({"12", "x", "-3"});
  // [example]
  auto numbers = lines | "Parse" >> joist::WithErrors(joist::Map(
                                        [](const std::string& line) { return std::stoll(line); }));
  auto good = numbers.Get<joist::Main>();
  auto bad = numbers.Get<joist::Errors>();
  // [example]
  PAssert::That(good).ContainsInAnyOrder({12, -3});
  PAssert::That(bad).ContainsInAnyOrder({{"x", {"Parse", "std::invalid_argument", "stoll"}}});
  EXPECT_TRUE(p.RunOk());
}

struct Odd {};
struct MyError {};

// A function of every kind of exception.
void Throw(int64_t n) {
  switch (n % 6) {
    case 1: throw std::runtime_error("run-time " + std::to_string(n));
    case 2: throw std::string("text");
    case 3: throw "literal";  // NOLINT(misc-throw-by-value-catch-by-reference)
    case 4: throw 7;          // NOLINT
    case 5: throw MyError();  // NOLINT
    default: return;
  }
}

TEST(WithErrors, OfEveryKindOfException) {
  const std::string text =
      "Step|std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >|text";
  TestPipeline p;
  auto outputs = p | Create<int64_t>({0, 1, 2, 3, 4, 5}) | "Step" >> WithErrors(Map([](int64_t n) {
                                                             Throw(n);
                                                             return n;
                                                           }));
  PAssert::That(outputs.Get<Main>()).ContainsInAnyOrder({0});
  PAssert::That(outputs.Get<Errors>() | Values() | Map([](const ErrorRecord& error) {
                  return error.step + "|" + error.type + "|" + error.message;
                }))
      .ContainsInAnyOrder({"Step|std::runtime_error|run-time 1", text, "Step|char const*|literal",
                           "Step|int|", "Step|joist::(anonymous namespace)::MyError|"});
  EXPECT_TRUE(p.RunOk());
}

// Emits n % 5 numbers to Main, two times of its own to Odd, then fails for multiples of 3; of
// multiples of 1000 so many that columns run over.
TEST(WithErrors, ElementsThatFailHaveNoOutput) {
  TestPipeline p;
  p.set_threads(4);
  auto timed = p | Create(CountUp(5001)) |
               FlatMap([](int64_t n, Emit<int64_t> emit) { emit(n, Timestamp{n}); });
  auto outputs =
      timed |
      "Emit" >> WithErrors(ParDo([](int64_t n, Emit<int64_t> emit, Emit<std::string, Odd> odd) {
        const int64_t many = n % 1000 == 0 ? 5000 : n % 5;
        for (int64_t i = 0; i < many; ++i) emit(n);
        odd(std::to_string(n), Timestamp{n + 1});
        odd(std::to_string(n));
        if (n % 3 == 0) throw std::runtime_error("a multiple of 3");
      }));
  std::vector<KV<int64_t, int64_t>> main;
  std::vector<KV<std::string, int64_t>> odd;
  std::vector<KV<int64_t, int64_t>> failed;
  for (int64_t n = 0; n <= 5000; ++n) {
    if (n % 3 == 0) {
      failed.push_back({n, n});
      continue;
    }
    for (int64_t i = 0; i < (n % 1000 == 0 ? 5000 : n % 5); ++i) main.push_back({n, n});
    odd.push_back({std::to_string(n), n + 1});
    odd.push_back({std::to_string(n), n});
  }
  PAssert::That(outputs.Get<Main>() | Map([](int64_t n, Timestamp t) { return KV{n, t.millis}; }))
      .ContainsInAnyOrder(main);
  PAssert::That(outputs.Get<Odd>() |
                Map([](std::string_view text, Timestamp t) { return KV{text, t.millis}; }))
      .ContainsInAnyOrder(odd);
  PAssert::That(outputs.Get<Errors>() | Map([](const KV<int64_t, ErrorRecord>& error, Timestamp t) {
                  return KV{error.key, error.value.step == "Emit" ? t.millis : -1};
                }))
      .ContainsInAnyOrder(failed);
  EXPECT_TRUE(p.RunOk());
}

// A later step's failure ends the job: of functions that return, that emit a little, that emit more
// than a column, that catch everything around their emit.
TEST(WithErrors, FailuresOfLaterStepsAreNotSwallowed) {
  const auto later = "Later" >> Map([](int64_t n) {
                       if (n == 3) throw std::runtime_error("later");
                       return n;
                     });
  const auto expect_failure = [](TestPipeline& p) {
    const JobOutcome outcome = p.RunToEnd();
    EXPECT_EQ(outcome.state, JobState::kFailed);
    EXPECT_EQ(outcome.status.message(), "step \"Later\": later (element: 3)");
  };
  TestPipeline returning;
  (returning | Create(CountUp(3000)) | WithErrors(Map([](int64_t n) { return n; }))).Get<Main>() |
      later;
  expect_failure(returning);
  TestPipeline emitting;
  (emitting | Create(CountUp(10)) | WithErrors(ParDo([](int64_t n, Emit<int64_t> emit) {
     emit(n);
   }))).Get<Main>() |
      later;
  expect_failure(emitting);
  TestPipeline many;
  (many | Create(CountUp(10)) | WithErrors(ParDo([](int64_t n, Emit<int64_t> emit) {
     for (int i = 0; i < 3000; ++i) emit(n);
   }))).Get<Main>() |
      later;
  expect_failure(many);
  TestPipeline catching;
  (catching | Create(CountUp(10)) | WithErrors(ParDo([](int64_t n, Emit<int64_t> emit) {
     try {
       for (int i = 0; i < 3000; ++i) emit(n);
     } catch (...) {  // NOLINT(bugprone-empty-catch)
     }
   }))).Get<Main>() |
      later;
  expect_failure(catching);
  // And a failure behind the errors' output.
  TestPipeline errors;
  (errors | Create(CountUp(10)) | WithErrors(Filter([](int64_t n) -> bool {
     throw std::runtime_error(std::to_string(n));
   }))).Get<Errors>() |
      Keys() | later;
  expect_failure(errors);
}

struct Lifecycle {
  int64_t set_up = 0;
  int64_t started = 0;
  void Setup() { set_up = 1; }
  void StartBundle() { started = set_up; }
  void Process(std::string_view text, SideInput<int64_t> side, Arena& arena,
               const Emit<std::string>& emit) const {
    if (text == "bad") throw std::invalid_argument("bad");
    emit(arena.Copy(std::string(text) + std::to_string(*side + started)));
  }
  void FinishBundle() const {}
  void Teardown() {}
};
JOIST_ROW(Lifecycle, set_up, started)

TEST(WithErrors, OtherFormsAndParameters) {
  TestPipeline p;
  auto texts = p | "Texts" >> Create({"good", "bad"});
  auto ten = p | "Ten" >> Create<int64_t>({10});
  auto dofn = texts | "DoFn" >> WithErrors(ParDo(Lifecycle(), AsSingleton(ten)));
  PAssert::That(dofn.Get<Main>()).ContainsInAnyOrder({"good11"});
  PAssert::That(dofn.Get<Errors>())
      .ContainsInAnyOrder({{"bad", {"DoFn", "std::invalid_argument", "bad"}}});
  auto kept = texts | "Filter" >> WithErrors(Filter([](std::string_view text) {
                        if (text == "bad") throw std::runtime_error("no");
                        return true;
                      }));
  PAssert::That(kept.Get<Main>()).ContainsInAnyOrder({"good"});
  auto letters = texts | "Range" >> WithErrors(FlatMap([](const std::string& text) {
                           if (text == "bad") throw std::runtime_error("no");
                           return std::vector<std::string>{text, text + "!"};
                         }));
  PAssert::That(letters.Get<Main>()).ContainsInAnyOrder({"good", "good!"});
  auto sink = texts | "Sink" >> WithErrors(ParDo([](std::string_view text) {
                        if (text == "bad") throw std::runtime_error("no");
                      }));
  PAssert::That(sink.Get<Errors>())
      .ContainsInAnyOrder({{"bad", {"Sink", "std::runtime_error", "no"}}});
  auto pairs = p | "Pairs" >> Create<KV<std::string, int64_t>>({{"a", 1}, {"b", 0}});
  auto quotients = pairs | "Divide" >> WithErrors(Map([](KV<std::string_view, int64_t> kv) {
                             if (kv.value == 0) throw std::domain_error("by zero");
                             return KV{kv.key, 10 / kv.value};
                           }));
  PAssert::That(quotients.Get<Main>()).ContainsInAnyOrder({{"a", 10}});
  PAssert::That(quotients.Get<Errors>())
      .ContainsInAnyOrder({{{"b", 0}, {"Divide", "std::domain_error", "by zero"}}});
  EXPECT_TRUE(p.RunOk());
}

TEST(WithErrors, NamesNestedSteps) {
  TestPipeline p;
  auto errors = p | Create({1}) | "Outer" >> Composite([](const PCollection<int>& in) {
                                    return (in | "Inner" >> WithErrors(Map([](int n) {
                                                   if (n == 1) throw std::runtime_error("one");
                                                   return n;
                                                 })))
                                        .Get<Errors>();
                                  });
  PAssert::That(errors | Values())
      .ContainsInAnyOrder({{"Outer/Inner", "std::runtime_error", "one"}});
  EXPECT_TRUE(p.RunOk());
}

}  // namespace
}  // namespace joist
