// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/base/one_line.h"

#include <gtest/gtest.h>

namespace joist {
namespace {

TEST(OneLine, JoinsLinesAndDropsWhatIsDrawnBeneathThem) {
  EXPECT_EQ(OneLine("Parser Error: near \"FORM\"\n\nLINE 1: SELECT *  FORM t\n\t          ^ "),
            "Parser Error: near \"FORM\" LINE 1: SELECT * FORM t");
  EXPECT_EQ(OneLine(" \r\n"), "");
  EXPECT_EQ(OneLine("a ^ b"), "a ^ b");
}

}  // namespace
}  // namespace joist
