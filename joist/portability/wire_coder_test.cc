// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Where values end, against the coders of the model, which Beam's own corpus of coders checks.

#include "joist/portability/wire_coder.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <utility>
#include <vector>

#include "joist/model/standard_coder.h"

namespace joist::portability {
namespace {

using Random = std::mt19937;

size_t Below(size_t bound, Random* random) { return (*random)() % bound; }

CoderSpec RandomCoder(int depth, Random* random) {
  constexpr std::string_view kLeaves[] = {kBytesCoder,       kBoolCoder,   kStringCoder,
                                          kVarintCoder,      kDoubleCoder, kIntervalWindowCoder,
                                          kGlobalWindowCoder};
  const size_t kind = Below(depth == 0 ? 4 : 8, random);
  if (kind < 4) return MakeCoderSpec(kLeaves[Below(std::size(kLeaves), random)]);
  if (kind == 4) return MakeCoderSpec(kLengthPrefixCoder, {RandomCoder(depth - 1, random)});
  if (kind == 5) return MakeCoderSpec(kIterableCoder, {RandomCoder(depth - 1, random)});
  if (kind == 6) return MakeCoderSpec(kNullableCoder, {RandomCoder(depth - 1, random)});
  return MakeCoderSpec(kKvCoder, {RandomCoder(depth - 1, random), RandomCoder(depth - 1, random)});
}

Value RandomValue(const CoderSpec& of, Random* random) {
  if (of.urn == kBytesCoder) return Bytes(std::string(Below(300, random), '\x80'));
  if (of.urn == kBoolCoder) return Below(2, random) == 1;
  if (of.urn == kStringCoder) return std::string(Below(200, random), 'x');
  if (of.urn == kVarintCoder) {
    const auto bits = static_cast<int64_t>((uint64_t{(*random)()} << 32) | (*random)());
    return bits >> Below(64, random);
  }
  if (of.urn == kDoubleCoder) return static_cast<double>((*random)()) / 3;
  if (of.urn == kIntervalWindowCoder) {
    return Window{Timestamp::Millis(static_cast<int64_t>((*random)())),
                  Timestamp::Millis(int64_t{1} << (33 + Below(5, random)))};
  }
  if (of.urn == kGlobalWindowCoder) return Window::Global();
  if (of.urn == kLengthPrefixCoder) return RandomValue(of.components[0], random);
  if (of.urn == kNullableCoder) {
    return Below(2, random) == 0 ? Value() : RandomValue(of.components[0], random);
  }
  if (of.urn == kIterableCoder) {
    Value::List list;
    for (size_t n = Below(4, random); n > 0; --n) {
      list.push_back(RandomValue(of.components[0], random));
    }
    return list;
  }
  Value key = RandomValue(of.components[0], random);
  return KvValue(std::move(key), RandomValue(of.components[1], random));
}

WireCoder CoderOf(const CoderSpec& spec) {
  Result<WireCoder> coder = WireCoder::Of(spec);
  EXPECT_TRUE(coder.ok()) << coder.status().message();
  return coder.ok() ? *std::move(coder) : WireCoder();
}
CoderSpec IterableOf(std::string_view urn) {
  return MakeCoderSpec(kIterableCoder, {MakeCoderSpec(urn)});
}

// Where one value ends the next begins, and each byte of it is needed.
TEST(WireCoder, ValuesEndWhereTheStandardCodersEndThem) {
  Random random(7);
  for (int round = 0; round < 2000; ++round) {
    const CoderSpec spec = RandomCoder(/*depth=*/4, &random);
    SCOPED_TRACE(spec.ToString());
    const auto standard = StandardCoder::Make(spec);
    ASSERT_TRUE(standard.ok()) << standard.status().message();
    const WireCoder wire = CoderOf(spec);
    EXPECT_EQ(wire.is_kv(), spec.urn == kKvCoder);
    const Value value = RandomValue(spec, &random);
    std::string bytes;
    ASSERT_TRUE(standard->Encode(value, /*nested=*/true, &bytes).ok());

    ByteReader whole(bytes);
    ASSERT_TRUE(wire.Skip(&whole)) << value.ToString() << ": " << whole.error();
    EXPECT_EQ(whole.remaining(), 0U) << value.ToString();
    const std::string followed = bytes + "more";
    ByteReader first(followed);
    ASSERT_TRUE(wire.Skip(&first));
    EXPECT_EQ(first.rest(), "more");
    if (!bytes.empty()) {
      const std::string shorter = bytes.substr(0, Below(bytes.size(), &random));
      ByteReader cut(shorter);
      EXPECT_FALSE(wire.Skip(&cut)) << value.ToString() << " cut to " << cut.position();
      EXPECT_NE(cut.error(), nullptr);
    }
    if (spec.urn == kKvCoder) {
      std::string key;
      ASSERT_TRUE(StandardCoder::Make(spec.components[0])
                      ->Encode(value.As<Value::Record>()->fields[0].second, /*nested=*/true, &key)
                      .ok());
      ByteReader reader(bytes);
      ASSERT_TRUE(wire.SkipKey(&reader));
      EXPECT_EQ(reader.position(), key.size());
    }
  }
}

TEST(WireCoder, GarbageEndsSomewhere) {
  Random random(11);
  for (int round = 0; round < 2000; ++round) {
    const WireCoder wire = CoderOf(RandomCoder(/*depth=*/4, &random));
    std::string bytes;
    for (size_t n = Below(40, &random); n > 0; --n) {
      // Sizes that are large, small and unknown.
      bytes +=
          static_cast<char>(Below(2, &random) == 0 ? Below(256, &random) : Below(3, &random) - 1);
    }
    ByteReader reader(bytes);
    const bool is_value = wire.Skip(&reader);
    EXPECT_EQ(is_value, reader.error() == nullptr);
    EXPECT_LE(reader.position(), bytes.size());
  }
}

TEST(WireCoder, IterablesComeInPiecesToo) {
  const WireCoder wire = CoderOf(IterableOf(kVarintCoder));
  const std::string unknown = "\xff\xff\xff\xff";
  const std::string two = std::string("\x02\x05\xac\x02", 4);  // 5, 300.
  const std::string one = std::string("\x01\x07", 2);
  const std::string bytes = unknown + two + one + std::string(1, '\0');
  ByteReader reader(bytes);
  ASSERT_TRUE(wire.Skip(&reader));
  EXPECT_EQ(reader.remaining(), 0U);
  // Without the piece of size 0 at the end.
  ByteReader open(std::string_view(bytes).substr(0, bytes.size() - 1));
  EXPECT_FALSE(wire.Skip(&open));
}

TEST(WireCoder, SizesThatTheBytesDoNotJustifyAreRefused) {
  const std::string negative = "\x80" + std::string(3, '\0') + std::string(100, '\0');
  ByteReader reader(negative);
  EXPECT_FALSE(CoderOf(IterableOf(kVarintCoder)).Skip(&reader));
  EXPECT_STREQ(reader.error(), "an iterable has a negative size");

  const std::string long_varint(11, '\xff');
  for (const std::string_view urn : {kVarintCoder, kBytesCoder, kStringCoder}) {
    ByteReader endless(long_varint);
    EXPECT_FALSE(CoderOf(MakeCoderSpec(urn)).Skip(&endless)) << urn;
  }
  std::string more_than_all;
  PutVarint(~uint64_t{0}, &more_than_all);
  more_than_all += "abc";
  ByteReader beyond(more_than_all);
  EXPECT_FALSE(CoderOf(MakeCoderSpec(kBytesCoder)).Skip(&beyond));
}

// As many as one likes fit into few bytes: nobody counts to two billion for them, 100 levels deep.
TEST(WireCoder, ElementsWithoutBytesAreNotCounted) {
  CoderSpec spec = MakeCoderSpec(kGlobalWindowCoder);
  const std::string many = "\x7f\xff\xff\xff";
  ByteReader reader(many);
  ASSERT_TRUE(CoderOf(MakeCoderSpec(kIterableCoder, {spec})).Skip(&reader));
  EXPECT_EQ(reader.remaining(), 0U);
  std::string pieces = "\xff\xff\xff\xff";
  PutVarint(uint64_t{1} << 60, &pieces);
  PutVarint(0, &pieces);
  ByteReader in_pieces(pieces);
  ASSERT_TRUE(CoderOf(MakeCoderSpec(kIterableCoder, {spec})).Skip(&in_pieces));
  EXPECT_EQ(in_pieces.remaining(), 0U);
}

TEST(WireCoder, RefusesWhatItCannotFollow) {
  const auto refusal = [](const CoderSpec& spec) { return WireCoder::Of(spec).status().message(); };
  EXPECT_EQ(refusal(MakeCoderSpec("beam:coder:row:v1")), "a runner cannot follow coder row");
  EXPECT_EQ(refusal(MakeCoderSpec(kKvCoder, {MakeCoderSpec(kBytesCoder), MakeCoderSpec("my:own")})),
            "a runner cannot follow coder my:own");
  // A coder with parts that it does not have.
  EXPECT_FALSE(WireCoder::Of(MakeCoderSpec(kKvCoder, {MakeCoderSpec(kBytesCoder)})).ok());
  EXPECT_FALSE(WireCoder::Of(MakeCoderSpec(kIterableCoder)).ok());
  EXPECT_FALSE(WireCoder::Of(MakeCoderSpec(kBoolCoder, {MakeCoderSpec(kBytesCoder)})).ok());
  // What is within a length is the SDK's.
  EXPECT_TRUE(WireCoder::Of(MakeCoderSpec(kLengthPrefixCoder, {MakeCoderSpec("my:own")})).ok());

  CoderSpec deep = MakeCoderSpec(kBytesCoder);
  for (int i = 0; i < WireCoder::kMostDepth; ++i) deep = MakeCoderSpec(kNullableCoder, {deep});
  EXPECT_TRUE(WireCoder::Of(deep).ok());
  EXPECT_EQ(refusal(MakeCoderSpec(kNullableCoder, {deep})), "a coder is nested too deeply");
}

}  // namespace
}  // namespace joist::portability
