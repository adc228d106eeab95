// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// States as an SDK asks for them, and at random against naive ones.

#include "joist/portability/user_state.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <vector>

#include "joist/portability/testing/state_requests.h"

namespace joist::portability {
namespace {

const WireCoder kTexts;

Status Ask(UserState& state, const fn::StateRequest& request, fn::StateResponse* response) {
  return state.Handle(request, &kTexts, response);
}
void Do(UserState& state, const fn::StateRequest& request) {
  fn::StateResponse response;
  const Status status = Ask(state, request, &response);
  EXPECT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(response.has_append(), request.has_append());
  EXPECT_EQ(response.has_clear(), request.has_clear());
}
StatusCode CodeOf(UserState& state, const fn::StateRequest& request) {
  fn::StateResponse response;
  return Ask(state, request, &response).code();
}
std::string All(UserState& state, const fn::StateKey& key, size_t* pieces = nullptr) {
  return GetAll(
      key, [&](const auto& request, auto* response) { return Ask(state, request, response); },
      pieces);
}

fn::StateKey Bag() {
  fn::StateKey key;
  key.mutable_bag_user_state();
  return key;
}
fn::StateKey MapValues(const std::string& map_key) {
  fn::StateKey key;
  key.mutable_multimap_user_state()->set_map_key(Nested(map_key));
  return key;
}
fn::StateKey MapKeys() {
  fn::StateKey key;
  key.mutable_multimap_keys_user_state();
  return key;
}
fn::StateKey MapEntries() {
  fn::StateKey key;
  key.mutable_multimap_entries_user_state();
  return key;
}
fn::StateKey Range(int64_t start, int64_t end) {
  fn::StateKey key;
  key.mutable_ordered_list_user_state()->mutable_range()->set_start(start);
  key.mutable_ordered_list_user_state()->mutable_range()->set_end(end);
  return key;
}
fn::StateKey List() {
  fn::StateKey key;
  key.mutable_ordered_list_user_state();
  return key;
}
std::string Entry(int64_t sort_key, std::string_view value) {
  std::string bytes;
  PutVarint(static_cast<uint64_t>(sort_key), &bytes);
  PutBytes(value, &bytes, /*nested=*/true);
  return bytes;
}
UserState SavedAndRestored(const UserState& state) {
  std::string bytes;
  state.Save(&bytes);
  UserState restored;
  ByteReader in(bytes);
  EXPECT_TRUE(restored.Restore(&in));
  EXPECT_EQ(in.remaining(), 0u);
  return restored;
}

TEST(UserState, Bag) {
  UserState state;
  EXPECT_EQ(All(state, Bag()), "");
  EXPECT_TRUE(state.empty());
  Do(state, AppendTo(Bag(), Nested("a") + Nested("b")));
  Do(state, AppendTo(Bag(), Nested("c")));
  EXPECT_EQ(TextsOf(All(state, Bag())), (std::vector<std::string>{"a", "b", "c"}));
  Do(state, ClearOf(Bag()));
  EXPECT_EQ(All(state, Bag()), "");
  EXPECT_TRUE(state.empty());
}

TEST(UserState, LargeBagsComeInPieces) {
  UserState state;
  std::vector<std::string> texts;
  for (int i = 0; i < 3000; ++i) {
    texts.push_back(std::to_string(i) + std::string(1000, 'x'));
    Do(state, AppendTo(Bag(), Nested(texts.back())));
  }
  texts.push_back(std::string(3 << 20, 'y'));  // More than a piece.
  Do(state, AppendTo(Bag(), Nested(texts.back())));
  size_t pieces = 0;
  EXPECT_EQ(TextsOf(All(state, Bag(), &pieces)), texts);
  EXPECT_GE(pieces, 4u);
  EXPECT_LE(pieces, 6u);

  // What was answered goes on where it was after more was appended, also in another process.
  fn::StateResponse first;
  ASSERT_TRUE(Ask(state, GetOf(Bag()), &first).ok());
  EXPECT_LE(first.get().data().size(), kPieceBytes);
  Do(state, AppendTo(Bag(), Nested("more")));
  UserState restored = SavedAndRestored(state);
  fn::StateResponse second;
  ASSERT_TRUE(Ask(restored, GetOf(Bag(), first.get().continuation_token()), &second).ok());
  EXPECT_EQ(TextsOf(second.get().data()).front(), texts[TextsOf(first.get().data()).size()]);

  for (const std::string& token :
       {std::string("\x05"), std::string("nonsense"), std::string(20, '\xFF'),
        first.get().continuation_token() + "x"}) {
    EXPECT_EQ(CodeOf(state, GetOf(Bag(), token)), StatusCode::kInvalidArgument);
  }
  Do(state, ClearOf(Bag()));
  EXPECT_EQ(CodeOf(state, GetOf(Bag(), first.get().continuation_token())),
            StatusCode::kInvalidArgument);
}

TEST(UserState, Multimap) {
  UserState state;
  Do(state, AppendTo(MapValues("b"), Nested("1") + Nested("2")));
  Do(state, AppendTo(MapValues("a"), Nested("3")));
  Do(state, AppendTo(MapValues(""), Nested("4")));
  Do(state, AppendTo(MapValues("b"), Nested("5")));
  EXPECT_EQ(TextsOf(All(state, MapKeys())), (std::vector<std::string>{"", "a", "b"}));
  EXPECT_EQ(TextsOf(All(state, MapValues("b"))), (std::vector<std::string>{"1", "2", "5"}));
  EXPECT_EQ(All(state, MapValues("c")), "");
  std::string entries = Nested("");
  PutBigEndian32(1, &entries);
  entries += Nested("4") + Nested("a");
  PutBigEndian32(1, &entries);
  entries += Nested("3") + Nested("b");
  PutBigEndian32(3, &entries);
  entries += Nested("1") + Nested("2") + Nested("5");
  EXPECT_EQ(All(state, MapEntries()), entries);
  fn::StateResponse response;
  EXPECT_EQ(state.Handle(GetOf(MapEntries()), nullptr, &response).code(),
            StatusCode::kUnimplemented);

  Do(state, ClearOf(MapValues("b")));
  EXPECT_EQ(All(state, MapValues("b")), "");
  EXPECT_EQ(TextsOf(All(state, MapKeys())), (std::vector<std::string>{"", "a"}));
  EXPECT_EQ(CodeOf(state, AppendTo(MapKeys(), "x")), StatusCode::kInvalidArgument);
  Do(state, ClearOf(MapKeys()));
  EXPECT_TRUE(state.empty());
}

TEST(UserState, ManyKeysComeInPieces) {
  UserState state;
  std::vector<std::string> keys;
  for (int i = 10'000; i < 30'000; ++i) {
    keys.push_back(std::string(100, 'k') + std::to_string(i));
    Do(state, AppendTo(MapValues(keys.back()), Nested("v")));
  }
  size_t pieces = 0;
  EXPECT_EQ(TextsOf(All(state, MapKeys(), &pieces)), keys);
  EXPECT_GE(pieces, 2u);
  pieces = 0;
  All(state, MapEntries(), &pieces);
  EXPECT_GE(pieces, 2u);
}

TEST(UserState, OrderedList) {
  UserState state;
  Do(state, AppendTo(List(), Entry(5, "five") + Entry(-3, "minus three")));
  Do(state, AppendTo(List(), Entry(5, "five again") + Entry(9, "nine")));
  EXPECT_EQ(All(state, Range(INT64_MIN, INT64_MAX)), Entry(-3, "minus three") + Entry(5, "five") +
                                                         Entry(5, "five again") + Entry(9, "nine"));
  EXPECT_EQ(All(state, Range(5, 9)), Entry(5, "five") + Entry(5, "five again"));
  EXPECT_EQ(All(state, Range(9, 5)), "");
  Do(state, ClearOf(Range(-10, 6)));
  EXPECT_EQ(All(state, List()), Entry(9, "nine"));
  EXPECT_EQ(CodeOf(state, AppendTo(List(), Entry(1, "cut").substr(0, 3))),
            StatusCode::kInvalidArgument);
  Do(state, ClearOf(List()));
  EXPECT_TRUE(state.empty());
}

TEST(UserState, LongListsComeInPieces) {
  UserState state;
  std::string all;
  for (int i = 0; i < 4000; ++i) {
    const std::string entry = Entry(i / 100, std::string(1000, 'z') + std::to_string(i));
    all += entry;
    Do(state, AppendTo(List(), entry));
  }
  size_t pieces = 0;
  EXPECT_EQ(All(state, Range(0, 40), &pieces), all);
  EXPECT_GE(pieces, 4u);
  fn::StateResponse first;
  ASSERT_TRUE(Ask(state, GetOf(Range(0, 40)), &first).ok());
  const std::string token = first.get().continuation_token();
  EXPECT_EQ(CodeOf(state, GetOf(Range(0, 2), token)), StatusCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(state, GetOf(Range(0, 40), token + "x")), StatusCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(state, GetOf(Range(0, 40), token.substr(0, 8))), StatusCode::kInvalidArgument);
}

TEST(UserState, IsOfOneKind) {
  UserState state;
  Do(state, AppendTo(Bag(), Nested("a")));
  EXPECT_EQ(CodeOf(state, GetOf(MapKeys())), StatusCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(state, AppendTo(List(), Entry(1, "a"))), StatusCode::kInvalidArgument);
  fn::StateRequest nothing;
  *nothing.mutable_state_key() = Bag();
  EXPECT_EQ(CodeOf(state, nothing), StatusCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(state, GetOf(fn::StateKey())), StatusCode::kInvalidArgument);
  Do(state, ClearOf(Bag()));
  Do(state, AppendTo(List(), Entry(1, "a")));
}

// Any sequence of requests, with checkpoints between them.
TEST(UserState, IsWhatNaiveOnesAre) {
  for (uint32_t seed = 0; seed < 60; ++seed) {
    std::mt19937 random(seed);
    UserState state;
    std::string bag;
    std::map<std::string, std::string> map;
    std::multimap<int64_t, std::string> list;
    for (int step = 0; step < 200; ++step) {
      const std::string text(random() % 40 == 0 ? 40'000 : random() % 5, 'a');
      const std::string key(1, static_cast<char>('a' + random() % 4));
      const auto at = static_cast<int64_t>(random() % 20) - 10;
      const bool clears = random() % 30 == 0;
      switch (seed % 3) {
        case 0:
          Do(state, clears ? ClearOf(Bag()) : AppendTo(Bag(), Nested(text)));
          bag = clears ? "" : bag + Nested(text);
          EXPECT_EQ(All(state, Bag()), bag);
          break;
        case 1:
          Do(state, clears ? ClearOf(MapValues(key)) : AppendTo(MapValues(key), Nested(text)));
          if (clears) {
            map.erase(key);
          } else {
            map[key] += Nested(text);
          }
          for (const auto& [each, values] : map) EXPECT_EQ(All(state, MapValues(each)), values);
          EXPECT_EQ(TextsOf(All(state, MapKeys())).size(), map.size());
          break;
        default: {
          Do(state, clears ? ClearOf(Range(at, at + 4)) : AppendTo(List(), Entry(at, text)));
          if (clears) {
            list.erase(list.lower_bound(at), list.lower_bound(at + 4));
          } else {
            list.emplace(at, Entry(at, text));
          }
          std::string all;
          for (auto i = list.lower_bound(at - 3); i != list.lower_bound(at + 3); ++i) {
            all += i->second;
          }
          EXPECT_EQ(All(state, Range(at - 3, at + 3)), all);
        }
      }
      if (random() % 20 == 0) state = SavedAndRestored(state);
    }
  }
}

}  // namespace
}  // namespace joist::portability
