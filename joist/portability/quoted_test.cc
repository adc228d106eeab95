// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/quoted.h"

#include <gtest/gtest.h>

#include <string>

namespace joist::portability {
namespace {

TEST(Quoted, IsOneLineThatNoTerminalObeys) {
  EXPECT_EQ(Quoted("Count/Map"), "\"Count/Map\"");
  EXPECT_EQ(Quoted("a\r\nb\x1b[2J\x7f"), "\"a b?[2J?\"");
}

TEST(Quoted, OfALongNameIsTheBeginning) {
  const std::string most(200, 'x');
  EXPECT_EQ(Quoted(most), "\"" + most + "\"");
  EXPECT_EQ(Quoted(most + "y"), "\"" + most + "…\"");
  const std::string cut(199, 'x');
  EXPECT_EQ(Quoted(cut + "é"), "\"" + cut + "…\"");
}

}  // namespace
}  // namespace joist::portability
