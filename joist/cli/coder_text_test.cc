// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/cli/coder_text.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "joist/cli/coders.h"
#include "joist/model/standard_coder.h"

namespace joist::cli {
namespace {

CoderSpec RandomSpec(std::mt19937* random, int depth) {
  const std::vector<std::string_view> urns = StandardCoder::Urns();
  CoderSpec spec = MakeCoderSpec(urns[(*random)() % urns.size()]);
  if ((*random)() % 8 == 0) spec.urn = "own:coder";
  for (size_t n = depth < 4 ? (*random)() % 4 : 0; n > 0; --n) {
    spec.components.push_back(RandomSpec(random, depth + 1));
  }
  return spec;
}

TEST(CoderText, IsTheInverseOfToString) {
  std::mt19937 random(3);
  for (int i = 0; i < 200; ++i) {
    const CoderSpec spec = RandomSpec(&random, 0);
    if (spec.ToString().size() > 1000) continue;
    const Result<CoderSpec> parsed = ParseCoder(spec.ToString());
    ASSERT_TRUE(parsed.ok()) << parsed.status().message();
    EXPECT_EQ(*parsed, spec) << spec.ToString();
  }
}

TEST(CoderText, TakesUrnsAndBlanks) {
  const CoderSpec expected =
      MakeCoderSpec(kKvCoder, {MakeCoderSpec(kStringCoder), MakeCoderSpec(kVarintCoder)});
  for (const char* text :
       {"kv<string_utf8,varint>", " beam:coder:kv:v1 < string_utf8 ,varint > "}) {
    ASSERT_TRUE(ParseCoder(text).ok()) << text;
    EXPECT_EQ(*ParseCoder(text), expected) << text;
  }
}

TEST(CoderText, RefusesWhatIsNone) {
  for (const char* text : {"", "<", "kv<", "kv<>", "kv<a", "kv<a,>", "kv<a>>", "a b", ",", "a,b"}) {
    const Result<CoderSpec> parsed = ParseCoder(text);
    ASSERT_FALSE(parsed.ok()) << text;
    EXPECT_NE(parsed.status().message().find("expected"), std::string::npos);
  }
  std::string deep;
  for (int i = 0; i < 200; ++i) deep += "kv<";
  EXPECT_FALSE(ParseCoder(deep).ok());
  EXPECT_FALSE(ParseCoder(std::string(1001, 'a')).ok());
}

TEST(Hex, ThereAndBack) {
  std::string all;
  for (int c = 0; c < 256; ++c) all += static_cast<char>(c);
  EXPECT_EQ(ParseHex(ToHex(all)).value(), all);
  EXPECT_EQ(ParseHex("0xAb 0c").value(), "\xAB\x0C");
  EXPECT_EQ(ParseHex("").value(), "");
  for (const char* text : {"1", "1g", "0 1", "123", "--"})
    EXPECT_FALSE(ParseHex(text).ok()) << text;
}

TEST(Coders, ListsAllOfThemWithValuesThatDecode) {
  const Result<std::string> list = Coders({});
  ASSERT_TRUE(list.ok()) << list.status().message();
  for (std::string_view urn : StandardCoder::Urns()) {
    EXPECT_NE(("\n" + *list).find("\n" + MakeCoderSpec(urn).ToString()), std::string::npos) << urn;
    const std::string_view arguments[] = {urn};
    const Result<std::string> one = Coders(arguments);
    ASSERT_TRUE(one.ok()) << one.status().message();
    EXPECT_NE(one->find(urn), std::string::npos);
  }
}

TEST(Coders, ShowsWhatTheBytesMean) {
  const Result<std::string> list = Coders({});
  ASSERT_TRUE(list.ok()) << list.status().message();
  for (const char* line : {" ac02 ", " 300\n", " \"ör\"\n", " {shardId: b\"s1\", key: \"a\"}\n"}) {
    EXPECT_NE(list->find(line), std::string::npos) << line << *list;
  }
}

}  // namespace
}  // namespace joist::cli
