// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// The typed coders: their bytes, their limits, and what they refuse.

#include "joist/model/coder.h"

#include <limits>
#include <map>
#include <random>
#include <set>
#include <unordered_map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "joist/model/describe.h"

namespace joist {
namespace {

using ::testing::HasSubstr;

template <class T>
std::string Encoded(const T& value, bool nested) {
  std::string bytes;
  Coder<T>::Encode(value, &bytes, nested);
  return bytes;
}

// Checks that `value` has these bytes in both contexts, and comes back from them.
template <class T>
void ExpectBytes(const T& value, std::string_view outer, std::string_view nested) {
  for (const bool in_context : {false, true}) {
    const std::string_view expected = in_context ? nested : outer;
    EXPECT_EQ(ToDescription(Bytes(Encoded(value, in_context))), ToDescription(Bytes(expected)));
    ByteReader in(expected);
    T back{};
    EXPECT_TRUE(Coder<T>::Decode(&in, &back, in_context)) << in.error();
    EXPECT_EQ(in.remaining(), 0u);
    EXPECT_EQ(ToDescription(back), ToDescription(value));
  }
}

template <class T>
void ExpectBytes(const T& value, std::string_view bytes) {
  ExpectBytes(value, bytes, bytes);
}

template <class T>
std::string ErrorOf(std::string_view bytes) {
  return DecodeFromString<T>(bytes).status().message();
}

enum class Color : uint8_t { kRed, kBlue = 200 };

TEST(Coder, Integers) {
  ExpectBytes<int64_t>(0, std::string_view("\0", 1));
  ExpectBytes<int64_t>(200, "\xc8\x01");
  ExpectBytes<int64_t>(-1, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
  ExpectBytes<int8_t>(-1, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
  ExpectBytes<uint64_t>(UINT64_MAX, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
  ExpectBytes<uint16_t>(9001, "\xa9\x46");
  ExpectBytes<char>('\xff', "\xff\x01");
  ExpectBytes(Color::kBlue, "\xc8\x01");
  ExpectBytes(Duration{9001}, "\xa9\x46");
  ExpectBytes(true, "\1");
  ExpectBytes<int64_t>(INT64_MIN, "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01");
}

TEST(Coder, NumbersThatDoNotFitAreRefused) {
  EXPECT_EQ(ErrorOf<uint8_t>("\x80\x02"),
            "cannot decode uint8_t from 2 bytes: a number exceeds its type, at byte 2");
  EXPECT_THAT(ErrorOf<int32_t>("\x80\x80\x80\x80\x10"), HasSubstr("exceeds its type"));
  EXPECT_THAT(ErrorOf<uint32_t>("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), HasSubstr("exceeds"));
  EXPECT_THAT(ErrorOf<int64_t>("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x02"), HasSubstr("64 bits"));
  EXPECT_THAT(ErrorOf<int64_t>("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00"),
              HasSubstr("64 bits"));
  EXPECT_THAT(ErrorOf<int64_t>("\x80"), HasSubstr("within a varint"));
  EXPECT_THAT(ErrorOf<int64_t>(""), HasSubstr("within a varint"));
  EXPECT_THAT(ErrorOf<bool>("\2"), HasSubstr("neither 0 nor 1"));
  EXPECT_THAT(ErrorOf<Color>("\x80\x02"), HasSubstr("exceeds its type"));
}

TEST(Coder, FloatingPoint) {
  ExpectBytes(0.1, "\x3f\xb9\x99\x99\x99\x99\x99\x9a");
  ExpectBytes(-0.0, std::string_view("\x80\0\0\0\0\0\0\0", 8));
  ExpectBytes(std::numeric_limits<double>::quiet_NaN(),
              std::string_view("\x7f\xf8\0\0\0\0\0\0", 8));
  ExpectBytes(3.1415f, "\x40\x49\x0e\x56");
  EXPECT_THAT(ErrorOf<double>("1234567"), HasSubstr("ends too early"));
}

TEST(Coder, TextAndBytes) {
  ExpectBytes(std::string("abc"), "abc", "\3abc");
  ExpectBytes(std::string(), "", std::string_view("\0", 1));
  ExpectBytes(std::string("ab\0c", 4), std::string_view("ab\0c", 4),
              std::string_view("\4ab\0c", 5));
  ExpectBytes(Bytes("\xff"), "\xff", "\1\xff");
  ExpectBytes(std::vector<uint8_t>{1, 255}, "\1\xff", "\2\1\xff");
  ExpectBytes(std::vector<std::byte>{std::byte{7}}, "\7", "\1\7");
  ExpectBytes(std::string(200, 'x'), std::string(200, 'x'), "\xc8\x01" + std::string(200, 'x'));
}

TEST(Coder, Pairs) {
  ExpectBytes(KV{"abc", "def"}, "\3abcdef", "\3abc\3def");
  ExpectBytes(std::pair<std::string, std::string>("abc", "def"), "\3abcdef", "\3abc\3def");
  ExpectBytes(KV{"abc", int64_t{10}}, "\3abc\x0a");
  ExpectBytes(std::tuple<std::string, std::string, std::string>("a", "b", "c"), "\1a\1bc",
              "\1a\1b\1c");
  ExpectBytes(std::tuple<>(), "");
  ExpectBytes(KV{KV{"a", "b"}, KV{"c", "d"}}, "\1a\1b\1cd", "\1a\1b\1c\1d");
  EXPECT_THAT((ErrorOf<KV<std::string, int>>("\5abc")), HasSubstr("exceeds the bytes"));
}

TEST(Coder, Optionals) {
  ExpectBytes(std::optional<std::string>("abc"), "\1abc", "\1\3abc");
  ExpectBytes(std::optional<std::string>(), std::string_view("\0", 1));
  EXPECT_FALSE(DecodeFromString<std::optional<int>>("\2").ok());
}

TEST(Coder, Sequences) {
  ExpectBytes(std::vector<int64_t>{1, 10, 200, 1000},
              std::string_view("\0\0\0\4\1\n\xc8\x01\xe8\x07", 10));
  ExpectBytes(std::vector<std::string>{"abc"}, std::string_view("\0\0\0\1\3abc", 8));
  ExpectBytes(std::vector<bool>{true, false}, std::string_view("\0\0\0\2\1\0", 6));
  ExpectBytes(std::set<int>{5, 3}, std::string_view("\0\0\0\2\3\5", 6));
  ExpectBytes(std::map<std::string, int>{{"a", 1}}, std::string_view("\0\0\0\1\1a\1", 7));
  ExpectBytes(std::vector<Void>(3), std::string_view("\0\0\0\3", 4));
  // Of unknown length: blocks, each with the number of its elements, up to an empty one.
  EXPECT_EQ(
      DecodeFromString<std::vector<int>>(std::string("\xff\xff\xff\xff\2\1\2\1\3\0", 10)).value(),
      (std::vector<int>{1, 2, 3}));
  EXPECT_THAT(ErrorOf<std::vector<int>>("\xff\xff\xff\xfe"), HasSubstr("negative length"));
  EXPECT_THAT(
      ErrorOf<std::vector<int>>("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\1t"),
      HasSubstr("runner's state"));
}

TEST(Coder, ACountAllocatesNoMoreThanTheInputJustifies) {
  const std::string many("\x7f\xff\xff\xff\1", 5);
  EXPECT_FALSE(DecodeFromString<std::vector<int64_t>>(many).ok());
  EXPECT_FALSE(DecodeFromString<std::vector<std::string>>(many).ok());
  EXPECT_THAT(ErrorOf<std::vector<Void>>(many), HasSubstr("without any bytes"));
  EXPECT_FALSE((DecodeFromString<std::vector<KV<Void, Void>>>(many).ok()));
  EXPECT_FALSE(DecodeFromString<std::string>("").status().ok() == false);
  std::vector<std::vector<Void>> lists(4, std::vector<Void>(ByteReader::kMaxEmptyElements / 2));
  EXPECT_FALSE(DecodeFromString<std::vector<std::vector<Void>>>(EncodeToString(lists)).ok());
}

TEST(Coder, TimeAndWindows) {
  ExpectBytes(Timestamp{0}, std::string_view("\x80\0\0\0\0\0\0\0", 8));
  ExpectBytes(Timestamp{-1}, "\x7f\xff\xff\xff\xff\xff\xff\xff");
  ExpectBytes(Timestamp::Min(), "\x7f\xdf\x3b\x64\x5a\x1c\xac\x09");
  ExpectBytes(Window{{1454293425000 - 3600000}, {1454293425000}},
              std::string_view("\x80\0\x01\x52\x9a\xa4\x9b\x68\x80\xdd\xdb\x01", 12));
  const std::string global = EncodeToString(Window::Global());
  EXPECT_TRUE(DecodeFromString<Window>(global).value().is_global());
  ExpectBytes(Void{}, "");
}

TEST(Coder, Panes) {
  ExpectBytes(PaneInfo::NoFiring(), "\x0f");
  ExpectBytes(PaneInfo::OnTimeAndOnly(), "\x07");
  ExpectBytes(PaneInfo{PaneTiming::kOnTime, false, true, 30, 40}, "\x26\x1e\x28");
  ExpectBytes(PaneInfo{PaneTiming::kEarly, true, false, 5, -1}, "\x11\5");
  ExpectBytes(PaneInfo{PaneTiming::kLate, false, false, 5, 5}, "\x18\5");
  EXPECT_FALSE(DecodeFromString<PaneInfo>("\x30").ok());
  EXPECT_FALSE(DecodeFromString<PaneInfo>("\x18").ok());
}

TEST(Coder, AllOfTheInputIsTaken) {
  EXPECT_EQ(ErrorOf<int>("\1\2"), "cannot decode int from 2 bytes: it ends at byte 1");
}

TEST(Coder, SpecsNameBeamsCoders) {
  EXPECT_EQ((Coder<KV<std::string, int64_t>>::Spec().ToString()), "kv<string_utf8, varint>");
  EXPECT_EQ((Coder<std::map<int, Bytes>>::Spec().ToString()), "iterable<kv<varint, bytes>>");
  EXPECT_EQ((Coder<std::optional<double>>::Spec().urn), "beam:coder:nullable:v1");
  EXPECT_EQ((Coder<std::tuple<bool, float>>::Spec().ToString()),
            "tuple<bool, joist:coder:float:v1>");
  EXPECT_EQ(Coder<int>::Spec(), Coder<uint8_t>::Spec());
  EXPECT_NE(Coder<int>::Spec(), Coder<bool>::Spec());
}

struct NoCoder {};

// A coder of the user's own.
struct Money {
  int64_t cents = 0;
};

}  // namespace

template <>
struct Coder<Money> {
  static constexpr bool kDeterministic = true;
  static CoderSpec Spec() { return MakeCoderSpec("test:money:v1"); }
  static void Encode(const Money& value, std::string* out, bool nested) {
    Coder<int64_t>::Encode(value.cents, out, nested);
  }
  static bool Decode(ByteReader* in, Money* value, bool nested) {
    return Coder<int64_t>::Decode(in, &value->cents, nested) && value->cents >= 0;
  }
};

namespace {

TEST(Coder, WhatHasACoder) {
  static_assert(HasCoder<int> && HasCoder<long long> && HasCoder<KV<std::string, Color>>);
  static_assert(!HasCoder<NoCoder> && !HasCoder<std::vector<NoCoder>> &&
                !HasCoder<KV<int, NoCoder>>);
  static_assert(!HasCoder<int*> && !HasCoder<std::string_view> && !HasCoder<wchar_t>);
  static_assert(!HasCoder<std::optional<NoCoder>> && !HasCoder<std::tuple<int, NoCoder>>);
  static_assert(HasCoder<std::unordered_map<int, int>> && !HasCoder<std::map<int, NoCoder>>);
  static_assert(HasCoder<Money> && HasCoder<std::vector<Money>>);
  EXPECT_EQ(DecodeFromString<Money>("\5").value().cents, 5);
  EXPECT_THAT(ErrorOf<Money>("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
              HasSubstr("Money from 10 bytes: its coder refused them"));
}

TEST(Coder, Determinism) {
  static_assert(Coder<std::map<std::string, int>>::kDeterministic);
  static_assert(!Coder<std::unordered_map<std::string, int>>::kDeterministic);
  static_assert(!Coder<std::map<double, int>>::kDeterministic);
  static_assert(!Coder<std::vector<std::unordered_map<int, int>>>::kDeterministic);
  static_assert(Coder<std::set<int, std::greater<>>>::kDeterministic);
  struct ByLength {
    bool operator()(const std::string& a, const std::string& b) const {
      return a.size() < b.size();
    }
  };
  static_assert(!Coder<std::set<std::string, ByLength>>::kDeterministic);
}

TEST(Varint, RoundTripsAtEveryWidth) {
  std::mt19937_64 random(3);
  for (int i = 0; i < 64'000; ++i) {
    const uint64_t value = random() >> (i % 64);
    std::string bytes;
    PutVarint(value, &bytes);
    ByteReader in(bytes);
    uint64_t back;
    ASSERT_TRUE(in.TakeVarint(&back));
    EXPECT_EQ(back, value);
    EXPECT_EQ(bytes.size(), value == 0 ? 1 : (70 - __builtin_clzll(value)) / 7u);
  }
}

}  // namespace
}  // namespace joist
