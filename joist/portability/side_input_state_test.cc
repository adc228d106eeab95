// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Side inputs as an SDK asks for them: in memory, on disk, and of streams.

#include "joist/portability/side_input_state.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "joist/exec/stream_operator.h"
#include "joist/portability/testing/state_requests.h"

namespace joist::portability {
namespace {

WindowingStrategy Minutes() {
  WindowingStrategy windowing;
  windowing.window_fn = WindowFn::Fixed(Duration::Minutes(1));
  return windowing;
}
std::string Encoded(const Window& window) {
  std::string bytes;
  if (!window.is_global()) ThrowIfError(WindowCodec::ForIntervals().Encode(window, &bytes));
  return bytes;
}
template <class T>
void PushTo(Operator& to, const std::vector<T>& elements, const Window& window) {
  ColumnBuffer<T> column;
  const Meta meta{SharedColumn<Timestamp>(window.max_timestamp()), SharedColumn<Window>(window),
                  SharedColumn<PaneInfo>(PaneInfo::OnTimeAndOnly())};
  auto* const receiver = static_cast<BatchReceiver<T>*>(to.input(0));
  for (size_t first = 0; first < elements.size(); first += kBatchSize) {
    const size_t count = std::min(kBatchSize, elements.size() - first);
    for (size_t i = 0; i < count; ++i) {
      column.writer().SetView(i, ElementForm<T>::ViewOf(elements[first + i]));
    }
    receiver->Push({column.view(), count, meta});
  }
}
template <>
void PushTo(Operator& to, const std::vector<EncodedKv>& elements, const Window& window) {
  ColumnBuffer<EncodedKv> column;
  const Meta meta{SharedColumn<Timestamp>(window.max_timestamp()), SharedColumn<Window>(window),
                  SharedColumn<PaneInfo>(PaneInfo::OnTimeAndOnly())};
  auto* const receiver = static_cast<BatchReceiver<EncodedKv>*>(to.input(0));
  for (size_t first = 0; first < elements.size(); first += kBatchSize) {
    const size_t count = std::min(kBatchSize, elements.size() - first);
    for (size_t i = 0; i < count; ++i) {
      column.writer().SetView(i, {elements[first + i].key, elements[first + i].value});
    }
    receiver->Push({column.view(), count, meta});
  }
}

/// A side input whose collection is complete.
template <class T>
class Viewed {
 public:
  Viewed(std::shared_ptr<Step> step, const WindowingStrategy& windowing,
         const std::map<Window, std::vector<T>>& elements, MemoryBudget* memory = nullptr)
      : step_(std::move(step)), windowing_(windowing) {
    breaker_ = step_->MakeBreaker({"view", memory, &windowing_});
    OperatorContext context;
    context.step = "view";
    context.stats = &stats_;
    context.memory = memory;
    if (memory != nullptr) context.memory_bytes = memory->sink_part(1);
    // By several shares where memory is limited.
    const size_t shares = memory == nullptr ? 1 : 5;
    for (size_t share = 0; share < shares; ++share) {
      const auto sink = breaker_->MakeSink(context);
      sink->Start();
      for (const auto& [window, of] : elements) {
        const auto begin = of.begin() + static_cast<ptrdiff_t>(of.size() * share / shares);
        const auto end = of.begin() + static_cast<ptrdiff_t>(of.size() * (share + 1) / shares);
        PushTo(*sink, std::vector<T>(begin, end), window);
      }
      sink->Finish();
      breaker_->Commit(*sink);
    }
    breaker_->Seal(1);
  }
  SideInputState StateOf(const SideInputSpec& spec, std::string_view run_id = "") const {
    return SideInputState({breaker_->MakeSideViews()}, {spec}, run_id);
  }
  SideInputSpec Spec(SideInputAccess access) const {
    return {
        "transform", "side", access,
        windowing_.window_fn.is_global() ? WindowCodec::ForGlobal() : WindowCodec::ForIntervals()};
  }

 private:
  std::shared_ptr<Step> step_;
  WindowingStrategy windowing_;
  StepStats stats_;
  std::unique_ptr<Breaker> breaker_;
};

template <class Part>
void Name(const Window& window, Part* part) {
  part->set_transform_id("transform");
  part->set_side_input_id("side");
  part->set_window(Encoded(window));
}
fn::StateKey Elements(const Window& window) {
  fn::StateKey key;
  Name(window, key.mutable_iterable_side_input());
  return key;
}
fn::StateKey ValuesOf(const std::string& map_key, const Window& window) {
  fn::StateKey key;
  Name(window, key.mutable_multimap_side_input());
  key.mutable_multimap_side_input()->set_key(Nested(map_key));
  return key;
}
fn::StateKey Keys(const Window& window) {
  fn::StateKey key;
  Name(window, key.mutable_multimap_keys_side_input());
  return key;
}
fn::StateKey Entries(const Window& window) {
  fn::StateKey key;
  Name(window, key.mutable_multimap_keys_values_side_input());
  return key;
}

std::string All(SideInputState& state, const fn::StateKey& key, size_t* pieces = nullptr) {
  return GetAll(
      key, [&](const auto& request, auto* response) { return state.Handle(request, response); },
      pieces);
}
std::vector<std::string> Sorted(std::vector<std::string> texts) {
  std::sort(texts.begin(), texts.end());
  return texts;
}
Status StatusOf(SideInputState& state, const fn::StateRequest& request) {
  fn::StateResponse response;
  return state.Handle(request, &response);
}

using Texts = std::vector<std::string>;
const Window kGlobal = Window::Global();

TEST(SideInputState, Iterable) {
  const Viewed<std::string> side(MakeIterableSideInput(), {},
                                 {{kGlobal, {Nested("a"), Nested("b"), Nested("")}}});
  auto state = side.StateOf(side.Spec(SideInputAccess::kIterable));
  EXPECT_EQ(TextsOf(All(state, Elements(kGlobal))), (Texts{"a", "b", ""}));
  EXPECT_TRUE(state.IsReady(kGlobal));
}

TEST(SideInputState, IsLookedUpByItsOwnWindow) {
  const Viewed<std::string> side(
      MakeIterableSideInput(), Minutes(),
      {{Minute(1), {Nested("one")}}, {Minute(2), {Nested("two"), Nested("deux")}}});
  auto state = side.StateOf(side.Spec(SideInputAccess::kIterable));
  EXPECT_EQ(TextsOf(All(state, Elements(Minute(2)))), (Texts{"two", "deux"}));
  EXPECT_EQ(TextsOf(All(state, Elements(Minute(1)))), (Texts{"one"}));
  EXPECT_EQ(All(state, Elements(Minute(3))), "");

  WindowingStrategy sliding;
  sliding.window_fn = WindowFn::Sliding(Duration::Minutes(2), Duration::Minutes(1));
  const auto two = [](int64_t n) { return Window{Minute(n).start, Minute(n + 1).end}; };
  const Viewed<std::string> slid(MakeIterableSideInput(), sliding,
                                 {{two(1), {Nested("1")}}, {two(2), {Nested("2")}}});
  auto slid_state = slid.StateOf(slid.Spec(SideInputAccess::kIterable));
  EXPECT_EQ(TextsOf(All(slid_state, Elements(two(1)))), (Texts{"1"}));
  EXPECT_EQ(TextsOf(All(slid_state, Elements(two(2)))), (Texts{"2"}));
}

TEST(SideInputState, Multimap) {
  const Viewed<EncodedKv> side(
      MakeMultimapSideInput(), {},
      {{kGlobal,
        {{Nested("a"), Nested("1")}, {Nested("b"), Nested("2")}, {Nested("a"), Nested("3")}}}});
  auto state = side.StateOf(side.Spec(SideInputAccess::kMultimap));
  EXPECT_EQ(TextsOf(All(state, ValuesOf("a", kGlobal))), (Texts{"1", "3"}));
  EXPECT_EQ(TextsOf(All(state, ValuesOf("b", kGlobal))), (Texts{"2"}));
  EXPECT_EQ(All(state, ValuesOf("c", kGlobal)), "");
  EXPECT_EQ(TextsOf(All(state, Keys(kGlobal))), (Texts{"a", "b"}));
  std::string entries = Nested("a");
  PutBigEndian32(2, &entries);
  entries += Nested("1") + Nested("3") + Nested("b");
  PutBigEndian32(1, &entries);
  entries += Nested("2");
  EXPECT_EQ(All(state, Entries(kGlobal)), entries);
}

TEST(SideInputState, LargeAnswersComeInPieces) {
  std::vector<std::string> elements;
  std::vector<EncodedKv> kvs;
  Texts texts;
  for (int i = 0; i < 40'000; ++i) {
    texts.push_back(std::to_string(i) + std::string(100, 'x'));
    elements.push_back(Nested(texts.back()));
    kvs.push_back({Nested("key"), elements.back()});
    kvs.push_back({elements.back(), Nested("one")});
  }
  texts.push_back(std::string(3 << 20, 'y'));
  elements.push_back(Nested(texts.back()));
  const Viewed<std::string> list(MakeIterableSideInput(), {}, {{kGlobal, elements}});
  auto state = list.StateOf(list.Spec(SideInputAccess::kIterable));
  size_t pieces = 0;
  EXPECT_EQ(TextsOf(All(state, Elements(kGlobal), &pieces)), texts);
  EXPECT_EQ(pieces, 6u);

  const Viewed<EncodedKv> map(MakeMultimapSideInput(), {}, {{kGlobal, kvs}});
  auto by_key = map.StateOf(map.Spec(SideInputAccess::kMultimap));
  texts.pop_back();
  pieces = 0;
  EXPECT_EQ(TextsOf(All(by_key, ValuesOf("key", kGlobal), &pieces)), texts);
  EXPECT_EQ(pieces, 5u);
  pieces = 0;
  EXPECT_EQ(TextsOf(All(by_key, Keys(kGlobal), &pieces)).size(), 40'001u);
  EXPECT_EQ(pieces, 5u);
  pieces = 0;
  All(by_key, Entries(kGlobal), &pieces);
  EXPECT_GE(pieces, 5u);

  // Two readers by turns, each where it was.
  fn::StateResponse a, b;
  ASSERT_TRUE(by_key.Handle(GetOf(ValuesOf("key", kGlobal)), &a).ok());
  ASSERT_TRUE(by_key.Handle(GetOf(ValuesOf(texts[0], kGlobal)), &b).ok());
  fn::StateResponse next;
  ASSERT_TRUE(
      by_key.Handle(GetOf(ValuesOf("key", kGlobal), a.get().continuation_token()), &next).ok());
  EXPECT_EQ(TextsOf(next.get().data()).front(), texts[TextsOf(a.get().data()).size()]);
  // The same piece once more.
  fn::StateResponse again;
  ASSERT_TRUE(
      by_key.Handle(GetOf(ValuesOf("key", kGlobal), a.get().continuation_token()), &again).ok());
  EXPECT_EQ(again.get().data(), next.get().data());
}

TEST(SideInputState, RefusesWhatIsNotThere) {
  const Viewed<std::string> side(MakeIterableSideInput(), Minutes(), {{Minute(1), {Nested("a")}}});
  auto state = side.StateOf(side.Spec(SideInputAccess::kIterable));
  const auto refuses = [&](const fn::StateRequest& request, const std::string& why) {
    const Status status = StatusOf(state, request);
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
    EXPECT_NE(status.message().find(why), std::string::npos) << status.message();
  };
  for (const char* const token : {"\x02", "nonsense", "\xFF"}) {
    refuses(GetOf(Elements(Minute(1)), token), "token");
  }
  refuses(AppendTo(Elements(Minute(1)), "x"), "only be read");
  refuses(ClearOf(Elements(Minute(1))), "only be read");
  refuses(GetOf(Keys(Minute(1))), "side input \"side\" of \"transform\" is not accessed");
  refuses(GetOf(Elements(kGlobal)), "side input \"side\" of \"transform\": no window");
  fn::StateKey other = Elements(Minute(1));
  other.mutable_iterable_side_input()->set_side_input_id("other");
  refuses(GetOf(other), "transform \"transform\" has no side input \"other\"");
  fn::StateKey bag;
  bag.mutable_bag_user_state();
  refuses(GetOf(bag), "no side input");
}

TEST(SideInputState, CacheTokensNameTheRun) {
  const Viewed<std::string> side(MakeIterableSideInput(), {}, {});
  const SideInputSpec spec = side.Spec(SideInputAccess::kIterable);
  EXPECT_TRUE(side.StateOf(spec).cache_tokens().empty());
  const auto state = side.StateOf(spec, "run 1");
  ASSERT_EQ(state.cache_tokens().size(), 1u);
  fn::ProcessBundleRequest::CacheToken token;
  ASSERT_TRUE(token.ParseFromString(state.cache_tokens()[0]));
  EXPECT_EQ(token.token(), "run 1");
  EXPECT_EQ(token.side_input().transform_id(), "transform");
  EXPECT_EQ(token.side_input().side_input_id(), "side");
}

// Far more than memory allows.
TEST(SideInputState, IsOnDiskBeyondMemory) {
  const std::string folder = ::testing::TempDir() + "side_input_" + std::to_string(getpid());
  std::filesystem::create_directories(folder);
  MemoryBudget memory(int64_t{4} << 20, 1, folder);
  std::vector<std::string> elements;
  std::vector<EncodedKv> kvs;
  Texts texts, keys;
  for (int i = 0; i < 60'000; ++i) {
    const std::string text = std::to_string(i) + std::string(100, 'x');
    texts.push_back(text);
    elements.push_back(Nested(text));
    // One key has most of them, of the others each has three.
    const std::string key = i % 2 == 0 ? "many" : "key " + std::to_string(i / 6);
    kvs.push_back({Nested(key), elements.back()});
    keys.push_back(key);
  }
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());

  {
    const Viewed<std::string> list(MakeIterableSideInput(), {}, {{kGlobal, elements}}, &memory);
    EXPECT_GT(memory.spilled_bytes(), 0);
    auto state = list.StateOf(list.Spec(SideInputAccess::kIterable));
    EXPECT_EQ(Sorted(TextsOf(All(state, Elements(kGlobal)))), Sorted(texts));
    EXPECT_LT(memory.held_bytes(), memory.limit() / 2);
  }
  const Viewed<EncodedKv> map(MakeMultimapSideInput(), {}, {{kGlobal, kvs}}, &memory);
  EXPECT_LT(memory.held_bytes(), memory.limit() / 16);
  auto by_key = map.StateOf(map.Spec(SideInputAccess::kMultimap));
  EXPECT_EQ(Sorted(TextsOf(All(by_key, Keys(kGlobal)))), keys);
  size_t pieces = 0;
  EXPECT_EQ(TextsOf(All(by_key, ValuesOf("many", kGlobal), &pieces)).size(), 30'000u);
  EXPECT_GE(pieces, 3u);
  for (int i = 0; i < 10'000; i += 97) {
    EXPECT_EQ(TextsOf(All(by_key, ValuesOf("key " + std::to_string(i), kGlobal))).size(), 3u);
  }
  EXPECT_EQ(All(by_key, ValuesOf("none", kGlobal)), "");
  EXPECT_LT(memory.held_bytes(), memory.limit() / 2);  // Of what was looked up.
  std::filesystem::remove_all(folder);
}

// Two bundles, and the operator that looks whether a third may begin.
TEST(SideInputState, IsAskedByManyThreads) {
  std::vector<EncodedKv> kvs;
  for (int i = 0; i < 30'000; ++i) kvs.push_back({Nested("key"), Nested(std::string(100, 'x'))});
  const Viewed<EncodedKv> map(MakeMultimapSideInput(), {}, {{kGlobal, kvs}});
  auto state = map.StateOf(map.Spec(SideInputAccess::kMultimap));
  const auto ask = [&] {
    for (int i = 0; i < 5; ++i) {
      EXPECT_EQ(TextsOf(All(state, ValuesOf("key", kGlobal))).size(), kvs.size());
    }
  };
  std::thread one(ask), two(ask);
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(state.IsReady(kGlobal));
  one.join();
  two.join();
}

TEST(SideInputState, AKeyThatIsTooLargeIsLookedUpByItself) {
  std::vector<EncodedKv> kvs;
  for (int i = 0; i < 20; ++i) kvs.push_back({Nested("a"), Nested(std::string(1 << 20, 'x'))});
  const Viewed<EncodedKv> map(MakeMultimapSideInput(), {}, {{kGlobal, kvs}});
  auto state = map.StateOf(map.Spec(SideInputAccess::kMultimap));
  EXPECT_EQ(StatusOf(state, GetOf(Entries(kGlobal))).code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(TextsOf(All(state, ValuesOf("a", kGlobal))).size(), 20u);
}

TEST(SideInputState, WaitsInAStream) {
  const WindowingStrategy windowing = Minutes();
  StepStats stats;
  OperatorContext context;
  context.step = "view";
  context.stats = &stats;
  context.windowing = &windowing;
  context.is_stream = true;
  const auto step = MakeMultimapSideInput();
  const auto operators = step->MakeStreamOperators({&context, 1});
  ASSERT_EQ(operators.size(), 1u);
  auto& view = dynamic_cast<StreamView&>(*operators[0]);
  SideInputState state(
      {view.MakeSideViews()},
      {{"transform", "side", SideInputAccess::kMultimap, WindowCodec::ForIntervals()}}, "");
  EXPECT_FALSE(state.IsReady(Minute(1)));
  EXPECT_EQ(StatusOf(state, GetOf(Keys(Minute(1)))).code(), StatusCode::kFailedPrecondition);

  PushTo<EncodedKv>(*operators[0], {{Nested("a"), Nested("1")}}, Minute(1));
  operators[0]->Receive();
  operators[0]->Finish();
  operators[0]->AdvanceWatermark(Minute(2).start);
  view.Publish();
  EXPECT_TRUE(state.IsReady(Minute(1)));
  EXPECT_TRUE(state.IsReady(Minute(0)));  // It is over, without elements.
  EXPECT_FALSE(state.IsReady(Minute(2)));
  EXPECT_EQ(TextsOf(All(state, ValuesOf("a", Minute(1)))), (Texts{"1"}));
  EXPECT_EQ(TextsOf(All(state, Keys(Minute(1)))), (Texts{"a"}));
  EXPECT_EQ(All(state, Keys(Minute(0))), "");
}

}  // namespace
}  // namespace joist::portability
