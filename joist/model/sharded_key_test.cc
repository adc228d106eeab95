// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/model/sharded_key.h"

#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "joist/model/standard_coder.h"
#include "joist/model/value.h"

namespace joist {
namespace {

using Key = ShardedKey<std::string>;

// The bytes of Beam's standard_coders.yaml.
TEST(ShardedKey, HasBeamsBytesInBothContexts) {
  const std::vector<std::pair<Key, std::string_view>> examples = {
      {{"key", Bytes("")}, std::string_view("\0\3key", 5)},
      {{"key", Bytes("shard_id")}, "\10shard_id\3key"},
      {{"", Bytes("")}, std::string_view("\0\0", 2)}};
  const auto standard = StandardCoder::Make(Coder<Key>::Spec());
  ASSERT_TRUE(standard.ok()) << standard.status().message();
  for (const auto& [key, bytes] : examples) {
    for (const bool nested : {false, true}) {
      std::string encoded;
      Coder<Key>::Encode(key, &encoded, nested);
      EXPECT_EQ(encoded, bytes);
      ByteReader in(bytes);
      Key back;
      ASSERT_TRUE(Coder<Key>::Decode(&in, &back, nested)) << in.error();
      EXPECT_EQ(back, key);
      EXPECT_EQ(in.remaining(), 0U);
      const Result<Value> value = standard->DecodeFromString(bytes, nested);
      ASSERT_TRUE(value.ok()) << value.status().message();
      EXPECT_EQ(*standard->EncodeToString(*value, nested), bytes);
    }
  }
  EXPECT_EQ(Coder<Key>::Spec().ToString(), "sharded_key<string_utf8>");
  EXPECT_FALSE(DecodeFromString<Key>(std::string_view("\4abc", 4)).ok());
}

TEST(ShardedKey, IsAKeyWhereItsKeyIs) {
  const Key a{"a", Bytes("1")}, same{"a", Bytes("1")};
  const Key other_shard{"a", Bytes("2")}, other_key{"b", Bytes("1")};
  EXPECT_TRUE(EqualKeys(a, same));
  EXPECT_EQ(HashKey(a), HashKey(same));
  for (const Key& other : {other_shard, other_key}) {
    EXPECT_FALSE(EqualKeys(a, other));
    EXPECT_NE(HashKey(a), HashKey(other));
  }
  EXPECT_NE(HashKey(Key{"a", Bytes("b")}), HashKey(Key{"b", Bytes("a")}));
  // By bytes, as all keys.
  using Real = ShardedKey<double>;
  EXPECT_FALSE(EqualKeys(Real{0.0, Bytes("")}, Real{-0.0, Bytes("")}));
  static_assert(kIsKey<ShardedKey<KV<std::string, int64_t>>>);
}

TEST(ShardedKey, Description) {
  EXPECT_EQ(ToDescription(Key{"a", Bytes(std::string_view("\0x", 2))}),
            "{\"a\", shard b\"\\x00x\"}");
}

}  // namespace
}  // namespace joist
