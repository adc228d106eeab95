// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/base/arena.h"

#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "joist/base/copy_bytes.h"
#include "joist/base/pages.h"

namespace joist {
namespace {

TEST(Arena, KeepsWhatItWasGiven) {
  Arena arena;
  std::mt19937 random(5);
  std::vector<std::pair<std::string_view, std::string>> copies;
  for (int i = 0; i < 2000; ++i) {
    const std::string text(random() % (i % 100 == 0 ? 100'000 : 100),
                           static_cast<char>('a' + i % 26));
    copies.emplace_back(arena.Copy(text), text);
  }
  for (const auto& [view, text] : copies) ASSERT_EQ(view, text);
  EXPECT_GT(arena.held_bytes(), 0u);
}

TEST(Arena, NothingIsNeverNull) {
  Arena arena;
  EXPECT_TRUE(arena.empty());
  EXPECT_EQ(arena.Copy("").size(), 0u);
  arena.Copy("x");
  EXPECT_FALSE(arena.empty());
  EXPECT_NE(arena.Allocate(0), nullptr);
}

TEST(Arena, ShrinkGivesBackTheEnd) {
  Arena arena;
  char* first = arena.Allocate(100);
  arena.Shrink(90);
  EXPECT_EQ(arena.Allocate(1), first + 10);
}

TEST(Arena, ReserveMakesRoomInOnePiece) {
  Arena arena;
  arena.Allocate(Arena::kFirstChunkBytes - 10);
  char* start = arena.Reserve(1000);
  EXPECT_EQ(arena.Allocate(500), start);
  EXPECT_EQ(arena.Allocate(500), start + 500);
}

TEST(Arena, ResetKeepsABoundedAmountOfMemory) {
  Arena arena;
  for (int i = 0; i < 100; ++i) arena.Allocate(100'000);
  EXPECT_GE(arena.held_bytes(), 10'000'000u);
  arena.Reset();
  EXPECT_TRUE(arena.empty());
  EXPECT_LE(arena.held_bytes(), Arena::kRetainBytes);
  const size_t held = arena.held_bytes();
  arena.Allocate(held);
  EXPECT_EQ(arena.held_bytes(), held);

  arena.Allocate(Arena::kRetainBytes + 1);
  arena.Reset();
  EXPECT_LE(arena.held_bytes(), Arena::kRetainBytes);
  EXPECT_EQ(arena.Copy("again"), "again");
}

TEST(Arena, Moves) {
  Arena arena;
  const std::string_view text = arena.Copy("text");
  Arena moved = std::move(arena);
  EXPECT_EQ(text, "text");
  EXPECT_FALSE(moved.empty());
  EXPECT_TRUE(arena.empty());
  EXPECT_EQ(arena.Copy("usable"), "usable");
  arena = std::move(moved);
  EXPECT_EQ(text, "text");
  EXPECT_EQ(arena.Copy("more"), "more");
}

TEST(CopyBytes, CopiesEverySizeAndNothingBeside) {
  std::string from(300, '\0');
  for (size_t i = 0; i < from.size(); ++i) from[i] = static_cast<char>('a' + i * 7 % 26);
  for (size_t size = 0; size < 200; ++size) {
    for (size_t offset = 0; offset < 3; ++offset) {
      std::string to(210, '.');
      CopyBytes(to.data() + 5, from.data() + offset, size);
      EXPECT_EQ(to, "....." + from.substr(offset, size) + std::string(205 - size, '.'));
    }
  }
  CopyBytes(nullptr, nullptr, 0);
}

#ifdef JOIST_ASAN
TEST(ArenaDeathTest, AViewKeptTooLongIsFound) {
  Arena arena;
  const std::string_view text = arena.Copy("text");
  arena.Reset();
  EXPECT_DEATH(
      {
        volatile char c = text[0];
        (void)c;
      },
      "use-after-poison");
}
#endif

TEST(Pages, AreZeroAndAligned) {
  const size_t size = 3 << 20;
  Pages pages(size);
  ASSERT_NE(pages.data(), nullptr);
  EXPECT_GE(pages.size(), size);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(pages.data()) % 64, 0u);
  char* bytes = static_cast<char*>(pages.data());
  for (size_t i = 0; i < size; i += 4096) ASSERT_EQ(bytes[i], 0);
  bytes[size - 1] = 1;
  Pages moved = std::move(pages);
  EXPECT_EQ(moved.data(), bytes);
  EXPECT_EQ(pages.data(), nullptr);
  pages = std::move(moved);
  EXPECT_EQ(static_cast<char*>(pages.data())[size - 1], 1);
}

}  // namespace
}  // namespace joist
