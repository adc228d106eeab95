// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// How values and types look in messages.

#include "joist/model/describe.h"

#include <limits>
#include <map>
#include <set>
#include <unordered_map>

#include <gtest/gtest.h>

namespace joist {
namespace {

struct Opaque {
  int hidden = 0;
};
struct Order {
  std::string customer;
  int64_t cents = 0;
  std::optional<std::string> note;
};
JOIST_ROW(Order, customer, cents, note)
struct Nothing {};
JOIST_ROW(Nothing)
enum class Plain { kZero, kOne };
enum class Mood { kHappy = 3, kSad };
JOIST_ENUM(Mood, kHappy, kSad)

TEST(Describe, Values) {
  EXPECT_EQ(ToDescription(true), "true");
  EXPECT_EQ(ToDescription(int8_t{-5}), "-5");
  EXPECT_EQ(ToDescription(uint64_t{UINT64_MAX}), "18446744073709551615");
  EXPECT_EQ(ToDescription('x'), "\"x\"");
  EXPECT_EQ(ToDescription(0.1), "0.1");
  EXPECT_EQ(ToDescription(0.1f), "0.1");
  EXPECT_EQ(ToDescription(-0.0), "-0");
  EXPECT_EQ(ToDescription(std::numeric_limits<double>::quiet_NaN()), "nan");
  EXPECT_EQ(ToDescription(Plain::kOne), "1");
  EXPECT_EQ(ToDescription(Mood::kSad), "kSad");
  EXPECT_EQ(ToDescription(static_cast<Mood>(9)), "9");
  EXPECT_EQ(ToDescription(Void{}), "void");
  EXPECT_EQ(ToDescription(Timestamp{0}), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(ToDescription(Duration{1500}), "1s500ms");
  EXPECT_EQ(ToDescription(Window::Global()), "global");
  EXPECT_EQ(ToDescription(PaneInfo()), "NO_FIRING");
}

TEST(Describe, TextIsQuotedAndEscaped) {
  EXPECT_EQ(ToDescription(std::string("a\"b\\\n\t\r\x01")), R"("a\"b\\\n\t\r\x01")");
  EXPECT_EQ(ToDescription(std::string_view("Grüße, 光线 🙂")), "\"Grüße, 光线 🙂\"");
  // Bytes that are no UTF-8: alone, cut off, overlong, a surrogate, beyond the last code point.
  EXPECT_EQ(ToDescription(std::string("\xff")), R"("\xff")");
  EXPECT_EQ(ToDescription(std::string("\xe5\x85")), R"("\xe5\x85")");
  EXPECT_EQ(ToDescription(std::string("\xc0\x80")), R"("\xc0\x80")");
  EXPECT_EQ(ToDescription(std::string("\xed\xa0\x80")), R"("\xed\xa0\x80")");
  EXPECT_EQ(ToDescription(std::string("\xf4\x90\x80\x80")), R"("\xf4\x90\x80\x80")");
  EXPECT_EQ(ToDescription(Bytes("a\xff")), R"(b"a\xff")");
}

TEST(Describe, Composites) {
  EXPECT_EQ(ToDescription(KV{"the", 3}), R"({"the": 3})");
  EXPECT_EQ(ToDescription(std::pair<int, bool>(1, false)), "(1, false)");
  EXPECT_EQ(ToDescription(std::tuple<int, std::string, double>(1, "a", 2.5)), R"((1, "a", 2.5))");
  EXPECT_EQ(ToDescription(std::tuple<>()), "()");
  EXPECT_EQ(ToDescription(std::optional<int>()), "null");
  EXPECT_EQ(ToDescription(std::optional<int>(4)), "4");
  EXPECT_EQ(ToDescription(std::vector<int>{1, 2}), "[1, 2]");
  EXPECT_EQ(ToDescription(std::vector<int>{}), "[]");
  EXPECT_EQ(ToDescription(std::vector<bool>{true}), "[true]");
  EXPECT_EQ(ToDescription(std::set<std::string>{"b", "a"}), R"(["a", "b"])");
  EXPECT_EQ(ToDescription(std::map<int, std::string>{{1, "x"}}), R"({1: "x"})");
  EXPECT_EQ(ToDescription(std::unordered_map<int, int>{}), "{}");
  EXPECT_EQ(ToDescription(Order{"Ada", 250, {}}),
            R"(Order{customer: "Ada", cents: 250, note: null})");
  EXPECT_EQ(ToDescription(Nothing{}), "Nothing{}");
  EXPECT_EQ(ToDescription(Opaque{}), "<Opaque>");
  EXPECT_EQ(ToDescription(std::vector<KV<std::string, Order>>{{"k", {"A", 1, "n"}}}),
            R"([{"k": Order{customer: "A", cents: 1, note: "n"}}])");
}

TEST(TypeName, IsAsOneWouldWriteIt) {
  EXPECT_EQ(TypeName<std::string>(), "std::string");
  EXPECT_EQ(TypeName<std::string_view>(), "std::string_view");
  EXPECT_EQ((TypeName<KV<std::string, int64_t>>()), "KV<std::string, int64_t>");
  EXPECT_EQ(TypeName<std::vector<std::vector<uint8_t>>>(), "std::vector<std::vector<uint8_t>>");
  EXPECT_EQ((TypeName<std::map<std::string, double>>()), "std::map<std::string, double>");
  EXPECT_EQ(TypeName<Order>(), "Order");
  EXPECT_EQ(TypeName<uint32_t>(), "uint32_t");
  EXPECT_EQ(TypeName<int16_t>(), "int16_t");
  EXPECT_EQ(TypeName<uint64_t>(), "uint64_t");
  EXPECT_EQ(ReadableTypeName("something else"), "something else");
}

}  // namespace
}  // namespace joist
