// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// What functions emit, pushed by hand: each output is right, lives long enough, and has the time,
// window and pane of its element.

#include "joist/exec/emit.h"

#include <gtest/gtest.h>

#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "joist/exec/hand_batches.h"

namespace joist {
namespace {

/// Random elements; their metas differ, in runs.
template <class T, class Make>
std::vector<HandElement<T>> RandomElements(std::mt19937* random, Make make) {
  std::vector<HandElement<T>> elements;
  const size_t count = (*random)() % 4 == 0 ? kBatchSize : 1 + (*random)() % 100;
  HandElement<T> element;
  for (size_t i = 0; i < count; ++i) {
    if ((*random)() % 3 == 0) {
      element.timestamp = {static_cast<int64_t>((*random)() % 1000)};
      if ((*random)() % 2 == 0) element.window = {{0}, {static_cast<int64_t>((*random)() % 5) + 1}};
      if ((*random)() % 5 == 0) element.pane.index = static_cast<int64_t>((*random)() % 3);
    }
    element.value = make();
    elements.push_back(element);
  }
  return elements;
}

/// Pushes batches of both kinds and compares; `expect(element, add)` says what must come out.
template <ParDoForm kForm, class In, class Out, class F, class Make, class Expect>
void CheckOutputs(F fn, Make make, Expect expect, int rounds = 100) {
  std::mt19937 random(17);
  HandStep<kForm, In, F> step(fn);
  Collector<Out> collector;
  step.op->Connect(0, &collector);
  step.op->Start();
  for (int round = 0; round < rounds; ++round) {
    collector.elements.clear();
    std::vector<HandElement<In>> elements =
        RandomElements<In>(&random, [&] { return make(random); });
    if (round % 2 == 0) {
      for (auto& element : elements) {
        element.timestamp = {5};
        element.window = {{0}, {10}};
        element.pane = PaneInfo::OnTimeAndOnly();
      }
      const Meta constant{SharedColumn<Timestamp>(Timestamp{5}),
                          SharedColumn<Window>(Window{{0}, {10}}),
                          SharedColumn<PaneInfo>(PaneInfo::OnTimeAndOnly())};
      PushByHand(elements, step.input(), &constant);
    } else {
      PushByHand(elements, step.input());
    }
    std::vector<HandElement<Out>> expected;
    for (const auto& element : elements) {
      expect(element.value, [&](Out value, const Timestamp* timestamp = nullptr) {
        expected.push_back({std::move(value), timestamp != nullptr ? *timestamp : element.timestamp,
                            element.window, element.pane});
      });
    }
    ASSERT_EQ(collector.elements.size(), expected.size());
    for (size_t i = 0; i < expected.size(); ++i) {
      ASSERT_TRUE(collector.elements[i] == expected[i]) << "round " << round << ", output " << i;
    }
  }
}

std::string RandomText(std::mt19937& random) {
  std::string text(random() % 60, 'x');
  for (char& c : text) c = static_cast<char>('a' + random() % 26);
  return text;
}

TEST(Emit, PiecesAndCopies) {
  CheckOutputs<ParDoForm::kEmit, std::string, std::string>(
      [](std::string_view text, Emit<std::string> emit) {
        for (size_t i = 0; i < text.size(); ++i) {
          emit(text.substr(i));
          std::string other(text.substr(0, i));
          emit(other);
          std::fill(other.begin(), other.end(), '?');
        }
      },
      RandomText,
      [](const std::string& text, auto add) {
        for (size_t i = 0; i < text.size(); ++i) {
          add(text.substr(i));
          add(text.substr(0, i));
        }
      });
}

TEST(Emit, FlushesInTheMiddleOfAnElement) {
  CheckOutputs<ParDoForm::kEmit, std::string, std::string>(
      [](std::string_view text, Emit<std::string> emit) {
        if (text.size() < 55) return;
        for (int i = 0; i < 3000; ++i) {
          emit(text);
          emit(std::to_string(i));
        }
      },
      RandomText,
      [](const std::string& text, auto add) {
        if (text.size() < 55) return;
        for (int i = 0; i < 3000; ++i) {
          add(text);
          add(std::to_string(i));
        }
      },
      20);
}

// The fault to fear: memory that a flush takes back while the function still holds views of it.
TEST(Emit, ViewsOfTheArenaOutliveFlushes) {
  CheckOutputs<ParDoForm::kEmit, std::string, std::string>(
      [](std::string_view text, Arena& arena, Emit<std::string> emit) {
        const std::string_view first = arena.Copy(std::string(text) + " first");
        for (int i = 0; i < (text.size() % 20 == 0 ? 2500 : 3); ++i) {
          const std::string_view next = arena.Copy(std::string(text) + std::to_string(i));
          emit(next);
          emit(first);
        }
      },
      RandomText,
      [](const std::string& text, auto add) {
        for (int i = 0; i < (text.size() % 20 == 0 ? 2500 : 3); ++i) {
          add(text + std::to_string(i));
          add(text + " first");
        }
      },
      20);
}

TEST(Emit, ExplicitTimestamps) {
  CheckOutputs<ParDoForm::kEmit, int64_t, int64_t>(
      [](int64_t n, Emit<int64_t> emit) {
        for (int64_t i = 0; i < n; ++i) {
          if (i % 3 == 1) {
            emit(i, Timestamp{n * 1000 + i});
          } else {
            emit(i);
          }
        }
      },
      [](std::mt19937& random) {
        return static_cast<int64_t>(random() % 50 == 0 ? random() % 3000 : random() % 5);
      },
      [](int64_t n, auto add) {
        for (int64_t i = 0; i < n; ++i) {
          const Timestamp at{n * 1000 + i};
          add(i, i % 3 == 1 ? &at : nullptr);
        }
      });
}

TEST(Emit, InBulk) {
  CheckOutputs<ParDoForm::kEmit, int64_t, int64_t>(
      [](int64_t n, Emit<int64_t> emit) {
        for (int64_t i = 0; i < n;) {
          auto* to = emit.Room(8);
          size_t written = 0;
          for (; written < 8 && i < n; ++i) to[written++] = i;
          emit.Advance(written);
        }
        emit(-n);
      },
      [](std::mt19937& random) { return static_cast<int64_t>(random() % 40); },
      [](int64_t n, auto add) {
        for (int64_t i = 0; i < n; ++i) add(i);
        add(-n);
      });
}

TEST(Emit, ReturnedContainers) {
  CheckOutputs<ParDoForm::kEmit, std::string, std::string>(
      [](std::string_view text) {
        std::vector<std::string> parts;
        for (size_t i = 0; i < text.size(); i += 20) parts.emplace_back(text.substr(i, 20));
        return parts;
      },
      RandomText,
      [](const std::string& text, auto add) {
        for (size_t i = 0; i < text.size(); i += 20) add(text.substr(i, 20));
      });
  CheckOutputs<ParDoForm::kEmit, int64_t, bool>(
      [](int64_t n) { return std::vector<bool>{n % 2 == 0, true}; },
      [](std::mt19937& random) { return static_cast<int64_t>(random() % 40); },
      [](int64_t n, auto add) {
        add(n % 2 == 0);
        add(true);
      });
}

TEST(Map, KeepsTimesAndTexts) {
  CheckOutputs<ParDoForm::kMap, std::string, std::string>(
      [](std::string_view text) { return text.substr(text.size() / 2); }, RandomText,
      [](const std::string& text, auto add) { add(text.substr(text.size() / 2)); });
  CheckOutputs<ParDoForm::kMap, std::string, std::string>(
      [](const std::string& text) { return text + text; }, RandomText,
      [](const std::string& text, auto add) { add(text + text); });
  CheckOutputs<ParDoForm::kMap, std::string, std::string>(
      [](std::string text) { return text; }, RandomText,
      [](const std::string& text, auto add) { add(text); });
  // A view of what lies outside of the element is copied: `text` is another string each time.
  CheckOutputs<ParDoForm::kMap, std::string, std::string>(
      [](const std::string& text) -> std::string_view { return text; }, RandomText,
      [](const std::string& text, auto add) { add(text); });
}

TEST(Map, ArenaResults) {
  CheckOutputs<ParDoForm::kMap, std::string, std::string>(
      [](std::string_view text, Arena& arena) -> std::string_view {
        if (text.size() % 3 == 0) return text;
        char* copy = arena.Allocate(text.size() * 50);
        for (size_t i = 0; i < text.size() * 50; ++i) copy[i] = text[i % text.size()];
        return {copy, text.size() * 50};
      },
      RandomText,
      [](const std::string& text, auto add) {
        std::string result;
        for (int i = 0; i < (text.size() % 3 == 0 ? 1 : 50); ++i) result += text;
        add(result);
      });
}

TEST(Map, KVsOfTexts) {
  CheckOutputs<ParDoForm::kMap, KV<std::string, std::string>, KV<std::string, std::string>>(
      [](const KV<std::string_view, std::string_view>& kv) {
        return KV{kv.value, kv.key.substr(1)};
      },
      [](std::mt19937& random) { return KV{"k" + RandomText(random), RandomText(random)}; },
      [](const KV<std::string, std::string>& kv, auto add) { add({kv.value, kv.key.substr(1)}); });
  CheckOutputs<ParDoForm::kMap, KV<std::string, int64_t>, KV<int64_t, std::string>>(
      [](const KV<std::string, int64_t>& kv) { return KV{kv.value, kv.key}; },
      [](std::mt19937& random) { return KV{RandomText(random), int64_t{3}}; },
      [](const KV<std::string, int64_t>& kv, auto add) { add({kv.value, kv.key}); });
}

TEST(Filter, KeepsWhatItKeepsWithItsTime) {
  CheckOutputs<ParDoForm::kFilter, std::string, std::string>(
      [](std::string_view text) { return text.size() % 3 != 0; }, RandomText,
      [](const std::string& text, auto add) {
        if (text.size() % 3 != 0) add(text);
      });
  CheckOutputs<ParDoForm::kFilter, std::vector<int>, std::vector<int>>(
      [](const std::vector<int>& list) { return list.size() > 2; },
      [](std::mt19937& random) { return std::vector<int>(random() % 6, 7); },
      [](const std::vector<int>& list, auto add) {
        if (list.size() > 2) add(list);
      });
  CheckOutputs<ParDoForm::kFilter, bool, bool>(
      [](bool b) { return b; }, [](std::mt19937& random) { return random() % 2 == 0; },
      [](bool b, auto add) {
        if (b) add(b);
      });
  CheckOutputs<ParDoForm::kFilter, int64_t, int64_t>([](int64_t) { return false; },
                                                     [](std::mt19937&) { return int64_t{1}; },
                                                     [](int64_t, auto) {});
}

TEST(MapBatches, GetsRunsOfOneTime) {
  CheckOutputs<ParDoForm::kBatch, int64_t, int64_t>(
      [](const Batch<int64_t>& batch, Emit<int64_t> emit) {
        ASSERT_TRUE(batch.meta.is_constant());
        for (size_t i = 0; i < batch.size(); ++i) {
          emit(batch[i]);
          emit(-batch[i]);
        }
      },
      [](std::mt19937& random) { return static_cast<int64_t>(random()); },
      [](int64_t n, auto add) {
        add(n);
        add(-n);
      });
}

TEST(ParDo, ParametersByTypeInAnyOrder) {
  using Seen = std::tuple<int64_t, int64_t, int64_t, int64_t>;
  CheckOutputs<ParDoForm::kEmit, int64_t, Seen>(
      [](int64_t n, PaneInfo pane, Emit<Seen> emit, Window window, Timestamp timestamp) {
        emit(Seen(n, pane.index, window.end.millis - window.start.millis, timestamp.millis));
      },
      [](std::mt19937& random) { return static_cast<int64_t>(random() % 100); },
      [](int64_t, auto) {}, /*rounds=*/0);
  HandStep<ParDoForm::kMap, int64_t, Seen (*)(int64_t, PaneInfo, Window, Timestamp)> step(
      [](int64_t n, PaneInfo pane, Window window, Timestamp timestamp) {
        return Seen(n, pane.index, window.end.millis - window.start.millis, timestamp.millis);
      });
  Collector<Seen> collector;
  step.op->Connect(0, &collector);
  PaneInfo third;
  third.index = 2;
  PushByHand<int64_t>({{7, {11}, {{10}, {15}}, third}, {8, {3}, {{0}, {4}}, {}}}, step.input());
  ASSERT_EQ(collector.elements.size(), 2u);
  EXPECT_EQ(collector.elements[0].value, Seen(7, 2, 5, 11));
  EXPECT_EQ(collector.elements[1].value, Seen(8, 0, 4, 3));
}

TEST(Emit, PiecesAreNotCopied) {
  struct Watch : BatchReceiver<std::string> {
    const char* begin = nullptr;
    int inside = 0, outside = 0;
    void Push(const Batch<std::string>& batch) override {
      for (size_t i = 0; i < batch.count; ++i) {
        (batch[i].data() >= begin && batch[i].data() < begin + 11 ? inside : outside) += 1;
      }
    }
  };
  const auto fn = [](std::string_view text, Emit<std::string> emit) {
    emit(text.substr(0, 5));
    emit(text.substr(6));
    emit(std::string(text));
  };
  HandStep<ParDoForm::kEmit, std::string, decltype(fn)> step(fn);
  Watch watch;
  step.op->Connect(0, &watch);
  const std::string_view text = "hello world";
  watch.begin = text.data();
  step.input()->Push({ColumnView<std::string>(&text), 1, {}});
  EXPECT_EQ(watch.inside, 2);
  EXPECT_EQ(watch.outside, 1);
}

// --- Failures
// ---------------------------------------------------------------------------------------

struct Fails : BatchReceiver<int64_t> {
  int pushes = 0;
  void Push(const Batch<int64_t>&) override {
    ++pushes;
    ThrowStepFailure("Later", "", "no more");
  }
};

template <class F>
std::string MessageOf(F fn) {
  try {
    fn();
    return "";
  } catch (const StepFailure& failure) {
    return failure.status.message();
  }
}

template <class F>
void CheckSwallowed(F fn) {
  HandStep<ParDoForm::kEmit, int64_t, F> step(fn);
  Fails fails;
  step.op->Connect(0, &fails);
  const std::string message =
      MessageOf([&] { PushByHand<int64_t>(std::vector<HandElement<int64_t>>(10), step.input()); });
  EXPECT_EQ(message, "step \"Later\": no more");
  EXPECT_EQ(fails.pushes, 1);
  EXPECT_EQ(MessageOf([&] { PushByHand<int64_t>({{1}}, step.input()); }), message);
  EXPECT_EQ(fails.pushes, 1);
}

TEST(Emit, FailuresOfLaterStepsCannotBeSwallowed) {
  CheckSwallowed([](int64_t, Emit<int64_t> emit) {
    for (int i = 0; i < 3000; ++i) {
      try {
        emit(i);
      } catch (...) {
      }
    }
  });
  // Nor be turned into another.
  CheckSwallowed([](int64_t, Emit<int64_t> emit) {
    for (int i = 0; i < 3000; ++i) {
      try {
        emit(i);
      } catch (...) {
        throw std::runtime_error("emit does not work");
      }
    }
  });
}

TEST(ParDo, FailureNamesStepElementAndCause) {
  const auto fn = [](std::string_view text) -> size_t {
    if (text.size() == 3) throw std::runtime_error("three is too many");
    if (text.size() == 4) throw 4;
    if (text.size() == 5) throw "five";
    if (text.size() > 5) throw std::string("long");
    return text.size();
  };
  const auto message = [&](const std::string& bad) {
    HandStep<ParDoForm::kMap, std::string, decltype(fn)> step(fn);
    return MessageOf([&] { PushByHand<std::string>({{"a"}, {bad}, {"b"}}, step.input()); });
  };
  EXPECT_EQ(message("a"), "");
  EXPECT_EQ(message("abc"), R"(step "Step": three is too many (element: "abc"))");
  EXPECT_EQ(message("abcd"),
            R"(step "Step": an exception that is no std::exception (element: "abcd"))");
  EXPECT_EQ(message("abcde"), R"(step "Step": five (element: "abcde"))");
  const std::string long_one = message(std::string(100000, 'z'));
  EXPECT_LT(long_one.size(), 400u);
  EXPECT_NE(long_one.find("zzzz… 100002 bytes"), std::string::npos) << long_one;
}

TEST(ParDo, OutputsByTag) {
  struct Odd {};
  struct Text {};
  const auto fn = [](int64_t n, Emit<std::string, Text> text, Emit<int64_t> even,
                     Emit<int64_t, Odd> odd) {
    if (n % 2 == 0) {
      even(n);
    } else {
      odd(n);
      odd(n, Timestamp{n});
    }
    text(std::to_string(n));
  };
  HandStep<ParDoForm::kEmit, int64_t, decltype(fn)> step(fn);
  Collector<std::string> texts;
  Collector<int64_t> even, odd;
  step.op->Connect(0, &texts);
  step.op->Connect(1, &even);
  step.op->Connect(2, &odd);
  std::vector<HandElement<int64_t>> elements;
  for (int64_t n = 0; n < 1000; ++n)
    elements.push_back({n, {n + 5000}, {{n / 10}, {n / 10 + 1}}, {}});
  for (int round = 0; round < 3; ++round) PushByHand(elements, step.input());
  ASSERT_EQ(texts.elements.size(), 3000u);
  ASSERT_EQ(even.elements.size(), 1500u);
  ASSERT_EQ(odd.elements.size(), 3000u);
  for (size_t i = 0; i < 1500; ++i) {
    const auto n = static_cast<int64_t>(i % 500) * 2;
    ASSERT_EQ(even.elements[i],
              (HandElement<int64_t>{n, {n + 5000}, {{n / 10}, {n / 10 + 1}}, {}}));
    const int64_t m = n + 1;
    ASSERT_EQ(odd.elements[2 * i],
              (HandElement<int64_t>{m, {m + 5000}, {{m / 10}, {m / 10 + 1}}, {}}));
    ASSERT_EQ(odd.elements[2 * i + 1],
              (HandElement<int64_t>{m, {m}, {{m / 10}, {m / 10 + 1}}, {}}));
  }
  EXPECT_EQ(step.stats.elements_in, 3000u);
  EXPECT_EQ(step.stats.elements_out, 7500u);
}

}  // namespace
}  // namespace joist
