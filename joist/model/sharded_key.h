// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// ShardedKey, a key and a shard of it: what a key with more values than one thread should see is
// grouped by instead. Beam's, with its coder. A value.

#ifndef JOIST_MODEL_SHARDED_KEY_H_
#define JOIST_MODEL_SHARDED_KEY_H_

#include <cstdint>
#include <string>

#include "joist/base/hash.h"
#include "joist/model/coder.h"
#include "joist/model/describe.h"
#include "joist/model/key_traits.h"
#include "joist/model/kv.h"

namespace joist {

template <class K>
struct ShardedKey {
  K key{};
  Bytes shard_id;  ///< Says nothing but which shard.

  /// {"key", shard b"\x00\x01"}
  std::string ToString() const {
    return "{" + ToDescription(key) + ", shard " + ToDescription(shard_id) + "}";
  }

  friend bool operator==(const ShardedKey&, const ShardedKey&) = default;
};

/// The shard, then the key, both showing where they end.
template <HasCoder K>
struct Coder<ShardedKey<K>> {
  static constexpr bool kDeterministic = Coder<K>::kDeterministic;
  static CoderSpec Spec() { return MakeCoderSpec(kShardedKeyCoder, {Coder<K>::Spec()}); }
  static void Encode(const ShardedKey<K>& value, std::string* out, bool) {
    Coder<Bytes>::Encode(value.shard_id, out, true);
    Coder<K>::Encode(value.key, out, true);
  }
  static bool Decode(ByteReader* in, ShardedKey<K>* value, bool) {
    return Coder<Bytes>::Decode(in, &value->shard_id, true) &&
           Coder<K>::Decode(in, &value->key, true);
  }
};

template <IsKey K>
struct KeyTraits<ShardedKey<K>> : key_internal::CompositeKey<ShardedKey<K>> {
  static uint64_t Hash(const ShardedKey<K>& key) {
    return HashCombine(HashKey(key.key), HashKey(key.shard_id));
  }
  static bool Equal(const ShardedKey<K>& a, const ShardedKey<K>& b) {
    return a.shard_id == b.shard_id && EqualKeys(a.key, b.key);
  }
};

}  // namespace joist

#endif  // JOIST_MODEL_SHARDED_KEY_H_
