// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// The property that keys stand on: equal exactly where their bytes are, and then with one hash.

#include "joist/model/key_traits.h"

#include <limits>
#include <map>
#include <random>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include <gtest/gtest.h>

#include "joist/model/describe.h"

namespace joist {
namespace {

enum class Size : int16_t { kSmall = -1, kLarge = 300 };
enum class Weather { kSun, kRain };
JOIST_ENUM(Weather, kSun, kRain)

struct Inner {
  double x = 0;
  std::optional<std::string> note;
  // Not what Joist goes by.
  friend bool operator==(const Inner&, const Inner&) { return true; }
};
JOIST_ROW(Inner, x, note)

struct Outer {
  Inner inner;
  std::vector<Inner> more;
  std::map<std::string, float> weights;
  std::optional<Inner> maybe;
  Weather weather = Weather::kSun;
  Timestamp when;
  Duration span;
  KV<int8_t, Bytes> pair{0, Bytes()};
};
JOIST_ROW(Outer, inner, more, weights, maybe, weather, when, span, pair)

struct Empty {};
JOIST_ROW(Empty)

struct Celsius {
  double degrees = 0;
};

}  // namespace

template <>
struct LogicalType<Celsius> {
  using Representation = double;
  static constexpr std::string_view kUrn = "test:celsius:v1";
  static double ToRepresentation(Celsius value) { return value.degrees; }
  static bool FromRepresentation(double representation, Celsius* value) {
    value->degrees = representation;
    return true;
  }
};

namespace {

std::mt19937_64 random_bits(11);

int Below(int n) { return static_cast<int>(random_bits() % static_cast<uint64_t>(n)); }

// Values are drawn from few, with all the special ones, so that many pairs are equal.
template <class T>
struct Draw;
template <class T>
T Any() {
  return Draw<T>::One();
}

template <Integer T>
struct Draw<T> {
  static T One() {
    constexpr T kSome[] = {T(0),
                           T(1),
                           T(-1),
                           T(127),
                           T(128),
                           std::numeric_limits<T>::min(),
                           std::numeric_limits<T>::max()};
    return kSome[Below(7)];
  }
};
template <class T>
  requires std::is_floating_point_v<T>
struct Draw<T> {
  static T One() {
    using L = std::numeric_limits<T>;
    const T some[] = {T(0),           T(-0.0),           T(1.5),
                      L::quiet_NaN(), -L::quiet_NaN(),   L::infinity(),
                      L::min() / 2,   L::signaling_NaN()};
    return some[Below(8)];
  }
};
template <>
struct Draw<bool> {
  static bool One() { return Below(2) == 0; }
};
template <class T>
  requires std::is_enum_v<T>
struct Draw<T> {
  static T One() { return static_cast<T>(Below(2)); }
};
template <>
struct Draw<std::string> {
  static std::string One() {
    const std::string some[] = {"",
                                "a",
                                std::string("\0", 1),
                                "ab",
                                std::string(16, 'x'),
                                std::string(17, 'x'),
                                std::string(40, 'y')};
    return some[Below(7)];
  }
};
template <>
struct Draw<Bytes> {
  static Bytes One() { return Bytes(Any<std::string>()); }
};
template <>
struct Draw<Void> {
  static Void One() { return {}; }
};
template <>
struct Draw<Timestamp> {
  static Timestamp One() { return {Any<int64_t>()}; }
};
template <>
struct Draw<Duration> {
  static Duration One() { return {Any<int64_t>()}; }
};
template <>
struct Draw<Window> {
  static Window One() { return Below(3) == 0 ? Window::Global() : Window{{Below(3)}, {Below(3)}}; }
};
template <>
struct Draw<Celsius> {
  static Celsius One() { return {Any<double>()}; }
};
template <class A, class B>
struct Draw<KV<A, B>> {
  static KV<A, B> One() { return {Any<A>(), Any<B>()}; }
};
template <class A, class B>
struct Draw<std::pair<A, B>> {
  static std::pair<A, B> One() { return {Any<A>(), Any<B>()}; }
};
template <class... Ts>
struct Draw<std::tuple<Ts...>> {
  static std::tuple<Ts...> One() { return {Any<Ts>()...}; }
};
template <class T>
struct Draw<std::optional<T>> {
  static std::optional<T> One() { return Below(2) == 0 ? std::optional<T>() : Any<T>(); }
};
template <class T>
struct Draw<std::vector<T>> {
  static std::vector<T> One() {
    std::vector<T> result;
    for (int n = Below(3); n > 0; --n) result.push_back(Any<T>());
    return result;
  }
};
template <>
struct Draw<std::byte> {
  static std::byte One() { return std::byte{static_cast<uint8_t>(Below(3))}; }
};
template <MapLike T>
struct Draw<T> {
  static T One() {
    T result;
    for (int n = Below(3); n > 0; --n) {
      result.insert_or_assign(Any<typename T::key_type>(), Any<typename T::mapped_type>());
    }
    return result;
  }
};
template <SetLike T>
struct Draw<T> {
  static T One() {
    T result;
    for (int n = Below(3); n > 0; --n) result.insert(Any<typename T::key_type>());
    return result;
  }
};
template <IsRow T>
struct Draw<T> {
  static T One() {
    T row;
    RowTraits<T>::ForEachField(row, []<class F>(F& field) { field = Any<F>(); });
    return row;
  }
};

template <class K>
class KeyTraitsTest : public testing::Test {};

using Keys = testing::Types<
    bool, char, int8_t, uint8_t, int16_t, int32_t, uint32_t, int64_t, uint64_t, float, double, Size,
    Weather, std::string, Bytes, std::vector<uint8_t>, std::vector<std::byte>, Void, Timestamp,
    Duration, Window, KV<std::string, int64_t>, KV<double, Void>, std::pair<float, std::string>,
    std::tuple<int, double, std::string>, std::tuple<>, std::optional<double>,
    std::optional<std::string>, std::vector<double>, std::vector<bool>, std::vector<std::string>,
    std::vector<std::vector<std::string>>, std::map<std::string, double>, std::set<std::string>,
    std::map<int, std::optional<float>>, Inner, Outer, Empty, Celsius, std::vector<Celsius>,
    KV<Outer, std::optional<std::tuple<Inner, bool>>>>;
TYPED_TEST_SUITE(KeyTraitsTest, Keys);

TYPED_TEST(KeyTraitsTest, EqualExactlyWhereTheBytesAre) {
  using K = TypeParam;
  using Traits = KeyTraits<K>;
  static_assert(IsKey<K>);
  int equal = 0;
  for (int i = 0; i < 3000; ++i) {
    const K a = Any<K>();
    const K b = i % 4 == 0 ? a : Any<K>();
    const std::string bytes_a = EncodeToString(a);
    const bool same_bytes = bytes_a == EncodeToString(b);
    ASSERT_EQ(EqualKeys(a, b), same_bytes) << ToDescription(a) << " and " << ToDescription(b);
    ASSERT_EQ(EqualKeys(b, a), same_bytes);
    if (same_bytes) {
      ASSERT_EQ(HashKey(a), HashKey(b)) << ToDescription(a);
    }
    equal += same_bytes ? 1 : 0;

    // A key survives its view and its bytes.
    ASSERT_TRUE(EqualKeys(K(Traits::FromView(Traits::ToView(a))), a));
    const Result<K> decoded = DecodeFromString<K>(bytes_a);
    ASSERT_TRUE(decoded.ok()) << decoded.status().message();
    ASSERT_TRUE(EqualKeys(K(*decoded), a));
    if constexpr (Traits::kIsWord) {
      ASSERT_TRUE(EqualKeys(K(Traits::FromWord(Traits::ToWord(a))), a));
      ASSERT_EQ(Traits::ToWord(a) == Traits::ToWord(b), same_bytes);
    }
    if constexpr (Traits::kIsBytes) {
      static_assert(std::is_same_v<typename Traits::View, std::string_view>);
      ASSERT_EQ(std::string(Traits::ToView(a)), bytes_a);
    }
  }
  EXPECT_GE(equal, 750);
}

TEST(KeyTraits, FloatingPointIsComparedByBits) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_TRUE(EqualKeys(nan, nan));
  EXPECT_FALSE(EqualKeys(0.0, -0.0));
  EXPECT_TRUE(EqualKeys(Inner{nan, {}}, Inner{nan, {}}));
  EXPECT_FALSE(EqualKeys(Inner{0.0, {}}, Inner{-0.0, {}}));
}

TEST(KeyTraits, HashesDiffer) {
  // Not a property that must hold, but a table would not like it otherwise.
  std::set<uint64_t> hashes;
  for (int i = 0; i < 10'000; ++i) {
    hashes.insert(HashKey(int64_t{i}));
    hashes.insert(HashKey("k" + std::to_string(i)));
    hashes.insert(HashKey(KV{std::to_string(i), i}));
    hashes.insert(HashKey(std::vector<int>{i, i}));
  }
  EXPECT_EQ(hashes.size(), 40'000u);
  EXPECT_NE(HashKey(std::vector<std::string>{"ab", "c"}),
            HashKey(std::vector<std::string>{"a", "bc"}));
  EXPECT_NE(HashKey(std::optional<int>()), HashKey(std::optional<int>(0)));
}

struct Loose {
  std::unordered_map<int, int> map;
};
JOIST_ROW(Loose, map)

TEST(KeyTraits, WhatHasNoDeterministicFormIsNoKey) {
  static_assert(!IsKey<std::unordered_map<int, int>>);
  static_assert(!IsKey<std::unordered_set<std::string>>);
  static_assert(!IsKey<std::vector<std::unordered_set<std::string>>>);
  static_assert(!IsKey<KV<int, std::unordered_set<std::string>>>);
  static_assert(!IsKey<std::map<double, int>>);
  static_assert(HasCoder<Loose> && !IsKey<Loose> && !IsKey<std::optional<Loose>>);
  static_assert(!IsKey<void*> && !IsKey<std::string_view>);
}

TEST(KeyTraits, ChangesOfTheHashAreChangesOfItsVersion) {
  static_assert(kHashVersion == 1);
  EXPECT_EQ(HashKey(int64_t{1}), HashKey(int8_t{1}));
  EXPECT_EQ(HashKey(int64_t{1}), HashWord(1));
  EXPECT_EQ(HashKey(std::string("abc")), HashBytes("abc"));
  EXPECT_EQ(HashKey(KV{"a", 1}), HashCombine(HashBytes("a"), HashWord(1)));
  EXPECT_EQ(HashKey(std::vector<int>{1}), HashCombine(HashWord(1), HashWord(1)));
  EXPECT_EQ(HashKey(Inner{0, {}}), HashCombine(HashCombine(kHashSeed0, HashWord(0)), HashWord(0)));
}

}  // namespace
}  // namespace joist
