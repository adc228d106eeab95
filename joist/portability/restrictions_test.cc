// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/restrictions.h"

#include <gtest/gtest.h>

#include <string>

namespace joist::portability {
namespace {

Timestamp At(int64_t millis) { return Timestamp::Millis(millis); }

Restrictions Three() {
  Restrictions three;
  three.Add({"a", At(30), At(3)});
  three.Add({"b", At(10), At(2), true});
  three.Add({"c", At(20), At(1)});
  return three;
}

std::string Texts(const std::vector<Restriction>& restrictions) {
  std::string texts;
  for (const Restriction& one : restrictions) texts += one.element;
  return texts;
}

TEST(RestrictionsTest, NothingHoldsNothingBack) {
  EXPECT_EQ(Restrictions().next_due(), Timestamp::Max());
  EXPECT_EQ(Restrictions().hold(), Timestamp::Max());
}

TEST(RestrictionsTest, TheEarliestCount) {
  EXPECT_EQ(Three().next_due(), At(10));
  EXPECT_EQ(Three().hold(), At(1));
}

TEST(RestrictionsTest, WhatIsDueIsTakenInOrder) {
  Restrictions three = Three();
  EXPECT_EQ(Texts(three.TakeDue(At(9))), "");
  EXPECT_EQ(Texts(three.TakeDue(At(20))), "bc");
  EXPECT_EQ(three.size(), 1);
  EXPECT_EQ(three.hold(), At(3));
}

TEST(RestrictionsTest, WhatIsTruncatedIsNotWhole) {
  Restrictions three = Three();
  EXPECT_EQ(Texts(three.TakeWhole()), "ac");
  EXPECT_EQ(Texts(three.TakeWhole()), "");
  EXPECT_EQ(Texts(three.TakeDue(At(10))), "b");
}

TEST(RestrictionsTest, HastenMakesAllDue) {
  Restrictions three = Three();
  three.Hasten();
  EXPECT_EQ(Texts(three.TakeDue(At(0))), "abc");
}

TEST(RestrictionsTest, SurviveSaving) {
  std::string saved;
  Three().Save(&saved);
  Restrictions restored;
  ByteReader in(saved);
  ASSERT_TRUE(restored.Restore(&in, /*adds=*/true));
  EXPECT_EQ(in.remaining(), 0);
  EXPECT_EQ(restored.next_due(), At(10));
  EXPECT_EQ(restored.hold(), At(1));
  EXPECT_EQ(Texts(restored.TakeWhole()), "ac");
  EXPECT_EQ(Texts(restored.TakeDue(At(10))), "b");

  ByteReader again(saved);
  ASSERT_TRUE(restored.Restore(&again, /*adds=*/false));
  EXPECT_EQ(again.remaining(), 0);
  EXPECT_TRUE(restored.empty());
}

TEST(RestrictionsTest, WhatIsCutShortIsRefused) {
  std::string saved;
  Three().Save(&saved);
  for (size_t size = 0; size < saved.size(); ++size) {
    ByteReader in(std::string_view(saved).substr(0, size));
    EXPECT_FALSE(Restrictions().Restore(&in, /*adds=*/true)) << size;
  }
}

}  // namespace
}  // namespace joist::portability
