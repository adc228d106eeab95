// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Simple elements of every kind.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "joist/sdk/check_type.h"

namespace joist {
namespace {

enum class Color : uint8_t { kRed, kGreen, kBlue };

TEST(Types, Integers) { CheckType<int>({0, 1, -5}); }
TEST(Types, Doubles) { CheckType<double>({0.0, -0.0, 1.5}); }
TEST(Types, Bools) { CheckType<bool>({true, false}); }
TEST(Types, Enums) { CheckType<Color>({Color::kRed, Color::kBlue}); }
TEST(Types, Texts) { CheckType<std::string>({"", "a", "a text that is longer than a slot"}); }
TEST(Types, RawBytes) { CheckType<Bytes>({Bytes(""), Bytes(std::string_view("\0\xff", 2))}); }

}  // namespace
}  // namespace joist
